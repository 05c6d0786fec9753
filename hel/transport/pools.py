"""HTTP clients, one for each origin, so that a request costs the same however many origins there are.

A pool of httpcore's looks at all of its connections at each request, and at all once more for each that is idle
(1.0.9): with a thousand of them, that takes longer than the request. What is not used for a while is closed.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec

from hel.clock import Clock
from hel.transport.http import httpx

KEEP_S = 90.0
"""How long a connection is kept that nobody uses: longer than the usual interval, so that ticks share one."""


class _Pool(msgspec.Struct):
    client: httpx.AsyncClient
    users: int = 0
    used_at: float = 0.0


class Pools:
    """The clients of one way of using TLS.

    Args:
        clock: Tells how long ago one was used.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pools: dict[str, _Pool] = {}

    @contextmanager
    def using(self, origin: str, make: Callable[[], httpx.AsyncClient]) -> Iterator[httpx.AsyncClient]:
        """The client of an origin, which is not closed in here.

        Args:
            origin: Scheme, host and port.
            make: Makes it, where there is none.
        """
        if (pool := self._pools.get(origin)) is None:
            pool = self._pools[origin] = _Pool(make())
        pool.users += 1
        try:
            yield pool.client
        finally:
            pool.users -= 1
            pool.used_at = self._clock.monotonic()

    async def tidy(self) -> None:
        """Close what was not used for a while: a pool closes what has grown old only when it is asked for more."""
        until = self._clock.monotonic() - KEEP_S
        for origin, pool in list(self._pools.items()):
            if not pool.users and pool.used_at < until:
                del self._pools[origin]
                await pool.client.aclose()

    async def aclose(self) -> None:
        """Close them all."""
        pools, self._pools = self._pools, {}
        for pool in pools.values():
            await pool.client.aclose()
