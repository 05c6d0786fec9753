"""What an error answer says of itself, in whichever of the usual forms. A law: a Reply in, a Complaint out."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from hel.records import Reply
from hel.telemetry.printable import printable

_CHALLENGE_PARAMETER = re.compile(r'(?<![\w-])([\w-]++)\s*+=\s*+(?:"((?:[^"\\]++|\\.)*+)"|([^\s,"]+))')
"""Possessive, and only from a word's start: a header of 100 KiB costs no more than reading it."""


MAX_REFUSAL = 65_536
"""Bytes of a refusal's body that are looked at; what is said of an error is shorter."""


class Complaint(msgspec.Struct, frozen=True):
    """What an error answer says of itself.

    Attributes:
        code: OAuth's `error`, Okta's `errorCode`, Google's `status` or `reason`, or empty.
        text: Its summary or description, made safe for a terminal.
    """

    code: str
    text: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.code, self.text) if part)


def complaint(reply: Reply) -> Complaint:
    """Read an error answer: its body, and `WWW-Authenticate` (RFC 9110 §11.6.1, RFC 9449 §7.1).

    A challenge stands before Okta's body, whose code for every 401 is the same.
    """
    found = _sayings(reply, _body(reply))
    code, text = next(((code, text) for code, text in found if code or text), ("", ""))
    return Complaint(printable(code), printable(text))


def tells_of_limit(reply: Reply) -> bool:
    """Whether a refusal's body says that it is for a rate limit or a quota: Google's do, with 403 and 503 too.

    Sources: https://developers.google.com/admin-sdk/directory/v1/limits (the older form, a `reason` for each error)
    and https://cloud.google.com/apis/design/errors#error_model (the newer one, a `status`).
    """
    error = _body(reply).get("error")
    return isinstance(error, Mapping) and not _LIMITS.isdisjoint([_word(error, "status"), *_reasons(error)])


_LIMITS = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "RESOURCE_EXHAUSTED"})


def challenge_parameters(reply: Reply) -> dict[str, str]:
    """The parameters of the `WWW-Authenticate` headers (RFC 9110 §11.6.1), names in lower case; the first of each."""
    found: dict[str, str] = {}
    for value in reply.header_values("www-authenticate"):
        for name, quoted, token in _CHALLENGE_PARAMETER.findall(value):
            found.setdefault(name.lower(), re.sub(r"\\(.)", r"\1", quoted) or token)
    return found


def _body(reply: Reply) -> Mapping[str, Any]:
    """The body's JSON object; empty where there is none, or a very long one."""
    try:
        body: Any = json.loads(reply.body) if len(reply.body) <= MAX_REFUSAL else None
    except (ValueError, RecursionError):
        body = None
    return body if isinstance(body, dict) else {}


def _reasons(error: Mapping[str, Any]) -> list[str]:
    """Google's `reason` of each of the errors inside one."""
    errors = error.get("errors")
    return [_word(one, "reason") for one in errors if isinstance(one, Mapping)] if isinstance(errors, list) else []


def _sayings(reply: Reply, body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Code and text in each of the usual forms, the most telling first; both empty where a form is not there."""
    error, challenge = body.get("error"), challenge_parameters(reply)
    if isinstance(error, Mapping):  # Google: https://cloud.google.com/apis/design/errors#http_mapping
        code = _word(error, "status") or next(filter(None, _reasons(error)), "") or _word(error, "code")
        yield code, _word(error, "message")
    elif error:  # RFC 6749 §5.2; others than OAuth give a message of their own beside it
        yield str(error), _with_causes(reply, body, _word(body, "error_description", "message"))
    yield challenge.get("error", ""), challenge.get("error_description", "")
    if body.get("errorCode"):  # https://developer.okta.com/docs/reference/error-codes/
        yield str(body["errorCode"]), _with_causes(reply, body, _word(body, "errorSummary"))
    errors = body.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    if isinstance(first, Mapping):
        yield _word(first, "code", "status"), _word(first, "message", "detail", "title")
    yield "", _word(body, "message", "detail", "title")  # the last two: RFC 9457 §3.1


def _word(said: Mapping[str, Any], *names: str) -> str:
    """The first of these members that is a text or a number."""
    values = (said.get(name) for name in names)
    return next((str(value) for value in values if isinstance(value, str | int) and value), "")


def _with_causes(reply: Reply, body: Mapping[str, Any], text: str) -> str:
    """A 400's text and Okta's own words for which parameter it refuses, and why: the first two of `errorCauses`."""
    causes = body.get("errorCauses")
    listed = causes if reply.status == 400 and isinstance(causes, list) else []
    said = [cause.get("errorSummary") for cause in listed if isinstance(cause, dict)]
    return ": ".join(filter(None, (text, *[cause for cause in said if isinstance(cause, str)][:2])))
