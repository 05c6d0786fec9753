"""The words for what an answer means: what happened, and its fix. A law: a Reply in, two sentences out.

The fixes stand in `fixes`; which of them fits is recognised from the answer itself and from the way one signs in.
"""

import re
from enum import StrEnum
from urllib.parse import urlsplit

import msgspec

from hel import okta
from hel.policy import fixes
from hel.policy.complaint import MAX_REFUSAL, Complaint, challenge_parameters, complaint
from hel.records import Reply
from hel.telemetry.printable import printable

__all__ = ["MAX_REFUSAL", "Complaint", "Facts", "Stage", "challenge_parameters", "complaint", "explain"]


class Stage(StrEnum):
    """What was asked."""

    TOKEN = "token server"  # noqa: S105  # a stage's name
    API = "API"


class Facts(msgspec.Struct, frozen=True):
    """What the words depend on besides the answer.

    Attributes:
        url: The source's URL.
        auth: The kind of its `auth` section, such as `bearer` or `oauth2`; `none` where there is none.
        prefix: The word before the token or the key.
        token_url: The token URL, empty where there is none.
        dpop: Whether DPoP is on.
        header: The header that takes the key.
        subject: The user for whom a service account acts, empty where there is none.
    """

    url: str
    auth: str = "none"
    prefix: str = ""
    token_url: str = ""
    dpop: bool = False
    header: str = ""
    subject: str = ""

    @property
    def is_okta(self) -> bool:
        """Whether the API is Okta's: by its own prefix, or by its log's path and a way to sign in that it takes."""
        if self.prefix == "SSWS":
            return True
        return self.auth in {"none", "bearer", "oauth2"} and okta.is_log(self.url)


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
    if reply.status in {404, 405} and (moved := _without_admin(url, facts)):
        return message, moved
    if (reply.status >= 500 and not is_throttled) or reply.status in {408, 425}:
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
    if not facts.dpop and not facts.is_okta:
        return "set `dpop: true` under `auth` in hel.yaml"
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


def _without_admin(url: str, facts: Facts) -> str:
    """The fix for a URL on Okta's Admin domain, where there is no API; empty for any other."""
    host = urlsplit(url).hostname or ""
    first, _, rest = host.partition(".")
    if not facts.is_okta or not first.endswith("-admin"):
        return ""
    return (
        f"use the API domain, not the Admin domain: {first.removesuffix('-admin')}.{rest} instead of {host} "
        "(set OKTA_DOMAIN without '-admin')"
    )


def _token_fix(status: int, said: Complaint, facts: Facts) -> str:
    if status == 429:
        return "nothing to do unless it lasts: the token server is rate limited, and Hel waits and tries again"
    is_google = facts.auth == "google_service_account"
    if status == 404:
        parts = urlsplit(facts.token_url)
        if is_google:
            return fixes.GOOGLE_ELSEWHERE
        words = fixes.OKTA_ELSEWHERE if facts.is_okta else fixes.ELSEWHERE
        return words.format(origin=f"{parts.scheme}://{parts.netloc}")
    if is_google:
        return _google_token_fix(said)
    if facts.is_okta:
        return fixes.OKTA_GRANT.get(said.code, fixes.OKTA_ANY_GRANT)
    code = "invalid_client" if status == 401 else said.code  # RFC 6749 §5.2; Auth0 says access_denied for it
    return fixes.GRANT.get(code, fixes.ANY_GRANT)


def _google_token_fix(said: Complaint) -> str:
    text = said.text.lower()
    for part, fix in fixes.GOOGLE_SAID.items():
        if part in text:
            return fix
    return fixes.GOOGLE_GRANT.get(said.code, fixes.GOOGLE_ANY_GRANT)


def _api_fix(status: int, facts: Facts) -> str:
    if facts.is_okta and (fix := _okta_fix(status, facts)):
        return fix
    by_auth = {401: fixes.UNAUTHORIZED, 403: fixes.FORBIDDEN}.get(status)
    if by_auth is None:
        return fixes.API.get(status, fixes.ANY_API)
    return by_auth.get(facts.auth, fixes.ANY_API).format(
        prefix=f"'{facts.prefix}'" if facts.prefix else "none",
        header=facts.header,
        subject=fixes.GOOGLE_SUBJECT if facts.subject else fixes.GOOGLE_NO_SUBJECT,
    )


def _okta_fix(status: int, facts: Facts) -> str:
    """What Okta's own words say to a status; empty where they are no others than for any API."""
    is_app = facts.auth == "oauth2"
    if status == 403:
        return fixes.OKTA_FORBIDDEN_APP if is_app else fixes.OKTA_FORBIDDEN
    if status != 401 or facts.auth == "none":
        return fixes.OKTA_API.get(status, "")
    if is_app:
        return fixes.OKTA_UNAUTHORIZED_APP
    hint = "" if facts.prefix == "SSWS" else fixes.OKTA_NO_SSWS.format(prefix=facts.prefix)
    return fixes.OKTA_UNAUTHORIZED + hint
