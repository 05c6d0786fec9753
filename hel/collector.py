"""The program: opens what must outlive it, builds a poller for each source, and runs them to their end.

Read on from here: `lifecycle` (which task ends when), `poller` (due, pages, batches), `exchange` (one policed
request), `emitter` (written, flushed, then committed).
"""

import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import anyio

from hel import asking, assembly
from hel.auth.nonces import Nonces
from hel.clock import Clock
from hel.config.load import Loaded
from hel.config.models import MB
from hel.emitter import Emitter
from hel.errors import ConfigError, HelError, SourceError
from hel.lifecycle import Job, Lifecycle
from hel.poller import Poller
from hel.queue import BatchQueue
from hel.recording import Recorder, recorded_sources
from hel.replay import replay
from hel.sharing import Shared, exchange_of
from hel.sinks.adoption import Identify, adopt, unclaimed
from hel.sinks.file import FileSink
from hel.sinks.opening import check_output, open_sink
from hel.sinks.sink import Sink
from hel.sinks.stream import StreamSink
from hel.state.lock import StateLock, files_of
from hel.state.schema import check_file
from hel.state.store import Keep, Store
from hel.telemetry.log import Log
from hel.tick import Tick
from hel.transport.client import Transports


@dataclass(slots=True)
class Outcome:
    """How a run ended.

    Attributes:
        ticks: The account of each source's only tick (`--once`, `test`, a replay), by name.
        failures: What ended a source's tick early, by name.
        output: What ended the delivery, or None.
    """

    ticks: dict[str, Tick] = field(default_factory=dict)
    failures: dict[str, SourceError] = field(default_factory=dict)
    output: HelError | None = None

    @property
    def ok(self) -> bool:
        """Whether all sources and the output did their part."""
        return not self.failures and self.output is None


