"""When the stored link does not serve: a changed question, a refused cursor, a loop; and how a source is paced."""

import json
import math
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from examples.okta_org import Fault
from hel import assembly
from hel.config.load import load
from tests.journeys.workshop import SSWS, Ended, Process, Workshop, source, stop

Opening = Callable[..., Workshop]
TO_FILE = ("--output", "events.ndjson")
SMALL = {"limit": "100"}


def collect(workshop: Workshop, **keys: Any) -> Ended:
    workshop.configure({"okta-audit": source(SSWS, **keys)})
    return workshop.hel("run", "--once", *TO_FILE)


def failed(ended: Ended) -> dict[str, Any]:
    assert ended.code == 1, ended.err
    assert "Traceback" not in ended.err
    (line,) = ended.logged("tick.failed")
    return line


def at(shift_s: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + shift_s))


def read_until(process: Process, word: str) -> list[dict[str, Any]]:
    """The log of a running program, up to the line that holds this word."""
    assert process.stderr is not None
    lines = []
    for line in process.stderr:
        lines.append(json.loads(line))
        if word in line.decode():
            break
    return lines


@pytest.mark.parametrize("event", ["question.changed", "cursor.refused"])
def test_a_descending_query_that_starts_over_in_its_middle_loses_and_repeats_nothing(
    workshop: Workshop, event: str
) -> None:
    pages = {"strategy": "link_header", "max_pages": 3}
    query = {"sortOrder": "DESCENDING", "limit": "100"}
    assert collect(workshop, query_params=query, pagination=pages, overlap_secs=1).code == 0
    assert len(workshop.written()) == 300
    if event == "cursor.refused":
        workshop.org.forget_cursors()
    else:
        query["limit"] = "99"
    ended = collect(workshop, query_params=query, overlap_secs=1)
    assert ended.code == 0, ended.err
    assert sorted(workshop.written()) == sorted(workshop.org.log.uuids)
    assert ended.logged(event)[0]["since"] == "the beginning"


@pytest.mark.parametrize(
    ("keys", "overlap_s"),
    [
        ({"query_params": {"until": "2026-05-01"}}, math.inf),
        ({"query_params": {"sortOrder": "DESCENDING"}}, math.inf),
        ({"query_params": {"until": "2026-05-01"}, "pagination": {"strategy": "none"}}, 65),
        ({"query_params": {}}, 65),
    ],
)
def test_all_that_was_delivered_is_remembered_where_a_query_is_read_to_its_end(
    bare: Workshop, keys: dict[str, Any], overlap_s: float
) -> None:
    bare.configure({"okta-audit": source(None, overlap_secs=5, **keys)})
    loaded = load(bare.folder / "hel.yaml", {"OKTA_DOMAIN": "org.okta.com"})
    assert assembly.keep(loaded.config.sources["okta-audit"]).overlap_s == overlap_s


def test_a_descending_query_that_becomes_a_polling_one_loses_and_repeats_nothing(workshop: Workshop) -> None:
    pages = {"strategy": "link_header", "max_pages": 3}
    collect(workshop, query_params={"sortOrder": "DESCENDING", "limit": "100"}, pagination=pages)
    assert collect(workshop, query_params=SMALL).code == 0
    assert sorted(workshop.written()) == sorted(workshop.org.log.uuids)


def test_what_starts_over_shows_the_time_in_the_log_and_never_the_query(workshop: Workshop) -> None:
    assert collect(workshop, query_params=SMALL).code == 0
    changed = collect(workshop, query_params={"limit": "100", "q": "marked person"})
    (line,) = changed.logged("question.changed")
    assert line["since"].startswith("20")
    assert "hel state reset okta-audit" in line["fix"]
    workshop.org.forget_cursors()
    refused = collect(workshop, query_params={"limit": "100", "q": "marked person"})
    (line,) = refused.logged("cursor.refused")
    assert line["since"].startswith("20")
    for ended in (changed, refused):
        assert ended.code == 0, ended.err
        assert "marked" not in ended.err
        assert "/api/v1/logs?" not in ended.err


@pytest.mark.parametrize("how", ["changed", "refused"])
def test_where_no_parameter_takes_a_time_the_source_fails_names_the_ways_on_and_others_go_on(
    workshop: Workshop, how: str
) -> None:
    # The same path to the org; to Hel it is not Okta's, so that no `from_param` goes without saying.
    unknown = source(SSWS, url="https://${OKTA_DOMAIN}/api/v1/log%73", query_params=SMALL)
    workshop.configure({"unknown": unknown, "okta": source(SSWS)})
    assert workshop.hel("run", "--once").code == 0
    if how == "refused":
        workshop.org.forget_cursors()
    else:
        workshop.configure({"unknown": unknown | {"query_params": {"limit": "99"}}, "okta": source(SSWS)})
    workshop.org.log.append(2)
    ended = workshop.hel("run", "--once")
    line = failed(ended)
    assert line["source"] == "unknown"
    for way in ("`from_param`", "`hel state reset unknown`", "`hel state set unknown resume URL`"):
        assert way in line["fix"]
    assert ended.uuids == workshop.org.log.uuids[-2:], "the other source goes on"
    assert {each["source"] for each in ended.lines} == {"okta"}
    assert workshop.hel("state", "reset", "unknown").code == 0
    assert workshop.hel("run", "--once").uuids == workshop.org.log.uuids


