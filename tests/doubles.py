"""What stands in for the machine in a law's own test: a clock that is set by hand, a log that is listened to."""

from typing import Any, Self

from hel.queue import BatchQueue, Size
from hel.records import Batch


async def hand_over(queue: BatchQueue, batch: Batch) -> None:
    """Put a batch as a poller does, into room for just that much."""
    with queue.room(Size(batch.count, len(batch.lines))) as room:
        await room.wait()
        room.put(batch)


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
