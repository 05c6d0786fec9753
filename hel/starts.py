"""Where one source's tick starts: at the stored place, at a walk's beginning, or where a refused cursor leaves it.

Only what is committed can be recalled, so before the source stands somewhere else its deliveries are waited for.
"""

import anyio.to_thread

from hel.deadline import Deadline
from hel.errors import RefusedError, ReplyError, Trouble, UnreachableError
from hel.memory import Memory
from hel.queue import BatchQueue
from hel.records import Checkpoint
from hel.recovery import CHANGED, Recovery
from hel.telemetry.log import Log

_STUCK = 5
"""Ticks that end with a 5xx at the same place of a walk before it is begun again."""


class Starts:
    """Lets a source stand where its next request starts.

    Args:
        name: The source's name.
        memory: Where it stands, and what it has delivered.
        recovery: Where it starts when what is stored does not serve.
        queue: Where its batches go.
        deadline: The tick's; waits for the output do not count.
        log: The source's log.
    """

    def __init__(
        self, name: str, memory: Memory, recovery: Recovery, queue: BatchQueue, deadline: Deadline, log: Log
    ) -> None:
        self._name = name
        self._memory = memory
        self._recovery = recovery
        self._queue = queue
        self._deadline = deadline
        self._log = log
        self._failed_at: str | None = None
        self._failures = 0

    @property
    def is_under_way(self) -> bool:
        """Whether a walk is, that answers the question as it is now."""
        checkpoint = self._memory.checkpoint
        return checkpoint.resume is not None and not self._recovery.is_changed(checkpoint)

    def walk(self, now: float) -> Checkpoint | None:
        """Where the next walk begins; None where nothing is due yet.

        Raises:
            NoStartError: Nothing says where that is.
        """
        return self._recovery.start_walk(self._memory.checkpoint, now)

    async def at_question(self) -> None:
        """Stand elsewhere if what is stored answers another question.

        Raises:
            NoStartError: Every other start would lose or repeat events.
        """
        checkpoint = self._memory.checkpoint
        if self._recovery.is_changed(checkpoint):
            await self._start_over("question.changed", CHANGED, self._recovery.start_changed(checkpoint))

    async def after(self, error: RefusedError | ReplyError | UnreachableError, now: float) -> None:
        """Stand elsewhere if it may be the stored cursor that was refused.

        Raises:
            RefusedError: It is not, or the source is to fail then.
            NoStartError: Every other start would lose or repeat events.
        """
        checkpoint = self._memory.checkpoint
        if isinstance(error, UnreachableError) and not self._is_stuck(error, checkpoint):
            raise error
        if self._memory.is_new_ground or not self._recovery.concerns(error, checkpoint):
            raise error
        start = self._recovery.start_refused(error, checkpoint, now)
        await self._start_over("cursor.refused", error.message, start)

    def _is_stuck(self, error: UnreachableError, checkpoint: Checkpoint) -> bool:
        """Whether the API fails at this very place, tick after tick, as some do at a cursor that is too old."""
        if error.trouble is not Trouble.PASSING:
            return False
        self._failures = self._failures + 1 if self._failed_at == checkpoint.resume else 1
        self._failed_at = checkpoint.resume
        return self._failures >= _STUCK

    async def stand(self, start: Checkpoint) -> None:
        """Stand there, and know what was delivered from there on."""
        with self._deadline.paused():
            await self._queue.settled(self._name)
        self._memory.start_over(start, await anyio.to_thread.run_sync(self._recovery.recall))

    async def _start_over(self, event: str, because: str, start: Checkpoint) -> None:
        """Start somewhere else than the stored cursor says, and say so."""
        recovery = self._recovery
        since = recovery.question.start_of(start)
        self._log.warning(event, because=because, since=since, fix=recovery.advice(start))
        await self.stand(start)
