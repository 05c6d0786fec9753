"""Watermarks and windows: where a walk begins."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from hel.paging.place import Asking, body_of
from hel.paging.question import Question
from hel.paging.walk import Span, Walks
from hel.records import Checkpoint

NOON = 1_777_636_800.0
URL = "https://api.example.com/audit"
ASKED = Question(Asking(URL), {"limit": "5", "filter": "a b"}, None, "since")
WALKS = Walks(ASKED, "rfc3339", 600)
STOOD = Checkpoint("other", events=3, watermark=NOON)


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
    started = structs.replace(WALKS, question=structs.replace(ASKED, start="2026-01-01T00:00:00+01:00"))
    assert begun(started, fresh)["since"] == "2026-01-01T00:00:00+01:00"


@pytest.mark.parametrize(("start", "since"), [("11:55", "11:55"), ("11:45", "11:50"), ("12:00", "12:00")])
def test_no_walk_begins_before_from(start: str, since: str) -> None:
    walks = structs.replace(WALKS, question=structs.replace(ASKED, start=f"2026-05-01T{start}:00Z"))
    assert begun(walks)["since"] == f"2026-05-01T{since}:00Z"


def test_a_parameter_of_the_same_name_gives_way() -> None:
    walks = structs.replace(WALKS, question=structs.replace(ASKED, parameters={"since": "2020-01-01T00:00:00Z"}))
    assert begun(walks) == {"since": "2026-05-01T11:50:00Z"}


def test_the_template_stands_around_the_value() -> None:
    assert begun(structs.replace(WALKS, template="created:>={} x"))["since"] == "created:>=2026-05-01T11:50:00Z x"


def test_a_walk_by_a_time_ends_at_its_own_beginning_and_one_by_a_number_nowhere() -> None:
    for form, walk_to in (("rfc3339", NOON + 60), ("epoch", NOON + 60), ("number", None)):
        start = structs.replace(WALKS, form=form).begin(STOOD, NOON + 60)
        assert start is not None
        assert (start.walk_to, start.watermark, start.overlapping) == (walk_to, NOON, True)


def test_by_post_it_is_a_member_of_the_body_a_number_where_it_is_one() -> None:
    asked = Question(Asking(URL, "POST"), {}, None, "since", body={"a": 1, "since": 0})
    assert begun(structs.replace(WALKS, question=asked)) == {"a": 1, "since": "2026-05-01T11:50:00Z"}
    assert begun(structs.replace(WALKS, question=asked, form="epoch")) == {"a": 1, "since": 1_777_636_200}
    windows = structs.replace(WALKS, question=asked, form="epoch_ms", span=Span("until", 86_400, 0))
    assert begun(windows) == {"a": 1, "since": 1_777_636_200_000, "until": 1_777_636_860_000}


WINDOWS = structs.replace(WALKS, span=Span("until", 3600, 120))


def test_a_window_is_never_longer_than_its_longest_the_overlap_included() -> None:
    window = begun(WINDOWS, now=NOON + 86_400)
    assert (window["since"], window["until"]) == ("2026-05-01T11:50:00Z", "2026-05-01T12:50:00Z")
    odd = begun(WINDOWS, replace(STOOD, watermark=NOON + 0.7), now=NOON + 86_400)
    assert (odd["since"], odd["until"]) == ("2026-05-01T11:50:00Z", "2026-05-01T12:50:00Z")


def test_a_window_ends_before_now_by_its_lag_and_is_not_due_where_that_is_no_later() -> None:
    assert begun(WINDOWS, now=NOON + 300)["until"] == "2026-05-01T12:03:00Z"
    assert WINDOWS.begin(STOOD, NOON + 120.9) is None
    assert WINDOWS.begin(STOOD, NOON - 86_400) is None
    assert begun(WINDOWS, now=NOON + 121)["until"] == "2026-05-01T12:00:01Z"


def test_the_first_window_starts_at_from_or_as_far_back_as_the_longest_reaches() -> None:
    fresh = Checkpoint("other")
    window = begun(WINDOWS, fresh, now=NOON)
    assert (window["since"], window["until"]) == ("2026-05-01T11:00:00Z", "2026-05-01T11:58:00Z")
    started = structs.replace(WINDOWS, question=structs.replace(ASKED, start="2026-01-01T00:00:00Z"))
    window = begun(started, fresh, now=NOON)
    assert (window["since"], window["until"]) == ("2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z")


def test_a_from_that_was_moved_behind_the_watermark_leaves_nothing_out() -> None:
    for start in ("2026-05-02T00:00:00Z", "2026-05-01T12:00:01Z"):
        for walks in (WALKS, WINDOWS):
            moved = structs.replace(walks, question=structs.replace(ASKED, start=start))
            assert begun(moved, now=NOON + 86_400)["since"] == "2026-05-01T11:50:00Z"


def test_a_walk_begins_no_earlier_than_what_is_remembered() -> None:
    stood = replace(STOOD, known_from=NOON - 60.5)
    assert begun(WALKS, stood)["since"] == "2026-05-01T11:59:00Z"
    assert begun(WINDOWS, stood, now=NOON + 86_400)["until"] == "2026-05-01T12:59:00Z"
    assert begun(WALKS, replace(STOOD, known_from=NOON - 86_400))["since"] == "2026-05-01T11:50:00Z"


@given(st.lists(st.floats(0.1, 20_000), min_size=1, max_size=30), st.sampled_from([1.0, 300.0, 7200.0]))
def test_windows_leave_no_gap_whenever_they_are_asked_for(waits: list[float], max_s: float) -> None:
    walks = structs.replace(WALKS, form="epoch", overlap=0, span=Span("until", max_s, 30))
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
