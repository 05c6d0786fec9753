"""What may be asked of Hel while it runs: how it is, a poll now, the configuration anew, a dump into the log.

Signals and the server both ask here. A configuration that is not right is refused as a whole, and the old one goes on.
"""

import signal
from collections.abc import Callable, Sequence
from typing import Any

import anyio
import anyio.abc
import anyio.to_thread
import msgspec

from hel import __version__, audit, descriptors
from hel.changes import Reloaded, Wanted, compare, wanted_of
from hel.clock import Clock
from hel.config.load import Loaded
from hel.errors import ConfigError, HelError
from hel.fleet import Fleet
from hel.health import Health
from hel.queue import BatchQueue
from hel.signals import receiving
from hel.telemetry.log import Level, Log, Taps
from hel.timestamps import utc_text

_READ_S, _EACH_S = 60.0, 0.02
"""How long reading the configuration may take, and how much longer for each source."""


class Surroundings(msgspec.Struct, frozen=True):
    """What a Hel that runs on needs of its process.

    Attributes:
        load: Reads the configuration again.
        taps: Whoever listens to the log.
        level: What the log writes.
        early: Signals that came before there was anything to be done about them.
    """

    load: Callable[[], Loaded]
    taps: Taps
    level: Level
    early: Sequence[signal.Signals] = ()


