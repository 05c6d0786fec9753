"""Watermarks and windows: how values are read and written, and where a walk begins."""

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hel.paging.place import Asking, body_of
from hel.paging.question import Question
from hel.paging.walk import Format, Span, Walks, read_value, write_value
from hel.records import Checkpoint

NOON = 1_777_636_800.0
URL = "https://api.example.com/audit"
ASKED = Question(Asking(URL), {"limit": "5", "filter": "a b"}, None, "since")
WALKS = Walks(ASKED, "rfc3339", 600)
STOOD = Checkpoint("other", events=3, watermark=NOON)


@pytest.mark.parametrize(
    ("raw", "form", "at"),
    [
        ('"2026-05-01T12:00:00Z"', "rfc3339", NOON),
        ('"2026-05-01T14:00:00+02:00"', "rfc3339", NOON),
        ('"2026-05-01T06:30:00-05:30"', "rfc3339", NOON),
        ('"2026-05-01t12:00:00.5z"', "rfc3339", NOON + 0.5),
        ('"2026-05-01T12:00:00.123456789Z"', "rfc3339", NOON + 0.123456),
        ("1777636800", "epoch", NOON),
        ("1777636800.25", "epoch", NOON + 0.25),
        ('"1777636800"', "epoch", NOON),
        ("1.7776368e9", "epoch", NOON),
        ("1777636800250", "epoch_ms", NOON + 0.25),
        ('"1777636800250"', "epoch_ms", NOON + 0.25),
        ("7", "number", 7.0),
        ('"-7.5"', "number", -7.5),
    ],
)
def test_a_value_is_read_as_a_time_or_a_number(raw: str, form: Format, at: float) -> None:
    assert read_value(raw.encode(), form) == pytest.approx(at, abs=1e-6)


@pytest.mark.parametrize("form", ["rfc3339", "epoch", "epoch_ms", "number"])
@pytest.mark.parametrize(
    "raw",
    [
        *("null", "true", "false", "{}", "[1]", '""', '"soon"', '"1_000"', '" 1"', '"١٢"', '"nan"', '"Infinity"'),
        *("1e999", '"1e999"', "9" * 5000, '"' + "9" * 5000 + '"', '"0x10"', '"2026-13-01T00:00:00Z"', '"\\ud800"'),
    ],
)
def test_nonsense_is_no_value_and_no_crash(raw: str, form: Format) -> None:
    assert read_value(raw.encode(), form) is None


def test_a_number_is_no_rfc_3339_and_a_time_is_no_number() -> None:
    assert read_value(b"1777636800", "rfc3339") is None
    assert read_value(b'"2026-05-01T12:00:00Z"', "epoch") is None


@given(st.integers(0, 10**21))
def test_a_number_is_written_no_higher_than_it_was_read(number: int) -> None:
    for raw in (str(number), f'"{number}"'):
        value = read_value(raw.encode(), "number")
        assert value is not None
        written = int(write_value(value, "number"))
        assert written <= number
        assert number - written <= number / 2**51


@given(st.integers(0, 4 * 10**12), st.sampled_from(["epoch_ms", "epoch", "rfc3339"]))
def test_a_time_is_written_no_later_than_it_was_read_and_less_than_its_unit_earlier(at_ms: int, form: Format) -> None:
    value = read_value(str(at_ms).encode(), "epoch_ms")
    assert value is not None
    raw = write_value(value, form)
    again = read_value(json.dumps(raw).encode(), form)
    assert again is not None
    assert again <= at_ms / 1000
    assert at_ms / 1000 - again <= (0.0011 if form == "epoch_ms" else 1)


@given(st.floats(-1e12, 1e12), st.sampled_from(["epoch_ms", "epoch", "rfc3339"]))
def test_no_time_is_written_before_1970(value: float, form: Format) -> None:
    if value < 0:
        assert write_value(value, form) == write_value(0.0, form)


def test_times_are_compared_as_times_whatever_their_text() -> None:
    texts = ["2026-05-01T23:00:00+12:00", "2026-05-01T11:00:00.1Z", "2026-05-01T06:00:01-05:00", "2026-05-01T11:00:02Z"]
    values = [read_value(json.dumps(text).encode(), "rfc3339") or math.nan for text in texts]
    assert values == sorted(values)
    assert texts != sorted(texts)
    assert (read_value(b'"9"', "number") or 0) < (read_value(b'"10"', "number") or 0)


def begun(walks: Walks, stood: Checkpoint = STOOD, now: float = NOON + 60) -> dict[str, object]:
    start = walks.begin(stood, now)
    assert start is not None
    assert start.resume is not None
    assert (start.question, start.finished) == (walks.question.digest, False)
    request = walks.question.asking.read(start.resume, "it")
    return {**request.query, **body_of(request)}


def test_a_walk_begins_an_overlap_before_the_watermark_and_keeps_parameters_and_filters() -> None:
    assert begun(WALKS) == {"since": "2026-05-01T11:50:00Z", "limit": "5", "filter": "a b"}


