"""The bounded queue between the pollers and the emitter: a slow reader slows the polling.

The rule: room is taken before a page is asked for, and given back when its lines have been delivered, so that the
bounds hold for all that is in memory. One page larger than the bounds passes when nothing else is there.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from hel.records import Batch


@dataclass(frozen=True, slots=True)
class Size:
    """How much a page takes.

    Attributes:
        events: How many.
        bytes: Of their lines.
    """

    events: int
    bytes: int

    def __add__(self, other: "Size") -> "Size":
        return Size(self.events + other.events, self.bytes + other.bytes)

    def __sub__(self, other: "Size") -> "Size":
        return Size(self.events - other.events, self.bytes - other.bytes)


NOTHING = Size(0, 0)


class Room:
    """Room for one page, taken before its size is known.

    Args:
        queue: Where the page goes.
        size: As much as is expected.
    """

    def __init__(self, queue: "BatchQueue", size: Size) -> None:
        self._queue = queue
        self.size = size

    def put(self, batch: Batch) -> None:
        """Hand the page over; it takes the room that it needs."""
        self._queue.exchange(self, batch)


class BatchQueue:
    """Batches on their way to the output.

    Args:
        max_events: The most events in memory.
        max_bytes: The most bytes of lines in memory.
    """

    def __init__(self, max_events: int, max_bytes: int) -> None:
        self._most = Size(max_events, max_bytes)
        self._taken = NOTHING
        self._queue: asyncio.Queue[Batch] = asyncio.Queue()  # bounded by the room that is taken for it
        self._undelivered: Counter[str] = Counter()
        self._waiting: list[asyncio.Future[None]] = []
        self._closed = False

    @asynccontextmanager
    async def room(self, expected: Size) -> AsyncIterator[Room]:
        """Wait for room for a page, and hold it until the page is handed over or is not to come."""
        await self._until(lambda: self._fits(expected))
        self._taken += expected
        room = Room(self, expected)
        try:
            yield room
        finally:
            self._give_back(room.size)

    def exchange(self, room: Room, batch: Batch) -> None:
        """Take a batch for the room that was held for it."""
        self._taken += _size(batch) - room.size
        room.size = NOTHING
        self._undelivered[batch.source] += 1
        self._queue.put_nowait(batch)
        self._wake()

    async def take(self, max_bytes: int | None) -> list[Batch]:
        """All batches that wait, at least one; an empty list once the queue is closed and empty.

        Args:
            max_bytes: Stop after the batch that reaches this many bytes; None for no such bound.
        """
        await self._until(lambda: self._closed or not self._queue.empty())
        batches: list[Batch] = []
        taken = 0
        while not self._queue.empty() and (max_bytes is None or not batches or taken < max_bytes):
            batches.append(self._queue.get_nowait())
            taken += len(batches[-1].lines)
        return batches

    def delivered(self, batches: list[Batch]) -> None:
        """Give the room of these batches back."""
        for batch in batches:
            self._undelivered[batch.source] -= 1
        self._give_back(sum(map(_size, batches), NOTHING))

    async def settled(self, source: str) -> None:
        """Wait until all that this source has handed over is delivered and committed."""
        await self._until(lambda: not self._undelivered[source])

    def close(self) -> None:
        """Nothing more will be put."""
        self._closed = True
        self._wake()

    def _give_back(self, size: Size) -> None:
        self._taken -= size
        self._wake()

    def _fits(self, expected: Size) -> bool:
        after = self._taken + expected
        return self._taken == NOTHING or (after.events <= self._most.events and after.bytes <= self._most.bytes)

    async def _until(self, is_so: Callable[[], bool]) -> None:
        """Wait, first come first served; nothing comes between the last look and the caller."""
        while not is_so():
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            await turn

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for turn in waiting:
            if not turn.done():
                turn.set_result(None)


def _size(batch: Batch) -> Size:
    return Size(batch.count, len(batch.lines))
