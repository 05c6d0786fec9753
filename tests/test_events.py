import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hel.errors import ReplyError
from hel.events import LineMaker
from hel.json_text import MAX_OBJECTS, split

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.text(), VALUES, max_size=5)
SURROGATE = b'{"uuid":"1","published":"2026-05-01T12:00:00.000Z","n":1.0,"name":"\\ud800"}'


def maker(**options: Any) -> LineMaker:
    return LineMaker(("source", "okta-audit"), "/api/v1/logs", **options)


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
    assert [b'"event":' + event + b"," in maker().line(event, 0.0).text for event in events] == [True] * 3


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


def test_a_line_holds_the_events_own_bytes_and_its_own_time() -> None:
    event = b'{"uuid":"u-1", "published":"2026-05-01T12:00:00.000Z","n":1.0}'
    line = maker(key_field="uuid").line(event, collected_at=0.0)
    assert line.text == (
        b'{"ts":"2026-05-01T12:00:00.000Z","source":"okta-audit","endpoint":"/api/v1/logs","event":'
        + event
        + b',"meta":{"id":"u-1"}}\n'
    )
    assert (line.key, line.ts) == (b'"u-1"', "2026-05-01T12:00:00.000Z")


@given(OBJECTS, st.booleans())
def test_every_line_is_one_json_object_on_one_line(event: dict[str, Any], escaped: bool) -> None:
    text = json.dumps(event, ensure_ascii=escaped).encode()
    line = maker(id_field="a.b", key_field="id").line(text, 0.0).text
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    record = json.loads(line)
    assert list(record) == ["ts", "source", "endpoint", "event", "meta"]
    assert record["event"] == event


@pytest.mark.parametrize(
    ("event", "ts"),
    [
        (b'{"published":"P","timestamp":"T","created_at":"C"}', "P"),
        (b'{"published":5,"timestamp":"T"}', "T"),
        (b'{"published":null,"ts":"S"}', "S"),
        (b'{"created_at":"C"}', "C"),
        (b'{"other":1}', "1970-01-01T00:00:01.500Z"),
    ],
)
def test_ts_is_the_first_string_among_the_usual_names_or_else_the_time_of_collection(event: bytes, ts: str) -> None:
    assert json.loads(maker().line(event, 1.5).text)["ts"] == ts


def test_a_named_timestamp_field_comes_first_and_may_lie_deep() -> None:
    made = maker(timestamp_field="actor.seen.at")
    assert made.line(b'{"published":"P","actor":{"seen":{"at":"deep"}}}', 0.0).ts == "deep"
    assert made.line(b'{"published":"P","actor":"x"}', 0.0).ts == "P"


@pytest.mark.parametrize("raw", ["17", "17.0", '"17"', "true", '{"a": [1.0]}', "123456789012345678901234567890"])
def test_meta_id_keeps_its_json_type_and_text(raw: str) -> None:
    for event in (f'{{"id":{raw}}}', f'{{"id":{raw},"x":"\\ud800"}}'):
        line = maker(key_field="id").line(event.encode(), 0.0)
        assert line.text.endswith(f'"meta":{{"id":{raw}}}}}\n'.encode())
        assert line.key == raw.encode()


def test_meta_is_empty_where_the_event_has_no_id_and_null_is_no_key() -> None:
    assert maker(key_field="id").line(b'{"a":1}', 0.0).text.endswith(b'"meta":{}}\n')
    assert maker(key_field="id").line(b'{"id":null}', 0.0).key is None
    assert maker().line(b'{"uuid":"x"}', 0.0).text.endswith(b'"meta":{}}\n')


def test_the_key_and_the_shown_id_may_be_two_fields() -> None:
    line = maker(id_field="name", key_field="uuid").line(b'{"name":"n","uuid":"u"}', 0.0)
    assert line.text.endswith(b'"meta":{"id":"n"}}\n')
    assert line.key == b'"u"'


