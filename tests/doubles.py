"""What stands in for the machine in a law's own test: a clock that is set by hand, a log that is listened to."""

from collections.abc import Iterable
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from hel.paging.pager import Ending, Pager
from hel.paging.place import Asking
from hel.paging.question import is_descending, until_of
from hel.paging.strategies import LinkHeader
from hel.queue import BatchQueue, Size
from hel.records import Batch


async def hand_over(queue: BatchQueue, batch: Batch) -> None:
    """Put a batch as a poller does, into room for just that much."""
    with queue.room(Size(batch.count, len(batch.lines))) as room:
        await room.wait()
        room.put(batch)


def link_pager(url: str, rel: str = "next", *, end_on_short_page: bool = False, abroad: Iterable[str] = ()) -> Pager:
    """A pager by the `Link` header, as a source with this question has it."""
    asking = Asking(url.partition("?")[0], abroad=tuple(abroad))
    parameters = parse_qsl(urlsplit(url).query)
    is_bounded = until_of(parameters) is not None or is_descending(parameters)
    ending = Ending.BOUNDED if is_bounded else Ending.POLLING
    return Pager(asking, asking.request(url), LinkHeader(rel), ending, full_page=2 if end_on_short_page else 0)


class FakeClock:
    """Time that passes only when it is told to, or when somebody sleeps."""

    def __init__(self, at: float = 1_777_636_800.0) -> None:
        self.at = at
        self.slept: list[float] = []

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at

    async def sleep(self, wait_s: float) -> None:
        self.slept.append(wait_s)
        self.at += wait_s


class HeardLog:
    """Keeps every event; `bind` shares what was heard."""

    def __init__(self, heard: list[tuple[str, str, dict[str, Any]]] | None = None, **bound: Any) -> None:
        self.heard = heard if heard is not None else []
        self._bound = bound

    @property
    def names(self) -> list[str]:
        return [name for _, name, _ in self.heard]

    def bind(self, **fields: Any) -> Self:
        return type(self)(self.heard, **self._bound, **fields)

    def debug(self, event: str, **fields: Any) -> None:
        self.heard.append(("debug", event, {**self._bound, **fields}))

    def info(self, event: str, **fields: Any) -> None:
        self.heard.append(("info", event, {**self._bound, **fields}))

    def warning(self, event: str, **fields: Any) -> None:
        self.heard.append(("warning", event, {**self._bound, **fields}))

    def error(self, event: str, **fields: Any) -> None:
        self.heard.append(("error", event, {**self._bound, **fields}))
