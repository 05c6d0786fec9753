"""Time, passed in: the one place where the program reads the clock or sleeps for its own reasons."""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """What a part needs to know of time."""

    def now(self) -> float:
        """UTC seconds since the epoch."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go backwards, for schedules and waits."""
        ...

    async def sleep(self, wait_s: float) -> None:
        """Let `wait_s` seconds pass."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        """UTC seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds that never go backwards."""
        return time.monotonic()

    async def sleep(self, wait_s: float) -> None:
        """Let `wait_s` seconds pass."""
        await asyncio.sleep(wait_s)
