import math
import threading
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from hel.auth.nonces import Nonces
from hel.clock import SystemClock
from hel.emitter import Emitter
from hel.errors import ClosedOutputError, SinkError, StateError
from hel.queue import BatchQueue, Size
from hel.records import Batch, Checkpoint, Position
from hel.state.keeping import Keep
from hel.state.store import Store
from tests.doubles import FakeClock, HeardLog, hand_over

pytestmark = pytest.mark.anyio


class Deeds(list[str]):
    """What was done, in order."""


class Sink:
    def __init__(self, deeds: Deeds, failures: list[Exception] | None = None) -> None:
        self.deeds = deeds
        self.failures = failures or []
        self.put_lines: list[bytes] = []
        self.begun: list[Position] = []

    @property
    def torn(self) -> bytes:
        return b""

    def put(self, lines: bytes) -> None:
        self.deeds.append("put")
        self.put_lines.append(lines)

    def flush(self) -> Position | None:
        if self.failures:
            raise self.failures.pop(0)
        self.deeds.append("flush")
        return None

    def room(self) -> int | None:
        return None

    def renew(self) -> Position | None:
        return self.begun.pop(0) if self.begun else None

    def mend(self) -> None:
        self.deeds.append("mend")

    def abandon(self) -> None: ...

    def close(self) -> None: ...


class WatchedStore(Store):
    def __init__(self, path: Path, deeds: Deeds, failures: list[Exception] | None = None) -> None:
        super().__init__(path, writable=True)
        self.deeds = deeds
        self.failures = failures or []

    def commit(
        self,
        batches: Iterable[Batch],
        nonces: Mapping[str, str] | None = None,
        positions: Iterable[Position] = (),
        keeps: Mapping[str, Keep] | None = None,
        forget: Iterable[str] = (),
    ) -> None:
        if self.failures:
            raise self.failures.pop(0)
        batches = list(batches)
        self.deeds.append(f"commit {len(batches)}")
        super().commit(batches, nonces, positions, keeps, forget)


def batch(source: str = "okta", lines: bytes = b"one\n") -> Batch:
    return Batch(source, lines, 1, bytes(16), b"", b"", Checkpoint("q", f"after {source}"))


async def delivered(
    sink: Sink, store: Store | None, *batches: Batch, nonces: Nonces | None = None, patience_s: float = math.inf
) -> HeardLog:
    queue, log = BatchQueue(100, 10_000), HeardLog()
    for each in batches:
        with queue.room(Size(1, 1)) as room:
            await room.wait()
            room.put(each)
    queue.close()
    emitter = Emitter(queue, sink, store, nonces or Nonces(), {}, FakeClock(), log, patience_s)
    await emitter.run()
    return log


async def test_lines_are_written_then_flushed_then_committed(tmp_path: Path) -> None:
    deeds = Deeds()
    await delivered(Sink(deeds), WatchedStore(tmp_path / "s.db", deeds), batch())
    assert deeds == ["put", "flush", "commit 1"]


async def test_threads_that_hang_elsewhere_do_not_hold_up_the_delivery() -> None:
    deeds, over = Deeds(), threading.Event()
    limiter = anyio.to_thread.current_default_thread_limiter()
    async with anyio.create_task_group() as tasks:
        for _ in range(int(limiter.total_tokens)):
            tasks.start_soon(partial(anyio.to_thread.run_sync, over.wait))
        while limiter.available_tokens:
            await anyio.lowlevel.checkpoint()
        try:
            with anyio.fail_after(20):
                await delivered(Sink(deeds), None, batch())
        finally:
            over.set()
    assert deeds == ["put", "flush"]


async def test_batches_of_several_sources_share_one_flush_and_one_commit(tmp_path: Path) -> None:
    deeds = Deeds()
    store = WatchedStore(tmp_path / "s.db", deeds)
    await delivered(Sink(deeds), store, batch("a"), batch("b"), batch("a"))
    assert deeds == ["put", "put", "put", "flush", "commit 3"]
    assert {name: each.resume for name, each in store.checkpoints().items()} == {"a": "after a", "b": "after b"}


async def handed_over_one_by_one(deeds: Deeds, first: Batch, *others: Batch) -> None:
    """Deliver the first, then what comes a moment apart."""
    queue = BatchQueue(100, 10_000)
    await hand_over(queue, first)
    emitter = Emitter(queue, Sink(deeds), None, Nonces(), {}, FakeClock(), HeardLog())
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(emitter.run)
        while deeds.count("flush") < 1:
            await anyio.lowlevel.checkpoint()
        for other in others:
            await hand_over(queue, other)
            for _ in range(50):
                await anyio.lowlevel.checkpoint()
        queue.close()


