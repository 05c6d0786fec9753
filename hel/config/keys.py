"""Reads a client's private key, whichever way it is written. Rule: no message holds a part of the key.

PEM as PKCS#1, PKCS#8 or SEC 1 (RFC 7468, RFC 5915), or a JWK (RFC 7517); RSA or EC. Which algorithm a key signs with
follows RFC 7518 §3.1: the curve decides for EC; RSA takes RS256 unless the JWK's own `alg` says otherwise.
"""

import json
import re
import warnings
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InternalError, InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_ssh_private_key
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, RSAKey

_PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----\s*(.*?)\s*-----END \1-----", re.DOTALL)
_BEGIN = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----")
_BODY_CHARACTERS = re.compile(r"[A-Za-z0-9+/=\s]*")
_ENCRYPTED = (
    "the private key is encrypted, and Hel can't ask for its password "
    "(decrypt it: openssl pkey -in KEY.pem -out priv.pem)"
)
_PUBLIC = "this is a public key (Hel signs with the private key that belongs to it)"
_DAMAGED = (
    "the PEM private key can't be read: it is damaged, or of a kind that Hel does not know "
    "(copy it again, or check it: openssl pkey -in KEY.pem -noout)"
)
_RSA_MIN_BITS = 2048
_RSA_MAX_BITS = 16384

_ALGORITHMS: dict[str, tuple[str, ...]] = {
    "RSA": ("RS256", "RS384", "RS512"),
    "secp256r1": ("ES256",),
    "secp384r1": ("ES384",),
    "secp521r1": ("ES512",),
}
"""The algorithms that a key may sign with, by RSA or the curve's SECG name; the first is the default."""


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """A client's key and how it signs.

    Attributes:
        key: The key itself, which no repr shows.
        algorithm: The JWS `alg` (RFC 7518 §3.1).
        kid: The key's ID for the JWS header, or None where none is known.
    """

    key: RSAKey | ECKey = field(repr=False)
    algorithm: str
    kid: str | None


def read_private_key(text: str, kid: str | None = None) -> PrivateKey:
    r"""Read a private key.

    Args:
        text: PEM or JWK. A PEM on one line, with literal `\n`, is read too: that is how it fits some environments.
        kid: The key's ID, which wins over a JWK's own.

    Raises:
        ValueError: It is no private key that Hel can sign with; the message says what it is instead, and never
            repeats any of it.
    """
    text = text.removeprefix("\ufeff").strip().strip("\"'").strip()
    if not text:
        raise ValueError("the private key is empty")
    if text.startswith(("{", "[")):
        return _read_jwk(text, kid)
    return _read_pem(text.replace("\\r", "").replace("\\n", "\n"), kid)


def _read_pem(text: str, kid: str | None) -> PrivateKey:
    label, pem = _find_pem(text)
    load = load_ssh_private_key if label == "OPENSSH PRIVATE KEY" else load_pem_private_key
    trusting: dict[str, bool] = {} if load is load_ssh_private_key else {"unsafe_skip_rsa_key_validation": True}
    try:
        # Validation looks whether its factors are prime, for 60 ms; the key is ours, and `_check_rsa` sees damage.
        native = load(pem.encode(), password=None, **trusting)
    except TypeError:  # cryptography's word for "a password is needed"
        raise ValueError(_ENCRYPTED) from None
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError(_DAMAGED) from None
    if isinstance(native, RSAPrivateKey):
        _check_rsa(native)
        return _finish(_import(RSAKey, native), kid, None)
    if isinstance(native, EllipticCurvePrivateKey):
        return _finish(_import(ECKey, native), kid, None)
    raise ValueError("the private key is neither RSA nor EC (Okta takes RSA and EC keys)")


def _check_rsa(key: RSAPrivateKey) -> None:
    """See whether it signs what its public half takes."""
    if key.key_size > _RSA_MAX_BITS:
        raise ValueError(f"the RSA key has {key.key_size} bits (more than {_RSA_MAX_BITS} are not supported)")
    try:
        key.public_key().verify(key.sign(b"hel", PKCS1v15(), SHA256()), b"hel", PKCS1v15(), SHA256())
    except (InvalidSignature, ValueError, InternalError):
        raise ValueError(_DAMAGED) from None


