"""One source's recorded replies, made into lines again: no network, no credentials, no state.

The recordings stand in the order in which the pages were followed, so nothing needs to be followed again; a reply
that the run could not use then is passed over now, if it was asked for again.
"""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import anyio.to_thread

from hel import recording
from hel.dedupe import event_key, split_keys
from hel.errors import LineTooLongError, ReplyError, SourceError
from hel.events import LineMaker
from hel.memory import Memory
from hel.queue import BatchQueue, Size
from hel.records import Page, Text
from hel.telemetry.log import Log
from hel.tick import Tick, say_fetched, say_finished, say_skipped

Split = Callable[[bytes], list[Text]]
"""Finds the events in an answer's body."""


async def replay(
    name: str, directory: Path, split: Split, maker: LineMaker, memory: Memory, queue: BatchQueue, log: Log
) -> Tick | SourceError:
    """Hand over the lines of every recorded page.

    Args:
        name: The source's name.
        directory: Its own folder below `--replay-dir`.
        split: Finds its events.
        maker: Splices its lines.
        memory: Starts empty: what an older state left out of the recorded run comes again.
        queue: Where the batches go.
        log: The source's log.

    Returns:
        The account, or why a page could not be read, then or later.
    """
    tick = Tick()
    broken: dict[str, SourceError] = {}
    yielded: dict[str, bytes] = {}
    for path in recording.recordings(directory):
        asked = str(path)
        with queue.room(Size(0, path.stat().st_size)) as room:
            await room.wait()
            try:
                request, reply = await anyio.to_thread.run_sync(recording.read, path)
                await room.begin()
                asked = request.written
                if not reply.is_success:
                    continue
                page = Page(split(reply.body), None, None)
            except ReplyError as error:
                broken[asked] = error
                log.warning("replay.broken", file=str(path), because=error.message, fix=error.fix)
                continue
            # A page that was asked for again, after an interruption or because it may grow, has nothing new twice.
            memory.start_over(memory.checkpoint, Counter(split_keys(yielded.get(asked, b""))))
            try:
                batch = memory.take(name, page, maker, reply.received_at, last=True)
            except LineTooLongError as error:
                return error
            room.put(batch)
        yielded[asked] = b"".join(map(event_key, page.events))
        broken.pop(asked, None)
        tick.add(page, batch)
        say_fetched(tick, page, batch, reply.took_s, log)
        say_skipped(batch, log)
    tick.stand(memory.checkpoint)
    say_finished(tick, log)
    return next(iter(broken.values()), tick)
