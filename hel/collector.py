"""The program: opens what must outlive it, builds a poller for each source, and runs them to their end.

Read on from here: `lifecycle` (which task ends when), `fleet` (each source's task), `poller` (when a tick is due),
`follower` (its pages, batches), `exchange` (one policed request), `emitter` (written, flushed, then committed),
`control` (what may be asked meanwhile).
"""

import math
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack
from functools import partial
from pathlib import Path

import msgspec

from hel import asking, assembly, audit, descriptors
from hel.adopting import adopt_output, claim
from hel.auth.nonces import Nonces
from hel.changes import wanted_of
from hel.clock import Clock
from hel.config.load import Loaded
from hel.config.models import MB
from hel.control import Control, Surroundings
from hel.emitter import Emitter
from hel.errors import ConfigError, HelError, SourceError
from hel.fleet import Fleet
from hel.health import Health
from hel.lifecycle import Job, Lifecycle
from hel.queue import BatchQueue
from hel.recording import Recorder, recorded_sources
from hel.replay import replay
from hel.sharing import Shared
from hel.sinks.adoption import adopt
from hel.sinks.file import FileSink
from hel.sinks.opening import check_output, open_sink
from hel.sinks.sink import Sink
from hel.sinks.stream import StreamSink
from hel.state.keeping import Keep
from hel.state.lock import StateLock, files_of
from hel.state.schema import check_file
from hel.state.store import Store
from hel.telemetry.log import Log
from hel.tick import Tick
from hel.transport.client import Transports

_SWITCH_S = 0.001
"""How long a thread that writes metrics or loads a configuration may keep the loop waiting; Python's own is 5 ms."""


class Outcome(msgspec.Struct):
    """How a run ended.

    Attributes:
        ticks: The account of each source's only tick (`--once`, `test`, a replay), by name.
        failures: What ended a source's tick early, by name.
        output: What ended the delivery, or None.
    """

    ticks: dict[str, Tick] = msgspec.field(default_factory=dict)
    failures: dict[str, SourceError] = msgspec.field(default_factory=dict)
    output: HelError | None = None

    @property
    def ok(self) -> bool:
        """Whether all sources and the output did their part."""
        return not self.failures and self.output is None


class _Service(msgspec.Struct, frozen=True):
    """What a run that goes on has beside its sources."""

    around: Surroundings
    health: Health
    listener: socket.socket | None


