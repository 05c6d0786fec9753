"""The client assertion of `private_key_jwt`, RFC 7523 §3. A law: the key and the moment in, a signed JWT out."""

from joserfc import jwt

from hel.config.keys import PrivateKey

LIFETIME_S = 300
"""Five minutes; Okta refuses more than an hour, and an hour exactly under a little skew."""

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def client_assertion(key: PrivateKey, *, client_id: str, audience: str, jti: str, issued_at: float) -> str:
    """Sign an assertion for one send; a server consumes its `jti` even when it refuses the request.

    Args:
        key: The client's private key.
        client_id: Both `iss` and `sub`.
        audience: The token URL.
        jti: Unique for this send.
        issued_at: Epoch seconds by the server's clock.
    """
    header = {"typ": "JWT", "alg": key.algorithm, **({"kid": key.kid} if key.kid else {})}
    now = int(issued_at)
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "jti": jti,
        "iat": now,
        "exp": now + LIFETIME_S,
    }
    return jwt.encode(header, claims, key.key, algorithms=[key.algorithm])