def test_an_event_with_lone_surrogates_gives_its_fields_too() -> None:
    line = maker(key_field="uuid").line(SURROGATE, 0.0)
    assert (line.key, line.ts) == (b'"1"', "2026-05-01T12:00:00.000Z")
    assert SURROGATE in line.text


def test_a_nested_field_beside_a_lone_surrogate_is_found() -> None:
    event = b'{"a":{"\\ud800":1,"id":7},"published":"P"}'
    line = maker(key_field="a.id").line(event, 0.0)
    assert (line.key, line.ts) == (b"7", "P")


def test_a_time_that_is_no_text_is_written_and_not_remembered() -> None:
    line = maker().line(b'{"published":"\\ud800"}', 0.0)
    assert line.text.startswith(b'{"ts":"\\ud800"')
    assert line.ts is None


def test_a_text_that_is_too_long_for_a_time_is_written_and_not_remembered() -> None:
    kept, long = "2" * 64, "2" * 65
    assert maker().line(f'{{"published":"{kept}"}}'.encode(), 0.0).ts == kept
    line = maker().line(f'{{"published":"{long}"}}'.encode(), 0.0)
    assert line.text.startswith(f'{{"ts":"{long}"'.encode())
    assert line.ts is None


def test_of_a_repeated_field_the_last_counts_on_both_ways() -> None:
    for event in (b'{"id":1,"id":2}', b'{"id":1,"id":2,"x":"\\ud800"}'):
        assert maker(key_field="id").line(event, 0.0).key == b"2"


def test_an_event_nested_too_deep_is_refused_and_not_passed_without_its_id() -> None:
    event = b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b',"id":1}'
    with pytest.raises(ReplyError) as caught:
        maker(key_field="id").line(event, 0.0)
    assert "nested too deep" in str(caught.value)


def test_a_label_is_written_as_json() -> None:
    made = LineMaker(('my "key"', "Zürich\\"), "/ü")
    record = json.loads(made.line(b"{}", 0.0).text)
    assert (record['my "key"'], record["endpoint"]) == ("Zürich\\", "/ü")


def test_braces_in_a_text_are_no_objects() -> None:
    event = b'{"a":"' + b"{" * (MAX_OBJECTS + 1) + b'\\\\"}'
    assert split(b"[" + event + b"]") == [event]
    with pytest.raises(ReplyError, match="more than 300,000 JSON objects"):
        split(b"[" + b"{}," * MAX_OBJECTS + b"{}]")


@pytest.mark.parametrize(
    ("event", "written", "ts"),
    [
        ('{"at":1777636800}', "epoch", "2026-05-01T12:00:00.000Z"),
        ('{"at":"1777636800.25"}', "epoch", "2026-05-01T12:00:00.250Z"),
        ('{"at":1777636800123}', "epoch_ms", "2026-05-01T12:00:00.123Z"),
        ('{"at":1e300}', "epoch", "9999-12-31T23:59:59.000Z"),
        ('{"at":-1e300}', "epoch", "0001-01-01T00:00:00.000Z"),
        ('{"at":"soon","ts":"2026-05-01"}', "epoch", "2026-05-01"),
        ('{"created_at":"2026-05-01"}', "epoch_ms", "2026-05-01"),
        ('{"at":1777636800}', "rfc3339", "1970-01-01T00:00:07.000Z"),
    ],
)
def test_a_time_that_is_a_number_becomes_rfc_3339_where_its_format_says_so(event: str, written: Any, ts: str) -> None:
    line = LineMaker(("source", "a"), "/", "at", written=written).line(event.encode(), 7.0)
    assert json.loads(line.text)["ts"] == ts
    assert event.encode() in line.text


def test_the_watermark_of_a_line_is_not_its_time() -> None:
    line = LineMaker(("source", "a"), "/", mark=("id", "number")).line(b'{"id":"7","ts":"2026-05-01T12:00:00Z"}', 0.0)
    assert (line.mark, line.at, line.ts) == (7.0, 1_777_636_800.0, "2026-05-01T12:00:00Z")
