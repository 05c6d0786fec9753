"""A line that a crash cut short is completed with the rest of its own bytes.

So a shipper that has read half of it goes on undisturbed. Its event was not committed, and comes again; until it does
nothing else is written. Where it does not come in time (its source is gone, or the line would read otherwise today),
what is torn is cut.
"""

import anyio
import msgspec

from hel.queue import BatchQueue
from hel.records import Batch

WITHIN_S = 10.0


class Mended(msgspec.Struct, frozen=True):
    """What came while the torn line was waited for.

    Attributes:
        batches: In the order in which they came, which is the order of their checkpoints.
        texts: Their lines in the order in which they are to be written: the torn one first, if it came.
        came: Whether it did.
    """

    batches: list[Batch]
    texts: list[bytes]
    came: bool


async def await_line(queue: BatchQueue, torn: bytes, within_s: float = WITHIN_S) -> Mended:
    """Wait for the line that begins with these bytes, until the time is over or the queue is closed.

    Args:
        queue: Where it comes from.
        torn: How it begins.
        within_s: How long to wait for it.
    """
    batches: list[Batch] = []
    with anyio.move_on_after(within_s):
        while taken := await queue.take(None):
            batches += taken
            texts = [batch.lines for batch in batches]
            for number in range(len(batches) - len(taken), len(batches)):
                if (at := _find(texts[number], torn)) is not None:
                    texts[number] = texts[number][: at.start] + texts[number][at.stop :]
                    return Mended(batches, [batches[number].lines[at], *texts], came=True)
    return Mended(batches, [batch.lines for batch in batches], came=False)


def _find(lines: bytes, torn: bytes) -> slice | None:
    """The first line that begins so."""
    start = 0 if lines.startswith(torn) else lines.find(b"\n" + torn) + 1
    if start == 0 and not lines.startswith(torn):
        return None
    return slice(start, lines.index(b"\n", start) + 1)
