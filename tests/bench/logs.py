"""The logs that the load server holds, each page as bytes that are ready to be sent. The credential names the log.

`pages-30` ends after thirty pages, as a log does that was caught up with; `endless` never does; `grows` is as long as
it was told to be; `hangs` is never answered. What stands behind a dot tells sources of the same kind apart.
"""

import gzip
import re
import time
from collections.abc import Sequence
from itertools import count, pairwise

from examples.okta_org.samples import rfc3339
from tests.bench.pages import EVENTS_PER_PAGE, FIRST_AT, compressed, packed

PAGE_S = 8.64
"""From one page of a growing log to the next."""

_GZIP = b"Content-Encoding: gzip\r\n"
_EMPTY = compressed([])
_UUID = re.compile(rb'"uuid":"[0-9a-f]{8}')
_TIME = re.compile(rb'"published":"[^"]+"')
_SMALL = (
    b'{"uuid":"00000000-0000-4000-8000-%012d","published":"@",'
    b'"eventType":"user.session.start","severity":"INFO","outcome":{"result":"SUCCESS"}}'
)
_SMALL_PAGE = b"[" + b",".join([_SMALL] * EVENTS_PER_PAGE) + b"]"


class Log:
    """One that ends.

    Args:
        bodies: The pages that there are, gzip-compressed.
        end: How many of them this log has.
    """

    def __init__(self, bodies: Sequence[bytes], end: int) -> None:
        self.end = end
        self.asked = 0
        self.asked_at: list[float] = []
        self.caught_up = 0
        self._bodies = bodies

    def page(self, number: int) -> tuple[bytes, bytes]:
        """A page: the header that says how it is encoded, and its bytes; an empty one behind the end."""
        self.asked += 1
        self.asked_at.append(time.monotonic())
        if number < self.end:
            return self._encoded(number)
        self.caught_up += 1
        return _GZIP, _EMPTY

    def _encoded(self, number: int) -> tuple[bytes, bytes]:
        return _GZIP, self._bodies[number % len(self._bodies)]


class GrowingLog(Log):
    """One that grows when it is told to, with events that were never there before, ten million in a day of their time.

    The time matters: what lies in the ten minutes before the newest event is kept by Hel.
    """

    def __init__(self, bodies: Sequence[bytes]) -> None:
        super().__init__(bodies, 0)
        self._real: dict[int, bytes] = {}

    def grow(self, real: int, small: int) -> None:
        """By the first so many real pages, each event with a new uuid, and so many of small events."""
        for number, body in enumerate(self._bodies[:real], self.end):
            self._real[number] = packed(_renewed(gzip.decompress(body), number))
        self.end += real + small

    def _encoded(self, number: int) -> tuple[bytes, bytes]:
        if number in self._real:
            return _GZIP, self._real[number]
        first = number * EVENTS_PER_PAGE
        # As it is: to compress what is only there to be many would take longer than all else.
        return b"", _SMALL_PAGE.replace(b"@", _at(number)) % tuple(range(first, first + EVENTS_PER_PAGE))


def _renewed(text: bytes, number: int) -> bytes:
    """A page's events as those of another page: with other uuids and times."""
    times = (_at(number + event / EVENTS_PER_PAGE) for event in count())

    def later(_: re.Match[bytes]) -> bytes:
        return b'"published":"%s"' % next(times)

    return _UUID.sub(b'"uuid":"%08x' % number, _TIME.sub(later, text))


def _at(page: float) -> bytes:
    return rfc3339(FIRST_AT + page * PAGE_S).encode()


class Logs:
    """All of them, by their credential's name."""

    def __init__(self, bodies: Sequence[bytes]) -> None:
        self._bodies = bodies
        self._logs: dict[str, Log] = {}

    def named(self, name: str) -> Log | None:
        """The log of this credential; None where it is not answered."""
        if name not in self._logs and not name.startswith("hangs"):
            self._logs[name] = self._made(name.partition(".")[0])
        return self._logs.get(name)

    def gaps(self, kind: str) -> dict[str, list[float]]:
        """Seconds from one request to the next, of each log whose name begins so; and forgets them."""
        found = {}
        for name, log in self._logs.items():
            if name.startswith(kind):
                found[name] = [after - before for before, after in pairwise(log.asked_at)]
                del log.asked_at[:-1]
        return found

    def _made(self, kind: str) -> Log:
        if kind == "grows":
            return GrowingLog(self._bodies)
        return Log(self._bodies, 10**12 if kind == "endless" else int(kind.removeprefix("pages-")))
