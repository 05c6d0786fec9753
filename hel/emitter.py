"""The one place that delivers and commits: written, flushed, then committed, in this order and never otherwise.

Batches that arrive while others are being delivered share the next flush and the next commit. A failure of the
output or the state stops here, is said once, and is tried again; the queue fills up behind it and polling pauses.
"""

import asyncio
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import anyio
import anyio.to_thread

from hel.auth.nonces import Nonces
from hel.clock import Clock
from hel.errors import ClosedOutputError, SinkError, StateError
from hel.mending import WITHIN_S, await_line
from hel.queue import BatchQueue
from hel.records import Batch, Position
from hel.sinks.sink import Sink
from hel.state.keeping import Keep
from hel.state.store import Store
from hel.telemetry.log import Log

_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 10.0

_APART_S = 0.05
"""From one delivery to the next, unless much waits: the pages of a catch-up follow faster, and share a commit."""

_MUCH_BYTES = 4_000_000

STALLED_S = 30.0
"""What takes longer is said, and shows in health."""

T = TypeVar("T")


class Emitter:
    """Takes batches off the queue until it is closed and empty.

    Args:
        queue: Where they come from.
        sink: Where their lines go.
        store: Where their checkpoints go; None for a run that commits nothing.
        nonces: Committed along.
        keeps: How much of what it delivered each source wants remembered, by source.
        clock: Times the waits.
        log: The program's log.
        patience_s: How long a failing output or state is tried before it ends the run.
    """

    def __init__(
        self,
        queue: BatchQueue,
        sink: Sink,
        store: Store | None,
        nonces: Nonces,
        keeps: Mapping[str, Keep],
        clock: Clock,
        log: Log,
        patience_s: float = math.inf,
    ) -> None:
        self._queue = queue
        self._sink = sink
        self._store = store
        self._nonces = nonces
        self._keeps = keeps
        self._clock = clock
        self._log = log
        self._patience_s = patience_s
        self._begun: Position | None = None
        self._thread = anyio.CapacityLimiter(1)  # its own: forty files that hang elsewhere must not take it
        self.trouble: SinkError | StateError | None = None
        """What the delivery is held up by at the moment, as far as it has said so."""

    async def run(self) -> None:
        """Deliver until the queue is closed and empty.

        Raises:
            ClosedOutputError: Nobody reads the output any more; what was not flushed is not committed.
            SinkError, StateError: It failed for longer than the patience.
        """
        if self._sink.torn:
            await self._mend()
        while batches := await self._queue.take(self._sink.room()):
            began = self._clock.monotonic()
            await self._deliver(batches, (batch.lines for batch in batches))
            with anyio.move_on_after(began + _APART_S - self._clock.monotonic()):
                await self._queue.gathered(_MUCH_BYTES)
        await self._commit([], None, self._clock.monotonic())

    async def _mend(self) -> None:
        """Begin with the rest of a line that a crash cut short, or cut what there is of it."""
        torn = self._sink.torn
        self._log.info("output.torn", bytes=len(torn), within_s=WITHIN_S, fix="nothing to do: its event comes again")
        mended = await await_line(self._queue, torn)
        if not mended.came:
            await self._until_done("output", self._sink.mend)
        self._log.info("output.mended", how="completed" if mended.came else "cut")
        if mended.batches:
            await self._deliver(mended.batches, mended.texts)

    async def _deliver(self, batches: list[Batch], texts: Iterable[bytes]) -> None:
        for text in texts:
            self._sink.put(text)
        started = self._clock.monotonic()
        position = await self._until_done("output", self._write)
        await self._commit(batches, position, started)
        self._queue.delivered(batches)

    def _write(self) -> Position | None:
        """Write what was put, to a new file where one is due, which the state must know before it holds a line."""
        self._begun = self._sink.renew() or self._begun
        if self._begun is not None and self._store is not None:
            self._store.commit([], positions=[self._begun])
        self._begun = None
        return self._sink.flush()

    async def _commit(self, batches: list[Batch], position: Position | None, started: float) -> None:
        store, nonces = self._store, self._nonces.take_unsaved()
        if store is None or not (batches or nonces or position):
            return
        positions = [] if position is None else [position]
        await self._until_done("state", lambda: store.commit(batches, nonces, positions, self._keeps))
        self._log.debug(
            "batch.committed",
            batches=len(batches),
            events=sum(batch.count for batch in batches),
            bytes=sum(len(batch.lines) for batch in batches),
            took_s=round(self._clock.monotonic() - started, 4),
            by_source=_by_source(batches),
        )

    async def _until_done(self, what: str, act: Callable[[], T]) -> T:
        """Act in a worker thread, again and again until it succeeds; say the first failure and the recovery.

        A cancellation waits for the thread, so that nothing is written behind the back of what comes after.
        """
        wait_s = _FIRST_WAIT_S
        failed_at: float | None = None
        while True:
            stalled = _Stalled(what, self._clock, self._log)
            try:
                with stalled:
                    done = await anyio.to_thread.run_sync(act, limiter=self._thread)
            except ClosedOutputError:
                raise
            except (SinkError, StateError) as error:
                now = self._clock.monotonic()
                self.trouble = error
                if failed_at is None:
                    failed_at = now
                    self._log.error(f"{what}.failed", because=error.message, fix=error.fix)
                if now + wait_s > failed_at + self._patience_s:
                    raise
                await self._clock.sleep(wait_s)
                wait_s = min(wait_s * 2, _LONGEST_WAIT_S)
            else:
                self.trouble = None
                since = stalled.since if failed_at is None else failed_at
                if since is not None:
                    self._log.info(f"{what}.recovered", after_s=round(self._clock.monotonic() - since, 1))
                return done


class _Stalled:
    """Says of what takes long that it does: a reader that has stopped, a file system that hangs.

    Args:
        what: `output` or `state`.
        clock: Tells since when.
        log: Told of it.

    Attributes:
        since: When it began, in monotonic seconds; None where it does not take long.
    """

    def __init__(self, what: str, clock: Clock, log: Log) -> None:
        self.since: float | None = None
        self._what = what
        self._clock = clock
        self._log = log

    def __enter__(self) -> None:
        began = self._clock.monotonic()
        self._timer = asyncio.get_running_loop().call_later(STALLED_S, self._say, began)

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def _say(self, began: float) -> None:
        self.since = began
        self._log.warning(
            f"{self._what}.stalled",
            because=f"the {self._what} has taken nothing for {STALLED_S:g} s",
            fix="look at who reads it, or at its file system; nothing is lost, and the polling waits for it",
        )


def _by_source(batches: list[Batch]) -> dict[str, dict[str, Any]]:
    """What each source's part of a commit was: events, bytes, and its newest event's time in epoch seconds."""
    parts: dict[str, dict[str, Any]] = {}
    for batch in batches:
        part = parts.setdefault(batch.source, {"events": 0, "bytes": 0, "newest_at": None})
        part["events"] += batch.count
        part["bytes"] += len(batch.lines)
        if batch.checkpoint is not None:
            part["newest_at"] = batch.checkpoint.newest_at
    return parts
