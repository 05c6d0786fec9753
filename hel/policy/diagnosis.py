"""The words for what an answer means: what happened, and its fix. A law: a Reply in, two sentences out.

The fixes are those of the guide's troubleshooting table (`examples/okta.md`), recognised from the answer itself.
"""

import json
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from hel.records import Reply
from hel.telemetry.printable import printable

MAX_REFUSAL = 65_536
"""Bytes of a refusal's body that are looked at; what is said of an error is shorter."""


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
    """Read an error answer: OAuth's body (RFC 6749 §5.2), `WWW-Authenticate` (RFC 9449 §7.1), or Okta's own body.

    A challenge stands before Okta's body, whose code for every 401 is the same.
    """
    try:
        body: Any = json.loads(reply.body) if len(reply.body) <= MAX_REFUSAL else None
    except (ValueError, RecursionError):
        body = None
    body = body if isinstance(body, dict) else {}
    challenge = challenge_parameters(reply)
    for said, code, text in (
        (body, "error", "error_description"),
        (challenge, "error", "error_description"),
        (body, "errorCode", "errorSummary"),
    ):
        if said.get(code):
            words = str(said.get(text) or "")
            causes = _causes(body) if reply.status == 400 and said is body else ()
            return Complaint(printable(str(said[code])), printable(": ".join(filter(None, (words, *causes)))))
    return Complaint("", "")


def _causes(body: dict[str, Any]) -> list[str]:
    """Okta's own words for which parameter it refuses, and why: the first two of `errorCauses`."""
    causes = body.get("errorCauses")
    listed = causes if isinstance(causes, list) else []
    said = [cause.get("errorSummary") for cause in listed if isinstance(cause, dict)]
    return [text for text in said if isinstance(text, str)][:2]


_CHALLENGE_PARAMETER = re.compile(r'(?<![\w-])([\w-]++)\s*+=\s*+(?:"((?:[^"\\]++|\\.)*+)"|([^\s,"]+))')
"""Possessive, and only from a word's start: a header of 100 KiB costs no more than reading it."""


def challenge_parameters(reply: Reply) -> dict[str, str]:
    """The parameters of the `WWW-Authenticate` headers (RFC 9110 §11.6.1), names in lower case; the first of each."""
    found: dict[str, str] = {}
    for value in reply.header_values("www-authenticate"):
        for name, quoted, token in _CHALLENGE_PARAMETER.findall(value):
            found.setdefault(name.lower(), re.sub(r"\\(.)", r"\1", quoted) or token)
    return found


def explain(reply: Reply, stage: Stage, facts: Facts, *, is_throttled: bool = False) -> tuple[str, str]:
    """What happened, and what to do about it, for an answer that is no success.

    Args:
        reply: The answer.
        stage: What was asked.
        facts: What the words depend on.
        is_throttled: A rate limit's refusal, whatever its status.
    """
    said = complaint(reply)
    url = facts.token_url if stage is Stage.TOKEN else facts.url
    message = f"the {stage} answered {reply.status}" + (f" ({said})" if str(said) else "") + f" for {url}"
    if reply.status < 400:
        return message + _whither(reply), _diversion_fix(reply, stage)
    if "dpop" in said.code.lower() or "dpop" in said.text.lower():
        return message, _dpop_fix(said, url, facts)
    if reply.status in {404, 405} and (moved := _without_admin(url)):
        return message, moved
    if reply.status >= 500 or reply.status in {408, 425}:
        return message, f"nothing to do unless it lasts: the {stage} is in trouble, and Hel tries again by itself"
    if stage is Stage.TOKEN:
        return message, _token_fix(reply.status, said, facts)
    return message, _api_fix(429 if is_throttled else reply.status, facts)


def _whither(reply: Reply) -> str:
    """Where a redirect leads; its query may hold a ticket or a token."""
    location = re.split("[?#]", reply.header("location") or "", maxsplit=1)[0]
    return f": a redirect to {printable(location)}, which is not followed" if location else ""


