import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hel.auth.token_answer import read_grant
from hel.errors import AuthError
from hel.policy.diagnosis import Facts
from hel.records import Reply

TOKEN_URL = "https://org.okta.com/oauth2/v1/token"
BEARER = Facts("https://org.okta.com/api/v1/logs", "oauth2", token_url=TOKEN_URL)
DPOP = Facts("https://org.okta.com/api/v1/logs", "oauth2", token_url=TOKEN_URL, dpop=True)
GRANT = {"access_token": "hush-1", "token_type": "Bearer", "expires_in": 3600}
ASKED = ("okta.logs.read",)


def grant(**more: Any) -> Reply:
    body = {name: value for name, value in (GRANT | more).items() if value is not ...}
    return Reply(200, (), json.dumps(body).encode(), 0.0)


def refusal(reply: Reply, facts: Facts = BEARER) -> str:
    with pytest.raises(AuthError) as caught:
        read_grant(reply, ASKED, facts)
    assert "hush" not in repr(caught.value) + str(caught.value)
    assert caught.value.fix
    return str(caught.value)


def test_a_grant_is_a_token_its_kind_and_its_lifetime() -> None:
    token, rotated = read_grant(grant(), ASKED, BEARER)
    assert (token.value.get_secret_value(), token.type, token.lifetime_s) == ("hush-1", "Bearer", 3600.0)
    assert rotated is None
    assert "hush" not in repr(token)


@pytest.mark.parametrize(
    ("scope", "granted"),
    [("okta.logs.read okta.users.read", ("okta.logs.read", "okta.users.read")), ("", ()), (..., ASKED), (["x"], ASKED)],
)
def test_what_was_asked_for_is_granted_unless_the_answer_says_otherwise(scope: Any, granted: tuple[str, ...]) -> None:
    """RFC 6749 §5.1."""
    assert read_grant(grant(scope=scope), ASKED, BEARER)[0].scopes == granted


@pytest.mark.parametrize(
    ("expires_in", "lifetime_s"),
    [(60, 60.0), (0.5, 1.0), (10**300, 31_536_000.0), ("60", None), (0, None), (-1, None), (True, None), (..., None)],
)
def test_a_lifetime_is_a_number_of_seconds_and_at_most_a_year(expires_in: Any, lifetime_s: float | None) -> None:
    assert read_grant(grant(expires_in=expires_in), ASKED, BEARER)[0].lifetime_s == lifetime_s


@pytest.mark.parametrize("kind", ["DPoP", "dpop", "DPOP"])
def test_a_kind_is_known_in_any_case(kind: str) -> None:
    """RFC 6749 §5.1: its value is case insensitive."""
    assert read_grant(grant(token_type=kind), ASKED, DPOP)[0].type == kind
    assert "`dpop: true`" in refusal(grant(token_type=kind))


@pytest.mark.parametrize(
    ("kind", "shown"), [("Bearer", "a Bearer token"), ("", "a nameless token"), ("\x1b[2J", "x1b")]
)
def test_a_token_that_is_not_bound_is_refused_where_it_should_be(kind: str, shown: str) -> None:
    said = refusal(grant(token_type=kind), DPOP)
    assert shown in said
    assert said.isprintable()


@pytest.mark.parametrize(("refresh", "rotated"), [("hush-2", "hush-2"), ("", None), (7, None), (None, None)])
def test_a_refresh_token_that_came_along_is_handed_out(refresh: Any, rotated: str | None) -> None:
    assert read_grant(grant(refresh_token=refresh), ASKED, BEARER)[1] == rotated


@pytest.mark.parametrize("value", [..., None, "", 7, ["hush"], "hush hush", "hush\r\nx: y", "hüsh", "hush\x00"])
def test_what_cant_go_in_a_header_is_no_token(value: Any) -> None:
    assert "without an access_token" in refusal(grant(access_token=value))


@pytest.mark.parametrize(
    "body", [b"", b"<html>hush", b"\xff\xfe", b'["hush"]', b"[" * 100_000, b'{"access_token":"hush']
)
def test_a_body_that_is_no_object_is_no_grant_and_not_quoted(body: bytes) -> None:
    assert f"answered 200 without an access_token for {TOKEN_URL}" in refusal(Reply(200, (), body, 0.0))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=9), inner, max_size=2),
    max_leaves=4,
)
NAMES = ("access_token", "token_type", "expires_in", "scope", "refresh_token")


@given(st.dictionaries(st.sampled_from(NAMES), JSON), st.sampled_from([BEARER, DPOP]))
def test_whatever_an_answer_holds_it_is_a_grant_or_refused_in_words(body: dict[str, Any], facts: Facts) -> None:
    said = ""
    try:
        token, _ = read_grant(Reply(200, (), json.dumps(body).encode(), 0.0), ASKED, facts)
    except AuthError as error:
        said = str(error)
    else:
        assert token.value.get_secret_value().isascii()
        assert token.lifetime_s is None or 0 < token.lifetime_s <= 31_536_000
    assert said.isprintable()
