"""Slack's audit logs, as its reference has them: newest first, `oldest` inclusive in seconds, 429 with Retry-After."""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.vendors.vendor import Event, Vendor


@dataclass
class Slack(Vendor):
    """An organisation's log.

    Attributes:
        most: Entries of a page, whatever `limit` says above it; those of one second stay together all the same.
    """

    name: ClassVar[str] = "slack"
    api_variable: ClassVar[str] = "SLACK_API"
    most: int = 100

    def environment(self) -> dict[str, str]:
        return {"SLACK_TOKEN": "xoxp-simulated-0123456789"}

    def event(self, number: int, at: float) -> Event:
        return {
            "id": f"0123a45b-6c7d-8900-e12f-{number:012}",
            "date_create": int(at),
            "action": "user_login",
            "actor": {"type": "user", "user": {"id": "W123AB456"}},
        }

    def routes(self) -> list[str]:
        return ["/audit/v1/logs"]

    def is_known(self, request: Request) -> bool:
        return request.headers.get("authorization") == "Bearer xoxp-simulated-0123456789"

    def limited(self, request: Request) -> Response:
        del request
        return JSONResponse({"ok": False, "error": "ratelimited"}, 429, {"Retry-After": "1"})

    def page(self, request: Request, body: Mapping[str, Any]) -> Response:
        del body
        asked = request.query_params
        oldest, latest = int(asked.get("oldest", "0")), int(asked.get("latest", "99999999999"))
        size = min(int(asked.get("limit", "100")), self.most)
        if int(asked.get("limit", "100")) > 9999:
            return self.against("a limit above 9999")
        found = [one for one in self.held if oldest <= one["date_create"] <= latest]
        found.sort(key=_place, reverse=True)
        if cursor := asked.get("cursor"):
            if self.refuses_cursors:
                return JSONResponse({"ok": False, "error": "invalid_cursor"}, 400)
            # The position alone: a request without `oldest` would go on through the whole history.
            position = b64decode(cursor).decode()
            found = [one for one in found if one["date_create"] < int(position)]
        shown = found[:size]
        shown += [one for one in found[size:] if one["date_create"] == shown[-1]["date_create"]]
        more = len(found) > len(shown)
        cursor = b64encode(str(shown[-1]["date_create"]).encode()).decode() if more else ""
        return JSONResponse({"entries": shown, "response_metadata": {"next_cursor": cursor}})


def _place(event: Event) -> tuple[int, str]:
    return event["date_create"], event["id"]
