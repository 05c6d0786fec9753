"""Lives and deaths of the delivery: the real emitter, file and SQLite store, and a power loss at any step.

A power loss keeps what was fsynced, any part of what was not, and may leave zeros behind it.
"""

import json
import os
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import anyio
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hel.auth.nonces import Nonces
from hel.config.models import Rotation
from hel.dedupe import SeenIds, id_key
from hel.emitter import Emitter
from hel.events import LineMaker
from hel.memory import Memory
from hel.queue import BatchQueue, Size
from hel.records import Batch, Checkpoint, Page, Position, Request
from hel.sinks.adoption import adopt
from hel.sinks.file import FileSink
from hel.state.keeping import Keep
from hel.state.store import Store
from tests.doubles import FakeClock, HeardLog
from tests.lines import line

SOURCES = ("a", "b")


class PowerLossError(Exception):
    """The machine is gone."""


@dataclass(frozen=True, slots=True)
class Loss:
    """When the power goes: while lines are written, before or after their commit; and what is left of the lines."""

    when: str
    kept: float
    zeros: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """Pages that share a flush and a commit: (source, events) each; and what goes wrong."""

    pages: tuple[tuple[int, int], ...]
    loss: Loss | None


class FragileSink(FileSink):
    loss: Loss | None = None

    def flush(self) -> Position:
        before = self.position().length
        position = super().flush()
        if self.loss is not None and self.loss.when == "write":
            kept = before + round((position.length - before) * self.loss.kept)
            os.truncate(self.path, kept)
            os.truncate(self.path, kept + self.loss.zeros)
            raise PowerLossError
        return position


class FragileStore(Store):
    loss: Loss | None = None

    def commit(self, *arguments: object, **named: object) -> None:
        batches = arguments[0]
        if batches and self.loss is not None and self.loss.when == "before commit":
            raise PowerLossError
        super().commit(*arguments, **named)  # type: ignore[arg-type]  # what the emitter gives
        if batches and self.loss is not None and self.loss.when == "after commit":
            raise PowerLossError


@dataclass
class Machine:
    """A folder, and what the API holds: per source a list of events, read by position."""

    folder: Path
    dedupe: bool
    whole_ticks: bool
    rotate: Rotation | None
    history: dict[str, list[bytes]] = field(default_factory=lambda: {name: [] for name in SOURCES})

    def boot(self) -> None:
        self.makers = {
            name: LineMaker(("source", name), "/log", key_field="id" if self.dedupe else None) for name in SOURCES
        }
        self.store = FragileStore(self.folder / "state.db", writable=True)
        self.sink = FragileSink(self.folder / "out", self.rotate, FakeClock(), HeardLog())
        known = self.store.position(self.folder / "out")
        identities = {("source", name): (name, self.identify(name)) for name in SOURCES}
        self.store.commit(adopt(self.sink, known, identities), positions=[self.sink.flush()], keeps=self.keeps)
        self.memories = {name: self.remember(name) for name in SOURCES}

    def identify(self, name: str):  # type: ignore[no-untyped-def]  # noqa: ANN201  # a closure for adopt
        def identity(event: bytes) -> bytes | None:
            key = line(self.makers[name], event).key
            return None if key is None else id_key(key)

        return identity

    @property
    def keeps(self) -> dict[str, Keep]:
        return {name: Keep(1000 if self.dedupe else 0) for name in SOURCES}

    def remember(self, name: str) -> Memory:
        checkpoint = self.store.checkpoint(name) or Checkpoint("q")
        seen = SeenIds(1000, self.store.seen(name)) if self.dedupe else None
        return Memory(checkpoint, self.store.ground(name), seen, whole_ticks=self.whole_ticks)

    def die(self) -> None:
        self.store.close()
        self.sink.close()

    def page(self, name: str, count: int, *, last: bool) -> Batch:
        memory = self.memories[name]
        at = int(memory.checkpoint.resume or 0)
        events = self.history[name][at : at + count]
        is_all = at + count >= len(self.history[name])
        page = Page(events, None if is_all else Request("GET", "next"), str(at + len(events)))
        batch = memory.take(name, page, self.makers[name], 0.0, last=last or is_all)
        if last or is_all:
            memory.begin_tick()
        return batch

    async def deliver(self, delivery: Delivery) -> None:
        queue = BatchQueue(10**6, 10**9)
        for number, (source, count) in enumerate(delivery.pages):
            last = number % 2 == 1
            with queue.room(Size(0, 0)) as room:
                await room.wait()
                room.put(self.page(SOURCES[source], count, last=last))
        queue.close()
        self.sink.loss = self.store.loss = delivery.loss
        emitter = Emitter(queue, self.sink, self.store, Nonces(), self.keeps, FakeClock(), HeardLog())
        await emitter.run()

    def files(self) -> list[Path]:
        return [path for path in self.folder.iterdir() if path.name.startswith("out")]


losses = st.builds(
    Loss,
    st.sampled_from(["write", "before commit", "after commit"]),
    st.floats(0, 1),
    st.sampled_from([0, 0, 1, 700]),
)
deliveries = st.builds(
    Delivery,
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 4)), max_size=4).map(tuple),
    st.none() | losses,
)


@given(
    st.lists(deliveries, max_size=8),
    st.booleans(),
    st.booleans(),
    st.sampled_from([None, Rotation("size", 300)]),
    st.lists(st.integers(0, 2), min_size=1, max_size=12),
)
@example([Delivery(((0, 2),), Loss("write", 0.7, 0)), Delivery(((0, 4),), None)], False, False, None, [0, 1])
@example([Delivery(((0, 2),), Loss("before commit", 1, 0))] * 3, False, True, None, [0, 1])
@example(
    [Delivery(((0, 0), (0, 1), (0, 1)), None), Delivery(((0, 0), (0, 0)), Loss("after commit", 0, 0))],
    False,
    True,
    None,
    [0, 0, 0],
)
@example(
    [Delivery(((1, 1),), Loss("write", 0.5, 0)), Delivery(((1, 0), (1, 1)), None), Delivery((), None)],
    False,
    False,
    None,
    [0],
)
@settings(max_examples=120)
def test_whatever_the_power_does_every_event_is_in_the_file_once(
    lives: list[Delivery], dedupe: bool, whole_ticks: bool, rotate: Rotation | None, kinds: list[int]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        machine = Machine(Path(folder), dedupe, whole_ticks, rotate)
        for number, name in enumerate(SOURCES):
            # Without IDs some events are the same to the letter, and each is to be there as often as the API has it.
            texts = [f"{kind}" if not dedupe else f"{at}-{kind}" for at, kind in enumerate(kinds * (number + 1))]
            machine.history[name] = [json.dumps({"id": text, "of": name}).encode() for text in texts]
        machine.boot()
        for delivery in lives:
            for memory in machine.memories.values():
                memory.begin_tick()
            try:
                anyio.run(machine.deliver, delivery)
            except PowerLossError:
                machine.die()
                machine.boot()
        for number, name in enumerate(SOURCES):
            machine.memories[name].begin_tick()
            anyio.run(machine.deliver, Delivery(((number, 1000),), None))
        machine.die()
        lines = [line for path in machine.files() for line in path.read_bytes().splitlines()]
        got = Counter((json.loads(line)["source"], json.dumps(json.loads(line)["event"])) for line in lines)
        assert got == Counter((name, event.decode()) for name in SOURCES for event in machine.history[name])
