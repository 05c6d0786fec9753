"""What one source knows of the events that it has delivered: which to leave out, and how far it came.

A source's memory runs ahead of the state by what is queued; the queue drops nothing, so the two agree in the end.
"""

from dataclasses import dataclass, replace

from hel.dedupe import Delivered, SeenIds, key_of
from hel.events import Line, LineMaker, parse_time
from hel.records import Batch, Checkpoint, Page


@dataclass(slots=True)
class Memory:
    """Where a source stands and what it has delivered.

    Attributes:
        checkpoint: Where the next tick starts, as far as handed to the emitter.
        ground: Lines delivered before that a tick may meet again.
        seen: The IDs that were delivered; None without `dedupe`.
    """

    checkpoint: Checkpoint
    ground: Delivered
    seen: SeenIds | None = None


def make_batch(source: str, page: Page, maker: LineMaker, memory: Memory, received_at: float) -> Batch:
    """The lines of a page's events that were not delivered before, and the checkpoint behind them.

    The memory takes them for delivered.

    Args:
        source: The source's name.
        page: What was read.
        maker: Splices the lines.
        memory: What was delivered before.
        received_at: When the page came, epoch seconds.
    """
    lines: list[bytes] = []
    keys, ids, met = bytearray(), bytearray(), bytearray()
    newest = (memory.checkpoint.newest_at, memory.checkpoint.newest)
    for event in page.events:
        line = maker.line(event, received_at)
        newest = _newer(newest, line)
        key = key_of(event)
        identity = None if line.key is None or memory.seen is None else key_of(line.key)
        if memory.ground.take(key):
            met += key
        elif identity is None or memory.seen is None or identity not in memory.seen:
            lines.append(line.text)
            keys += key
        else:
            continue
        if identity is not None and memory.seen is not None and identity not in memory.seen:
            memory.seen.add(identity)
            ids += identity
    memory.checkpoint = _moved(memory, page, newest, len(lines), received_at)
    return Batch(source, b"".join(lines), len(lines), bytes(keys), bytes(ids), bytes(met), memory.checkpoint)


def _moved(memory: Memory, page: Page, newest: tuple[float | None, str | None], count: int, now: float) -> Checkpoint:
    """The checkpoint behind a page; the tick that catches up has left the delivered ground."""
    if page.next is None:
        memory.ground = Delivered()
    newest_at, text = newest
    before = memory.checkpoint
    return replace(
        before,
        resume=page.resume,
        newest=text,
        newest_at=newest_at,
        finished=page.finished,
        overlapping=bool(memory.ground),
        events=before.events + count,
        updated_at=now,
    )


def _newer(newest: tuple[float | None, str | None], line: Line) -> tuple[float | None, str | None]:
    if line.ts is None:
        return newest
    at = parse_time(line.ts)
    if at is None:
        return newest if newest[0] is not None else (None, line.ts)
    return newest if newest[0] is not None and newest[0] >= at else (at, line.ts)
