"""Makes System Log events as Okta's are: about 1.9 kB of JSON text. Rule: the same seed makes the same events.

Shape: https://developer.okta.com/docs/reference/api/system-log/#logevent-object. Among them are the texts that a
collector must not touch: escapes, `1.0`, an integer of 30 digits, fields that are a string here and an object there.
"""

import json
import uuid
from datetime import UTC, datetime
from functools import lru_cache
from random import Random
from typing import Any

_KINDS = (
    ("user.session.start", "User login to Okta", "SUCCESS", None, "INFO"),
    ("user.authentication.sso", "User single sign on to app", "SUCCESS", None, "INFO"),
    ("user.authentication.auth_via_mfa", "Authentication of user via MFA", "FAILURE", "INVALID_CREDENTIALS", "WARN"),
    ("policy.evaluate_sign_on", "Evaluation of sign-on policy", "ALLOW", "Sign-on policy evaluation", "INFO"),
    ("user.account.update_password", "User update password for Okta", "SUCCESS", None, "INFO"),
    ("group.user_membership.add", "Add user to group membership", "SUCCESS", None, "INFO"),
    ("system.api_token.create", "Create API token", "SUCCESS", None, "INFO"),
)
_PEOPLE = (
    ("Ada Lovelace", "ada@example.com"),
    ("Zoë Krüger", "zoe.krueger@example.com"),
    ("山田 太郎", "taro.yamada@example.com"),
    ('Grace "Amazing" Hopper', "grace@example.com"),
    ("Nguyễn Thị Hoa \U0001f338", "hoa@example.com"),
)
_PLACES = (
    ("Zürich", "Zurich", "Switzerland", 47.3667, 8.55),
    ("São Paulo", "São Paulo", "Brazil", -23.5475, -46.6361),
    ("Boston", "Massachusetts", "United States", 42.3584, -71.0598),
    ("東京", "Tokyo", "Japan", 35.6895, 139.6917),
)
_AGENT = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0 Safari"


_PUBLISHED = "@published@"
"""Stands in an event's text until it is published."""


class Samples:
    """Makes events one after the other.

    Args:
        seed: Of everything but the times.
        odd: Some events have newlines and indentation between tokens, some a lone surrogate's escape.
    """

    def __init__(self, seed: int, *, odd: bool = False) -> None:
        self._seed = seed
        self._odd = odd
        self._count = 0

    def make(self, published_at: float, fields: dict[str, Any] | None = None) -> tuple[str, bytes]:
        """One event: its uuid and its JSON text.

        Args:
            published_at: Epoch seconds, for `published`.
            fields: Top-level members to set.
        """
        number, self._count = self._count, self._count + 1
        published = rfc3339(published_at)
        if fields:
            return _encoded(_event(self._seed, number) | {"published": published} | fields, number, odd=self._odd)
        name, text = _known(self._seed, number, self._odd)
        return name, text.replace(_PUBLISHED.encode(), published.encode(), 1)


@lru_cache(8192)
def _known(seed: int, number: int, odd: bool) -> tuple[str, bytes]:
    """An event but for its time: the orgs of one process often have the same ones."""
    return _encoded(_event(seed, number), number, odd=odd)


def _encoded(event: dict[str, Any], number: int, *, odd: bool) -> tuple[str, bytes]:
    indent = 2 if odd and number % 3 == 1 else None
    separators = None if indent else (",", ":")
    text = json.dumps(event, ensure_ascii=number % 2 == 1, indent=indent, separators=separators)
    if odd and number % 5 == 2:
        # No encoder writes half of a surrogate pair into UTF-8, but its escape is legal JSON (RFC 8259 §8.2).
        text = text.replace('"threatSuspected"', '"clientHint":"\\ud83c","threatSuspected"')
    return str(event["uuid"]), text.encode()


def _event(seed: int, number: int) -> dict[str, Any]:
    chosen = Random(f"{seed} {number}")  # noqa: S311  # sample data, no secret
    kind, message, result, reason, severity = chosen.choice(_KINDS)
    name, login = chosen.choice(_PEOPLE)
    actor_id = f"00u{chosen.getrandbits(80):020x}"[:20]
    return {
        "actor": {"id": actor_id, "type": "User", "alternateId": login, "displayName": name, "detailEntry": None},
        "client": {
            "userAgent": {"rawUserAgent": _AGENT, "os": "Mac OS X", "browser": "CHROME"},
            "zone": "null",
            "device": "Computer",
            "id": None,
            "ipAddress": f"203.0.113.{chosen.randrange(1, 255)}",
            "geographicalContext": _place(chosen),
        },
        "device": None,
        "authenticationContext": {
            "authenticationProvider": None,
            "credentialProvider": None,
            "credentialType": None,
            "issuer": None,
            "interface": None,
            "authenticationStep": 0,
            "rootSessionId": f"idx{chosen.getrandbits(64):016x}",
            "externalSessionId": f"idx{chosen.getrandbits(64):016x}",
        },
        "displayMessage": message,
        "eventType": kind,
        "outcome": {"result": result, "reason": reason},
        "published": _PUBLISHED,
        "securityContext": {
            "asNumber": 64496,
            "asOrg": "example transit",
            "isp": "example net",
            "domain": "example.net",
            "isProxy": False,
        },
        "severity": severity,
        "debugContext": {"debugData": _debug_data(chosen, number)},
        "legacyEventType": f"core.{kind}",
        "transaction": {"type": "WEB", "id": f"Z{chosen.getrandbits(96):024x}", "detail": {}},
        "uuid": str(uuid.UUID(int=chosen.getrandbits(128), version=4)),
        "version": "0",
        "request": {"ipChain": [{"ip": "203.0.113.7", "version": "V4", "source": None}]},
        "target": [
            {
                "id": actor_id,
                "type": "AppInstance",
                "alternateId": "Intranet/Start",
                "displayName": "Intranet",
                "detailEntry": {"signOnModeType": "OPENID_CONNECT"},
            }
        ],
    }


def _debug_data(chosen: Random, number: int) -> dict[str, Any]:
    risk: Any = "{level=LOW, reasons=}" if number % 4 else {"level": "LOW", "reasons": []}
    data: dict[str, Any] = {
        "requestId": f"{chosen.getrandbits(128):032x}",
        "requestUri": "/idp/idx/identify",
        "url": "/idp/idx/identify?stateToken=\tx&amp;y=\\z",
        "threatSuspected": "false",
        "risk": risk,
        "behaviors": "{New Geo-Location=NEGATIVE, New Device=NEGATIVE, New IP=POSITIVE}",
    }
    if number % 2 == 0:
        data["score"] = 1.0
        data["traceId"] = 100000000000000000000000000000 + chosen.getrandbits(64)
    return data


def rfc3339(epoch_s: float) -> str:
    """Epoch seconds as Okta writes them: UTC with milliseconds (RFC 3339 §5.6)."""
    # Rounded first: what is compared elsewhere in whole milliseconds must read the same.
    moment = datetime.fromtimestamp(round(epoch_s * 1000) / 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{round(moment.microsecond / 1000):03d}Z"


def _place(chosen: Random) -> dict[str, Any]:
    city, state, country, latitude, longitude = chosen.choice(_PLACES)
    return {
        "city": city,
        "state": state,
        "country": country,
        "postalCode": None,
        "geolocation": {"lat": latitude, "lon": longitude},
    }
