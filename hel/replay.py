"""One source's recorded replies, made into lines again: no network, no credentials, no state.

The recordings stand in the order in which the pages were followed, so nothing needs to be followed again; a reply
that the run could not use then is passed over now.
"""

from collections.abc import Callable
from pathlib import Path

import anyio.to_thread

from hel import recording
from hel.errors import ReplyError
from hel.events import LineMaker
from hel.memory import Memory
from hel.paging.pager import Pager
from hel.poller import Tick
from hel.queue import BatchQueue, Size
from hel.telemetry.log import Log

PagerFor = Callable[[str], Pager]
"""A source's pager for a URL; the recorded one, for `hel.yaml` may name another domain by now."""


async def replay(
    name: str, directory: Path, pager: PagerFor, maker: LineMaker, memory: Memory, queue: BatchQueue, log: Log
) -> Tick | ReplyError:
    """Hand over the lines of every recorded page.

    Args:
        name: The source's name.
        directory: Its own folder below `--replay-dir`.
        pager: Makes its pager for the URL that was asked first.
        maker: Splices its lines.
        memory: Starts empty: what an older state left out of the recorded run comes again.
        queue: Where the batches go.
        log: The source's log.

    Returns:
        The account, or the last page that could not be read.
    """
    tick, broken = Tick(), None
    for path in recording.recordings(directory):
        try:
            request, reply = await anyio.to_thread.run_sync(recording.read, path)
            if not 200 <= reply.status < 300:
                continue
            page = pager(request.url).read(request, reply)
        except ReplyError as error:
            broken = error
            log.warning("replay.broken", file=str(path), because=error.message, fix=error.fix)
            continue
        async with queue.room(Size(len(page.events), len(reply.body))) as room:
            batch = memory.take(name, page, maker, reply.received_at, last=True)
            room.put(batch)
        tick.add(page, batch)
    tick.stand(memory.checkpoint)
    return broken or tick
