"""The org's log: what was persisted, in that order. Rule: an event's text never changes once it is in.

Polling reads by persistence, bounded queries by `published`; the two differ by the events that came late.
"""

import threading
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from examples.okta_org.samples import Samples

_SPREAD_S = 3600
_LATE_EVERY = 20


@dataclass(frozen=True, slots=True)
class Event:
    """One event.

    Attributes:
        index: Its place in persistence order.
        uuid: Okta's id.
        persisted_ms: Epoch milliseconds; never goes back from one event to the next.
        published_ms: Epoch milliseconds; may.
        text: Its JSON, UTF-8.
    """

    index: int
    uuid: str
    persisted_ms: int
    published_ms: int
    text: bytes = field(repr=False)


class SystemLog:
    """The log; appended to from any thread.

    Args:
        count: Events to begin with, spread over the hour before now; every 20th was published minutes earlier.
        samples: What makes them.
        now: The org's clock, epoch seconds.
    """

    def __init__(self, count: int, samples: Samples, now: Callable[[], float]) -> None:
        self._samples = samples
        self._now = now
        self._lock = threading.Lock()
        self._events: list[Event] = []
        started_at = now()
        for number in range(count):
            persisted_at = started_at - _SPREAD_S + number * _SPREAD_S / count
            delay_s = 240.0 + number % 7 if number % _LATE_EVERY == _LATE_EVERY - 1 else 0.2 + number % 3
            self._add(persisted_at, persisted_at - delay_s)

    @property
    def events(self) -> list[bytes]:
        """The JSON text of all events, in persistence order."""
        return [event.text for event in self.snapshot()]

    @property
    def uuids(self) -> list[str]:
        """The uuids of all events, in persistence order."""
        return [event.uuid for event in self.snapshot()]

    def __len__(self) -> int:
        return len(self._events)

    def append(self, n: int = 1, published_at: float | None = None, fields: dict[str, Any] | None = None) -> list[str]:
        """Persist new events now.

        Args:
            n: How many.
            published_at: Epoch seconds; earlier than now makes them late.
            fields: Top-level members to set, in each of them.

        Returns:
            Their uuids.
        """
        with self._lock:
            now = self._now()
            return [self._add(now, now if published_at is None else published_at, fields).uuid for _ in range(n)]

    def append_text(self, uuid: str, text: bytes) -> None:
        """Persist an event of exactly this JSON text now."""
        with self._lock:
            self._put(uuid, text, self._now(), self._now())

    def snapshot(self) -> list[Event]:
        """All events as they are now."""
        with self._lock:
            return self._events.copy()

    def after(self, index: int) -> list[Event]:
        """The events from a place in persistence order on."""
        with self._lock:
            return self._events[index:]

    def index_at(self, persisted_ms: int) -> int:
        """The place of the first event persisted at or after a moment."""
        with self._lock:
            return bisect_left(self._events, persisted_ms, key=lambda event: event.persisted_ms)

    def _add(self, persisted_at: float, published_at: float, fields: dict[str, Any] | None = None) -> Event:
        uuid, text = self._samples.make(published_at, fields)
        return self._put(uuid, text, persisted_at, published_at)

    def _put(self, uuid: str, text: bytes, persisted_at: float, published_at: float) -> Event:
        earliest = self._events[-1].persisted_ms if self._events else 0
        event = Event(
            len(self._events), uuid, max(earliest, round(persisted_at * 1000)), round(published_at * 1000), text
        )
        self._events.append(event)
        return event
