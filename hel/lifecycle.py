"""The tasks of one run and the order in which they end: the pollers first, then the delivery, then the process.

On SIGTERM or SIGINT the pollers are cancelled, what is queued is delivered and committed. A second signal ends the
process at once, which loses nothing, because commits follow delivery.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import anyio
from anyio.abc import TaskStatus

from hel.emitter import Emitter
from hel.errors import HelError, SinkError
from hel.queue import BatchQueue
from hel.signals import receiving
from hel.sinks.sink import Sink
from hel.telemetry.log import Log

Job = Callable[[], Coroutine[Any, Any, None]]
"""Hands batches over until it is done or cancelled."""


class Lifecycle:
    """One run.

    Args:
        emitter: Delivers what the jobs hand over.
        queue: Between the two.
        sink: The output.
        shutdown_s: How long the delivery may take after a signal.
        log: The program's log.
    """

    def __init__(self, emitter: Emitter, queue: BatchQueue, sink: Sink, shutdown_s: float, log: Log) -> None:
        self._emitter = emitter
        self._queue = queue
        self._sink = sink
        self._shutdown_s = shutdown_s
        self._log = log
        self._polling = anyio.CancelScope()
        self._delivery = anyio.CancelScope()
        self._failure: HelError | None = None
        self._said: set[str] = set()

    async def run(self, jobs: Sequence[Job], beside: Sequence[Job] = ()) -> HelError | None:
        """Do the jobs until they are done or a signal comes, deliver what they handed over; what ended the delivery.

        Args:
            jobs: Hand batches over.
            beside: Go on until all is delivered, and are cancelled then.
        """
        asyncio.get_running_loop().set_exception_handler(self._say_trouble)
        async with anyio.create_task_group() as watching:
            await watching.start(self._watch)
            for job in beside:
                watching.start_soon(job)
            async with anyio.create_task_group() as delivering:
                delivering.start_soon(self._emit)
                with self._polling:
                    async with anyio.create_task_group() as polling:
                        for job in jobs:
                            polling.start_soon(job)
                self._queue.close()
            watching.cancel_scope.cancel()
        return self._failure

    def _say_trouble(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What nobody else hears of, once each: the loop would write it to stderr itself, and again and again."""
        if context["message"] not in self._said:
            self._said.add(context["message"])
            self._log.error("loop.trouble", because=context["message"], exc_info=context.get("exception"))

    async def _emit(self) -> None:
        with self._delivery:
            try:
                await self._emitter.run()
            except HelError as error:
                self._failure = error
        if self._delivery.cancelled_caught:
            trouble = self._emitter.trouble
            because = f": {trouble.message}" if trouble else ""
            self._failure = SinkError(
                f"what was queued was not delivered within {self._shutdown_s:g} s of the signal{because}",
                "it was not committed and will be collected again",
            )
        self._polling.cancel()

    async def _watch(self, *, task_status: TaskStatus[None]) -> None:
        with receiving({signal.SIGTERM: None, signal.SIGINT: None}) as signals:
            task_status.started()
            async with anyio.create_task_group() as deadline:
                is_asked = False
                async for number in signals:
                    if is_asked:
                        os._exit(1)
                    is_asked = True
                    self._polling.cancel()
                    deadline.start_soon(self._end_delivery)
                    self._log.info("stop.asked", signal=number.name, within_s=self._shutdown_s)

    async def _end_delivery(self) -> None:
        await anyio.sleep(self._shutdown_s)
        self._sink.abandon()
        self._delivery.cancel()
