from dataclasses import replace

import pytest
from msgspec import structs

from hel.errors import NoStartError
from hel.paging.place import Asking
from hel.paging.question import Question
from hel.records import Checkpoint

NOON = 1_777_636_800.0
URL = "https://org.okta.com/api/v1/logs"
ASKED = Question(Asking(URL), {"limit": "100", "filter": 'eventType eq "a b"'}, "2024-01-01T00:00:00Z", "since")
STORED = Checkpoint(ASKED.digest, f"{URL}?after=x", "2026-05-01T12:00:00Z", NOON, events=7, updated_at=NOON + 5)
DESCENDING = structs.replace(ASKED, parameters={"sortorder": "descending"})
BOUNDED = structs.replace(ASKED, parameters={"until": "2026-07-01T00:00:00Z"})
AT_11_50 = "since=2026-05-01T11%3A50%3A00.000Z"


def overlap(asked: Question, stored: Checkpoint = STORED) -> Checkpoint:
    return asked.overlap(stored, 600, "it must start over", "okta")


def no_start(asked: Question, stored: Checkpoint = STORED) -> NoStartError:
    with pytest.raises(NoStartError) as caught:
        overlap(asked, stored)
    assert caught.value.message.startswith("it must start over, and ")
    assert "`hel state reset okta`" in caught.value.fix
    return caught.value


def test_the_first_place_holds_the_start_and_the_parameters_percent_encoded() -> None:
    assert ASKED.first_place == (f"{URL}?since=2024-01-01T00%3A00%3A00Z&limit=100&filter=eventType+eq+%22a+b%22")
    assert Question(Asking(URL), {}).first_place == URL


def test_without_a_state_it_starts_from_the_question() -> None:
    assert ASKED.starting_point(None) == Checkpoint(ASKED.digest)


def test_the_same_question_goes_on_at_the_stored_cursor() -> None:
    assert ASKED.starting_point(STORED) == STORED
    assert ASKED.is_answered_by(STORED)


def test_a_cursor_set_by_hand_serves_any_question() -> None:
    by_hand = replace(STORED, question="")
    assert ASKED.is_answered_by(by_hand)
    assert ASKED.starting_point(by_hand) == STORED


def test_the_order_of_parameters_is_no_other_question() -> None:
    turned = structs.replace(ASKED, parameters=dict(reversed(list(ASKED.parameters.items()))))
    assert turned.digest == ASKED.digest


@pytest.mark.parametrize(
    "other",
    [
        structs.replace(ASKED, asking=Asking("https://new.okta.com/api/v1/logs")),
        structs.replace(ASKED, start="2024-01-02T00:00:00Z"),
        structs.replace(ASKED, start=None),
        structs.replace(ASKED, parameters={"limit": "1000"}),
        BOUNDED,
    ],
)
def test_another_question_starts_from_the_newest_delivered_time_minus_an_overlap(other: Question) -> None:
    assert not other.is_answered_by(STORED)
    start = overlap(other, replace(STORED, finished=True))
    assert start.resume is not None
    assert start.resume.startswith(f"{other.asking.url}?{AT_11_50}")
    assert other.start_of(start) == "2026-05-01T11:50:00.000Z"
    assert (start.overlapping, start.finished) == (True, False)
    assert (start.question, start.events, start.newest_at) == (other.digest, 7, NOON)


def test_a_later_from_wins_over_the_overlap() -> None:
    later = structs.replace(ASKED, start="2026-06-01T00:00:00Z")
    start = overlap(later)
    assert (start.resume, start.overlapping) == (None, True)
    assert later.start_of(start) == "the beginning"


def test_a_since_among_the_parameters_gives_way_to_the_overlap() -> None:
    asked = Question(Asking(URL), {"since": "2024-01-01T00:00:00Z", "limit": "5"}, None, "since")
    assert overlap(asked).resume == f"{URL}?{AT_11_50}&limit=5"


