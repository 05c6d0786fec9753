"""From an event to its line."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hel.errors import ReplyError
from hel.events import LineMaker
from tests.json_values import OBJECTS, SURROGATE
from tests.lines import line as line_of


def maker(**options: Any) -> LineMaker:
    return LineMaker(("source", "okta-audit"), "/api/v1/logs", **options)


def test_a_line_holds_the_events_own_bytes_and_its_own_time() -> None:
    event = b'{"uuid":"u-1", "published":"2026-05-01T12:00:00.000Z","n":1.0}'
    line = line_of(maker(key_field="uuid"), event, collected_at=0.0)
    assert line.text == (
        b'{"ts":"2026-05-01T12:00:00.000Z","source":"okta-audit","endpoint":"/api/v1/logs","event":'
        + event
        + b',"meta":{"id":"u-1"}}\n'
    )
    assert (line.key, line.ts) == (b'"u-1"', "2026-05-01T12:00:00.000Z")


@given(OBJECTS, st.booleans())
def test_every_line_is_one_json_object_on_one_line(event: dict[str, Any], escaped: bool) -> None:
    text = json.dumps(event, ensure_ascii=escaped).encode()
    line = line_of(maker(id_field="a.b", key_field="id"), text, 0.0).text
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
    assert json.loads(line_of(maker(), event, 1.5).text)["ts"] == ts


def test_a_named_timestamp_field_comes_first_and_may_lie_deep() -> None:
    made = maker(timestamp_field="actor.seen.at")
    assert line_of(made, b'{"published":"P","actor":{"seen":{"at":"deep"}}}', 0.0).ts == "deep"
    assert line_of(made, b'{"published":"P","actor":"x"}', 0.0).ts == "P"


@pytest.mark.parametrize("raw", ["17", "17.0", '"17"', "true", '{"a": [1.0]}', "123456789012345678901234567890"])
def test_meta_id_keeps_its_json_type_and_text(raw: str) -> None:
    for event in (f'{{"id":{raw}}}', f'{{"id":{raw},"x":"\\ud800"}}'):
        line = line_of(maker(key_field="id"), event.encode(), 0.0)
        assert line.text.endswith(f'"meta":{{"id":{raw}}}}}\n'.encode())
        assert line.key == raw.encode()


def test_meta_is_empty_where_the_event_has_no_id_and_null_is_no_key() -> None:
    assert line_of(maker(key_field="id"), b'{"a":1}', 0.0).text.endswith(b'"meta":{}}\n')
    assert line_of(maker(key_field="id"), b'{"id":null}', 0.0).key is None
    assert line_of(maker(), b'{"uuid":"x"}', 0.0).text.endswith(b'"meta":{}}\n')


def test_the_key_and_the_shown_id_may_be_two_fields() -> None:
    line = line_of(maker(id_field="name", key_field="uuid"), b'{"name":"n","uuid":"u"}', 0.0)
    assert line.text.endswith(b'"meta":{"id":"n"}}\n')
    assert line.key == b'"u"'


def test_an_event_with_lone_surrogates_gives_its_fields_too() -> None:
    line = line_of(maker(key_field="uuid"), SURROGATE, 0.0)
    assert (line.key, line.ts) == (b'"1"', "2026-05-01T12:00:00.000Z")
    assert SURROGATE in line.text


def test_a_nested_field_beside_a_lone_surrogate_is_found() -> None:
    event = b'{"a":{"\\ud800":1,"id":7},"published":"P"}'
    line = line_of(maker(key_field="a.id"), event, 0.0)
    assert (line.key, line.ts) == (b"7", "P")


def test_a_time_that_is_no_text_is_written_and_not_remembered() -> None:
    line = line_of(maker(), b'{"published":"\\ud800"}', 0.0)
    assert line.text.startswith(b'{"ts":"\\ud800"')
    assert line.ts is None


def test_a_text_that_is_too_long_for_a_time_is_written_and_not_remembered() -> None:
    kept, long = "2" * 64, "2" * 65
    assert line_of(maker(), f'{{"published":"{kept}"}}'.encode(), 0.0).ts == kept
    line = line_of(maker(), f'{{"published":"{long}"}}'.encode(), 0.0)
    assert line.text.startswith(f'{{"ts":"{long}"'.encode())
    assert line.ts is None


def test_of_a_repeated_field_the_last_counts_on_both_ways() -> None:
    for event in (b'{"id":1,"id":2}', b'{"id":1,"id":2,"x":"\\ud800"}'):
        assert line_of(maker(key_field="id"), event, 0.0).key == b"2"


def test_an_event_nested_too_deep_is_refused_and_not_passed_without_its_id() -> None:
    event = b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b',"id":1}'
    with pytest.raises(ReplyError) as caught:
        line_of(maker(key_field="id"), event, 0.0)
    assert "nested too deep" in str(caught.value)


def test_a_label_is_written_as_json() -> None:
    made = LineMaker(('my "key"', "Zürich\\"), "/ü")
    record = json.loads(line_of(made, b"{}", 0.0).text)
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
    line = line_of(LineMaker(("source", "a"), "/", "at", written=written), event.encode(), 7.0)
    assert json.loads(line.text)["ts"] == ts
    assert event.encode() in line.text


def test_the_watermark_of_a_line_is_not_its_time() -> None:
    line = line_of(
        LineMaker(("source", "a"), "/", mark=("id", "number")), b'{"id":"7","ts":"2026-05-01T12:00:00Z"}', 0.0
    )
    assert (line.mark, line.at, line.ts) == (7.0, 1_777_636_800.0, "2026-05-01T12:00:00Z")


def test_a_key_that_names_a_field_which_no_event_has_is_known() -> None:
    maker = LineMaker(("source", "a"), "/", "at", "name", "id", ("n", "number"))
    bare, whole = b"{}", b'{"at":"2026-05-01","name":"x","id":1,"n":2}'
    keys = {"watermark.path", "dedupe.id_path", "transform.id_field", "transform.timestamp_field"}
    assert maker.lacking(maker.lines([bare, bare], 0.0)) == keys
    assert maker.lacking(maker.lines([bare, whole], 0.0)) == frozenset()
    assert maker.lacking(maker.lines([], 0.0)) == frozenset()
    usual = LineMaker(("source", "a"), "/")
    assert usual.lacking(usual.lines([bare], 0.0)) == {"transform.timestamp_field"}


EVENTS = st.one_of(
    OBJECTS.map(lambda event: json.dumps(event).encode()),
    st.sampled_from(
        [
            b'{"published":"2026-05-01T12:00:00.000Z","id":1,"n":5}',
            b'{"published":"2026-05-01T12:00:00.000+02:00","id":null}',
            b'{"published":"2026-05-01","id":"x","n":"7"}',
            b'{"published":"\\u0032026-05-01T12:00:00Z"}',
            b'{"published":1777636800,"ts":"t"}',
            b'{"published":"2026-05-01T12:00:00.000Z","x":"\\ud800"}',
            b"{}",
        ]
    ),
)


@given(st.lists(EVENTS, max_size=6), st.sampled_from(["rfc3339", "epoch"]))
def test_a_page_of_events_becomes_the_lines_that_each_of_them_becomes_alone(events: list[bytes], written: Any) -> None:
    made = maker(timestamp_field="published", written=written, id_field="n", key_field="id", mark=("n", "number"))
    page, alone = made.lines(events, 9.5), [line_of(made, event, 9.5) for event in events]
    assert page.joined([True] * len(events)) == b"".join(one.text for one in alone)
    assert page.joined([number % 2 == 1 for number in range(len(events))]) == b"".join(one.text for one in alone[1::2])
    assert page.lengths() == [len(one.text) for one in alone]
    assert list(page.times()) == [(one.at, one.ts) for one in alone]
    assert [key or None for key in page.keys] == [one.key for one in alone]
    assert [name or None for name in page.ids] == [one.id for one in alone]
    assert list(page.marks) == [one.mark for one in alone]


def test_a_page_knows_its_newest_time_only_where_each_event_says_its_own_with_an_offset_and_none_is_a_number() -> None:
    texts = [b'{"ts":"2026-05-01T12:00:00Z"}', b'{"ts":"2026-05-01T12:00:01"}']
    assert maker().lines(texts[:1], 0.0).newest() is not None
    assert maker().lines(texts, 0.0).newest() is None
    counted = maker(timestamp_field="at", written="epoch").lines([b'{"at":1777636800.0005}'], 0.0)
    assert (counted.newest(), next(iter(counted.times()))[0]) == (None, 1777636800.0005)


TIMES = st.sampled_from(
    [
        "2026-05-01T12:00:00.000Z",
        "2026-05-01T12:00:00Z",
        "2026-05-01T13:30:00+02:00",
        "2026-05-01t12:00:01z",
        "2026-05-01",
        "soon",
        "",
    ]
)


@given(st.lists(TIMES, max_size=5))
def test_the_newest_of_a_page_is_the_first_of_the_latest_where_each_says_its_own_time(texts: list[str]) -> None:
    made = maker()
    lines = made.lines([json.dumps({"ts": text}).encode() for text in texts], 0.0)
    times = [(at, text) for at, text in lines.times() if at is not None and text is not None]
    newest = lines.newest()
    assert newest is None or newest == max(times, key=lambda time: time[0])
    if texts and all(text.endswith(("Z", "+02:00")) for text in texts):
        assert newest is not None
