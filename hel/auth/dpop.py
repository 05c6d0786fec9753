"""DPoP proofs, RFC 9449 §4.2. A law: the key, the request and the moment in, a signed JWT out.

A proof is made for one send; the caller passes a fresh `jti` each time.
"""

import re
from base64 import urlsafe_b64encode
from hashlib import sha256

ALGORITHM = "ES256"


class ProofKey:
    """The key that tokens are bound to: P-256, made anew for each process, never stored.

    It is not the key that the client signs in with (Okta refuses that).
    """

    def __init__(self) -> None:
        from joserfc import jwt  # noqa: PLC0415  # cryptography is loaded only where there is a key
        from joserfc.jwk import ECKey  # noqa: PLC0415  # as above

        self._encode = jwt.encode
        self._key = ECKey.generate_key("P-256", private=True)
        public = self._key.as_dict(private=False)
        self._header = {
            "typ": "dpop+jwt",
            "alg": ALGORITHM,
            "jwk": {name: public[name] for name in ("kty", "crv", "x", "y")},
        }

    def proof(
        self,
        method: str,
        url: str,
        *,
        jti: str,
        issued_at: float,
        nonce: str | None = None,
        access_token: str | None = None,
    ) -> str:
        """Sign the proof for one send.

        Args:
            method: The HTTP method as sent; becomes `htm`.
            url: The URL as sent; becomes `htu` without query and fragment.
            jti: Unique for this send.
            issued_at: Epoch seconds by the server's clock.
            nonce: The newest nonce of this server, if it has given one (§8, §9).
            access_token: On a resource call, the token that goes along; becomes `ath`.
        """
        claims: dict[str, str | int] = {"jti": jti, "htm": method, "htu": htu(url), "iat": int(issued_at)}
        if nonce is not None:
            claims["nonce"] = nonce
        if access_token is not None:
            claims["ath"] = ath(access_token)
        return self._encode(self._header, claims, self._key, algorithms=[ALGORITHM])


def htu(url: str) -> str:
    """The URL as sent without query and fragment, byte for byte (§4.2)."""
    return re.split("[?#]", url, maxsplit=1)[0]


def ath(access_token: str) -> str:
    """BASE64URL(SHA-256(ASCII(token))) without padding (§4.2)."""
    return urlsafe_b64encode(sha256(access_token.encode("ascii")).digest()).rstrip(b"=").decode()
