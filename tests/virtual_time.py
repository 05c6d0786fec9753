"""An event loop whose time is made, not waited for: a sleep of an hour is over at once, and in its right order."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
START = 1_777_636_800.0
"""2026-05-01T12:00:00Z."""


class _Hurry(selectors.DefaultSelector):
    """Where the loop would wait for its next timer, the time jumps there instead."""

    passed_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0 if timeout else timeout)
        if timeout and not ready:
            self.passed_s += max(timeout, 1e-6)  # less would be lost in rounding
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """Its clock stands still while code runs."""

    def __init__(self) -> None:
        self._hurry = _Hurry()
        super().__init__(self._hurry)

    def time(self) -> float:
        return self._hurry.passed_s

    def be_busy(self, for_s: float) -> None:
        """Code that takes so long runs: nothing else does meanwhile."""
        self._hurry.passed_s += for_s


class VirtualClock:
    """The program's clock on such a loop; `ahead_s` makes the machine's UTC wrong."""

    ahead_s = 0.0

    def now(self) -> float:
        return START + asyncio.get_running_loop().time() + self.ahead_s

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, wait_s: float) -> None:
        await asyncio.sleep(wait_s)


def run(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a test's coroutine in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main())