def test_the_first_walk_begins_with_from_or_with_nothing() -> None:
    fresh = Checkpoint("other")
    assert "since" not in begun(WALKS, fresh)
    started = replace(WALKS, question=replace(ASKED, start="2026-01-01T00:00:00+01:00"))
    assert begun(started, fresh)["since"] == "2026-01-01T00:00:00+01:00"


@pytest.mark.parametrize(("start", "since"), [("11:55", "11:55"), ("11:45", "11:50"), ("12:30", "12:30")])
def test_from_wins_where_it_is_later(start: str, since: str) -> None:
    walks = replace(WALKS, question=replace(ASKED, start=f"2026-05-01T{start}:00Z"))
    assert begun(walks)["since"] == f"2026-05-01T{since}:00Z"


def test_a_parameter_of_the_same_name_gives_way() -> None:
    walks = replace(WALKS, question=replace(ASKED, parameters={"since": "2020-01-01T00:00:00Z"}))
    assert begun(walks) == {"since": "2026-05-01T11:50:00Z"}


def test_the_template_stands_around_the_value() -> None:
    assert begun(replace(WALKS, template="created:>={} x"))["since"] == "created:>=2026-05-01T11:50:00Z x"


def test_a_walk_by_a_time_ends_at_its_own_beginning_and_one_by_a_number_nowhere() -> None:
    for form, walk_to in (("rfc3339", NOON + 60), ("epoch", NOON + 60), ("number", None)):
        start = replace(WALKS, form=form).begin(STOOD, NOON + 60)  # type: ignore[arg-type]  # a Format each
        assert start is not None
        assert (start.walk_to, start.watermark, start.overlapping) == (walk_to, NOON, True)


def test_by_post_it_is_a_member_of_the_body_a_number_where_it_is_one() -> None:
    asked = Question(Asking(URL, "POST"), {}, None, "since", body={"a": 1, "since": 0})
    assert begun(replace(WALKS, question=asked)) == {"a": 1, "since": "2026-05-01T11:50:00Z"}
    assert begun(replace(WALKS, question=asked, form="epoch")) == {"a": 1, "since": 1_777_636_200}
    windows = replace(WALKS, question=asked, form="epoch_ms", span=Span("until", 86_400, 0))
    assert begun(windows) == {"a": 1, "since": 1_777_636_200_000, "until": 1_777_636_860_000}


WINDOWS = replace(WALKS, span=Span("until", 3600, 120))


def test_a_window_reaches_from_an_overlap_before_the_last_ones_end_to_its_longest() -> None:
    window = begun(WINDOWS, now=NOON + 86_400)
    assert (window["since"], window["until"]) == ("2026-05-01T11:50:00Z", "2026-05-01T13:00:00Z")


def test_a_window_ends_before_now_by_its_lag_and_is_not_due_where_that_is_no_later() -> None:
    assert begun(WINDOWS, now=NOON + 300)["until"] == "2026-05-01T12:03:00Z"
    assert WINDOWS.begin(STOOD, NOON + 120.9) is None
    assert WINDOWS.begin(STOOD, NOON - 86_400) is None
    assert begun(WINDOWS, now=NOON + 121)["until"] == "2026-05-01T12:00:01Z"


def test_the_first_window_starts_at_from_or_as_far_back_as_the_longest_reaches() -> None:
    fresh = Checkpoint("other")
    window = begun(WINDOWS, fresh, now=NOON)
    assert (window["since"], window["until"]) == ("2026-05-01T11:00:00Z", "2026-05-01T11:58:00Z")
    started = replace(WINDOWS, question=replace(ASKED, start="2026-01-01T00:00:00Z"))
    window = begun(started, fresh, now=NOON)
    assert (window["since"], window["until"]) == ("2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z")


def test_a_from_behind_the_last_window_starts_the_next_one() -> None:
    moved = replace(WINDOWS, question=replace(ASKED, start="2026-05-02T00:00:00Z"))
    window = begun(moved, now=NOON + 86_400)
    assert (window["since"], window["until"]) == ("2026-05-02T00:00:00Z", "2026-05-02T01:00:00Z")


@given(st.lists(st.floats(0.1, 20_000), min_size=1, max_size=30), st.sampled_from([1.0, 300.0, 7200.0]))
def test_windows_leave_no_gap_whenever_they_are_asked_for(waits: list[float], max_s: float) -> None:
    walks = replace(WALKS, form="epoch", overlap=0, span=Span("until", max_s, 30))
    stood, now, end = replace(STOOD, watermark=NOON), NOON, NOON
    for wait in waits:
        now += wait
        if (start := walks.begin(stood, now)) is None:
            assert end > now - 31 - 1e-3
            continue
        assert start.walk_to is not None
        asked = walks.question.asking.read(start.resume or "", "it").query
        assert int(asked["since"]) == end
        assert end < start.walk_to <= min(end + max_s, now - 30)
        end = int(asked["until"])
        stood = replace(stood, watermark=start.walk_to)
