"""What each source, the output and the state came to, as the log's events tell it; and whether the whole is ready.

A law: events in, a snapshot out. The probes, the status page, the metrics and SIGUSR1's dump read the same snapshot.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from hel.telemetry.redaction import redacted
from hel.timestamps import utc_text

_MANY_FAILURES = 5
"""In a row; not each of them moves the circuit."""

MINUTES = 60
"""For so many minutes back it is known how many events came."""


class Minutes(msgspec.Struct):
    """How many events came in each of the last minutes."""

    _counts: deque[tuple[int, int]] = msgspec.field(default_factory=lambda: deque(maxlen=MINUTES + 1))

    def add(self, events: int, now: float) -> None:
        """Count events of this moment (epoch seconds)."""
        minute = int(now // 60)
        known = self._counts.pop()[1] if self._counts and self._counts[-1][0] == minute else 0
        self._counts.append((minute, known + events))

    def counted(self, now: float) -> list[int]:
        """By minute, the oldest first, the last one the minute that has just begun."""
        first = int(now // 60) - MINUTES + 1
        counted = [0] * MINUTES
        for minute, events in self._counts:
            if 0 <= minute - first < MINUTES:
                counted[minute - first] = events
        return counted


class Trouble(msgspec.Struct):
    """What is wrong at the moment.

    Attributes:
        message: What happened.
        fix: What to do about it.
        since: Epoch seconds.
    """

    message: str
    fix: str
    since: float

    def told(self) -> dict[str, str]:
        """As the API shows it."""
        return {"message": self.message, "fix": self.fix, "since": utc_text(self.since)}


class Record(msgspec.Struct):
    """What one source came to in this process."""

    state: str = "starting"
    last_success: float | None = None
    newest_at: float | None = None
    events: int = 0
    duplicates: int = 0
    failures: int = 0
    paused_until: float = 0.0
    trouble: Trouble | None = None
    minutes: Minutes = msgspec.field(default_factory=Minutes)


class Live(msgspec.Struct, frozen=True):
    """What only the running parts of a source know.

    Attributes:
        name: The source's name.
        url: What it asks.
        newest_at: The newest event's time that the state knew at the start, epoch seconds.
        next_poll: When its next tick starts, epoch seconds; None while one runs, and for a finished source.
        rate_limit: Requests that its window takes and has left; None where nothing is known of one.
        circuit: `closed`, `open`, `half_open` or `off`.
    """

    name: str
    url: str
    newest_at: float | None
    next_poll: float | None
    rate_limit: tuple[int, int] | None
    circuit: str


class Health:
    """Listens to the log.

    Args:
        now: Tells epoch seconds.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._records: dict[str, Record] = {}
        self._troubles: dict[str, Trouble] = {}
        self._handlers: Mapping[str, Callable[[Mapping[str, Any]], None]] = {
            "tick.finished": self._finished,
            "tick.failed": self._failed,
            "tick.crashed": self._failed,
            "source.not_started": self._failed,
            "source.restarted": self._restarted,
            "limit.paused": self._paused,
            "page.fetched": self._fetched,
            "batch.committed": self._committed,
            "source.finished": self._ended,
            "source.removed": self._removed,
            "output.failed": lambda fields: self._in_trouble("output", fields),
            "state.failed": lambda fields: self._in_trouble("state", fields),
            "output.stalled": lambda fields: self._in_trouble("output", fields),
            "state.stalled": lambda fields: self._in_trouble("state", fields),
            "output.recovered": lambda _: self._over("output"),
            "state.recovered": lambda _: self._over("state"),
        }

    def hear(self, event: str, fields: Mapping[str, Any]) -> None:
        """Take an event of the log."""
        if handle := self._handlers.get(event):
            handle(fields)

    def trouble(self, of: str) -> dict[str, str] | None:
        """What is wrong with the `output` or the `state` at the moment."""
        found = self._troubles.get(of)
        return found.told() if found else None

    def source(self, live: Live) -> dict[str, Any]:
        """One source as the API shows it."""
        now, record = self._now(), self._record(live.name)
        newest_at = live.newest_at if record.newest_at is None else record.newest_at
        return {
            "name": live.name,
            "url": live.url,
            "state": record.state,
            "last_success": _text(record.last_success),
            "next_poll": _text(live.next_poll),
            "newest_event": _text(newest_at),
            "lag_s": None if newest_at is None else round(max(0.0, now - newest_at), 3),
            "events": record.events,
            "duplicates": record.duplicates,
            "events_per_minute": record.minutes.counted(now),
            "rate_limit": live.rate_limit and dict(zip(("limit", "remaining"), live.rate_limit, strict=True)),
            "paused_until": _text(record.paused_until) if record.paused_until > now else None,
            "circuit": live.circuit,
            "failures": record.failures,
            "error": record.trouble.told() if record.trouble else None,
        }

    def because(self, sources: Iterable[Mapping[str, Any]]) -> list[str]:
        """Why the whole is not ready, a reason each; nothing where it is.

        Ready is: the state and the output can be written, and at least one source has succeeded and its circuit is
        closed; while it is tried again it is half open, and not yet.
        """
        reasons = [f"the {of} can't be written: {trouble.message}" for of, trouble in self._troubles.items()]
        if not any(_serves(source) for source in sources):
            reasons.append("no source has succeeded yet, or each that has is left alone after failures")
        return reasons

    def _record(self, name: str) -> Record:
        return self._records.setdefault(name, Record())

    def _finished(self, fields: Mapping[str, Any]) -> None:
        record = self._record(fields["source"])
        record.last_success, record.failures, record.trouble = self._now(), 0, None
        record.state = "finished" if fields["finished"] else "catching_up" if fields["behind"] else "ok"

    def _failed(self, fields: Mapping[str, Any]) -> None:
        record = self._record(fields["source"])
        record.state, record.failures = "failing", fields["failures"]
        since = record.trouble.since if record.trouble else self._now()
        record.trouble = _trouble(fields, since)

    def _fetched(self, fields: Mapping[str, Any]) -> None:
        self._record(fields["source"]).duplicates += fields["duplicates"]

    def _committed(self, fields: Mapping[str, Any]) -> None:
        for name, part in fields["by_source"].items():
            record = self._record(name)
            record.events += part["events"]
            record.minutes.add(part["events"], self._now())
            if part["newest_at"] is not None:
                record.newest_at = part["newest_at"]

    def _ended(self, fields: Mapping[str, Any]) -> None:
        self._record(fields["source"]).state = "finished"

    def _restarted(self, fields: Mapping[str, Any]) -> None:
        """It is to be something else: what it was before says nothing of that."""
        record = self._record(fields["source"])
        record.state, record.last_success = "starting", None

    def _paused(self, fields: Mapping[str, Any]) -> None:
        self._record(fields["source"]).paused_until = self._now() + fields["wait_s"]

    def _removed(self, fields: Mapping[str, Any]) -> None:
        self._records.pop(fields["source"], None)

    def _in_trouble(self, of: str, fields: Mapping[str, Any]) -> None:
        self._troubles[of] = _trouble(fields, self._now())

    def _over(self, of: str) -> None:
        self._troubles.pop(of, None)


def _trouble(fields: Mapping[str, Any], since: float) -> Trouble:
    """What an event of the log says is wrong; an API may repeat a secret in its words."""
    return Trouble(redacted(fields["because"]), redacted(fields["fix"]), since)


def _serves(source: Mapping[str, Any]) -> bool:
    """Whether it has done its part and can go on."""
    if source["state"] == "finished":
        return True
    is_closed = source["circuit"] in {"closed", "off"}
    return source["last_success"] is not None and is_closed and source["failures"] < _MANY_FAILURES


def _text(at: float | None) -> str | None:
    return None if at is None else utc_text(at)
