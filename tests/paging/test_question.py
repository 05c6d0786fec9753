from dataclasses import replace

import pytest

from hel.paging.question import Question
from hel.records import Checkpoint

NOON = 1_777_636_800.0
URL = "https://org.okta.com/api/v1/logs"
ASKED = Question(URL, {"limit": "100", "filter": 'eventType eq "a b"'}, "2024-01-01T00:00:00Z", "since")
STORED = Checkpoint(ASKED.digest, f"{URL}?after=x", "2026-05-01T12:00:00Z", NOON, events=7)


def test_the_first_url_holds_the_start_and_the_parameters_percent_encoded() -> None:
    assert ASKED.first_url == (f"{URL}?since=2024-01-01T00%3A00%3A00Z&limit=100&filter=eventType+eq+%22a+b%22")
    assert Question(URL, {}).first_url == URL


def test_without_a_state_it_starts_from_the_question() -> None:
    assert ASKED.starting_point(None, 600) == Checkpoint(ASKED.digest)


def test_the_same_question_goes_on_at_the_stored_cursor() -> None:
    assert ASKED.starting_point(STORED, 600) == STORED


def test_the_order_of_parameters_is_no_other_question() -> None:
    turned = replace(ASKED, parameters=dict(reversed(list(ASKED.parameters.items()))))
    assert turned.digest == ASKED.digest


@pytest.mark.parametrize(
    "other",
    [
        replace(ASKED, url="https://new.okta.com/api/v1/logs"),
        replace(ASKED, start="2024-01-02T00:00:00Z"),
        replace(ASKED, start=None),
        replace(ASKED, parameters={"limit": "1000"}),
    ],
)
def test_another_question_starts_from_the_newest_delivered_time_minus_an_overlap(other: Question) -> None:
    start = other.starting_point(STORED, 600)
    assert start.resume is not None
    assert start.resume.startswith(f"{other.url}?since=2026-05-01T11%3A50%3A00.000Z")
    assert start.overlapping
    assert (start.question, start.events, start.newest_at) == (other.digest, 7, NOON)


def test_a_cursor_set_by_hand_serves_any_question() -> None:
    start = ASKED.starting_point(replace(STORED, question=""), 600)
    assert (start.resume, start.question) == (STORED.resume, ASKED.digest)


def test_a_later_from_wins_over_the_overlap() -> None:
    later = replace(ASKED, start="2026-06-01T00:00:00Z")
    start = later.starting_point(STORED, 600)
    assert (start.resume, start.overlapping) == (None, True)


def test_a_since_among_the_parameters_gives_way_to_the_overlap() -> None:
    asked = Question(URL, {"since": "2024-01-01T00:00:00Z", "limit": "5"}, None, "since")
    start = asked.starting_point(STORED, 600)
    assert start.resume == f"{URL}?since=2026-05-01T11%3A50%3A00.000Z&limit=5"


def test_a_finished_source_with_another_question_is_not_finished() -> None:
    other = replace(ASKED, parameters={"until": "2026-07-01T00:00:00Z"})
    assert not other.starting_point(replace(STORED, finished=True), 600).finished


@pytest.mark.parametrize(
    ("asked", "stored"),
    [
        (replace(ASKED, start=None, start_param=None, parameters={}), STORED),
        (replace(ASKED, start="2020-01-01T00:00:00Z"), replace(STORED, newest_at=None)),
    ],
)
def test_without_a_time_or_a_parameter_for_it_the_question_is_asked_from_its_beginning(
    asked: Question, stored: Checkpoint
) -> None:
    start = asked.starting_point(stored, 600)
    assert (start.resume, start.overlapping) == (None, True)
