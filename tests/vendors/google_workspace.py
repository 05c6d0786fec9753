"""Google Workspace's activity reports, as the Admin SDK's reference has them: newest first, both ends inclusive.

The token continues one listing; what comes to be seen above its place while the listing is read is not in it.
"""

import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any, ClassVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.vendors.vendor import Event, Vendor

EMAIL = "hel@project-1.iam.gserviceaccount.com"
ADMIN, USER = "ann@example.com", "bob@example.com"
SCOPE = "https://www.googleapis.com/auth/admin.reports.audit.readonly"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
DAY_S = 86_400
RETENTION_S = 180 * DAY_S

_PATH = "/admin/reports/v1/activity/users/all/applications"
_APPLICATIONS = {"admin", "login", "drive", "token", "saml", "groups_enterprise", "calendar"}
_PARAMETERS = {"startTime", "endTime", "maxResults", "pageToken"}
_KEY_ID = "0123456789abcdef0123456789abcdef01234567"


def refusal(status: int, message: str, reason: str, google_status: str = "") -> Response:
    """An error, of the older form; where it has a status, of the newer one."""
    error: dict[str, Any] = {
        "code": status,
        "message": message,
        "errors": [{"message": message, "domain": "global", "reason": reason}],
    }
    return JSONResponse({"error": error | ({"status": google_status} if google_status else {})}, status)


QUOTA = (
    (503, "Quota exceeded for quota metric 'Queries'.", "quotaExceeded", "UNAVAILABLE"),
    (403, "Rate Limit Exceeded", "rateLimitExceeded", ""),
    (403, "User Rate Limit Exceeded", "userRateLimitExceeded", ""),
    (403, "Quota exceeded for quota metric 'Queries'.", "quotaExceeded", "PERMISSION_DENIED"),
    (429, "Quota exceeded for quota metric 'Queries'.", "rateLimitExceeded", "RESOURCE_EXHAUSTED"),
    (503, "The service is currently unavailable.", "backendError", "UNAVAILABLE"),
)
"""How an exceeded quota is refused: the first as the Reports API's limits page has it."""


@lru_cache
def _key() -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


