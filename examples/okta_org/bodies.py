"""Error answers in Okta's words and in OAuth's. Rule: every refusal has a note for the ledger.

Okta's codes: https://developer.okta.com/docs/reference/error-codes/. OAuth's: RFC 6749 §5.2.
"""

import json
import secrets
from collections.abc import Iterable

from examples.okta_org.records import Answer

JSON = ("content-type", "application/json")

_SUMMARIES = {
    "E0000001": "Api validation failed: {}",
    "E0000005": "Invalid session",
    "E0000006": "You do not have permission to perform the requested action",
    "E0000007": "Not found: Resource not found: {}",
    "E0000009": "Internal Server Error",
    "E0000010": "Service is in read only mode",
    "E0000011": "Invalid token provided",
    "E0000022": "The endpoint does not support the provided HTTP method",
    "E0000031": "Invalid search criteria.",
    "E0000047": "API call exceeded rate limit due to too many requests.",
}


def okta_error(
    status: int,
    code: str,
    about: str = "",
    *,
    causes: Iterable[str] = (),
    headers: Iterable[tuple[str, str]] = (),
    note: str = "",
) -> Answer:
    """An error of Okta's own API.

    Args:
        status: The HTTP status.
        code: Okta's `errorCode`.
        about: What the summary's placeholder stands for.
        causes: One sentence each.
        headers: To add.
        note: For the ledger; the summary and causes if empty.
    """
    summary = _SUMMARIES.get(code, "{}").format(about)
    reasons = list(causes)
    body = {
        "errorCode": code,
        "errorSummary": summary,
        "errorLink": code,
        "errorId": f"oae{secrets.token_urlsafe(16)}",
        "errorCauses": [{"errorSummary": reason} for reason in reasons],
    }
    return Answer(
        status,
        (JSON, *headers),
        json.dumps(body).encode(),
        note=note or ": ".join([f"{code} {summary}", *reasons]),
    )


def oauth_error(status: int, error: str, description: str, headers: Iterable[tuple[str, str]] = ()) -> Answer:
    """An error of a token endpoint."""
    body = {"error": error, "error_description": description}
    return Answer(
        status,
        (JSON, ("cache-control", "no-store"), ("pragma", "no-cache"), *headers),
        json.dumps(body).encode(),
        note=f"{error}: {description}",
    )


def status_error(status: int) -> Answer:
    """The error that Okta would answer with this status."""
    code = {
        400: "E0000001",
        401: "E0000011",
        403: "E0000006",
        404: "E0000007",
        405: "E0000022",
        429: "E0000047",
        503: "E0000010",
    }.get(status, "E0000009")
    return okta_error(status, code)