def _find_pem(text: str) -> tuple[str, str]:
    """The label of the private key's block and the block itself, with the line breaks that PEM wants."""
    for block in _PEM.finditer(text):
        label, body = block[1], block[2]
        if not label.endswith("PRIVATE KEY"):
            continue
        if label.startswith("ENCRYPTED") or "Proc-Type:" in body:
            raise ValueError(_ENCRYPTED)
        if not _BODY_CHARACTERS.fullmatch(body):
            raise ValueError("the PEM holds characters that are not Base64 (copy the key again)")
        packed = "".join(body.split())
        lines = [packed[start : start + 64] for start in range(0, len(packed), 64)]
        return label, "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""])
    raise ValueError(_what_instead(text))


def _what_instead(text: str) -> str:
    """What a text without a private key's block is."""
    found = _BEGIN.search(text)
    label = found[1] if found else ""
    if label.endswith("PRIVATE KEY"):
        return "the PEM has no end (the '-----END … PRIVATE KEY-----' line is missing: was the value cut off?)"
    if "PUBLIC KEY" in label or text.startswith(("ssh-", "ecdsa-")):
        return _PUBLIC
    if "CERTIFICATE" in label:
        return "this is a certificate (Hel needs the private key that belongs to it)"
    if "PRIVATE KEY-----" in text:
        return "the PEM has no beginning (its '-----BEGIN … PRIVATE KEY-----' line is missing or cut)"
    return "the text holds no private key (expected PEM, '-----BEGIN … PRIVATE KEY-----', or a JWK in JSON)"


def _read_jwk(text: str, kid: str | None) -> PrivateKey:
    try:
        jwk = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("the JWK is not valid JSON (was the value cut off, or its quotes lost in a shell?)") from None
    if not isinstance(jwk, dict) or "keys" in jwk:
        raise ValueError("this is a set of keys (take the one private key out of it)")
    kinds: dict[Any, type[RSAKey | ECKey]] = {"RSA": RSAKey, "EC": ECKey}
    kind = kinds.get(jwk["kty"]) if isinstance(jwk.get("kty"), str) else None
    if kind is None:
        raise ValueError("the JWK's 'kty' is neither RSA nor EC (Okta takes RSA and EC keys)")
    if "d" not in jwk:
        raise ValueError(_PUBLIC)
    operations = jwk.get("key_ops", ["sign"])
    if jwk.get("use", "sig") != "sig" or not isinstance(operations, list) or "sign" not in operations:
        raise ValueError("the JWK's 'use' or 'key_ops' forbid signing (take a key with use 'sig')")
    own, alg = jwk.get("kid"), jwk.get("alg")
    if own is not None and not isinstance(own, str):
        raise ValueError("the JWK's 'kid' is not a text")
    # Only the key's own numbers: joserfc would check the other members by rules of its own.
    members = {name: value for name, value in jwk.items() if name in kind.value_registry}
    return _finish(_import(kind, {**members, "kty": jwk["kty"]}), kid or own, alg)


def _import(kind: type[RSAKey] | type[ECKey], value: Any) -> RSAKey | ECKey:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SecurityWarning)  # a key too small is refused below
            return kind.import_key(value)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, OverflowError, UnsupportedAlgorithm):
        raise ValueError("the JWK's numbers make no key (a member is missing or damaged: copy it again)") from None


def _finish(key: RSAKey | ECKey, kid: str | None, alg: object) -> PrivateKey:
    if isinstance(key, RSAKey):
        bits = key.raw_value.key_size
        if bits < _RSA_MIN_BITS:
            raise ValueError(f"the RSA key has {bits} bits (RFC 7518 §3.3 asks for {_RSA_MIN_BITS} or more)")
        allowed = _ALGORITHMS["RSA"]
    else:
        curve = key.raw_value.curve.name
        if curve not in _ALGORITHMS:
            raise ValueError("the EC key's curve is not supported (use P-256, P-384 or P-521)")
        allowed = _ALGORITHMS[curve]
    if alg is None:
        return PrivateKey(key, allowed[0], kid)
    if not isinstance(alg, str) or alg not in allowed:
        raise ValueError(f"the JWK's 'alg' does not fit its key (expected {' or '.join(allowed)})")
    return PrivateKey(key, alg, kid)
