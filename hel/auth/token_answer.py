"""What a token server's successful answer grants (RFC 6749 §5.1), if it is what was asked for. A law: a Reply in."""

import json
from typing import Any

from pydantic import SecretStr

from hel.auth.token_cache import Token
from hel.config.secret_text import VISIBLE, VISIBLE_OR_SPACE
from hel.errors import AuthError
from hel.policy.diagnosis import Facts
from hel.records import Reply
from hel.telemetry.printable import printable
from hel.telemetry.redaction import conceal

_SHORTEST_S = 1.0
_YEAR_S = 31_536_000


def read_grant(reply: Reply, scopes: tuple[str, ...], facts: Facts) -> tuple[Token, str | None]:
    """The access token, and the refresh token that came with it, or None.

    Args:
        reply: The answer.
        scopes: What was asked for, and is granted where the answer does not say otherwise.
        facts: What error messages depend on; also says whether DPoP is on.

    Raises:
        AuthError: There is no token in it, or one of another kind than was asked for.
    """
    body = _json_object(reply.body)
    value, kind, scope = body.get("access_token"), str(body.get("token_type", "")), body.get("scope")
    if not isinstance(value, str) or not VISIBLE.fullmatch(value):
        raise AuthError(
            f"the token server answered {reply.status} without an access_token for {facts.token_url}",
            "check `token_url`: it must be the authorization server's token endpoint",
        )
    conceal(value)
    rotated = body.get("refresh_token")
    if isinstance(rotated, str):
        conceal(rotated)
    _check_kind(kind, facts)
    granted = tuple(scope.split()) if isinstance(scope, str) else scopes
    token = Token(SecretStr(value), kind, _lifetime_s(body.get("expires_in")), granted)
    return token, rotated if isinstance(rotated, str) and VISIBLE_OR_SPACE.fullmatch(rotated) else None


def _check_kind(kind: str, facts: Facts) -> None:
    if facts.dpop and kind.lower() != "dpop":
        where = "'Require DPoP header' on the app's General tab in the Okta Admin Console"
        raise AuthError(
            f"`dpop` is true, but the token server answered with a {printable(kind) or 'nameless'} token, "
            "which anyone who steals it could use",
            f"enable {where if facts.is_okta else 'DPoP for the app'}, or set `dpop: false`",
        )
    if not facts.dpop and kind.lower() == "dpop":
        raise AuthError("the token server answered with a DPoP token", "set `dpop: true` under `auth`")


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    return value if isinstance(value, dict) else {}


def _lifetime_s(expires_in: Any) -> float | None:
    """`expires_in` where it is a number of seconds, one at least and at most a year of them."""
    if isinstance(expires_in, bool) or not isinstance(expires_in, int | float) or not expires_in > 0:
        return None
    return float(min(max(expires_in, _SHORTEST_S), _YEAR_S))