@pytest.mark.parametrize("ahead_s", [86_400.0, 1e11])
def test_an_event_dated_in_the_future_does_not_move_the_start_there(ahead_s: float) -> None:
    start = overlap(ASKED, replace(STORED, newest_at=NOON + ahead_s, updated_at=NOON))
    assert start.resume is not None
    assert AT_11_50 in start.resume


def test_an_event_dated_before_all_time_is_no_obstacle() -> None:
    asked = structs.replace(ASKED, start=None)
    assert asked.start_of(overlap(asked, replace(STORED, newest_at=-62_135_683_140.0))) == "1970-01-01T00:00:00.000Z"


@pytest.mark.parametrize("start_param", ["since", None])
def test_a_descending_query_starts_from_itself_for_its_newest_time_says_nothing_of_what_is_missing(
    start_param: str | None,
) -> None:
    start = overlap(structs.replace(DESCENDING, start_param=start_param, start=None))
    assert (start.resume, start.overlapping, start.events) == (None, True, 7)


def test_a_question_whose_links_were_descending_starts_from_itself() -> None:
    start = overlap(ASKED, replace(STORED, resume=f"{URL}?after=x&sortOrder=DESCENDING&limit=5"))
    assert (start.resume, start.overlapping) == (None, True)


def test_without_a_parameter_that_takes_a_time_there_is_no_start_and_the_ways_on_are_named() -> None:
    error = no_start(structs.replace(ASKED, start=None, start_param=None))
    assert "`from_param`" in error.fix
    assert "`hel state set okta resume URL`" in error.fix


def test_where_no_event_had_a_time_there_is_no_start() -> None:
    error = no_start(ASKED, replace(STORED, newest="yesterday", newest_at=None))
    assert "no event that was delivered had a time" in error.message
    assert "`hel state set okta newest TIME`" in error.fix


@pytest.mark.parametrize("start_param", ["since", None])
def test_where_nothing_was_delivered_the_question_itself_is_asked(start_param: str | None) -> None:
    asked = structs.replace(ASKED, start_param=start_param)
    start = overlap(asked, replace(STORED, newest=None, newest_at=None, events=0))
    assert (start.resume, start.overlapping) == (None, True)


def test_a_newest_time_that_was_set_by_hand_is_gone_by_though_nothing_was_delivered() -> None:
    start = overlap(ASKED, replace(STORED, events=0, updated_at=0.0))
    assert ASKED.start_of(start) == "2026-05-01T11:50:00.000Z"


@pytest.mark.parametrize("start_param", ["since", None])
def test_a_source_without_links_just_asks_the_new_question(start_param: str | None) -> None:
    asked = structs.replace(BOUNDED, start_param=start_param, follows_links=False)
    assert overlap(asked, replace(STORED, newest_at=NOON + 1e9, updated_at=NOON + 1e9)).resume is None


@pytest.mark.parametrize("until", ["2026-05-01T11:50:00Z", "2025-01-01"])
def test_a_query_that_ends_before_the_newest_event_has_no_start_for_it_would_be_finished_at_once(until: str) -> None:
    error = no_start(structs.replace(ASKED, parameters={"until": until}))
    assert "ends before the newest event that was delivered (2026-05-01T12:00:00Z)" in error.message
    assert "a source of its own, under another name" in error.fix


def test_a_query_that_ends_within_or_behind_the_overlap_is_asked() -> None:
    for until in ("2026-05-01T11:50:01Z", "2026-05-01T12:30:00Z", "no time"):
        assert overlap(structs.replace(ASKED, parameters={"until": until})).resume is not None


@pytest.mark.parametrize(
    ("asked", "has_end"),
    [
        (ASKED, False),
        (BOUNDED, True),
        (DESCENDING, True),
        (structs.replace(ASKED, parameters={"until": ""}), False),
        (structs.replace(ASKED, parameters={"sortOrder": "ASCENDING"}), False),
        (structs.replace(BOUNDED, follows_links=False), False),
    ],
)
def test_a_bounded_or_descending_query_has_an_end(asked: Question, has_end: bool) -> None:
    assert asked.has_end is has_end
