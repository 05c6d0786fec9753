"""The access tokens that the org has issued. Rule: a token is what the org's memory says of it, nothing in its text."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """One token.

    Attributes:
        value: The secret.
        scopes: What was asked for.
        expires_at: Epoch seconds by the org's clock.
        jkt: The thumbprint of the DPoP key that it is bound to; None for a bearer token.
        by_custom_server: Issued by a custom authorization server, so no good for Okta's own API.
    """

    value: str = field(repr=False)
    scopes: tuple[str, ...]
    expires_at: float
    jkt: str | None
    by_custom_server: bool = False

    @property
    def kind(self) -> str:
        return "Bearer" if self.jkt is None else "DPoP"


class Tokens:
    """The tokens that are good.

    Args:
        now: The org's clock, epoch seconds.
        lifetime_s: How long a token is good.
    """

    def __init__(self, now: Callable[[], float], lifetime_s: float) -> None:
        self.lifetime_s = lifetime_s
        self.issued_count = 0
        self._now = now
        self._tokens: dict[str, IssuedToken] = {}

    def issue(self, scopes: tuple[str, ...], jkt: str | None, *, by_custom_server: bool = False) -> IssuedToken:
        """A new token."""
        self.issued_count += 1
        token = IssuedToken(
            f"eyOrg{secrets.token_urlsafe(48)}", scopes, self._now() + self.lifetime_s, jkt, by_custom_server
        )
        self._tokens[token.value] = token
        return token

    def find(self, value: str) -> IssuedToken | None:
        """The token of this value, if it is still good."""
        token = self._tokens.get(value)
        return token if token is not None and self._now() < token.expires_at else None

    def revoke(self) -> None:
        """Revoke every token so far."""
        self._tokens.clear()
