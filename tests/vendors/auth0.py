"""Auth0's tenant log, as its documentation has it: read from a log ID on, by a link that is always there.

A log ID is `900`, the time at which Auth0 took the event down, and more digits: an event that comes late is dated
earlier than those before it, and has a later ID.
"""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.vendors.vendor import Event, Vendor

CLIENT_ID, CLIENT_SECRET = "auth0client", "simulated-client-secret-0123456789"
_LOG_ID = re.compile(r"900[0-9]{50,53}")
DAY_S = 86_400


@dataclass
class Auth0(Vendor):
    """A tenant's log.

    Attributes:
        tokens: Those that are good, with their ends.
        window: So many requests are taken in each `window_s`.
        window_s: From one reset to the next.
        resets_at: When the window ends, epoch seconds.
        left: Requests left in it.
        newest: When the last event was taken down, epoch seconds.
    """

    name: ClassVar[str] = "auth0"
    api_variable: ClassVar[str] = "AUTH0_URL"
    token_path: ClassVar[str] = "/oauth/token"
    tokens: dict[str, float] = field(default_factory=dict)
    window: int = 50
    window_s: int = 1
    resets_at: int = 0
    left: int = 0
    newest: float = 0.0

    def environment(self) -> dict[str, str]:
        start = datetime.fromtimestamp(time.time() - 5 * DAY_S, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {"AUTH0_CLIENT_ID": CLIENT_ID, "AUTH0_CLIENT_SECRET": CLIENT_SECRET, "AUTH0_START": start}

    def event(self, number: int, at: float) -> Event:
        self.newest = max(self.newest, at)
        taken = datetime.fromtimestamp(self.newest, UTC)
        log_id = f"900{taken:%Y%m%d%H%M%S%f}{number + 1:033}"
        stamp = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return {
            "date": stamp,
            "type": "s",
            "client_id": CLIENT_ID,
            "user_id": f"auth0|{number}",
            "log_id": log_id,
            "_id": log_id,
        }

    def routes(self) -> list[str]:
        return ["/api/v2/logs"]

    def grant(self, request: Request, form: Mapping[str, str]) -> Response:
        """A token by client credentials, its secret in the body, for the Management API and nothing else."""
        if form.get("grant_type") != "client_credentials" or "authorization" in request.headers:
            return _denied(
                "unauthorized_client", "Grant type or client authentication not allowed for the client.", 403
            )
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return _denied("access_denied", "Unauthorized", 401)
        audience = form.get("audience")
        if audience is None:
            return _denied("access_denied", "No audience parameter was provided, and no default audience is set", 403)
        if audience != f"{request.base_url}api/v2/":
            return _denied("access_denied", f"Service not found: {audience}", 403)
        if lacking := set(form.get("scope", "").split()) - {"read:logs"}:
            return _denied("access_denied", f"Client has not been granted scopes: {' '.join(lacking)}", 403)
        token = f"eyJhbGciOiJSUzI1NiJ9.simulated.token{len(self.granted):05}"
        self.tokens[token] = time.time() + DAY_S
        return JSONResponse({"access_token": token, "scope": "read:logs", "expires_in": DAY_S, "token_type": "Bearer"})

    def is_known(self, request: Request) -> bool:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        return kind == "Bearer" and self.tokens.get(token, 0.0) > time.time()

    def stranger(self) -> Response:
        said = {
            "statusCode": 401,
            "error": "Unauthorized",
            "message": "Expired token received for JSON Web Token validation",
            "errorCode": "invalid_token",
        }
        return JSONResponse(said, 401)

    def limited(self, request: Request) -> Response:
        """A refusal without Retry-After: the reset says when."""
        del request
        said = {
            "statusCode": 429,
            "error": "Too Many Requests",
            "message": "Global limit has been reached",
            "errorCode": "too_many_requests",
        }
        self.resets_at = max(self.resets_at, int(time.time()) + 1)
        self.left = 0
        return JSONResponse(said, 429, self._limits())

    def _limits(self) -> dict[str, str]:
        return {
            "x-ratelimit-limit": str(self.window),
            "x-ratelimit-remaining": str(self.left),
            "x-ratelimit-reset": str(self.resets_at),
        }

    def page(self, request: Request, body: Mapping[str, Any]) -> Response:
        del body
        if time.time() >= self.resets_at:
            self.resets_at, self.left = int(time.time()) + self.window_s, self.window
        if not self.left:
            return self.limited(request)
        self.left -= 1
        asked = request.query_params
        if "from" not in asked:  # it would search, the newest first, and never show more than a thousand
            return self.against(f"a search in the place of `from`: {sorted(asked)}")
        take = asked.get("take", "50")
        if not take.isdecimal() or not 1 <= int(take) <= 100:
            return self.against(f"take={take}")
        if not _LOG_ID.fullmatch(asked["from"]) or (self.refuses_cursors and not asked["from"].endswith("0" * 39)):
            return JSONResponse(
                {"statusCode": 400, "error": "Bad Request", "message": "Invalid log id", "errorCode": "invalid_query"},
                400,
                self._limits(),
            )
        shown = [one for one in self.held if one["log_id"] > asked["from"]][: int(take)]  # held in the order of IDs
        link = str(request.url)
        if shown:
            link = f"{request.url.replace(query='')}?{urlencode({'from': shown[-1]['log_id'], 'take': take})}"
        return JSONResponse(shown, headers={**self._limits(), "Link": f'<{link}>; rel="next"'})


def made_id(at: float) -> str:
    """A log ID that there need not be: before all of its second."""
    return f"900{datetime.fromtimestamp(int(at), UTC):%Y%m%d%H%M%S}{'0' * 39}"


def _denied(error: str, description: str, status: int) -> Response:
    return JSONResponse({"error": error, "error_description": description}, status)
