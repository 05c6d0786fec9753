"""Signals as they come, and what they do afterwards: at no moment what the kernel does by itself.

asyncio's own handlers put the default back when they go, in the middle of a stop; that would end the process.
"""

import asyncio
import math
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream


@contextmanager
def receiving(afterwards: Mapping[signal.Signals, Any]) -> Iterator[MemoryObjectReceiveStream[signal.Signals]]:
    """What comes of these signals, in a running loop's main thread.

    Args:
        afterwards: By signal, its handler at the end, as `signal.signal` takes it; None for the one before.
    """
    loop = asyncio.get_running_loop()
    send, receive = anyio.create_memory_object_stream[signal.Signals](math.inf)

    def put(number: int) -> None:
        with suppress(anyio.ClosedResourceError, anyio.BrokenResourceError):  # it came as the last thing
            send.send_nowait(signal.Signals(number))

    def note(number: int, _: FrameType | None) -> None:
        loop.call_soon_threadsafe(put, number)

    before = {number: signal.signal(number, note) for number in afterwards}
    try:
        with send, receive:
            yield receive
    finally:
        for number, handler in afterwards.items():
            signal.signal(number, before[number] if handler is None else handler)