def _diversion_fix(reply: Reply, stage: Stage) -> str:
    if not reply.header("location") or reply.is_success:
        return "look at what answers there, which may be a proxy: nothing that Hel asks is answered so"
    return f"set `{'token_url' if stage is Stage.TOKEN else 'url'}` to the address that answers itself"


def _dpop_fix(said: Complaint, url: str, facts: Facts) -> str:
    if facts.auth != "oauth2":
        return "this API wants DPoP proofs: use `auth.type: oauth2` with `dpop: true`"
    if not facts.dpop:
        return (
            "set `dpop: true` under `auth` in hel.yaml, or in the Okta Admin Console uncheck 'Require DPoP header' "
            "on the app's General tab"
        )
    if "nonce" in said.code:
        return "nothing to do unless it lasts: the server refused the nonce that it had just given; then ask its vendor"
    return (
        f"the proof names the URL as Hel sent it, on {urlsplit(url).netloc}: if a custom domain or a reverse proxy "
        "answers there, use the domain that the org itself knows (the issuer in /.well-known/openid-configuration), "
        "and let the proxy pass the DPoP header; otherwise check this machine's clock"
    )


def _without_admin(url: str) -> str:
    """The fix for a URL on Okta's Admin domain, where there is no API; empty for any other."""
    host = urlsplit(url).hostname or ""
    first, _, rest = host.partition(".")
    if not first.endswith("-admin"):
        return ""
    return (
        f"use the API domain, not the Admin domain: {first.removesuffix('-admin')}.{rest} instead of {host} "
        "(set OKTA_DOMAIN without '-admin')"
    )


def _token_fix(status: int, said: Complaint, facts: Facts) -> str:
    if status == 404:
        parts = urlsplit(facts.token_url)
        return (
            f"check the domain: {parts.scheme}://{parts.netloc}/.well-known/openid-configuration must show JSON with a "
            "token_endpoint; the org server's token URL ends in /oauth2/v1/token"
        )
    if status == 429:
        return "nothing to do unless it lasts: the token server is rate limited, and Hel waits and tries again"
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
        "sign in again and store the new refresh token in `refresh_token_file`, which Hel keeps current: the old one "
        "is used up, expired or revoked"
    ),
}


def _api_fix(status: int, facts: Facts) -> str:
    if status == 401:
        return _unauthorized_fix(facts)
    if status == 403 and facts.auth == "oauth2":
        return _FORBIDDEN_APP_FIX
    return _API_FIXES.get(status, "check `url` and `query_params` against the API's documentation")


_FORBIDDEN_APP_FIX = (
    "grant okta.logs.read on the app's Okta API Scopes tab and assign an admin role (such as Read-only Admin) on its "
    "Admin roles tab; a token of a custom server (/oauth2/default) can't call Okta's API, use /oauth2/v1/token"
)
_API_FIXES = {
    400: (
        "check `from` and `query_params` against the API's documentation; Okta refuses a `since` of more than 180 days "
        "ago"
    ),
    403: "give the token's owner an admin role that may read this log (such as Read-only Admin)",
    404: "check `url`: the domain and the path (Okta's log is /api/v1/logs)",
    429: (
        "nothing to do unless it happens often: Hel waits for the limit's reset by itself; then lower "
        "`pagination.max_pages` or raise `resilience.rate_limit.page_delay_secs`"
    ),
}


def _unauthorized_fix(facts: Facts) -> str:
    if facts.auth == "none":
        return "add an `auth` section: this API wants a credential"
    if facts.auth == "oauth2":
        return (
            "check that the token comes from the org server (/oauth2/v1/token) of the same domain, and `dpop` against "
            "the app's 'Require DPoP header': the API refused a fresh token"
        )
    hint = "" if facts.prefix == "SSWS" else f"; Okta's API tokens need `prefix: SSWS`, here it is '{facts.prefix}'"
    return f"check that the token is valid and not revoked{hint}"