class Collector:
    """Runs the sources of one config.

    Args:
        loaded: The config, its sources the chosen ones, and their secrets.
        clock: The machine's clock.
        log: The program's log.
    """

    def __init__(self, loaded: Loaded, clock: Clock, log: Log) -> None:
        self._path = loaded.path
        self._config = loaded.config
        self._secrets = loaded.secrets
        self._clock = clock
        self._log = log
        self._outcome = Outcome()
        self._unfinished: set[str] = set()

    async def run(self, *, once: bool, record_dir: Path | None = None) -> Outcome:
        """Collect, deliver and commit: one tick of every source, or until a signal.

        Raises:
            ConfigError: The output or the recordings can't be written.
            StateError: The state can't be used, or is held (StateLockedError).
        """
        config = self._config.global_
        check_file(config.state.path)
        check_output(config.output, [self._path, *files_of(config.state.path)])
        with ExitStack() as stack:
            stack.enter_context(StateLock(config.state.path))
            store = stack.enter_context(Store(config.state.path, writable=True))
            sink = open_sink(config.output, self._clock, self._log)
            stack.callback(sink.close)
            if isinstance(sink, FileSink):
                self._adopt(sink, store)
            store.claim({unclaimed(label): name for label, name in self._labels().items()})
            recorders = {name: Recorder(record_dir / name) for name in self._config.sources} if record_dir else {}
            if not once:
                output = str(config.output.path or "stdout")
                self._log.info("run.started", sources=len(self._config.sources), output=output, state=str(store.path))
            await self._poll(sink, store, store, recorders, once=once)
        return self._outcome

    async def test(self) -> Outcome:
        """One tick of every source to stdout, from where the state stands, which is not moved.

        Raises:
            StateError: The state can't be read.
        """
        path = self._config.global_.state.path
        with ExitStack() as stack:
            known = stack.enter_context(Store(path, writable=False)) if path.exists() else None
            await self._poll(StreamSink(), known, None, {}, once=True)
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
            await self._finish(queue, sink, None, Nonces(), jobs, once=True)
        return self._outcome

    async def _poll(
        self, sink: Sink, known: Store | None, store: Store | None, recorders: Mapping[str, Recorder], *, once: bool
    ) -> None:
        """Poll from what one store knows, and commit to the other where there is one."""
        queue, nonces = self._queue(), Nonces(known.nonces() if known else None)
        async with self._pollers(queue, nonces, known, recorders) as pollers:
            jobs: list[Job] = [
                partial(self._account, poller.name, poller.attempt) if once else poller.run for poller in pollers
            ]
            await self._finish(queue, sink, store, nonces, jobs if once else [*jobs, anyio.sleep_forever], once=once)

    async def _account(self, name: str, attempt: Callable[[], Awaitable[Tick | SourceError]]) -> None:
        self._unfinished.add(name)
        ended = await attempt()
        self._unfinished.remove(name)
        if isinstance(ended, Tick):
            self._outcome.ticks[name] = ended
        else:
            self._outcome.failures[name] = ended

    async def _finish(
        self, queue: BatchQueue, sink: Sink, store: Store | None, nonces: Nonces, jobs: Sequence[Job], *, once: bool
    ) -> None:
        """Run the jobs and deliver what they hand over."""
        patience_s = self._config.global_.shutdown_secs
        emitter = Emitter(
            queue,
            sink,
            store,
            nonces,
            self._keeps(),
            self._clock,
            self._log,
            patience_s=patience_s if once else math.inf,
        )
        self._outcome.output = await Lifecycle(emitter, queue, sink, patience_s, self._log).run(jobs)
        if self._outcome.output is None:
            for name in sorted(self._unfinished):
                self._outcome.failures[name] = SourceError(
                    "it was stopped before it was done", "what was delivered counts, and the next run goes on there"
                )

    @asynccontextmanager
    async def _pollers(
        self, queue: BatchQueue, nonces: Nonces, known: Store | None, recorders: Mapping[str, Recorder]
    ) -> AsyncIterator[list[Poller]]:
        """A poller a source, over one shared client."""
        shared = Shared(Transports(self._clock), nonces, self._clock, self._log)
        pollers: list[Poller] = []
        async with AsyncExitStack() as parts:
            parts.push_async_callback(shared.aclose)
            for name, source in self._config.sources.items():
                log = self._log.bind(source=name)
                exchange = exchange_of(source, self._secrets[name], shared, recorders.get(name), log)
                pollers.append(
                    Poller(
                        name,
                        exchange.fetch,
                        asking.pager(source),
                        assembly.line_maker(source),
                        assembly.memory(name, source, known, log),
                        assembly.recovery(name, source, known),
                        asking.walks(source),
                        assembly.pace(source),
                        queue,
                        self._clock,
                        log,
                    )
                )
            yield pollers

    def _adopt(self, sink: FileSink, store: Store) -> None:
        """Count what a crash left in the output, before anything is asked for."""
        sources: dict[tuple[str, str], tuple[str, Identify]] = {}
        for label, name in self._labels().items():
            maker = assembly.line_maker(self._config.sources[name])
            sources[label] = (name, partial(assembly.identify, maker))
        adopted = adopt(sink, store.position(sink.path), sources)
        if adopted:
            self._log.warning(
                "output.adopted",
                events=sum(batch.count for batch in adopted),
                fix="nothing to do: whole lines stood behind what was committed, as a crash leaves them; they stay, "
                "and are not written again",
            )
        if waiting := [batch.source for batch in adopted if batch.source not in self._config.sources]:
            self._log.warning(
                "output.unclaimed",
                labels=waiting,
                fix="lines of sources that do not run now; each leaves them out when it runs again under its old label",
            )
        store.commit(adopted, positions=[sink.flush()], keeps=self._keeps())

    def _labels(self) -> dict[tuple[str, str], str]:
        sources = self._config.sources
        return {(source.source_label_key, source.source_label_value): name for name, source in sources.items()}

    def _queue(self) -> BatchQueue:
        bounds = self._config.global_.queue
        return BatchQueue(bounds.max_events, int(bounds.max_mb * MB))

    def _keeps(self) -> dict[str, Keep]:
        return {name: assembly.keep(source) for name, source in self._config.sources.items()}
