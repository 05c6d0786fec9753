"""Cloudflare's account audit logs, as its API reference has them: version 1 in numbered pages, version 2 by cursor."""

import time
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.vendors.vendor import Event, Vendor

ACCOUNT = "023e105f4ecef8ad9ca31a8372d0c353"
_TOKEN = "simulated-cloudflare-token-0123456789"


@dataclass
class Cloudflare(Vendor):
    """An account's log, version 1.

    A page is cut from the list as it stands when it is asked for: what was added meanwhile moves the others on.

    Attributes:
        most: Events of a page, whatever `per_page` says above it.
        empty_is_null: An empty page's `result` is null.
        unwell: So many requests are answered with 200, `success: false` and no result.
        allowance: So many requests are answered, and the next one is the beginning of a block; None for no limit.
        block_s: How long all is refused then; five minutes at Cloudflare's.
        blocked_until: When that is over, epoch seconds.
    """

    name: ClassVar[str] = "cloudflare"
    api_variable: ClassVar[str] = "CLOUDFLARE_API"
    most: int = 100
    empty_is_null: bool = False
    unwell: int = 0
    allowance: int | None = None
    block_s: int = 2
    blocked_until: float = 0.0

    def environment(self) -> dict[str, str]:
        start = datetime.fromtimestamp(time.time() - 5 * 86_400, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {"CLOUDFLARE_ACCOUNT_ID": ACCOUNT, "CLOUDFLARE_API_TOKEN": _TOKEN, "CLOUDFLARE_START": start}

    def event(self, number: int, at: float) -> Event:
        """An event: some are dated to the millisecond, others to the second."""
        precision = "milliseconds" if number % 3 == 0 else "seconds"
        return {
            "action": {"result": True, "type": "rec_add"},
            "actor": {"email": "ann@example.com", "id": "f6b5de0326bb5182b8a4840ee01ec774", "type": "user"},
            "id": f"d5b0f326-1232-4452-8858-{number:012}",
            "interface": "API",
            "metadata": {"zone_name": "example.com"},
            "newValue": "",
            "oldValue": "",
            "owner": {"id": ACCOUNT},
            "resource": {"id": f"r{number}", "type": "DNS"},
            "when": datetime.fromtimestamp(at, UTC).isoformat(timespec=precision).replace("+00:00", "Z"),
        }

    def routes(self) -> list[str]:
        return [f"/client/v4/accounts/{ACCOUNT}/audit_logs"]

    def is_known(self, request: Request) -> bool:
        return request.headers.get("authorization") == f"Bearer {_TOKEN}"

    def stranger(self) -> Response:
        return refusal(10000, "Authentication error", 401)

    def limited(self, request: Request) -> Response:
        del request
        return refusal(971, "Please wait and consider throttling your request speed", 429, {"Retry-After": "1"})

    def page(self, request: Request, body: Mapping[str, Any]) -> Response:
        del body
        now = time.time()
        if now < self.blocked_until:
            return self.against("a request within the block that an earlier one brought about", 429)
        if self.allowance is not None:
            if not self.allowance:
                self.allowance, self.blocked_until = None, now + self.block_s
                return refusal(971, "Please wait", 429, {"Retry-After": str(self.block_s)})
            self.allowance -= 1
        if self.unwell:
            self.unwell -= 1
            return refusal(10000, "Something went wrong", 200)
        return self._list(request.query_params)

    def _list(self, asked: Mapping[str, str]) -> Response:
        """A page by its number, in the list as it is now."""
        number, size = int(asked.get("page", "1")), int(asked.get("per_page", "100"))
        if not 1 <= size <= 1000 or number < 1:
            return self.against(f"page {number} of {size}")
        if number > 1 and self.refuses_cursors:
            return refusal(7003, "Could not route to the page", 400)
        found = self._between(asked)
        size = min(size, self.most)
        shown = found[(number - 1) * size : number * size]
        result = None if self.empty_is_null and not shown else shown
        return JSONResponse(
            {
                "result": result,
                "result_info": {"page": number, "per_page": size},
                "success": True,
                "errors": [],
                "messages": [],
            }
        )

    def _between(self, asked: Mapping[str, str]) -> list[Event]:
        """The events of a span of time, both of whose ends belong to it; the newest first unless they are asked for."""
        since, before = (_at(asked[name]) if name in asked else None for name in ("since", "before"))
        found = [
            one
            for one in self.held
            if (since is None or since <= self.time(one)) and (before is None or self.time(one) <= before)
        ]
        found.sort(key=lambda one: (self.time(one), one["id"]), reverse=asked.get("direction", "desc") != "asc")
        return found

    def time(self, event: Event) -> float:
        """When it happened, epoch seconds."""
        return _at(event["when"])


@dataclass
class CloudflareV2(Cloudflare):
    """An account's log, version 2: a cursor within a span of time whose ends are both required."""

    def event(self, number: int, at: float) -> Event:
        stamp = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {
            "account": {"id": ACCOUNT, "name": "Example"},
            "action": {"description": "Add DNS record", "result": "success", "time": stamp, "type": "create"},
            "actor": {"email": "ann@example.com", "id": "f6b5de0326bb5182b8a4840ee01ec774", "type": "user"},
            "id": f"{number:032}",
            "resource": {"id": f"r{number}", "product": "dns_records"},
        }

    def routes(self) -> list[str]:
        return [f"/client/v4/accounts/{ACCOUNT}/logs/audit"]

    def _list(self, asked: Mapping[str, str]) -> Response:
        """A page behind a cursor; a last page that is full has one, too, and an empty page behind it."""
        if lacking := {"since", "before"} - set(asked):
            return self.against(f"no {' and no '.join(sorted(lacking))}")
        size = int(asked.get("limit", "100"))
        if not 1 <= size <= 1000:
            return self.against(f"a limit of {size}")
        question = "&".join(f"{name}={asked[name]}" for name in sorted(asked) if name != "cursor")
        size = min(size, self.most)
        found = self._between(asked)
        if cursor := asked.get("cursor"):
            if self.refuses_cursors:
                return refusal(10001, "Invalid cursor", 400)
            place, _, answers = b64decode(cursor).decode().partition(" ")
            if answers != question:
                return self.against(f"a cursor for {answers} with {question}")
            found = [one for one in found if _place(one) > place]
        shown = found[:size]
        info = {"count": str(len(shown)), "cursor": ""}
        if len(shown) == size:
            info["cursor"] = b64encode(f"{_place(shown[-1])} {question}".encode()).decode()
        return JSONResponse({"errors": [], "messages": [], "result": shown, "result_info": info, "success": True})

    def time(self, event: Event) -> float:
        return _at(event["action"]["time"])


def refusal(code: int, message: str, status: int, headers: Mapping[str, str] | None = None) -> Response:
    """What Cloudflare says of an error."""
    said = {"result": None, "success": False, "errors": [{"code": code, "message": message}], "messages": []}
    return JSONResponse(said, status, dict(headers or {}))


def _at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def _place(event: Event) -> str:
    return f"{event['action']['time']}|{event['id']}"
