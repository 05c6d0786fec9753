"""What one source knows of the events that it has delivered: which to leave out, and how far it came.

A source's memory runs ahead of the state by what is queued; the queue drops nothing, so the two agree in the end.
"""

from dataclasses import dataclass, replace

from hel.dedupe import Delivered, SeenIds, key_of, split_keys
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

    def recognise(self, line: Line) -> tuple[bytes | None, bool]:
        """The key of a line's ID, None where it has none or nobody asks, and whether it was delivered before."""
        if self.seen is None or line.key is None:
            return None, False
        identity = key_of(line.key)
        return identity, identity in self.seen

    def remember(self, identity: bytes) -> None:
        """Take an ID for delivered."""
        if self.seen is not None:
            self.seen.add(identity)


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
    keys, ids, met, again = bytearray(), bytearray(), bytearray(), bytearray()
    newest = (memory.checkpoint.newest_at, memory.checkpoint.newest)
    for event in page.events:
        line = maker.line(event, received_at)
        newest = _newer(newest, line)
        key = key_of(event)
        if page.again:
            again += key
        identity, is_known = memory.recognise(line)
        if memory.ground.take(key):
            met += key
        elif not is_known:
            lines.append(line.text)
            keys += key
        if identity is not None and not is_known:
            memory.remember(identity)
            ids += identity
    if page.next is None:
        memory.ground = Delivered(split_keys(bytes(again)))
    memory.checkpoint = _moved(memory, page, newest, len(lines), received_at)
    text = b"".join(lines)
    return Batch(source, text, len(lines), bytes(keys), bytes(ids), bytes(met), memory.checkpoint, bytes(again))


def _moved(memory: Memory, page: Page, newest: tuple[float | None, str | None], count: int, now: float) -> Checkpoint:
    """The checkpoint behind a page; the one that ends a tick has left the delivered ground."""
    newest_at, text = newest
    before = memory.checkpoint
    return replace(
        before,
        resume=page.resume,
        newest=text,
        newest_at=newest_at,
        finished=page.finished,
        overlapping=page.next is not None and bool(memory.ground),
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
