"""The assertions of RFC 7523: for a client (§3), and as a grant (§2.1). A law: a key and the moment in, a JWT out."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hel.config.keys import PrivateKey

LIFETIME_S = 300
"""Five minutes; Okta refuses more than an hour, and an hour exactly under a little skew."""

GRANT_LIFETIME_S = 3300
"""Five minutes less than the hour that Google allows; under a little skew more than that is refused."""

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def client_assertion(key: "PrivateKey", *, client_id: str, audience: str, jti: str, issued_at: float) -> str:
    """Sign an assertion for one send; a server consumes its `jti` even when it refuses the request.

    Args:
        key: The client's private key.
        client_id: Both `iss` and `sub`.
        audience: The token URL.
        jti: Unique for this send.
        issued_at: Epoch seconds by the server's clock.
    """
    now = int(issued_at)
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "jti": jti,
        "iat": now,
        "exp": now + LIFETIME_S,
    }
    return _signed(key, claims)


def grant_assertion(
    key: "PrivateKey",
    *,
    issuer: str,
    audience: str,
    scopes: Iterable[str],
    issued_at: float,
    subject: str | None = None,
) -> str:
    """Sign the assertion that Google exchanges for a token.

    Source: https://developers.google.com/identity/protocols/oauth2/service-account#authorizingrequests

    Args:
        key: The service account's private key.
        issuer: Its e-mail address.
        audience: The token URL.
        scopes: What the token is to be good for.
        issued_at: Epoch seconds by the server's clock.
        subject: The user for whom it acts by domain-wide delegation.
    """
    now = int(issued_at)
    claims: dict[str, str | int] = {
        "iss": issuer,
        "scope": " ".join(scopes),
        "aud": audience,
        "iat": now,
        "exp": now + GRANT_LIFETIME_S,
    }
    if subject is not None:
        claims["sub"] = subject
    return _signed(key, claims)


def _signed(key: "PrivateKey", claims: dict[str, Any]) -> str:
    from joserfc import jwt  # noqa: PLC0415  # cryptography is loaded only where there is a key

    header = {"typ": "JWT", "alg": key.algorithm, **({"kid": key.kid} if key.kid else {})}
    return jwt.encode(header, claims, key.key, algorithms=[key.algorithm])
