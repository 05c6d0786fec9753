"""1Password's Events API, as its reference has it: POST, a cursor alone in the body, one on every page, `has_more`."""

import time
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.vendors.vendor import Event, Vendor


@dataclass
class OnePassword(Vendor):
    """An account's audit events.

    Attributes:
        empty_pages: So many pages with `has_more` are empty.
    """

    name: ClassVar[str] = "onepassword"
    api_variable: ClassVar[str] = "ONEPASSWORD_API"
    empty_pages: int = 0

    def environment(self) -> dict[str, str]:
        start = datetime.fromtimestamp(time.time() - 5 * 86_400, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {"ONEPASSWORD_TOKEN": "eyJhbGciOiJub25lIn0.simulated.token", "ONEPASSWORD_START": start}

    def event(self, number: int, at: float) -> Event:
        stamp = datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        return {"uuid": f"OP{number:024}", "timestamp": stamp, "action": "create", "object_type": "item"}

    def routes(self) -> list[str]:
        return ["/api/v2/auditevents"]

    def is_known(self, request: Request) -> bool:
        return request.headers.get("authorization") == "Bearer eyJhbGciOiJub25lIn0.simulated.token"

    def limited(self, request: Request) -> Response:
        del request
        return JSONResponse({"Error": {"Message": "Too many requests"}}, 429)

    def page(self, request: Request, body: Mapping[str, Any]) -> Response:
        if request.method != "POST" or request.headers.get("content-type") != "application/json":
            return self.against("it is asked by POST with JSON")
        if "cursor" in body:
            if set(body) != {"cursor"}:
                return self.against(f"a cursor stands alone, not with {sorted(body)}")
            if self.refuses_cursors:
                return JSONResponse({"Error": {"Message": "Invalid cursor"}}, 400)
            start, size, since = _read(body["cursor"])
        else:
            start, size = 0, int(body.get("limit", 100))
            told = body.get("start_time")
            since = datetime.fromisoformat(told).timestamp() if told else time.time() - 3600
        if not 1 <= size <= 1000:
            return self.against(f"a page of {size}")
        return JSONResponse(self._reply(start, size, since))

    def _reply(self, start: int, size: int, since: float) -> dict[str, Any]:
        """A page in the order of arrival: a cursor stands behind what had arrived, whatever its time."""
        held = self.held
        if self.empty_pages and start:
            self.empty_pages -= 1
            return {"cursor": _cursor(start, size, since, self.empty_pages + 1), "has_more": True, "items": []}
        items: list[Event] = []
        while start < len(held) and len(items) < size:
            if datetime.fromisoformat(held[start]["timestamp"]).timestamp() >= since:
                items.append(held[start])
            start += 1
        return {"cursor": _cursor(start, size, since), "has_more": start < len(held), "items": items}


def _cursor(start: int, size: int, since: float, turn: int = 0) -> str:
    return b64encode(f"{start} {size} {since} {turn}".encode()).decode()


def _read(cursor: str) -> tuple[int, int, float]:
    start, size, since, _ = b64decode(cursor).decode().split()
    return int(start), int(size), float(since)
