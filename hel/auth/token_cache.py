"""One access token, minted when it is needed: one refresh in flight, renewed before it expires.

While the old token is good nobody waits for its renewal: the token server's trouble need not become ours. A refresh
is shielded from the cancellation of one waiter, because the others wait for it too; `aclose` ends it.
"""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
from pydantic import SecretStr

from hel.clock import Clock
from hel.telemetry.log import Log

_EARLY_S = 300.0
_EARLY_SHARE = 0.1
_RENEW_AGAIN_S = 30.0
_DEFAULT_LIFETIME_S = 3600.0


class Token(msgspec.Struct, frozen=True):
    """An access token (RFC 6749 §5.1).

    Attributes:
        value: The secret, which no repr shows.
        type: `DPoP` or `Bearer`.
        lifetime_s: As the server said; None where it did not.
        scopes: What it is good for.
    """

    value: SecretStr
    type: str
    lifetime_s: float | None
    scopes: tuple[str, ...] = ()


class TokenCache:
    """Holds the token of one credential, in memory only.

    Args:
        mint: Fetches a new token.
        clock: Tells when it grows old.
        log: Told of a renewal that failed.
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
        """The token: at once where there is one that is good, be its renewal under way; else when it is minted.

        Raises:
            Exception: What minting it raised; every waiter gets it.
        """
        now = self._clock.monotonic()
        token = self._token if now < self._expires_at else None
        if token is not None and now < self._renew_at:
            return token
        if self._refresh is None:
            self._refresh = asyncio.create_task(self._renew())
            self._refresh.add_done_callback(self._refreshed)
        return await asyncio.shield(self._refresh) if token is None else token

    def has_token(self) -> bool:
        """Whether there is a token that is good."""
        return self._token is not None and self._clock.monotonic() < self._expires_at

    def drop(self, value: str) -> None:
        """Forget a token that was refused, unless another one has taken its place."""
        if self._token is not None and self._token.value.get_secret_value() == value:
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
        if task.cancelled() or (error := task.exception()) is None:
            return
        now = self._clock.monotonic()
        if self._token is not None and now < self._expires_at:
            self._renew_at = min(now + _RENEW_AGAIN_S, self._expires_at)
            self._log.warning(
                "token.not_renewed",
                because=str(error),
                fix=f"nothing to do unless it lasts: the old token is good for {self._expires_at - now:.0f} s more",
            )