@dataclass
class GoogleWorkspace(Vendor):
    """The reports of one application.

    Attributes:
        application: The one in which things happen; the others are empty.
        most: Activities of a page, whatever `maxResults` says above it.
        empty_pages: So many pages with a token behind them are empty.
        are_short: Each page that a token follows holds fewer activities than it may.
        etags_change: An activity's `etag` is another one each time.
        by_place: A token is a number of activities to pass over, so that what comes late moves the others.
        quotas: How an exceeded quota is refused, by turns.
        bars: How it refuses everybody; None to refuse who is no administrator, with 401, as was seen.
        delegated: The scopes that the service account may ask for in a user's name.
        serves: So many requests a token is good for, whatever its time; None for all of its time.
        tokens: Those that were granted: their ends, and in whose name.
        claims: What each assertion said.
    """

    name: ClassVar[str] = "google_workspace"
    api_variable: ClassVar[str] = "GOOGLE_API"
    token_path: ClassVar[str] = "/token"
    application: str = "admin"
    most: int = 100
    empty_pages: int = 0
    are_short: bool = False
    etags_change: bool = False
    by_place: bool = False
    quotas: tuple[tuple[int, str, str, str], ...] = QUOTA[:2]
    bars: int | None = None
    delegated: frozenset[str] = frozenset({SCOPE})
    serves: int | None = None
    tokens: dict[str, tuple[float, str]] = field(default_factory=dict)
    claims: list[dict[str, Any]] = field(default_factory=list)
    served: dict[str, int] = field(default_factory=dict)

    @property
    def key_file(self) -> str:
        """The service account's key, as Google's console hands it out."""
        pem = _key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        return json.dumps(
            {
                "type": "service_account",
                "project_id": "project-1",
                "private_key_id": _KEY_ID,
                "private_key": pem,
                "client_email": EMAIL,
                "client_id": "123456789012345678901",
                "token_uri": f"{self.origin}{self.token_path}",
                "universe_domain": "googleapis.com",
            },
            indent=2,
        )

    def environment(self) -> dict[str, str]:
        return {
            "GOOGLE_SERVICE_ACCOUNT_KEY": self.key_file,
            "GOOGLE_ADMIN": ADMIN,
            "GOOGLE_START": rfc3339(time.time() - 5 * DAY_S),
        }

    def event(self, number: int, at: float) -> Event:
        """An activity: its qualifier tells it only from others of the same time."""
        events = [{"type": "USER_SETTINGS", "name": "CREATE_USER", "parameters": [{"name": "U", "value": "ü\n{"}]}]
        return {
            "kind": "admin#reports#activity",
            "id": {
                "time": datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                "uniqueQualifier": str(997 * (number % 64) - 4_611_686_018_427_387_904),
                "applicationName": self.application,
                "customerId": "C03az79cb",
            },
            "etag": f'"schema/{number}"',
            "actor": {"callerType": "USER", "email": ADMIN, "profileId": "1"},
            "ipAddress": "192.0.2.1",
            "events": events * (1 + number % 2),
        }

    def routes(self) -> list[str]:
        return [f"{_PATH}/{{application}}"]

    def grant(self, request: Request, form: Mapping[str, str]) -> Response:
        """A token for a signed assertion; what no client may do is a violation, what an administrator must is not."""
        del request
        claims = self._read(form)
        if isinstance(claims, str):
            self.violations.append(claims)
            return _denied(400, "invalid_grant", claims)
        self.claims.append(claims)
        if not set(claims["scope"].split()) <= self.delegated:
            return _denied(
                401,
                "unauthorized_client",
                "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any "
                "of the scopes requested.",
            )
        if claims.get("sub", EMAIL) not in {ADMIN, USER, EMAIL}:
            return _denied(400, "invalid_grant", "Invalid email or User ID")
        token = f"ya29.simulated-{len(self.granted):05}"
        self.tokens[token] = (time.time() + 3599, claims.get("sub", EMAIL))
        return JSONResponse({"access_token": token, "expires_in": 3599, "token_type": "Bearer"})

    def _read(self, form: Mapping[str, str]) -> dict[str, Any] | str:
        """The assertion's claims, or what is wrong with it."""
        if set(form) != {"grant_type", "assertion"} or form["grant_type"] != GRANT:
            return f"the form holds {sorted(form)}, its grant is {form.get('grant_type')}"
        signed, _, signature = form["assertion"].rpartition(".")
        try:
            _key().public_key().verify(_bytes(signature), signed.encode(), PKCS1v15(), SHA256())
        except InvalidSignature:
            return "Invalid JWT Signature."
        header, claims = (json.loads(_bytes(part)) for part in signed.split("."))
        now = time.time()
        faults = {
            "header": header != {"typ": "JWT", "alg": "RS256", "kid": _KEY_ID},
            "iss": claims.get("iss") != EMAIL,
            "aud": claims.get("aud") != f"{self.origin}{self.token_path}",
            "scope": not claims.get("scope"),
            "iat": not now - 600 < claims.get("iat", 0) < now + 5,
            "exp": not now < claims.get("exp", 0) <= claims.get("iat", 0) + 3600,
        }
        wrong = [name for name, is_wrong in faults.items() if is_wrong]
        return f"Invalid JWT: {', '.join(wrong)}" if wrong else claims

    def is_known(self, request: Request) -> bool:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        self.served[token] = self.served.get(token, 0) + 1
        if self.serves is not None and self.served[token] > self.serves:
            return False
        return kind == "Bearer" and self.tokens.get(token, (0.0, ""))[0] > time.time()

    def stranger(self) -> Response:
        return refusal(401, "Request had invalid authentication credentials.", "authError", "UNAUTHENTICATED")

    def limited(self, request: Request) -> Response:
        del request
        return refusal(*self.quotas[self.limits_left % len(self.quotas)])

    def page(self, request: Request, body: Mapping[str, Any]) -> Response:
        del body
        asked, application = request.query_params, request.path_params["application"]
        if self.bars is not None or self._who(request) != ADMIN:
            said = "Access denied. You are not authorized to read activity records."
            return refusal(self.bars or 401, said, "forbidden" if self.bars == 403 else "authError")
        if fault := _fault(application, asked):
            return self.against(fault)
        start, end = _ends(asked)
        start = max(start, time.time() - RETENTION_S)
        if start >= end:  # in these words: googleapis/google-api-python-client#148
            return refusal(400, "Invalid request: Start time is after end time.", "invalid")
        held = self.held if application == self.application else []
        found = sorted((one for one in held if start <= _at(one) <= end), key=_place, reverse=True)
        return self._listed(application, found, asked)

    def _listed(self, application: str, found: list[Event], asked: Mapping[str, str]) -> Response:
        """One page of a listing."""
        told = {name: value for name, value in asked.items() if name != "pageToken"}
        digest = sha256(json.dumps([application, told], sort_keys=True).encode()).hexdigest()
        skipped = 0
        if cursor := asked.get("pageToken"):
            if self.refuses_cursors:
                return refusal(400, "Invalid value for: pageToken", "invalid", "INVALID_ARGUMENT")
            listing, turn, count, place = json.loads(urlsafe_b64decode(cursor))
            if listing != digest:
                return self.against("a page token of another listing")
            above = [one for one in found if _place(one) >= tuple(place)]
            skipped = count if self.by_place else len(above) if place[0] else 0
        else:
            turn, place = 0, [0, 0]
        size = min(int(asked.get("maxResults", "1000")), self.most)
        size = size // 2 + 1 if self.are_short else size
        if self.empty_pages and turn:
            self.empty_pages -= 1
            size = 0
        shown = found[skipped : skipped + size]
        body: dict[str, Any] = {"kind": "admin#reports#activities", "etag": f'"{digest}"'}
        if shown:
            place = list(_place(shown[-1]))
            body["items"] = [self._tagged(one) for one in shown]
        if skipped + len(shown) < len(found):
            token = json.dumps([digest, turn + 1, skipped + len(shown), place])
            body["nextPageToken"] = urlsafe_b64encode(token.encode()).decode()
        return Response(json.dumps(body, indent=1, ensure_ascii=False), media_type="application/json; charset=UTF-8")

    def _tagged(self, event: Event) -> Event:
        return event | {"etag": f'"schema/{len(self.asked)}"'} if self.etags_change else event

    def _who(self, request: Request) -> str:
        return self.tokens[request.headers["authorization"].partition(" ")[2]][1]


