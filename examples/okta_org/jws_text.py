"""Takes a compact JWS apart (RFC 7515 §3.1) without believing it. Rule: strict base64url, no member twice."""

import json
import re
from base64 import urlsafe_b64decode
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

PublicKey = RSAKey | ECKey

ALGORITHMS = ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512")
"""What Okta takes for assertions and proofs; all asymmetric."""

_LONGEST_HEADER = 8192
"""Bytes; joserfc's own limit is too short for an RSA key in a header."""

_SEGMENT = re.compile(r"[A-Za-z0-9_-]+")


def parts(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The header and the claims of a signed JWT, not yet verified.

    Raises:
        ValueError: It is none, or an object names a member twice.
    """
    segments = text.split(".")
    if len(segments) != 3 or not all(_SEGMENT.fullmatch(segment) for segment in segments):
        raise ValueError("is not three base64url segments")
    header, claims = (_json_object(segment) for segment in segments[:2])
    return header, claims


def is_signed_by(text: str, key: PublicKey, algorithm: str) -> bool:
    """Whether the signature is the key's, by this algorithm and no other."""
    registry = jws.JWSRegistry(algorithms=[algorithm], strict_check_header=False)
    registry.max_header_length = _LONGEST_HEADER
    try:
        jws.deserialize_compact(text, key, registry=registry)
    except (JoseError, ValueError):
        return False
    return True


def public_key(jwk: dict[str, Any]) -> PublicKey:
    """A JWK as a key.

    Raises:
        ValueError: It is neither an RSA nor an EC key.
    """
    kinds: dict[Any, type[RSAKey | ECKey]] = {"RSA": RSAKey, "EC": ECKey}
    kind = kinds.get(jwk.get("kty"))
    if kind is None:
        raise ValueError("is neither an RSA nor an EC key")
    try:
        return kind.import_key(jwk)
    except (JoseError, TypeError, KeyError) as error:
        raise ValueError(f"is not a key: {type(error).__name__}") from error


def _json_object(segment: str) -> dict[str, Any]:
    value: Any = json.loads(
        urlsafe_b64decode(segment + "=" * (-len(segment) % 4)), object_pairs_hook=_object_without_repetition
    )
    if not isinstance(value, dict):
        raise ValueError("is not a JSON object")  # noqa: TRY004  # callers handle one error: malformed text
    return value


def _object_without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"names {name!r} twice")
    return dict(pairs)
