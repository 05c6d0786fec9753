"""GitHub's organisation audit log, as its REST documentation has it: cursors in the Link header only, newest first."""

import re
import time
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.vendors.vendor import Event, Vendor

_PHRASE = re.compile(r"created:>=(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)")
_UNASKED_S = 90 * 86_400
"""Without `created` only the last three months are searched."""


@dataclass
class GitHub(Vendor):
    """An organisation's log.

    Attributes:
        is_secondary: The next refusals are for a secondary limit, with Retry-After.
        resets_at: When the primary limit's window ends, epoch seconds.
    """

    name: ClassVar[str] = "github"
    api_variable: ClassVar[str] = "GITHUB_API"
    is_secondary: bool = False
    resets_at: int = field(default_factory=lambda: int(time.time()) + 3600)

    def environment(self) -> dict[str, str]:
        return {"GITHUB_ORG": "octo", "GITHUB_TOKEN": "ghp_simulated0123456789"}

    def event(self, number: int, at: float) -> Event:
        stamp = int(at * 1000)
        made = {
            "@timestamp": stamp,
            "_document_id": f"doc{number:05}",
            "action": "git.clone" if number % 4 == 0 else "repo.create",
            "org": ["octo", "cat"] if number % 5 == 0 else "octo",
        }
        return made | ({"created_at": stamp} if number % 3 else {})

    def routes(self) -> list[str]:
        return ["/orgs/octo/audit-log", "/organizations/80307827/audit-log"]

    def is_known(self, request: Request) -> bool:
        return request.headers.get("authorization") == "Bearer ghp_simulated0123456789"

    def limited(self, request: Request) -> Response:
        del request
        if self.is_secondary:
            return JSONResponse(
                {"message": "You have exceeded a secondary rate limit."}, 403, self._limits(900) | {"Retry-After": "1"}
            )
        return JSONResponse({"message": "API rate limit exceeded for user ID 1."}, 403, self._limits(0))

    def _limits(self, remaining: int) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": "1750",
            "X-RateLimit-Remaining": str(remaining),
            "X-RateLimit-Used": str(1750 - remaining),
            "X-RateLimit-Reset": str(self.resets_at),
            "X-RateLimit-Resource": "audit_log",
        }

    def page(self, request: Request, body: Mapping[str, Any]) -> Response:
        del body
        asked = dict(request.query_params)
        found = self._search(asked)
        if found is None:
            return self.against(f"a phrase that is none: {asked['phrase']}", 422)
        size = min(int(asked.get("per_page", "30")), 100)
        start = 0
        if after := asked.get("after"):
            if self.refuses_cursors:
                return JSONResponse({"message": "Invalid cursor"}, 400)
            place = _read(after)
            if place is None:  # seen for a date in its place
                return JSONResponse({"message": "Server Error"}, 500)
            start = sum(1 for one in found if _is_through(one, place, asked.get("order", "desc")))
        shown = found[start : start + size]
        headers = self._limits(1700)
        if start + size < len(found):
            link = self._link(request, asked | {"after": _cursor(shown[-1]), "before": ""})
            headers["Link"] = (
                f'<{link}>; rel="next", <{self._link(request, asked | {"after": "", "before": ""})}>; rel="first"'
            )
        elif start:
            link = self._link(request, asked | {"after": "", "before": _cursor(shown[0] if shown else found[-1])})
            headers["Link"] = f'<{link}>; rel="prev"'
        return JSONResponse(shown, headers=headers)

    def _search(self, asked: Mapping[str, str]) -> list[Event] | None:
        since = time.time() - _UNASKED_S
        if phrase := asked.get("phrase"):
            told = _PHRASE.fullmatch(phrase)
            if told is None:
                return None
            since = datetime.fromisoformat(told[1]).replace(tzinfo=UTC).timestamp()
        kinds = {"web": ("repo.",), "git": ("git.",), "all": ("repo.", "git.")}[asked.get("include", "web")]
        found = [one for one in self.held if one["@timestamp"] >= since * 1000 and one["action"].startswith(kinds)]
        return sorted(found, key=_place, reverse=asked.get("order", "desc") != "asc")

    def _link(self, request: Request, query: Mapping[str, str]) -> str:
        return f"{str(request.base_url).rstrip('/')}/organizations/80307827/audit-log?{urlencode(query)}"


def _place(event: Event) -> tuple[int, str]:
    return event["@timestamp"], event["_document_id"]


def _cursor(event: Event) -> str:
    return b64encode(f"{event['@timestamp']}|{event['_document_id']}".encode()).decode()


def _read(cursor: str) -> tuple[int, str] | None:
    try:
        at, _, document = b64decode(cursor, validate=True).decode().partition("|")
        return int(at), document
    except ValueError:
        return None


def _is_through(event: Event, place: tuple[int, str], order: str) -> bool:
    """Whether an event stands at the cursor or before it."""
    return _place(event) <= place if order == "asc" else _place(event) >= place
