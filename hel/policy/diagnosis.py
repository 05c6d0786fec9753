"""The words for what an answer means: what happened, and its fix. A law: a Reply in, two sentences out.

The fixes are those of the guide's troubleshooting table (`examples/okta.md`), recognised from the answer itself.
"""

import json
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from hel.errors import AuthError
from hel.records import Reply
from hel.telemetry.printable import printable


class Stage(StrEnum):
    """What was asked."""

    TOKEN = "token server"  # noqa: S105  # a stage's name
    API = "API"


@dataclass(frozen=True, slots=True)
class Facts:
    """What the words depend on besides the answer.

    Attributes:
        url: The source's URL.
        auth: `none`, `bearer` or `oauth2`.
        prefix: The bearer prefix.
        token_url: The token URL, empty where there is none.
        dpop: Whether DPoP is on.
    """

    url: str
    auth: str = "none"
    prefix: str = ""
    token_url: str = ""
    dpop: bool = False


@dataclass(frozen=True, slots=True)
class Complaint:
    """What an error answer says of itself.

    Attributes:
        code: Okta's `errorCode`, OAuth's `error`, or empty.
        text: Its summary or description, made safe for a terminal.
    """

    code: str
    text: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.code, self.text) if part)


def complaint(reply: Reply) -> Complaint:
    """Read an error answer: a JSON body (Okta's or RFC 6749 §5.2), else `WWW-Authenticate` (RFC 9449 §7.1)."""
    try:
        body: Any = json.loads(reply.body)
    except (ValueError, RecursionError):
        body = None
    challenge = challenge_parameters(reply)
    if isinstance(body, dict):
        code = body.get("error") or body.get("errorCode") or challenge.get("error") or ""
        text = body.get("error_description") or body.get("errorSummary") or challenge.get("error_description") or ""
        return Complaint(printable(str(code)), printable(str(text)))
    return Complaint(
        printable(challenge.get("error", "")),
        printable(challenge.get("error_description", "")),
    )


_CHALLENGE_PARAMETER = re.compile(r'(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')


def challenge_parameters(reply: Reply) -> dict[str, str]:
    """The parameters of the `WWW-Authenticate` headers (RFC 9110 §11.6.1), names in lower case."""
    found: dict[str, str] = {}
    for value in reply.header_values("www-authenticate"):
        for name, quoted, token in _CHALLENGE_PARAMETER.findall(value):
            found.setdefault(name.lower(), quoted or token)
    return found


def auth_error(message: str, fix: str) -> AuthError:
    """A refused credential."""
    return AuthError(message, fix)


def explain(reply: Reply, stage: Stage, facts: Facts) -> tuple[str, str]:
    """What happened, and what to do about it, for an answer that is no success."""
    said = complaint(reply)
    url = facts.token_url if stage is Stage.TOKEN else facts.url
    message = f"the {stage} answered {reply.status}" + (f" ({said})" if str(said) else "") + f" for {url}"
    if 300 <= reply.status < 400:
        target = printable(reply.header("location") or "nowhere")
        return f"{message}: a redirect to {target}, which is not followed", (
            f"set {'token_url' if stage is Stage.TOKEN else 'url'} to the final address"
        )
    if "dpop" in said.code or "dpop" in said.text.lower():
        return message, _dpop_fix(said, facts)
    fix = _token_fix(reply.status, said, facts) if stage is Stage.TOKEN else _api_fix(reply.status, facts)
    return message, fix


def _dpop_fix(said: Complaint, facts: Facts) -> str:
    if not facts.dpop:
        return (
            "set `dpop: true` under `auth` in hel.yaml, or in the Okta Admin Console uncheck 'Require DPoP header' "
            "on the app's General tab"
        )
    if "nonce" in said.code:
        return "the server refused the nonce that it had just given; if it goes on, ask the API's vendor"
    host = urlsplit(facts.url).netloc
    return (
        f"the proof names the URL as Hel sent it, on {host}: if a custom domain or a reverse proxy answers there, use "
        "the domain that the org itself knows (the issuer in /.well-known/openid-configuration); otherwise check this "
        "machine's clock"
    )


def _token_fix(status: int, said: Complaint, facts: Facts) -> str:
    host = urlsplit(facts.token_url).hostname or ""
    base = f"{urlsplit(facts.token_url).scheme}://{urlsplit(facts.token_url).netloc}"
    if status == 404 and "-admin" in host:
        return (
            f"use the API domain, not the Admin domain: {host.replace('-admin', '', 1)} instead of {host} "
            "(set OKTA_DOMAIN without '-admin')"
        )
    if status == 404:
        return (
            f"check the domain: {base}/.well-known/openid-configuration must show JSON with a token_endpoint; the org "
            "server's token URL ends in /oauth2/v1/token"
        )
    if status == 429:
        return "the token server is rate limited; Hel waits and tries again"
    if status >= 500 or status in {408, 425}:
        return "the token server is in trouble; Hel tries again by itself"
    return _OAUTH_FIXES.get(said.code, _ANY_OAUTH_FIX)


_ANY_OAUTH_FIX = (
    "for Okta's own API use the org server's token URL, /oauth2/v1/token, with a private key; /oauth2/default/v1/token "
    "is for a custom authorization server"
)
_OAUTH_FIXES = {
    "invalid_client": (
        "check that the client id is this app's, that client authentication is 'Public key / Private key' on its "
        "General tab with the public half of this key, and, with more than one key there, that "
        "`client_private_key_id` is its kid; " + _ANY_OAUTH_FIX
    ),
    "invalid_scope": (
        'set `scopes: ["okta.logs.read"]` and grant it on the app\'s Okta API Scopes tab; ' + _ANY_OAUTH_FIX
    ),
    "access_denied": "grant the scope on the app's Okta API Scopes tab; " + _ANY_OAUTH_FIX,
    "invalid_grant": (
        "the refresh token is used up, expired or revoked: sign in again and store the new one in "
        "`refresh_token_file`, which Hel keeps current"
    ),
}


def _api_fix(status: int, facts: Facts) -> str:
    if status == 401:
        return _unauthorized_fix(facts)
    if status == 403 and facts.auth == "oauth2":
        return (
            "grant okta.logs.read on the app's Okta API Scopes tab and assign an admin role (such as Read-only "
            "Administrator) on its Admin roles tab; a token of a custom server (/oauth2/default) can't call Okta's API"
        )
    if status == 403:
        return "the token's owner may not read this log: give that account an admin role (such as Read-only Admin)"
    if status == 404:
        return f"check the url: {facts.url} is not known there"
    if status == 429:
        return (
            "Hel waits for the limit's reset by itself; if it happens often, lower `pagination.max_pages` or raise "
            "`resilience.rate_limit.page_delay_secs`"
        )
    if status == 400:
        return "check `from` and `query_params` against the API's documentation"
    return "the API is in trouble; Hel tries again by itself" if status >= 500 or status in {408, 425} else ""


def _unauthorized_fix(facts: Facts) -> str:
    if facts.auth == "none":
        return "this API wants a credential: add an `auth` section"
    if facts.auth == "oauth2":
        return (
            "the API refused a fresh token: check that it comes from the org server (/oauth2/v1/token) of the same "
            "domain, and `dpop` against the app's 'Require DPoP header'"
        )
    hint = "" if facts.prefix == "SSWS" else f"; Okta's API tokens need `prefix: SSWS`, here it is '{facts.prefix}'"
    return f"check that the token is valid and not revoked{hint}"
