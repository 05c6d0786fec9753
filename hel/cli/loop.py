"""The event loop of a command, which ends when the command does, whatever look-up of a name still hangs."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

import anyio

from hel.cli import process

P = ParamSpec("P")
T = TypeVar("T")


class _Resolvers(ThreadPoolExecutor):
    """Threads that look names up (asyncio's default executor, which nothing else uses): that can't be cancelled."""

    def __init__(self) -> None:
        super().__init__(max_workers=128, thread_name_prefix=process.RESOLVER)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002  # see above
        super().shutdown(wait=False, cancel_futures=True)


def run(main: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a coroutine function in an event loop of its own; `process.leave` ends what then still hangs."""

    async def begun() -> T:
        process.work()
        asyncio.get_running_loop().set_default_executor(_Resolvers())
        return await main(*args, **kwargs)

    return anyio.run(begun)
