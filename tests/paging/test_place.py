"""A request as the text that a checkpoint keeps, and back."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hel.errors import ReplyError
from hel.paging.place import Asking, body_of, with_member, with_parameter
from hel.records import MAX_URL

URL = "https://api.example.com/audit"
GET = Asking(URL)
POST = Asking(URL, "POST")
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(TEXT, TEXT, max_size=4))
def test_what_a_get_asks_is_read_back_from_what_is_written(parameters: dict[str, str]) -> None:
    request = GET.request(URL)
    for name, value in parameters.items():
        request = with_parameter(request, name, value)
    assert GET.read(request.written, "it") == request
    assert request.query == parameters


@given(st.dictionaries(TEXT, JSON, max_size=4), TEXT)
def test_what_a_post_asks_is_read_back_from_what_is_written(body: dict[str, Any], value: str) -> None:
    request = with_member(POST.request(f"{URL}?page=1", body), "cursor", value)
    assert POST.read(request.written, "it") == request
    assert body_of(request) == {**body, "cursor": value}


def test_a_post_of_nothing_is_an_empty_object() -> None:
    assert POST.request(URL).written == f"{URL} {{}}"
    assert POST.read(URL, "it") == POST.request(URL)


def test_a_post_says_what_it_sends_and_keeps_its_own_headers() -> None:
    asking = Asking(URL, "POST", {"x-version": "1"}, ())
    assert asking.request(URL).headers == {"x-version": "1", "content-type": "application/json"}
    assert Asking(URL, headers={"x-version": "1"}).request(URL).headers == {"x-version": "1"}


@pytest.mark.parametrize(
    "place",
    [
        "https://evil.example/audit",
        "http://api.example.com/audit",
        "https://api.example.com:444/audit",
        "https://user@api.example.com/audit",
        "https://api.example.com@evil.example/audit",
        "https://api.example.com\\@evil.example/",
        "//api.example.com/audit",
        "file:///etc/passwd",
        "",
        "https://api.example.com/\u00e4",
        "https://api.example.com/a\tb",
        "https://[::1/audit",
        f"{URL}?{'x' * MAX_URL}",
    ],
)
@pytest.mark.parametrize("asking", [GET, POST])
def test_a_place_that_leads_away_is_refused(asking: Asking, place: str) -> None:
    for text in (place, f"{place} {{}}"):
        with pytest.raises(ReplyError):
            asking.read(text, "the stored cursor")


@pytest.mark.parametrize("body", ["[]", "null", "1", '"x"', "{", "{} {}", "nonsense", "9" * 5000, "[" * 200_000])
def test_a_body_that_is_no_json_object_is_refused(body: str) -> None:
    with pytest.raises(ReplyError) as raised:
        POST.read(f"{URL} {body}", "the stored cursor")
    assert "the stored cursor is no POST request" in raised.value.message


def test_a_get_has_no_body() -> None:
    with pytest.raises(ReplyError):
        GET.read(f'{URL} {{"a":1}}', "the stored cursor")


def test_another_origin_is_followed_only_where_it_is_allowed() -> None:
    abroad = "https://eu.example.com/audit?after=x"
    assert Asking(URL, abroad=("https://eu.example.com",)).follow(abroad).url == abroad
    with pytest.raises(ReplyError):
        GET.follow(abroad)


def test_a_parameter_is_set_once_and_the_others_stay_in_their_order() -> None:
    request = GET.request(f"{URL}?b=1&after=old&a=x+y%26z&empty=&after=older")
    assert with_parameter(request, "after", "a b/ü").url == f"{URL}?b=1&a=x+y%26z&empty=&after=a+b%2F%C3%BC"


def test_a_member_is_set_and_the_others_stay() -> None:
    request = with_member(POST.request(URL, {"limit": 5, "cursor": "old", "deep": {"a": [1.5]}}), "cursor", 7)
    assert json.loads(request.content or b"") == {"limit": 5, "cursor": 7, "deep": {"a": [1.5]}}
