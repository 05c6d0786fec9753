"""What an OAuth client asks for a token with: RFC 6749's client credentials (§4.4), or a refresh token (§6).

It proves itself by `private_key_jwt` (RFC 7523 §3), or by its secret in the header or the body (RFC 6749 §2.3.1).
"""

import secrets
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote_plus, urlencode

from pydantic import SecretStr

from hel.auth.assertion import ASSERTION_TYPE, client_assertion
from hel.auth.refresh_token import RefreshToken
from hel.records import Request
from hel.telemetry.redaction import conceal

if TYPE_CHECKING:
    from hel.config.keys import PrivateKey


class Grant(Protocol):
    """What tokens are asked for with."""

    @property
    def token_url(self) -> str:
        """The token endpoint."""
        ...

    @property
    def scopes(self) -> tuple[str, ...]:
        """What to ask for."""
        ...

    @property
    def refresh_token(self) -> RefreshToken | None:
        """What the server may replace with any answer."""
        ...

    def token_request(self, issued_at: float) -> Request:
        """A token request, its every secret concealed; made anew for each send, because it may be good for one only.

        Args:
            issued_at: Epoch seconds by the server's clock.
        """
        ...


@dataclass(frozen=True, slots=True)
class Client:
    """What a token request is made of.

    Attributes:
        token_url: The token endpoint; also the assertion's audience.
        client_id: The app's id.
        scopes: What to ask for.
        key: For `private_key_jwt`.
        secret: The client's secret, for HTTP Basic or the body.
        refresh_token: For the refresh grant; without one it is client credentials.
        audience: The API that the token is for, where the server wants to be told.
        extra: More of the form, which overrides nothing.
        secret_in_body: Send the secret as `client_secret`.
    """

    token_url: str
    client_id: str
    scopes: tuple[str, ...] = ()
    key: "PrivateKey | None" = field(default=None, repr=False)
    secret: SecretStr | None = None
    refresh_token: RefreshToken | None = None
    audience: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict, repr=False)
    secret_in_body: bool = False

    def token_request(self, issued_at: float) -> Request:
        """A token request signed for this send alone."""
        form: dict[str, str] = {**self.extra, "grant_type": "client_credentials"}
        headers = {"accept": "application/json", "content-type": "application/x-www-form-urlencoded"}
        if self.refresh_token is not None:
            form["grant_type"] = "refresh_token"
            form["refresh_token"] = self.refresh_token.value.get_secret_value()
        if self.scopes:
            form["scope"] = " ".join(self.scopes)
        if self.audience is not None:
            form["audience"] = self.audience
        self._prove(form, headers, issued_at)
        return Request("POST", self.token_url, headers, urlencode(form).encode())

    def _prove(self, form: dict[str, str], headers: dict[str, str], issued_at: float) -> None:
        """Add what proves the client."""
        if self.key is None and self.secret is not None and not self.secret_in_body:
            pair = f"{quote_plus(self.client_id)}:{quote_plus(self.secret.get_secret_value())}"
            basic = b64encode(pair.encode()).decode()
            conceal(basic)
            headers["authorization"] = f"Basic {basic}"
            return
        if self.key is not None:
            form["client_assertion_type"] = ASSERTION_TYPE
            form["client_assertion"] = assertion = client_assertion(
                self.key, client_id=self.client_id, audience=self.token_url, jti=fresh_jti(), issued_at=issued_at
            )
            conceal(assertion)
            return
        form["client_id"] = self.client_id
        if self.secret is not None:
            form["client_secret"] = self.secret.get_secret_value()


def fresh_jti() -> str:
    """A `jti` that was never used: 128 random bits."""
    return secrets.token_urlsafe(16)
