"""One tick of one source: its pages from where it stands, and from each a batch of what is new.

It hands over and never waits for the delivery of what it handed over. A tick ends at the pager's word, at `max_pages`,
or with a SourceError; whatever ends it, what was handed over counts, and the next tick goes on behind it.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Protocol, TypeVar

from hel.clock import Clock
from hel.deadline import Deadline
from hel.errors import RefusedError, ReplyError, Trouble, UnreachableError
from hel.events import LineMaker
from hel.memory import Memory
from hel.paging.pager import Pager
from hel.paging.walk import Walks
from hel.queue import BatchQueue, Room, Size
from hel.records import Page, Reply, Request
from hel.recovery import Recovery
from hel.schedule import Pace
from hel.starts import Starts
from hel.telemetry.log import Log
from hel.tick import Tick, say_behind, say_fetched, say_finished, say_lacking, say_skipped

_REPLY_FIX = (
    "nothing to do unless it lasts: the next tick asks again; then look at what answers there, which may be a proxy: "
    "`hel run --once --record-dir DIR`"
)

_FULL_PAGE = Size(1000, 2_000_000)
"""What is expected of a page: Okta's largest, or the largest that there was."""

T = TypeVar("T")


class Fetch(Protocol):
    """The policed exchange."""

    async def __call__(self, request: Request, read: Callable[[Reply], T], gate: Room) -> T:
        """What is read from the API's successful answer; or a SourceError, which `read` may raise, too.

        The room is waited for before each send, and given back while anything else is waited for.
        """
        ...


class Follower:
    """Follows the pages of one source.

    Args:
        name: The source's name.
        fetch: Its policed exchange.
        pager: Says what to ask.
        maker: Splices its lines.
        memory: Where it stands, and what it has delivered.
        recovery: What it does when the API refuses its cursor.
        walks: Where its ticks begin; None where its cursor lasts.
        pace: How far.
        queue: Where its batches go.
        clock: Times the ticks.
        log: The source's log.
    """

    def __init__(
        self,
        name: str,
        fetch: Fetch,
        pager: Pager,
        maker: LineMaker,
        memory: Memory,
        recovery: Recovery,
        walks: Walks | None,
        pace: Pace,
        queue: BatchQueue,
        clock: Clock,
        log: Log,
    ) -> None:
        self._name = name
        self._fetch = fetch
        self._pager = pager
        self._maker = maker
        self._memory = memory
        self._recovery = recovery
        self._walks = walks
        self._pace = pace
        self._queue = queue
        self._clock = clock
        self._log = log
        self._expected = _FULL_PAGE
        self._said_behind = False
        self._said_lacking: frozenset[str] = frozenset()
        self._deadline = Deadline(pace.tick_timeout_s)
        self._starts = Starts(name, memory, recovery, queue, self._deadline, log)

    @property
    def is_finished(self) -> bool:
        """Whether it is read to its end, and still asked the same question."""
        checkpoint = self._memory.checkpoint
        return checkpoint.finished and not self._recovery.is_changed(checkpoint)

    @property
    def is_bounded(self) -> bool:
        """Whether its question says where its end is."""
        return self._recovery.question.until is not None

    async def tick(self) -> Tick:
        """Follow pages until caught up or `max_pages`, and hand over what is new.

        Raises:
            SourceError: The tick ended early; what was handed over before counts.
        """
        tick = Tick()
        started = self._clock.monotonic()
        try:
            async with self._deadline.running():
                await self._follow(tick)
        except TimeoutError:
            raise UnreachableError(
                f"the tick was not done within {self._pace.tick_timeout_s:g} s",
                f"what was delivered counts, and the next tick {self._memory.goes_on}; if the API is slow, raise "
                "`resilience.tick_timeout_secs` or lower `pagination.max_pages`",
                Trouble.TIMEOUT,
            ) from None
        finally:
            tick.stand(self._memory.checkpoint)
            tick.unnamed = self._pager.unnamed if tick.pages else ""
            tick.took_s = self._clock.monotonic() - started
        self._say_ended(tick)
        return tick

    async def _follow(self, tick: Tick) -> None:
        if self.is_finished:
            return
        self._memory.begin_tick()
        now = self._clock.now()  # of all its windows, for otherwise a slow API would be asked without end
        while await self._walk(tick, now):
            pass

    async def _walk(self, tick: Tick, now: float) -> bool:
        """Follow pages to their end; whether there may be more behind it, which is so where a window was read."""
        if self._walks is not None and not self._starts.is_under_way and not await self._begin_walk(tick, now):
            return False
        walk_to = self._memory.checkpoint.walk_to
        request = await self._start(tick)
        while request is not None:
            if tick.pages == self._pace.max_pages:
                tick.behind = True
                return False
            request = await self._take(request, tick)
        span = None if self._walks is None else self._walks.span
        return span is not None and walk_to is not None and walk_to < math.floor(now - span.lag_s)

    async def _begin_walk(self, tick: Tick, now: float) -> bool:
        """Stand where the next walk begins; False where nothing is due, or nothing more may be asked in this tick."""
        start = self._starts.walk(now)
        tick.behind = start is not None and tick.pages == self._pace.max_pages
        if start is None or tick.behind:
            return False
        await self._starts.stand(start)
        return True

    async def _start(self, tick: Tick) -> Request | None:
        """The first page, from another place where the stored one answers another question, or is refused."""
        if self._walks is None:
            await self._starts.at_question()
        try:
            return await self._take(self._pager.first(self._memory.checkpoint), tick)
        except (RefusedError, ReplyError, UnreachableError) as error:
            await self._starts.after(error, self._clock.now())
        return await self._take(self._pager.first(self._memory.checkpoint), tick)

    async def _take(self, request: Request, tick: Tick) -> Request | None:
        """Fetch one page and hand over its events, once there is room for them; what to ask next."""
        if tick.pages:
            await self._clock.sleep(self._pace.page_delay_s)
        with self._queue.room(self._expected, self._deadline.paused) as room:
            reply, page = await self._fetch(request, partial(self._read, request), room)
            last = page.next is None or tick.pages + 1 == self._pace.max_pages
            batch = self._memory.take(self._name, page, self._maker, reply.received_at, last=last)
            room.put(batch)
        self._expected = self._expected.or_more(len(page.events), max(len(batch.lines), len(reply.body)))
        tick.add(page, batch)
        say_skipped(batch, self._log)
        for key in sorted(batch.lacks - self._said_lacking):
            say_lacking(key, self._log)
        self._said_lacking |= batch.lacks
        say_fetched(tick, page, batch, reply.took_s, self._log)
        if page.fault is not None:
            raise page.fault
        return page.next

    def _read(self, request: Request, reply: Reply) -> tuple[Reply, Page]:
        """The answer as a page; what is wrong with it is said with its place."""
        try:
            return reply, self._pager.read(request, reply)
        except ReplyError as error:
            error.locate(request.place, _REPLY_FIX)
            raise

    def _say_ended(self, tick: Tick) -> None:
        say_finished(tick, self._log)
        if tick.behind and not self._said_behind:
            say_behind(tick, self._log)
        self._said_behind = tick.behind
