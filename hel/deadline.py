"""How long something may take, while time that others cost it is not counted."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager


class Deadline:
    """An `asyncio.timeout` that can stand still.

    Args:
        within_s: How long it may take.
    """

    def __init__(self, within_s: float) -> None:
        self._within_s = within_s
        self._timeout: asyncio.Timeout | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """What is awaited in here is cancelled when the time is over.

        Raises:
            TimeoutError: It was.
        """
        try:
            async with asyncio.timeout(self._within_s) as self._timeout:
                yield
        finally:
            self._timeout = None

    @contextmanager
    def paused(self) -> Iterator[None]:
        """What is awaited in here takes as long as it takes."""
        timeout, loop = self._timeout, asyncio.get_running_loop()
        until = None if timeout is None or timeout.expired() else timeout.when()
        if timeout is None or until is None:
            yield
            return
        left_s = until - loop.time()
        timeout.reschedule(None)
        try:
            yield
        finally:
            timeout.reschedule(loop.time() + left_s)
