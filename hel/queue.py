"""The bounded queue between the pollers and the emitter: a slow reader slows the polling.

The rule: room is taken before a page is asked for, and given back when its lines have been delivered, so that the
bounds hold for all that is in memory; who waits for anything else holds none. One page larger than the bounds passes
when nothing else is there. Who waits long for an answer lends its room to those who have none, unless it is the output
that they wait for, and takes room again when the answer begins, before all who have not asked yet, for its server does
not wait for ever: APIs that hang hold up nobody else.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import msgspec

from hel.records import Batch


class Size(msgspec.Struct, frozen=True):
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

    def or_more(self, events: int, size: int) -> "Size":
        """At least this much."""
        return Size(max(self.events, events), max(self.bytes, size))


NOTHING = Size(0, 0)

PROMPT_S = 1.0
"""An answer that has not begun after so long may take as long as it likes: its room is of use to others."""

Waiting = Callable[[], AbstractContextManager[None]]
"""What surrounds a wait for the output, for who counts the time otherwise."""


class Room:
    """Room for one page, taken before its size is known.

    Args:
        queue: Where the page goes.
        expected: As much as it may take.
        waiting: Entered while it is waited for.
    """

    def __init__(self, queue: "BatchQueue", expected: Size, waiting: Waiting) -> None:
        self._queue = queue
        self._expected = expected
        self._waiting = waiting
        self._held = NOTHING

    async def wait(self) -> None:
        """Wait for the room, and hold it until the answer does not come in time; nothing is to be asked for without."""
        await self._take(has_begun=False)
        self._queue.may_lend(self)

    async def begin(self) -> None:
        """The answer begins: wait for the room again if it was lent, and hold it whatever the rest takes."""
        self._queue.may_not_lend(self)
        await self._take(has_begun=True)

    async def _take(self, *, has_begun: bool) -> None:
        if self._held == NOTHING:
            with self._waiting():
                await self._queue.take_room(self._expected, has_begun=has_begun)
            self._held = self._expected

    def give_back(self) -> None:
        """The page does not come, or not now: others may have the room."""
        self._queue.give_back(self._let_go())

    def put(self, batch: Batch) -> None:
        """Hand the page over; it takes the room that it needs."""
        self._queue.put(batch, self._let_go())

    def _let_go(self) -> Size:
        self._queue.may_not_lend(self)
        held, self._held = self._held, NOTHING
        return held


class BatchQueue:
    """Batches on their way to the output.

    Args:
        max_events: The most events in memory.
        max_bytes: The most bytes of lines in memory.
    """

    def __init__(self, max_events: int, max_bytes: int) -> None:
        self._most = Size(max_events, max_bytes)
        self._taken = NOTHING
        self._put = NOTHING
        self._queue: asyncio.Queue[Batch] = asyncio.Queue()  # bounded by the room that is taken for it
        self._undelivered: Counter[str] = Counter()
        self._waiting: list[asyncio.Future[None]] = []
        self._lendable: dict[Room, float] = {}  # and since when, the longest first
        self._turn, self._first_turn = asyncio.Lock(), asyncio.Lock()  # of those who ask, and whose answer has begun
        self._begun = 0  # answers that wait for their room
        self._closed = False

    @property
    def waiting(self) -> Size:
        """How much was put and is not delivered; less than what room is taken for."""
        return self._put

    @property
    def most(self) -> Size:
        """How much may be."""
        return self._most

    @contextmanager
    def room(self, expected: Size, waiting: Waiting = nullcontext) -> Iterator[Room]:
        """Room to wait for, which is given back at the end unless the page was handed over.

        Args:
            expected: As much as the page may take.
            waiting: Entered while it is waited for.
        """
        room = Room(self, expected, waiting)
        try:
            yield room
        finally:
            room.give_back()

    async def take_room(self, size: Size, *, has_begun: bool = False) -> None:
        """Wait until this much fits, and take it.

        Args:
            size: How much.
            has_begun: The answer is there already, and goes before those that were not asked for yet.
        """
        turn = self._first_turn if has_begun else self._turn
        self._begun += has_begun

        def may_take() -> bool:
            return self._fits(size) and (has_begun or not self._begun)

        try:
            async with turn:  # in the order of asking, so that a large page is not passed by small ones for ever
                if not may_take():
                    self._wake()  # what is gathered is to be delivered
                while not may_take():
                    within_s = self._borrow(size)
                    if not may_take():
                        await self._woken(within_s)
                self._taken += size
        finally:
            if has_begun:
                self._begun -= 1
                self._wake()  # those who ask stood back

    def may_lend(self, room: Room) -> None:
        """An answer is waited for: its room may be lent before long."""
        self._lendable[room] = asyncio.get_running_loop().time()

    def may_not_lend(self, room: Room) -> None:
        """It has begun, or will not come."""
        self._lendable.pop(room, None)

    def put(self, batch: Batch, held: Size) -> None:
        """Take a batch for the room that was held for it."""
        self._taken += _size(batch) - held
        self._put += _size(batch)
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

    async def gathered(self, many_bytes: int) -> None:
        """Wait until this much was put, or nothing more will be before some of it is delivered."""
        await self._until(lambda: self._closed or self._put.bytes >= many_bytes or self._is_waited_for())

    def delivered(self, batches: list[Batch]) -> None:
        """Give the room of these batches back."""
        for batch in batches:
            self._undelivered[batch.source] -= 1
        delivered = sum(map(_size, batches), NOTHING)
        self._put -= delivered
        self.give_back(delivered)

    async def settled(self, source: str) -> None:
        """Wait until all that this source has handed over is delivered and committed."""
        await self._until(lambda: not self._undelivered[source])

    def close(self) -> None:
        """Nothing more will be put."""
        self._closed = True
        self._wake()

    def give_back(self, size: Size) -> None:
        """Let others have this much."""
        self._taken -= size
        self._wake()

    def _is_waited_for(self) -> bool:
        return self._turn.locked() or self._begun > 0

    def _fits(self, expected: Size) -> bool:
        after = self._taken + expected
        return self._taken == NOTHING or (after.events <= self._most.events and after.bytes <= self._most.bytes)

    def _borrow(self, size: Size) -> float | None:
        """Take back what is lendable until this much fits; in how many seconds there may be more of it.

        Where much waits for the output, more answers would only wait with it.
        """
        now = asyncio.get_running_loop().time()
        while self._lendable and not self._fits(size) and not self._output_is_behind():
            room, since = next(iter(self._lendable.items()))
            if (left_s := since + PROMPT_S - now) > 0:
                return left_s
            room.give_back()
        return None

    def _output_is_behind(self) -> bool:
        return self._put.events > self._most.events / 2 or self._put.bytes > self._most.bytes / 2

    async def _until(self, is_so: Callable[[], bool]) -> None:
        """Wait, first come first served; nothing comes between the last look and the caller."""
        while not is_so():
            await self._woken()

    async def _woken(self, within_s: float | None = None) -> None:
        """Wait until there is reason to look again, or so long."""
        loop = asyncio.get_running_loop()
        turn = loop.create_future()
        self._waiting.append(turn)
        timer = None if within_s is None else loop.call_later(within_s, self._wake)
        try:
            await turn
        finally:
            if timer is not None:
                timer.cancel()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for turn in waiting:
            if not turn.done():
                turn.set_result(None)


def _size(batch: Batch) -> Size:
    return Size(batch.count, len(batch.lines))