class Control:
    """One running Hel.

    Args:
        loaded: The configuration that counts.
        around: What it needs of its process.
        fleet: The sources.
        health: What they came to.
        queue: Between them and the output.
        claim: Told of a configuration before its sources start.
        clock: The machine's clock.
        log: The program's log.
    """

    def __init__(
        self,
        loaded: Loaded,
        around: Surroundings,
        fleet: Fleet,
        health: Health,
        queue: BatchQueue,
        claim: Callable[[Loaded], None],
        clock: Clock,
        log: Log,
    ) -> None:
        self._loaded = loaded
        self._begun = loaded.config.global_
        self._around = around
        self._fleet = fleet
        self._health = health
        self._queue = queue
        self._claim = claim
        self._clock = clock
        self._log = log
        self._started_at = clock.now()
        self._reloading = anyio.Lock()
        self._is_asked = False

    @property
    def has_begun(self) -> bool:
        """Whether the sources run."""
        return self._fleet.has_begun

    @property
    def token(self) -> str | None:
        """What those prove themselves with who may ask for more than answers; None for nobody."""
        secret = self._loaded.server_token
        return secret.value.get_secret_value() if secret else None

    def snapshot(self) -> dict[str, Any]:
        """How the sources, the queue, the output and the state are, as `/api/v1/sources` shows it."""
        health, output = self._health, self._begun.output.path
        sources = [health.source(live) for live in self._fleet.live()]
        because = health.because(sources)
        waiting, most = self._queue.waiting, self._queue.most
        return {
            "version": __version__,
            "now": utc_text(self._clock.now()),
            "started_at": utc_text(self._started_at),
            "ready": not because,
            "because": because,
            "queue": {
                "events": waiting.events,
                "bytes": waiting.bytes,
                "max_events": most.events,
                "max_bytes": most.bytes,
            },
            "output": {
                "path": None if output is None else str(output),
                "error": health.trouble("output"),
            },
            "state": {"path": str(self._begun.state.path), "error": health.trouble("state")},
            "sources": sources,
        }

    def poll(self, name: str) -> bool:
        """Let a source's next tick start now; False where it is finished.

        Raises:
            KeyError: There is none of this name.
        """
        return self._fleet.poll(name)

    async def reload(self) -> Reloaded:
        """Read the configuration again, and let the sources be what it says.

        Raises:
            HelError: It is not right, or Hel is about to stop; the old one goes on.
        """
        async with self._reloading:
            self._is_asked = False
            try:
                loaded, after, reloaded = await self._read()
                if not await self._fleet.is_running():
                    raise ConfigError("Hel is about to stop", "the next start reads the configuration anyway")
            except HelError as error:
                fix = "the old configuration goes on as it was; correct this (see `hel validate`) and reload again"
                self._log.info("audit.config_refused", problems=len(error.told))
                self._log.error("config.refused", problems=list(error.told), fix=fix)
                raise
            self._take(loaded, after, reloaded)
            return reloaded

    async def _read(self) -> tuple[Loaded, dict[str, Wanted], Reloaded]:
        """The configuration as it is now, its labels claimed, and what it changes.

        In a thread, for a file may be slow, or hang, and thousands of sources take a while.
        """
        before = self._loaded

        def read() -> tuple[Loaded, dict[str, Wanted], Reloaded]:
            loaded = self._around.load()
            self._claim(loaded)
            after = wanted_of(loaded)
            return loaded, after, compare(self._begun, loaded.config.global_, wanted_of(before), after)

        within_s = _READ_S + _EACH_S * len(before.config.sources)
        try:
            with anyio.fail_after(within_s):
                return await anyio.to_thread.run_sync(read, abandon_on_cancel=True)
        except TimeoutError:
            raise ConfigError(
                f"the configuration, or the file of a secret, could not be read within {within_s:g} s",
                "look at the file systems where they are, and for a pipe where a file should be",
            ) from None

    def _take(self, loaded: Loaded, after: dict[str, Wanted], reloaded: Reloaded) -> None:
        self._around.level.name = loaded.config.global_.log_level
        self._loaded = loaded
        descriptors.suffice(len(after), self._log)
        self._fleet.change(after, {*reloaded.added, *reloaded.changed})
        for warning in loaded.warnings:
            self._log.warning("config.advice", because=warning)
        audit.say_loaded(loaded, self._log, again=True)
        self._say(reloaded)

    def _say(self, reloaded: Reloaded) -> None:
        self._log.info(
            "config.reloaded",
            added=reloaded.added,
            changed=reloaded.changed,
            removed=reloaded.removed,
            unchanged=reloaded.unchanged,
        )
        if reloaded.renamed:
            self._log.warning(
                "source.renamed",
                names=reloaded.renamed,
                fix="a source is known by its name, and its events come again under the new one; to keep its place, "
                "stop Hel, `hel state export`, rename it in the JSON, `hel state import`, start again",
            )
        if reloaded.restart:
            self._log.warning(
                "config.restart_needed",
                keys=reloaded.restart,
                fix="these count only after a restart; until then the old values do",
            )

    def dump(self) -> None:
        """Log how everything is."""
        snapshot = self.snapshot()
        for source in snapshot.pop("sources"):
            last_hour = sum(source.pop("events_per_minute"))
            self._log.info("dump.source", source=source.pop("name"), **source, events_last_hour=last_hour)
        self._log.info("dump.process", **snapshot)

    async def heed(self) -> None:
        """Reload on SIGHUP and dump on SIGUSR1, until cancelled; from then on both are ignored."""
        with receiving({signal.SIGHUP: signal.SIG_IGN, signal.SIGUSR1: signal.SIG_IGN}) as signals:
            async with anyio.create_task_group() as reloading:
                for number in self._around.early:
                    self._heed(number, reloading)
                async for number in signals:
                    self._heed(number, reloading)

    def _heed(self, number: signal.Signals, reloading: anyio.abc.TaskGroup) -> None:
        """Do what a signal asks for; of reloads that wait, one is as good as many."""
        if number == signal.SIGUSR1:
            self.dump()
        elif not self._is_asked:
            self._is_asked = True
            reloading.start_soon(self._reload_safely)

    async def _reload_safely(self) -> None:
        try:
            await self.reload()
        except HelError:
            return  # which was logged
        except Exception as error:  # noqa: BLE001  # a fault here must not stop the sources
            self._log.error("config.crashed", fix="please report it with this log; the sources go on", exc_info=error)
