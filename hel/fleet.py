"""The sources that run: each has a task that goes on until it is not wanted any more, or wanted otherwise.

The rule: what a source is to be is said in one place, `change`, and its own task follows. It ends what runs, waits
until all that was handed over is committed, and starts anew there; the others are not touched.
"""

from collections.abc import Callable, Collection, Mapping, MutableMapping

import anyio
import anyio.abc
import msgspec

from hel import asking, assembly
from hel.changes import Wanted
from hel.clock import Clock
from hel.errors import HelError, SourceError
from hel.exchange import Exchange
from hel.follower import Follower
from hel.health import Live
from hel.poller import Poller
from hel.queue import BatchQueue
from hel.recording import Recorder
from hel.sharing import Shared, exchange_of
from hel.standing import Standing
from hel.state.keeping import Keep
from hel.state.store import Store
from hel.telemetry.log import Log

_TRY_AGAIN_S = 10.0


class _Running(msgspec.Struct, frozen=True):
    poller: Poller
    exchange: Exchange
    url: str
    newest_at: float | None
    scope: anyio.CancelScope = msgspec.field(default_factory=anyio.CancelScope)


class Fleet:
    """The running sources of one process.

    Args:
        wanted: What is to run, by name.
        shared: What they share.
        known: Where each stands; None for at its beginning.
        queue: Where their batches go.
        keeps: Told how much of what it delivered each source wants remembered.
        recorder: Writes a source's answers down, where somebody asked for it.
        clock: Times them.
        log: The program's log.
    """

    def __init__(
        self,
        wanted: Mapping[str, Wanted],
        shared: Shared,
        known: Store | None,
        queue: BatchQueue,
        keeps: MutableMapping[str, Keep],
        recorder: Callable[[str], Recorder | None],
        clock: Clock,
        log: Log,
    ) -> None:
        self._wanted = dict(wanted)
        self._shared = shared
        self._known = known
        self._queue = queue
        self._keeps = keeps
        self._recorder = recorder
        self._clock = clock
        self._log = log
        self._tasks: anyio.abc.TaskGroup | None = None
        self._begun = anyio.Event()
        self._alive: set[str] = set()
        self._standings: dict[str, Standing] = {}
        self._naps: dict[str, anyio.CancelScope] = {}
        self._running = {name: self._start(name) for name in self._wanted}

    @property
    def has_begun(self) -> bool:
        """Whether they run, or did."""
        return self._begun.is_set()

    async def is_running(self) -> bool:
        """Whether they run, once they have begun; False when they have ended."""
        await self._begun.wait()
        return self._tasks is not None

    @property
    def pollers(self) -> list[Poller]:
        """Each source's poller."""
        return [running.poller for running in self._running.values()]

    async def run(self) -> None:
        """Let each go on, tick after tick, until cancelled."""
        try:
            async with anyio.create_task_group() as self._tasks:
                for name in self._wanted:
                    self._begin(name, self._tasks)
                self._begun.set()
                await anyio.sleep_forever()
        finally:
            self._tasks = None

    def poll(self, name: str) -> bool:
        """Let a source's next tick start now; False where it is finished.

        Raises:
            KeyError: There is none of this name.
        """
        if name in self._naps:
            self._naps[name].cancel()
            return True
        return self._running[name].poller.poke()

    def live(self) -> list[Live]:
        """What the running parts know, a source each; little of one that could not be started."""
        ahead = self._clock.now() - self._clock.monotonic()
        found: list[Live] = []
        for name, running in self._running.items():
            due = running.poller.due_at
            at = None if due is None else due + ahead
            exchange = running.exchange
            found.append(Live(name, running.url, running.newest_at, at, exchange.window, exchange.circuit))
        waiting = self._wanted.keys() - self._running.keys()
        return [*found, *(Live(name, self._wanted[name].source.url, None, None, None, "off") for name in waiting)]

    def change(self, wanted: Mapping[str, Wanted], fresh: Collection[str]) -> None:
        """From now on each source is to be what is said here, and one that is not named is to be no more.

        Args:
            wanted: What is to run, by name.
            fresh: The names of those that are to be something else than before, or were not to be.
        """
        if self._tasks is None:
            return  # it ends, and all of them with it
        self._wanted = dict(wanted)
        self._shared.settle(((name, each.source, each.secrets) for name, each in wanted.items()), fresh)
        for name in wanted.keys() - self._alive:
            self._begin(name, self._tasks)
        for name, running in self._running.items():
            if name in fresh or name not in wanted:
                running.scope.cancel()
        for nap in self._naps.values():
            nap.cancel()

    def _begin(self, name: str, tasks: anyio.abc.TaskGroup) -> None:
        self._alive.add(name)
        tasks.start_soon(self._go_on, name)

    async def _go_on(self, name: str) -> None:
        """Let one source be what it is to be, until it is to be no more."""
        while name in self._wanted:
            if name not in self._running:
                if not self._restart(name):
                    await self._nap(name)
                    continue
                await self._shared.sweep()  # what it used before, and nobody does now
            running = self._running[name]
            with running.scope:
                await running.poller.run()
                await anyio.sleep_forever()  # it is finished, unless it is to be something else
            await self._queue.settled(name)
            del self._running[name]
        self._alive.discard(name)
        self._standings.pop(name, None)
        self._shared.uses.pop(name, None)
        self._keeps.pop(name, None)
        self._log.info("source.removed", source=name)
        await self._shared.sweep()

    async def _nap(self, name: str) -> None:
        """Wait a while, or until something else is wanted."""
        with anyio.CancelScope() as self._naps[name]:
            await self._clock.sleep(_TRY_AGAIN_S)
        del self._naps[name]

    def _restart(self, name: str) -> bool:
        """Start a source anew; False where that fails, which is said."""
        try:
            self._running[name] = self._start(name)
        except HelError as error:
            standing = self._standings.setdefault(name, Standing())
            is_news = standing.failed(SourceError(error.message, error.fix), self._clock.monotonic())
            say = self._log.error if is_news else self._log.debug
            say("source.not_started", source=name, because=error.message, fix=error.fix, failures=standing.failures)
            return False
        self._log.debug("source.restarted", source=name)
        return True

    def _start(self, name: str) -> _Running:
        source, secrets = self._wanted[name].source, self._wanted[name].secrets
        log = self._log.bind(source=name)
        exchange = exchange_of(name, source, secrets, self._shared, self._recorder(name), log)
        self._keeps[name] = assembly.keep(source)
        memory = assembly.memory(name, source, self._known, log)
        maker = assembly.line_maker(source)
        pace = assembly.pace(source)
        follower = Follower(
            name,
            exchange.fetch,
            asking.pager(source, maker.peek),
            maker,
            memory,
            assembly.recovery(name, source, self._known),
            asking.walks(source),
            pace,
            self._queue,
            self._clock,
            log,
        )
        poller = Poller(name, follower, pace, self._clock, log, self._standings.setdefault(name, Standing()))
        return _Running(poller, exchange, source.url, memory.checkpoint.newest_at)
