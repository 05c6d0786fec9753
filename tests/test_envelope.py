import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hel.envelope import USUAL, Envelope
from hel.errors import ReplyError, Trouble
from hel.records import Text

EVENTS = [b'{"id":1,"n":1.0}', b'{"id": 2}']


def texts(events: list[Text]) -> list[bytes]:
    return list(map(bytes, events))


ARRAY = b"[" + b", ".join(EVENTS) + b"]"


def test_a_top_level_array_is_the_events() -> None:
    assert texts(Envelope(b"\xef\xbb\xbf " + ARRAY).events(None)) == EVENTS


@pytest.mark.parametrize("name", USUAL)
def test_the_one_array_under_a_usual_name_is_the_events_and_keeps_their_bytes(name: str) -> None:
    body = b'{"meta":{"items":[1]},"' + name.encode() + b'":' + ARRAY + b',"count":2}'
    assert texts(Envelope(body).events(None)) == EVENTS


def test_several_usual_arrays_are_no_guess() -> None:
    with pytest.raises(ReplyError, match=r"several arrays, items, data .*`events_path`"):
        Envelope(b'{"items":[],"data":[]}').events(None)


def test_an_envelope_without_events_is_an_error_that_shows_its_keys_and_never_an_event() -> None:
    with pytest.raises(ReplyError, match="only the keys ok, error, items, x, and says 'not_authed'") as caught:
        Envelope(b'{"ok":false,"error":"not_authed","items":{"a":"its text"},"x":[]}').events(None)
    assert "its text" not in str(caught.value)
    with pytest.raises(ReplyError, match="only no keys"):
        Envelope(b"{}").events(None)


@pytest.mark.parametrize("body", [b'{"a":{"b":%s}}' % ARRAY, b'{"a":{"b":1},"a":{"b":%s}}' % ARRAY])
def test_a_dotted_path_leads_to_them(body: bytes) -> None:
    assert texts(Envelope(body).events("a.b")) == EVENTS


def test_null_where_the_events_should_be_names_the_key_that_allows_it() -> None:
    with pytest.raises(ReplyError, match=r"`a\.b` in the answer is null .*`events_may_be_missing: true`"):
        Envelope(b'{"a":{"b":null}}').events("a.b")
    assert Envelope(b'{"a":{"b":null}}').events("a.b", may_be_missing=True) == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"error":"not_authed"}', "not_authed"),
        (b'{"error":{"message":"no"}}', "no"),
        (b'{"errors":[{"code":7,"message":"no"}],"result":null}', "no"),
        (b'{"errors":["no"],"result":null}', "no"),
    ],
)
def test_an_answer_that_says_it_failed_is_quoted(body: bytes, said: str) -> None:
    with pytest.raises(ReplyError, match=f"and says '{said}'") as raised:
        Envelope(body).events("result")
    assert "may_be_missing" not in raised.value.fix


@pytest.mark.parametrize("body", [b'{"errors":[],"error":1}', b'{"error":[""],"errors":{"a":[]}}', b'{"errors":[[]]}'])
def test_what_is_no_errors_text_is_not_quoted(body: bytes) -> None:
    with pytest.raises(ReplyError) as raised:
        Envelope(body).events("result")
    assert "says" not in raised.value.message


@pytest.mark.parametrize("body", [b"", b" \n", b"null"])
def test_an_answer_of_nothing_is_no_events_where_they_may_be_missing(body: bytes) -> None:
    for path in (None, "a"):
        assert Envelope(body).events(path, may_be_missing=True) == []
        with pytest.raises(ReplyError):
            Envelope(body).events(path)


@pytest.mark.parametrize("body", [b"{}", b'{"a":null}', b'{"a":[]}', b'{"a":{"c":[]}}'])
def test_where_the_path_leads_nowhere_is_an_error_unless_the_api_leaves_it_out_when_there_are_none(body: bytes) -> None:
    with pytest.raises(ReplyError, match=r"the answer has no `a\.b`: it holds "):
        Envelope(body).events("a.b")
    assert Envelope(body).events("a.b", may_be_missing=True) == []


def test_where_the_path_leads_to_something_else_is_an_error_in_any_case() -> None:
    with pytest.raises(ReplyError, match=r"`a` in the answer is no array: it starts with '\{'"):
        Envelope(b'{"a":{"b":1}}').events("a", may_be_missing=True)
    with pytest.raises(ReplyError, match="holds a top-level array"):
        Envelope(b"[]").events("a", may_be_missing=True)


def test_values_beside_the_events_are_read_by_their_path() -> None:
    envelope = Envelope(b'{"a":{"next":"x\\u00e9","more":true,"n":null},"items":[]}')
    assert [envelope.value(path) for path in ("a.next", "a.more", "a.n", "a.z", "b", "a.next.z")] == [
        "xé", True, None, None, None, None,
    ]  # fmt: skip
    with pytest.raises(ReplyError, match="top-level array, where nothing can stand at `a`"):
        Envelope(b"[]").value("a")
    assert Envelope(b" ").value("a") is None


@pytest.mark.parametrize(
    ("body", "trouble"),
    [
        (b'{"items":[{"a":1}', Trouble.DAMAGED),
        (b'{"items":[{"a":1}]} x', Trouble.DAMAGED),
        (b'{"items":[{"a":1},]}', Trouble.DAMAGED),
        (b'{"items":["\xff"]}', Trouble.DAMAGED),
        (b"<html>", Trouble.FOREIGN),
        (b"", Trouble.FOREIGN),
        (b'"text"', Trouble.FOREIGN),
        (b'{"items":[1]}', Trouble.FOREIGN),
    ],
)
def test_what_is_no_json_is_told_from_what_broke_off(body: bytes, trouble: Trouble) -> None:
    with pytest.raises(ReplyError) as caught:
        Envelope(body).events(None)
    assert caught.value.trouble is trouble


def test_lone_surrogates_and_deep_nesting_are_borne() -> None:
    assert texts(Envelope(b'{"items":[{"a":"\\ud800"}],"next":"\\ud800x"}').events("items")) == [b'{"a":"\\ud800"}']
    assert texts(Envelope(b'{"\\ud800":1,"items":[{"a":1}]}').events(None)) == [b'{"a":1}']
    with pytest.raises(ReplyError, match="nested too deep"):
        Envelope(b'{"items":' + b"[" * 200_000 + b"]" * 200_000 + b"}").events("items")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


@given(st.dictionaries(st.text(min_size=1, max_size=4).filter(lambda name: "." not in name), JSON, max_size=5))
def test_any_object_is_read_as_the_standard_library_reads_it(data: dict[str, object]) -> None:
    envelope = Envelope(json.dumps(data).encode())
    for name, value in data.items():
        if value and isinstance(value, list | dict):
            with pytest.raises(ReplyError, match="not a text or number"):
                envelope.value(name)
        else:
            assert envelope.value(name) == (None if isinstance(value, list | dict) else value)
        if isinstance(value, list) and all(isinstance(item, dict) for item in value):
            assert [json.loads(event) for event in texts(envelope.events(name))] == value