def test_a_question_that_ends_before_the_newest_event_fails_instead_of_being_finished(workshop: Workshop) -> None:
    assert collect(workshop).code == 0
    ended = collect(workshop, query_params={"until": at(-86_400 * 30)})
    line = failed(ended)
    assert "ends before the newest event that was delivered" in line["because"]
    assert "under another name" in line["fix"]
    assert b"finished" not in workshop.hel("state", "show").out
    assert collect(workshop).code == 0, "as it was, it goes on"


def test_a_finished_source_with_a_later_end_goes_on(workshop: Workshop) -> None:
    assert collect(workshop, query_params={"limit": "1000", "until": at(-3600)}).code == 0
    before = len(workshop.written())
    assert 0 < before < 1200
    ended = collect(workshop, query_params={"limit": "1000", "until": at(60)})
    assert len(ended.logged("question.changed")) == 1
    assert sorted(workshop.written()) == sorted(workshop.org.log.uuids)


def test_a_changed_question_fails_each_tick_and_the_program_runs_on(workshop: Workshop) -> None:
    assert collect(workshop).code == 0
    workshop.configure({"okta-audit": source(SSWS, query_params={"until": at(-86_400 * 30)})}, log_level="debug")
    process = workshop.start("run", *TO_FILE)
    for _ in range(2):
        assert read_until(process, "tick.failed")[-1]["source"] == "okta-audit"
    assert stop(process).code == 0


def test_an_event_dated_in_the_future_does_not_let_a_changed_question_skip_what_comes_next(workshop: Workshop) -> None:
    workshop.org.log.append(1, published_at=time.time() + 86_400)
    assert collect(workshop, query_params=SMALL).code == 0
    workshop.org.log.append(3)
    assert collect(workshop, query_params={"limit": "99"}).code == 0
    assert sorted(workshop.written()) == sorted(workshop.org.log.uuids)


def test_a_source_without_links_just_asks_the_new_question(open_workshop: Opening) -> None:
    workshop = open_workshop(events=20)
    single = {"strategy": "none"}
    first = collect(workshop, pagination=single, query_params={"limit": "10"})
    second = collect(workshop, pagination=single, query_params={"limit": "20"})
    assert (first.code, second.code) == (0, 0), second.err
    assert workshop.written() == workshop.org.log.uuids


def test_a_page_whose_link_leads_back_is_delivered_once_and_the_tick_fails_without_a_query(workshop: Workshop) -> None:
    workshop.configure({"okta-audit": source(SSWS, query_params={"limit": "100", "q": "e"})})
    loop = f"{workshop.org_url}/api/v1/logs?limit=100&q=e"
    for _ in range(2):
        workshop.org.fault(Fault(kind="next", url=loop))
        line = failed(workshop.hel("run", "--once", *TO_FILE))
        assert "page 1's next link leads back to itself (/api/v1/logs)" in line["because"]
        assert "?" not in line["because"]
    assert len(workshop.written()) == 100
    assert workshop.hel("run", "--once", *TO_FILE).code == 0
    assert workshop.written() == workshop.org.log.uuids


@pytest.mark.parametrize(
    ("query", "word"),
    [({"until": "soon"}, "change `until` to go on"), ({"sortOrder": "DESCENDING"}, "leave sortOrder out")],
)
def test_a_finished_source_says_how_to_go_on(workshop: Workshop, query: dict[str, str], word: str) -> None:
    asked = {name: at(60) if value == "soon" else value for name, value in query.items()}
    workshop.configure({"okta-audit": source(SSWS, query_params=asked | {"limit": "1000"})})
    process = workshop.start("run", *TO_FILE)
    assert word in read_until(process, "source.finished")[-1]["fix"]
    stop(process)
    assert sorted(workshop.written()) == sorted(workshop.org.log.uuids)


def test_rubbish_answers_open_the_circuit(workshop: Workshop) -> None:
    workshop.org.fault(Fault(kind="html", times=99))
    fuse = {"circuit_breaker": {"failure_threshold": 2, "half_open_timeout_secs": 60}}
    workshop.configure({"okta-audit": source(SSWS, resilience=fuse)})
    process = workshop.start("run", *TO_FILE)
    heard = [line["event"] for line in read_until(process, "left alone")]
    stop(process)
    assert heard.count("circuit.open") == 1
    assert len(workshop.org.ledger.requests) == 2


def test_a_request_of_each_window_is_left_to_others_and_the_log_is_read_to_its_end(open_workshop: Opening) -> None:
    workshop = open_workshop(events=300, rate_limit=3, window_s=2)
    reserve = {"rate_limit": {"reserve": 2}}
    ended = collect(workshop, resilience=reserve, query_params=SMALL)
    assert ended.code == 0, ended.err
    assert workshop.written() == workshop.org.log.uuids
    asked = [request.at for request in workshop.org.ledger.requests]
    assert min(later - sooner for sooner, later in pairwise(asked)) > 1


def test_max_requests_per_second_holds_for_the_sources_of_one_credential_together(open_workshop: Opening) -> None:
    workshop = open_workshop(events=200)
    paced = {"rate_limit": {"max_requests_per_second": 2.5}}
    one = source(SSWS, resilience=paced, query_params=SMALL)
    workshop.configure({"one": one, "two": one | {"source_label_value": "second"}})
    assert workshop.hel("run", "--once").code == 0
    asked = sorted(request.at for request in workshop.org.ledger.requests)
    assert len(asked) == 6
    assert asked[-1] - asked[0] >= 1.5, "five gaps of 0.4 s, as the org saw them; the first one came late: it connected"
