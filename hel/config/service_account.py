"""Reads the key of a service account of Google's, JSON as its console hands it out. Rule: no message holds a part.

What is in it: https://developers.google.com/identity/protocols/oauth2/service-account#creatinganaccount
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hel.config.fields import check_url, is_plain_http
from hel.config.keys import PrivateKey, read_private_key

TOKEN_URL = "https://oauth2.googleapis.com/token"  # noqa: S105  # a URL
"""Where Google exchanges an assertion for a token."""

_PATH = re.compile(r"(~|\.{0,2}/|[A-Za-z]:\\)[^\n]*|[^\n{]*\.json")
_WORD = re.compile(r"[\x21-\x7e]{1,512}")
_CREATE = (
    "(for the key open the service account in the Google Cloud console, IAM & Admin > Service Accounts: "
    "Keys > Add key > Create new key > JSON)"
)


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """A service account and its key.

    Attributes:
        email: Its e-mail address, by which Google knows it.
        key: Signs with RS256; no repr shows it.
        token_url: Where its assertions are exchanged for tokens.
    """

    email: str
    key: PrivateKey
    token_url: str


def read_service_account(text: str, token_url: str | None = None) -> ServiceAccount:
    """Read a service account's key.

    Args:
        text: JSON.
        token_url: Wins over the key's own `token_uri`.

    Raises:
        ValueError: It is none that Hel can sign with; the message says what it is instead, or what is wrong in it,
            and never repeats any of it.
    """
    content = _read_json(text)
    if not isinstance(content, dict) or content.get("type") != "service_account":
        raise ValueError(f"this is {_what_instead(content)} {_CREATE}")
    email, pem = _text(content, "client_email"), _text(content, "private_key")
    if not _WORD.fullmatch(email):
        raise ValueError("'client_email' in the service account's key is no e-mail address (take the file unchanged)")
    kid = content.get("private_key_id") or None
    if kid is not None and not (isinstance(kid, str) and _WORD.fullmatch(kid)):
        raise ValueError("'private_key_id' in the service account's key is no word (take the file unchanged)")
    try:
        key = read_private_key(pem, kid).key
    except ValueError as error:
        raise ValueError(f"'private_key' in the service account's key: {error}") from None
    if key.key_type != "RSA":
        raise ValueError("'private_key' in the service account's key is no RSA key (Google takes no other)")
    return ServiceAccount(email, PrivateKey(key, "RS256", kid), token_url or _token_url(content))


def _read_json(text: str) -> Any:
    text = text.removeprefix("\ufeff").strip()
    try:
        return json.loads(text, strict=False)  # an environment may have made line breaks of the key's `\\n`
    except (ValueError, RecursionError):
        if _PATH.fullmatch(text):
            raise ValueError(
                "this is a file's path, and not the service account's key in it "
                "(name the file in 'credentials_file', where ${VARIABLE} is filled in)"
            ) from None
        raise ValueError(
            "this is no JSON (expected a service account's key: was it cut off, or its quotes lost in a shell?)"
        ) from None


def _what_instead(content: Any) -> str:
    """What JSON is that is no service account's key."""
    if not isinstance(content, dict):
        return "JSON, but no service account's key"
    kind = content.get("type")
    if kind == "authorized_user":
        return "a user's own credentials, as gcloud keeps them, and no service account's key"
    if isinstance(kind, str) and (kind.startswith("external_account") or kind == "impersonated_service_account"):
        return "a configuration of federation or impersonation, which holds no key of a service account"
    if "installed" in content or "web" in content:
        return "an OAuth client's secret, and no service account's key"
    return "no service account's key: its 'type' is not 'service_account'"


def _text(content: Mapping[str, Any], name: str) -> str:
    value = content.get(name)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"'{name}' is missing in the service account's key (take the file whole and unchanged)")
    return value


def _token_url(content: Mapping[str, Any]) -> str:
    url = content.get("token_uri")
    if url is None:
        return TOKEN_URL
    why = _why_not(url)
    if why:
        raise ValueError(
            f"'token_uri' in the service account's key can't be used: {why} (or set 'token_url: {TOKEN_URL}')"
        )
    return str(url)


def _why_not(url: Any) -> str:
    """Why a token URL can't be used; empty where it can."""
    try:
        is_plain = is_plain_http(check_url(url if isinstance(url, str) else ""))
    except ValueError as error:
        return str(error)
    return "plain http would show the token to everybody on the way" if is_plain else ""