class Collector:
    """Runs the sources of one config.

    Args:
        loaded: The config, its sources the chosen ones, and their secrets.
        clock: The machine's clock.
        log: The program's log.
    """

    def __init__(self, loaded: Loaded, clock: Clock, log: Log) -> None:
        self._loaded = loaded
        self._config = loaded.config
        self._clock = clock
        self._log = log
        self._outcome = Outcome()
        self._unfinished: set[str] = set()

    async def run(self, *, around: Surroundings | None = None, record_dir: Path | None = None) -> Outcome:
        """Collect, deliver and commit: one tick of every source, or on and on until a signal.

        Args:
            around: What a run that goes on needs of its process; None for one tick.
            record_dir: Where to write each answer down, or None.

        Raises:
            ConfigError: The output or the recordings can't be written, or the server can't listen.
            StateError: The state can't be used, or is held (StateLockedError).
        """
        config = self._config.global_
        check_file(config.state.path)
        check_output(config.output, [self._loaded.path, *files_of(config.state.path)])
        with ExitStack() as stack:
            service = None if around is None else self._service(around, stack)
            stack.enter_context(StateLock(config.state.path))
            store = stack.enter_context(Store(config.state.path, writable=True))
            sink = open_sink(config.output, self._clock, self._log)
            stack.callback(sink.close)
            audit.say_loaded(self._loaded, self._log)
            if isinstance(sink, FileSink):
                adopt_output(self._loaded, sink, store, self._log)
            claim(self._loaded, store)
            if service is not None:
                output = str(config.output.path or "stdout")
                self._log.info("run.started", sources=len(self._config.sources), output=output, state=str(store.path))
            await self._poll(sink, store, store, record_dir, service)
        return self._outcome

    async def test(self) -> Outcome:
        """One tick of every source to stdout, from where the state stands, which is not moved.

        Raises:
            StateError: The state can't be read.
        """
        path = self._config.global_.state.path
        with ExitStack() as stack:
            known = stack.enter_context(Store(path, writable=False)) if path.exists() else None
            await self._poll(StreamSink(), known, None, None, None)
        return self._outcome

    async def replay(self, directory: Path) -> Outcome:
        """Deliver what was recorded, without network, credentials or state.

        Raises:
            ConfigError: There are no recordings of the chosen sources, or the output can't be written.
        """
        recorded = recorded_sources(directory)
        missing = sorted(set(self._config.sources) - recorded)
        names = [name for name in self._config.sources if name in recorded]
        if not names:
            raise ConfigError(
                f"{directory} holds no recording of {', '.join(missing)}, only of {', '.join(sorted(recorded))}",
                "name the source in hel.yaml as it was when it was recorded",
            )
        if missing:
            self._log.warning("replay.missing", sources=missing, fix=f"{directory} holds no recording of them")
        check_output(self._config.global_.output)
        queue = self._queue()
        with ExitStack() as stack:
            sink = open_sink(self._config.global_.output, self._clock, self._log)
            stack.callback(sink.close)
            if isinstance(sink, FileSink):
                adopt(sink, None, {})
            jobs: list[Job] = []
            for name in names:
                source, log = self._config.sources[name], self._log.bind(source=name)
                memory = assembly.memory(name, source, None, log)
                split, maker = asking.split(source), assembly.line_maker(source)
                play = partial(replay, name, directory / name, split, maker, memory, queue, log)
                jobs.append(partial(self._account, name, play))
            await self._finish(queue, sink, None, Nonces(), {}, jobs)
        return self._outcome

    def _service(self, around: Surroundings, stack: ExitStack) -> _Service:
        """What a run that goes on has beside its sources; the server's port is taken at once, for that may fail."""
        sys.setswitchinterval(_SWITCH_S)
        health = Health(self._clock.now)
        around.taps.add(health.hear)
        server = self._config.global_.server
        if not server.enabled:
            return _Service(around, health, None)
        from hel.server.serving import listen  # noqa: PLC0415  # loaded only where there is a server

        return _Service(around, health, stack.enter_context(listen(server.host, server.port)))

    async def _poll(
        self, sink: Sink, known: Store | None, store: Store | None, record_dir: Path | None, service: _Service | None
    ) -> None:
        """Poll from what one store knows, and commit to the other where there is one."""
        descriptors.suffice(len(self._config.sources), self._log)
        queue, nonces = self._queue(), Nonces(known.nonces() if known else None)
        keeps: dict[str, Keep] = {}  # each source's, which the fleet says as it starts it
        shared = Shared(Transports(self._clock), nonces, self._clock, self._log)

        def recorder(name: str) -> Recorder | None:
            return Recorder(record_dir / name) if record_dir else None

        async with AsyncExitStack() as parts:
            parts.push_async_callback(shared.aclose)
            fleet = Fleet(wanted_of(self._loaded), shared, known, queue, keeps, recorder, self._clock, self._log)
            if service is None or store is None:
                jobs: list[Job] = [partial(self._account, poller.name, poller.attempt) for poller in fleet.pollers]
                await self._finish(queue, sink, store, nonces, keeps, jobs)
            else:
                beside = self._beside(fleet, shared, queue, store, service)
                await self._finish(queue, sink, store, nonces, keeps, [fleet.run], beside)

    def _beside(self, fleet: Fleet, shared: Shared, queue: BatchQueue, store: Store, service: _Service) -> list[Job]:
        """What goes on beside the sources: the signals, and the server."""
        around, log = service.around, self._log
        claiming = partial(claim, store=store)
        control = Control(self._loaded, around, fleet, service.health, queue, claiming, self._clock, log)
        if service.listener is None:
            return [control.heed, shared.tidy]
        from hel.server.serving import server  # noqa: PLC0415  # as above

        return [control.heed, shared.tidy, server(control, service.listener, around.taps, self._clock, log)]

    async def _account(self, name: str, attempt: Callable[[], Awaitable[Tick | SourceError]]) -> None:
        self._unfinished.add(name)
        ended = await attempt()
        self._unfinished.remove(name)
        if isinstance(ended, Tick):
            self._outcome.ticks[name] = ended
        else:
            self._outcome.failures[name] = ended

    async def _finish(
        self,
        queue: BatchQueue,
        sink: Sink,
        store: Store | None,
        nonces: Nonces,
        keeps: Mapping[str, Keep],
        jobs: Sequence[Job],
        beside: Sequence[Job] = (),
    ) -> None:
        """Run the jobs and deliver what they hand over; with something beside them they go on until a signal."""
        shutdown_s = self._config.global_.shutdown_secs
        patience_s = math.inf if beside else shutdown_s
        emitter = Emitter(queue, sink, store, nonces, keeps, self._clock, self._log, patience_s=patience_s)
        self._outcome.output = await Lifecycle(emitter, queue, sink, shutdown_s, self._log).run(jobs, beside)
        if self._outcome.output is None:
            for name in sorted(self._unfinished):
                self._outcome.failures[name] = SourceError(
                    "it was stopped before it was done", "what was delivered counts, and the next run goes on there"
                )

    def _queue(self) -> BatchQueue:
        bounds = self._config.global_.queue
        return BatchQueue(bounds.max_events, int(bounds.max_mb * MB))
