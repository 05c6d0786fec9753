"""A line that a crash cut short is completed with the rest of its own bytes.

So a shipper that has read half of it goes on undisturbed. Its event was not committed, and comes again; until it does
nothing else is written. Where it does not come in time (its source is gone, or the line would read otherwise today),
what is torn is cut.
"""

from dataclasses import replace

import anyio

from hel.queue import BatchQueue
from hel.records import Batch

WITHIN_S = 10.0


async def await_line(queue: BatchQueue, torn: bytes, within_s: float = WITHIN_S) -> tuple[bool, list[Batch]]:
    """Wait for the line that begins with these bytes.

    Args:
        queue: Where it comes from.
        torn: How it begins.
        within_s: How long to wait for it.

    Returns:
        Whether it came before the time was over or the queue was closed; and all that was taken, that line first.
    """
    taken: list[Batch] = []
    with anyio.move_on_after(within_s):
        while batches := await queue.take(None):
            for batch in batches:
                if (start := _find(batch.lines, torn)) is not None:
                    others = [*taken, *(other for other in batches if other is not batch)]
                    return True, [_begin_with(batch, start), *others]
            taken += batches
    return False, taken


def _find(lines: bytes, torn: bytes) -> int | None:
    """Where the first line that begins so starts."""
    if lines.startswith(torn):
        return 0
    at = lines.find(b"\n" + torn)
    return at + 1 if at >= 0 else None


def _begin_with(batch: Batch, start: int) -> Batch:
    """The batch with the line that starts there before its others."""
    end = batch.lines.index(b"\n", start) + 1
    return replace(batch, lines=batch.lines[start:end] + batch.lines[:start] + batch.lines[end:])
