"""Turns at what costs the loop much, so that a crowd of it keeps nothing else waiting.

A thousand sources that sign in within some seconds, each with a handshake and signatures, would make each round of the
loop take a second, and every tick late by that. The rule: a turn that takes long is over as far as the others are
concerned, for who waits for an answer costs nothing.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hel.records import Reply, Request
from hel.transport.client import Begins, Bounds, Transport, at_once

MOST = 20
"""At once."""

LONGEST_S = 1.0


class Turns:
    """Turns, given in the order of asking.

    Args:
        most: How many at once.
    """

    def __init__(self, most: int = MOST) -> None:
        self._free = asyncio.Semaphore(most)

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Wait for a turn, and have it."""
        await self._free.acquire()
        is_over = False

        def end() -> None:
            nonlocal is_over
            if not is_over:
                is_over = True
                self._free.release()

        timer = asyncio.get_running_loop().call_later(LONGEST_S, end)
        try:
            yield
        finally:
            timer.cancel()
            end()


class InTurn:
    """A way to the network that is taken in turn.

    Args:
        transport: The way.
        turns: Of all who take it so.
    """

    def __init__(self, transport: Transport, turns: Turns) -> None:
        self._transport = transport
        self._turns = turns

    async def send(self, request: Request, bounds: Bounds, begins: Begins = at_once) -> Reply:
        """As the transport does, which begins to count the time when it is this request's turn."""
        async with self._turns.one():
            return await self._transport.send(request, bounds, begins)