async def test_what_follows_within_moments_shares_the_next_flush(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hel.emitter._APART_S", 60.0)
    deeds = Deeds()
    with anyio.fail_after(20):
        await handed_over_one_by_one(deeds, batch(), batch(), batch())
    assert deeds == ["put", "flush", "put", "put", "flush"]


async def test_much_that_waits_is_delivered_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hel.emitter._APART_S", 60.0)
    monkeypatch.setattr("hel.emitter._MUCH_BYTES", 8)
    deeds, queue = Deeds(), BatchQueue(100, 10_000)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(Emitter(queue, Sink(deeds), None, Nonces(), {}, FakeClock(), HeardLog()).run)
        with anyio.fail_after(20):
            for flushes in (1, 2, 3):
                await hand_over(queue, batch(lines=b"a line\n" * 2))
                while deeds.count("flush") < flushes:
                    await anyio.lowlevel.checkpoint()
        queue.close()


async def test_a_new_file_is_known_to_the_state_before_it_holds_a_line(tmp_path: Path) -> None:
    deeds = Deeds()
    sink, store = Sink(deeds), WatchedStore(tmp_path / "s.db", deeds)
    sink.begun.append(Position("/new", 2, 0, "tail"))
    await delivered(sink, store, batch())
    assert deeds == ["put", "commit 0", "flush", "commit 1"]
    assert store.position(Path("/new")) == Position("/new", 2, 0, "tail")


async def test_a_new_file_that_the_state_could_not_take_down_at_once_holds_no_line_before_it_did(
    tmp_path: Path,
) -> None:
    deeds = Deeds()
    sink, store = Sink(deeds), WatchedStore(tmp_path / "s.db", deeds, [StateError("locked")] * 2)
    sink.begun.append(Position("/new", 2, 0, "tail"))
    await delivered(sink, store, batch())
    assert deeds == ["put", "commit 0", "flush", "commit 1"]
    assert store.position(Path("/new")) == Position("/new", 2, 0, "tail")


async def test_a_failing_output_is_said_once_tried_again_and_nothing_is_committed_before(tmp_path: Path) -> None:
    deeds = Deeds()
    sink = Sink(deeds, [SinkError("disk full")] * 4)
    log = await delivered(sink, WatchedStore(tmp_path / "s.db", deeds), batch())
    assert deeds == ["put", "flush", "commit 1"], "put once: the sink keeps what it could not write"
    assert [name for name in log.names if name != "batch.committed"] == ["output.failed", "output.recovered"]


async def test_a_failed_commit_is_made_again_without_writing_the_lines_again(tmp_path: Path) -> None:
    deeds = Deeds()
    store = WatchedStore(tmp_path / "s.db", deeds, [StateError("locked")] * 3)
    log = await delivered(Sink(deeds), store, batch())
    assert deeds == ["put", "flush", "commit 1"]
    assert [name for name in log.names if name != "batch.committed"] == ["state.failed", "state.recovered"]


async def test_a_closed_output_ends_it_and_commits_nothing(tmp_path: Path) -> None:
    deeds = Deeds()
    with pytest.raises(ClosedOutputError):
        await delivered(Sink(deeds, [ClosedOutputError("gone")]), WatchedStore(tmp_path / "s.db", deeds), batch())
    assert deeds == ["put"]


async def test_patience_ends(tmp_path: Path) -> None:
    deeds = Deeds()
    sink = Sink(deeds, [SinkError("disk full")] * 100)
    with pytest.raises(SinkError, match="disk full"):
        await delivered(sink, WatchedStore(tmp_path / "s.db", deeds), batch(), patience_s=10)
    assert deeds == ["put"]


async def test_without_a_store_lines_are_delivered_and_nothing_is_committed() -> None:
    deeds = Deeds()
    await delivered(Sink(deeds), None, batch())
    assert deeds == ["put", "flush"]


async def test_nonces_ride_on_the_commit_and_the_last_ones_are_committed_at_the_end(tmp_path: Path) -> None:
    nonces = Nonces()
    nonces.learn("https://org:443", "n1")
    store = WatchedStore(tmp_path / "s.db", Deeds())
    await delivered(Sink(Deeds()), store, nonces=nonces)
    assert store.nonces() == {"https://org:443": "n1"}


async def test_a_cancelled_delivery_waits_for_the_write_that_is_under_way(tmp_path: Path) -> None:
    begun, may_end = threading.Event(), threading.Event()

    class SlowSink(Sink):
        def flush(self) -> Position | None:
            begun.set()
            assert may_end.wait(10)
            return super().flush()

    deeds = Deeds()
    store = WatchedStore(tmp_path / "s.db", deeds)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(delivered, SlowSink(deeds), store, batch())
        await anyio.to_thread.run_sync(begun.wait)
        tasks.cancel_scope.cancel()
        threading.Timer(0.05, may_end.set).start()
    assert deeds == ["put", "flush"], "the write ended before the cancellation got through, and nothing was committed"


async def test_an_output_that_takes_nothing_is_said_once_and_it_is_said_when_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hel.emitter.STALLED_S", 0.05)
    may_go_on, log = threading.Event(), HeardLog()

    class Stopped(Sink):
        def flush(self) -> Position | None:
            may_go_on.wait(20)
            return None

    queue = BatchQueue(10, 1000)
    with Store(tmp_path / "state.db", writable=True) as store:
        emitter = Emitter(queue, Stopped(Deeds()), store, Nonces(), {}, SystemClock(), log)
        await hand_over(queue, Batch("okta", b"{}\n", 1, b"", b"", b"", None))
        queue.close()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(emitter.run)
            while "output.stalled" not in log.names:  # noqa: ASYNC110  # the log tells nobody
                await anyio.sleep(0.01)
            may_go_on.set()
    assert log.names == ["output.stalled", "output.recovered", "batch.committed"]
    committed = log.heard[-1][2]
    assert committed["took_s"] >= 0.05, "the writing is a part of it"
    assert committed["by_source"] == {"okta": {"events": 1, "bytes": 3, "newest_at": None}}
