"""JSON text taken apart: the events of a page come out as they went in."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hel.errors import ReplyError, Trouble
from hel.events import LineMaker
from hel.json_text import MAX_MEMBERS, MAX_OBJECTS, MAX_VALUES, members
from tests.json_values import OBJECTS, SURROGATE
from tests.lines import line, split


@given(st.lists(OBJECTS, max_size=5), st.booleans(), st.sampled_from([None, 1]))
def test_every_event_comes_out_with_the_value_that_went_in(
    events: list[dict[str, Any]], escaped: bool, indent: int | None
) -> None:
    body = json.dumps(events, ensure_ascii=escaped, indent=indent).encode("utf-8", "surrogatepass")
    found = split(body)
    assert [json.loads(event) for event in found] == events
    assert all(b"\n" not in event and b"\r" not in event for event in found)
    if indent is None:
        assert found == [json.dumps(event, ensure_ascii=escaped).encode() for event in events]


def read_by_the_standard_library(body: bytes) -> list[dict[str, Any]] | None:
    try:
        value = json.loads(body.decode("utf-8-sig"), parse_constant=float.fromhex)
    except ValueError:
        return None
    return value if isinstance(value, list) and all(isinstance(item, dict) for item in value) else None


@given(st.binary(max_size=80) | st.text(st.sampled_from('[{"a\\ud8":1}], \n'), max_size=30).map(str.encode))
@example(b'[{"a":1},]')
@example(b"[}")
@example(b'[{"\\ud800":1} {}]')
@example(b"\xef\xbb\xbf[]")
def test_a_body_is_split_exactly_where_the_standard_library_reads_an_array_of_objects(body: bytes) -> None:
    expected = read_by_the_standard_library(body)
    try:
        found = [json.loads(event) for event in split(body)]
    except ReplyError:
        found = None
    assert found == expected


def test_numbers_key_order_escapes_and_repeated_keys_stay_byte_for_byte() -> None:
    event = b'{"z": 1.0, "a":123456789012345678901234567890,"e":1E+2,"s":"\\u00e9\\/ \xc3\xa9","a":-0}'
    assert split(b"[" + event + b" ,\t" + event + b"]") == [event, event]


def test_a_string_or_object_field_passes_unchanged() -> None:
    """Lesson 27: one field, a string here and an object there."""
    events = [b'{"debugData":"text"}', b'{"debugData":{"k":["v"]}}', b'{"debugData":null}']
    assert split(b"[" + b",".join(events) + b"]") == events
    assert [
        b'"event":' + event + b"," in line(LineMaker(("source", "okta-audit"), "/api/v1/logs"), event).text
        for event in events
    ] == [True] * 3


def test_lone_surrogates_are_legal_and_stay_as_they_are() -> None:
    key = b'{"\\udfff":[{}]}'
    assert split(b"[" + SURROGATE + b"," + key + b"]") == [SURROGATE, key]


def test_only_whitespace_that_holds_a_newline_goes() -> None:
    pretty = b'[\r\n  {\n    "a": "x \\n y",\n    "b": [1,\t2]\n  },  {"c":  3}\n]\n'
    assert split(pretty) == [b'{"a":"x \\n y","b":[1,2]}', b'{"c":  3}']


def test_a_byte_order_mark_is_passed_over() -> None:
    assert split(b'\xef\xbb\xbf[{"a":1}]') == [b'{"a":1}']


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "starts with nothing"),
        (b"<!DOCTYPE html><html>", "starts with '<'"),
        (b'{"events":[]}', "no JSON array"),
        (b'[{"a":1}', "cut off or malformed at character 8"),
        (b'[{"a":1', "no complete JSON"),
        (b"[", "no complete JSON"),
        (b'[{"a":1}]]', "goes on after its JSON array"),
        (b'[{"a":1}] [', "goes on after its JSON array"),
        (b'[{"a":1},]', "no complete JSON"),
        (b'[{"a":NaN}]', "NaN is no JSON value"),
        (b"[17]", "item 1 of the answer is no JSON object: it starts with '1'"),
        (b'[{},"x"]', "item 2"),
        (b'[{"a":"\xff"}]', "not UTF-8: byte 7 is 0xff"),
        (b'[{"a":"\xed\xa0\x80"}]', "not UTF-8"),
        (b'["\n"]', "no complete JSON"),
        (b'[{"a":' + b"[" * 200_000, "nested too deep"),
        (b'[{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}]", "nested too deep"),
    ],
)
def test_what_is_no_array_of_events_is_refused_in_words(body: bytes, words: str) -> None:
    """Lesson 8, the truncated body among them."""
    with pytest.raises(ReplyError) as caught:
        split(body)
    assert words in str(caught.value)


def test_braces_in_a_text_are_no_objects() -> None:
    event = b'{"a":"' + b"{" * (MAX_OBJECTS + 1) + b'\\\\"}'
    assert split(b"[" + event + b"]") == [event]
    with pytest.raises(ReplyError, match="more than 300,000 JSON objects"):
        split(b"[" + b"{}," * MAX_OBJECTS + b"{}]")


@pytest.mark.parametrize("sign", [b"[],", b"1,"])
def test_a_few_bytes_that_unpack_into_very_many_values_are_refused_before_they_do(sign: bytes) -> None:
    body = b"[" + sign * (MAX_VALUES + 1) + b"1]"
    with pytest.raises(ReplyError, match="holds more than") as raised:
        split(body)
    assert raised.value.trouble is Trouble.TOO_LARGE


def test_an_object_of_very_many_members_is_not_taken_apart_slowly() -> None:
    text = "{" + ",".join(f'"{number}":1' for number in range(MAX_MEMBERS + 1)) + "}"
    with pytest.raises(ReplyError, match="more than 100,000 members"):
        members(text)
