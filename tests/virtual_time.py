"""An event loop whose time is made, not waited for: a sleep of an hour is over at once, and in its right order."""

import asyncio
import selectors
from collections.abc import Awaitable, Callable, Coroutine
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
            self.passed_s += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """Its clock stands still while code runs."""

    def __init__(self) -> None:
        self._hurry = _Hurry()
        super().__init__(self._hurry)

    def time(self) -> float:
        return START + self._hurry.passed_s


class VirtualClock:
    """The program's clock on such a loop; `ahead_s` makes the machine's UTC wrong."""

    ahead_s = 0.0

    def now(self) -> float:
        return asyncio.get_running_loop().time() + self.ahead_s

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, wait_s: float) -> None:
        await asyncio.sleep(wait_s)


def run(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a test's coroutine in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main())


async def settle(condition: Callable[[], bool]) -> None:
    """Let the loop turn until something is so."""
    while not condition():
        await asyncio.sleep(0)


async def first_of(*these: Awaitable[T]) -> T:
    """The first result; the others are cancelled."""
    done, others = await asyncio.wait([asyncio.ensure_future(it) for it in these], return_when=asyncio.FIRST_COMPLETED)
    for other in others:
        other.cancel()
    return done.pop().result()
