"""The app's own keys. Rule: the org keeps the public half; the private one is for the client under test."""

from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

from joserfc.jwk import ECKey, RSAKey

from examples.okta_org.jws_text import PublicKey

FIRST_KID = "org-key-1"


@dataclass(frozen=True, slots=True)
class ClientKey:
    """A key pair of the app.

    Attributes:
        kid: Its id at the org.
        pem: The private key, PKCS#8.
        jwk: The private key as a JWK, with its `kid`.
        public: The public key.
    """

    kid: str
    pem: str = field(repr=False)
    jwk: dict[str, Any] = field(repr=False)
    public: PublicKey = field(repr=False)


def make(kid: str, kind: Literal["RSA", "EC"] = "RSA") -> ClientKey:
    """A new key pair: RSA of 2048 bits, or P-256."""
    key: RSAKey | ECKey
    key = RSAKey.generate_key(2048, private=True) if kind == "RSA" else ECKey.generate_key("P-256", private=True)
    public_type = RSAKey if kind == "RSA" else ECKey
    return ClientKey(
        kid,
        key.as_pem(private=True).decode(),
        {**key.as_dict(private=True), "kid": kid},
        public_type.import_key(key.as_dict(private=False)),
    )


@cache
def first() -> ClientKey:
    """The key that every org of this process begins with: an RSA key takes long to make."""
    return make(FIRST_KID)
