"""One access token, minted when it is needed: one refresh in flight, renewed before it expires.

The refresh is shielded from the cancellation of one waiter, because the others wait for it too; `aclose` ends it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from hel.clock import Clock
from hel.telemetry.log import Log

_EARLY_S = 300.0
_EARLY_SHARE = 0.1
_RENEW_AGAIN_S = 30.0
_DEFAULT_LIFETIME_S = 3600.0


@dataclass(frozen=True, slots=True)
class Token:
    """An access token (RFC 6749 §5.1).

    Attributes:
        value: The secret; in no repr.
        type: `DPoP` or `Bearer`.
        lifetime_s: As the server said; None where it did not.
        scopes: What it is good for.
    """

    value: str = field(repr=False)
    type: str
    lifetime_s: float | None
    scopes: tuple[str, ...] = ()


class TokenCache:
    """Holds the token of one source, in memory only.

    Args:
        mint: Fetches a new token.
        clock: Tells when it grows old.
        log: The source's log.
    """

    def __init__(self, mint: Callable[[], Awaitable[Token]], clock: Clock, log: Log) -> None:
        self._mint = mint
        self._clock = clock
        self._log = log
        self._token: Token | None = None
        self._renew_at = 0.0
        self._expires_at = 0.0
        self._refresh: asyncio.Task[Token] | None = None

    async def get(self) -> Token:
        """The token, minted or renewed first where that is due.

        A renewal that fails while the old token still lives is tried again later: the token server's trouble need
        not become ours.

        Raises:
            Exception: What minting it raised; every waiter gets it.
        """
        if self._token is not None and self._clock.monotonic() < self._renew_at:
            return self._token
        if self._refresh is None:
            self._refresh = asyncio.create_task(self._renew())
            self._refresh.add_done_callback(self._refreshed)
        try:
            return await asyncio.shield(self._refresh)
        except Exception as error:
            now = self._clock.monotonic()
            if self._token is None or now >= self._expires_at:
                raise
            self._renew_at = min(now + _RENEW_AGAIN_S, self._expires_at)
            self._log.warning(
                "token.not_renewed",
                because=str(error),
                fix=f"nothing to do unless it lasts: the old token is good for {self._expires_at - now:.0f} s more",
            )
            return self._token

    def drop(self, value: str) -> None:
        """Forget a token that was refused, unless another one has taken its place."""
        if self._token is not None and self._token.value == value:
            self._token = None

    async def aclose(self, grace_s: float = 0.0) -> None:
        """End a refresh that is under way, which may take this long to end by itself."""
        if self._refresh is not None:
            await asyncio.wait([self._refresh], timeout=grace_s)
        if self._refresh is not None:
            self._refresh.cancel()
            await asyncio.wait([self._refresh])

    async def _renew(self) -> Token:
        asked_at = self._clock.monotonic()
        token = await self._mint()
        lifetime_s = _DEFAULT_LIFETIME_S if token.lifetime_s is None else token.lifetime_s
        self._expires_at = asked_at + lifetime_s
        self._renew_at = self._expires_at - min(_EARLY_S, lifetime_s * _EARLY_SHARE)
        self._token = token
        return token

    def _refreshed(self, task: asyncio.Task[Token]) -> None:
        self._refresh = None
        if not task.cancelled():
            task.exception()  # retrieved: where every waiter was cancelled, nobody else will
