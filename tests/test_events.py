"""From an event to its line."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hel.errors import ReplyError
from hel.events import LineMaker
from tests.json_values import OBJECTS, SURROGATE


def maker(**options: Any) -> LineMaker:
    return LineMaker(("source", "okta-audit"), "/api/v1/logs", **options)


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


def test_a_key_that_names_a_field_which_no_event_has_is_known() -> None:
    maker = LineMaker(("source", "a"), "/", "at", "name", "id", ("n", "number"))
    bare, whole = maker.line(b"{}", 0.0), maker.line(b'{"at":"2026-05-01","name":"x","id":1,"n":2}', 0.0)
    keys = {"watermark.path", "dedupe.id_path", "transform.id_field", "transform.timestamp_field"}
    assert maker.lacking([bare, bare]) == keys
    assert maker.lacking([bare, whole]) == frozenset()
    assert maker.lacking([]) == frozenset()
    assert LineMaker(("source", "a"), "/").lacking([bare]) == {"transform.timestamp_field"}