def _fault(application: str, asked: Mapping[str, str]) -> str:
    """What no client may ask; empty where it is in order."""
    if application not in _APPLICATIONS:
        return f"an application that there is not: {application}"
    if unknown := set(asked) - _PARAMETERS:  # which Google passes over in silence
        return f"parameters that there are not: {sorted(unknown)}"
    if not {"startTime", "endTime"} <= set(asked):
        return f"a listing without both ends: {sorted(asked)}"
    if not 1 <= int(asked.get("maxResults", "1000")) <= 1000:
        return f"a page of {asked['maxResults']}"
    start, end = _ends(asked)
    if start >= min(end, time.time()):
        return f"a listing from {asked['startTime']} to {asked['endTime']}"
    return ""


def _ends(asked: Mapping[str, str]) -> tuple[float, float]:
    return datetime.fromisoformat(asked["startTime"]).timestamp(), datetime.fromisoformat(asked["endTime"]).timestamp()


def rfc3339(at: float) -> str:
    """A moment in whole seconds."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _at(event: Event) -> float:
    return datetime.fromisoformat(event["id"]["time"]).timestamp()


def _place(event: Event) -> tuple[float, int]:
    return _at(event), int(event["id"]["uniqueQualifier"])


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _denied(status: int, error: str, description: str) -> Response:
    return JSONResponse({"error": error, "error_description": description}, status)
