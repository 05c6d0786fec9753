"""The bounded queue between the pollers and the emitter: a slow reader slows the polling.

The rule: what was put counts against the bounds until it has been delivered, not only until it was taken, so that
the bounds hold for all that is in memory. One batch larger than the bounds passes when nothing else is there.
"""

import asyncio

from hel.records import Batch


class BatchQueue:
    """Batches on their way to the output.

    Args:
        max_events: The most events that wait.
        max_bytes: The most bytes of lines that wait.
    """

    def __init__(self, max_events: int, max_bytes: int) -> None:
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._queue: asyncio.Queue[Batch] = asyncio.Queue()  # its bound is the one kept here
        self._events = 0
        self._bytes = 0
        self._changed = asyncio.Condition()
        self._closed = False

    async def put(self, batch: Batch) -> None:
        """Hand a batch over, once there is room for it."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._fits(batch))
            self._events += batch.count
            self._bytes += len(batch.lines)
            self._queue.put_nowait(batch)
            self._changed.notify_all()

    async def take(self, max_bytes: int | None) -> list[Batch]:
        """All batches that wait, at least one; an empty list once the queue is closed and empty.

        Args:
            max_bytes: Stop after the batch that reaches this many bytes; None for no such bound.
        """
        async with self._changed:
            await self._changed.wait_for(lambda: self._closed or not self._queue.empty())
        batches: list[Batch] = []
        taken = 0
        while not self._queue.empty() and (max_bytes is None or not batches or taken < max_bytes):
            batches.append(self._queue.get_nowait())
            taken += len(batches[-1].lines)
        return batches

    async def delivered(self, batches: list[Batch]) -> None:
        """Give the room of these batches free."""
        async with self._changed:
            self._events -= sum(batch.count for batch in batches)
            self._bytes -= sum(len(batch.lines) for batch in batches)
            self._changed.notify_all()

    async def close(self) -> None:
        """Nothing more will be put."""
        async with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _fits(self, batch: Batch) -> bool:
        if not self._events and not self._bytes:
            return True
        return self._events + batch.count <= self._max_events and self._bytes + len(batch.lines) <= self._max_bytes
