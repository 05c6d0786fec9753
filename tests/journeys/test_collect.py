"""From the org's log to NDJSON: every event, once, byte for byte."""

import json
import signal
import time
from collections.abc import Callable
from itertools import pairwise

import pytest

from examples.okta_org import Fault
from tests.journeys.workshop import OAUTH2, SSWS, Workshop, source, stop, until

Opening = Callable[..., Workshop]
LIVE = source(schedule={"interval_secs": 0.2, "jitter_secs": 0})


@pytest.mark.parametrize("auth", [SSWS, OAUTH2], ids=["ssws", "oauth2 with dpop"])
def test_every_event_comes_out_once_and_its_own_bytes_are_untouched(
    open_workshop: Opening, auth: dict[str, object]
) -> None:
    workshop = open_workshop(events=1200)
    workshop.configure({"okta-audit": source(auth)})
    ended = workshop.hel("run", "--once")
    assert ended.code == 0, ended.err
    lines = ended.out.split(b"\n")
    assert lines.pop() == b""
    assert len(lines) == len(workshop.org.log.events) == 1200
    for line, event in zip(lines, workshop.org.log.events, strict=True):
        published = json.loads(event)["published"]
        head = f'{{"ts":"{published}","source":"okta-audit","endpoint":"/api/v1/logs","event":'.encode()
        assert line == head + event + b',"meta":{}}'
    assert workshop.org.ledger.violations == []


def test_the_account_names_source_pages_events_newest_event_and_how_long(workshop: Workshop) -> None:
    ended = workshop.hel("run", "--once")
    newest = max(json.loads(event)["published"] for event in workshop.org.log.events)
    (account,) = [line for line in ended.err.splitlines() if line.startswith("okta-audit: ")]
    assert account.startswith(f"okta-audit: 4 pages, 1200 events, newest {newest} (")
    assert account.endswith(" s")


def test_events_with_newlines_between_tokens_and_lone_surrogates_come_out_on_one_line(open_workshop: Opening) -> None:
    workshop = open_workshop(events=300, odd=True)
    ended = workshop.hel("run", "--once")
    assert ended.code == 0, ended.err
    assert ended.uuids == workshop.org.log.uuids
    assert [line["event"] for line in ended.lines] == [json.loads(event) for event in workshop.org.log.events]
    assert any(b"\\ud8" in line for line in ended.out.splitlines())


def test_the_next_run_goes_on_where_the_last_one_ended(workshop: Workshop) -> None:
    first = workshop.hel("run", "--once")
    workshop.org.log.append(7)
    second = workshop.hel("run", "--once")
    assert second.code == 0, second.err
    assert first.uuids + second.uuids == workshop.org.log.uuids
    assert workshop.org.ledger.violations == []


def test_to_a_file_the_lines_are_appended_and_stdout_stays_empty(workshop: Workshop) -> None:
    for _ in range(2):
        ended = workshop.hel("run", "--once", "--output", "events.ndjson")
        assert (ended.code, ended.out) == (0, b""), ended.err
        workshop.org.log.append(3)
    assert workshop.written() == workshop.org.log.uuids[:-3]
    assert workshop.output.stat().st_mode & 0o777 == 0o600


def test_two_sources_share_one_output_under_their_own_labels(workshop: Workshop) -> None:
    workshop.configure({"one": source(), "two": source(SSWS, source_label_key="origin", source_label_value="Okta 2")})
    ended = workshop.hel("run", "--once")
    assert ended.code == 0, ended.err
    for key, label in (("source", "one"), ("origin", "Okta 2")):
        uuids = [line["event"]["uuid"] for line in ended.lines if line.get(key) == label]
        assert uuids == workshop.org.log.uuids


def test_one_source_of_several_is_run_by_its_name_and_needs_only_its_own_variables(workshop: Workshop) -> None:
    workshop.configure({"one": source(SSWS), "two": source(url="https://${NOT_SET}/api/v1/logs")})
    ended = workshop.hel("run", "--once", "--source", "one")
    assert ended.code == 0, ended.err
    assert {line["source"] for line in ended.lines} == {"one"}


def test_meta_holds_the_id_with_its_own_json_type(workshop: Workshop) -> None:
    workshop.configure({"okta-audit": source(dedupe={"id_path": "uuid"}, transform={"id_field": "version"})})
    ended = workshop.hel("run", "--once")
    assert [line["meta"] for line in ended.lines] == [{"id": "0"}] * 1200
    workshop.configure({"again": source(dedupe={"id_path": "uuid"})})
    ended = workshop.hel("run", "--once")
    assert [line["meta"]["id"] for line in ended.lines] == workshop.org.log.uuids


def test_a_failing_source_does_not_stop_the_other_one_and_the_exit_is_1(workshop: Workshop) -> None:
    workshop.configure({"bad": source(SSWS, url="https://${OKTA_DOMAIN}/api/v1/nothing"), "good": source()})
    ended = workshop.hel("run", "--once")
    assert ended.code == 1
    assert ended.uuids == workshop.org.log.uuids
    assert "bad: failed: the API answered 404" in ended.err


def test_lesson_1_an_empty_page_with_next_ends_the_tick_and_the_cursor_is_kept(open_workshop: Opening) -> None:
    workshop = open_workshop(events=0)
    for _ in range(3):
        ended = workshop.hel("run", "--once")
        assert (ended.code, ended.out) == (0, b""), ended.err
    workshop.org.log.append(2)
    assert workshop.hel("run", "--once").uuids == workshop.org.log.uuids
    logs = [request for request in workshop.org.ledger.requests if request.path == "/api/v1/logs"]
    assert len(logs) == 3 + 2
    assert all("after=" in request.target for request in logs[1:])


def test_lesson_2_a_live_edge_that_trickles_stays_inside_the_request_budget(open_workshop: Opening) -> None:
    workshop = open_workshop(events=0, rate_limit=12, window_s=3)
    workshop.configure({"okta-audit": LIVE})
    process = workshop.start("run", "--output", "events.ndjson")
    for _ in range(60):
        workshop.org.log.append(1)
        time.sleep(0.1)
    until(lambda: len(workshop.written()) == 60)
    assert stop(process).code == 0
    assert workshop.org.ledger.violations == []
    assert workshop.written() == workshop.org.log.uuids


def test_lesson_3_an_idle_org_costs_one_request_a_tick(workshop: Workshop) -> None:
    workshop.configure({"okta-audit": LIVE}, log_level="debug")
    workshop.hel("run", "--once")
    before = len(workshop.org.ledger.requests)
    process = workshop.start("run")
    until(lambda: len(workshop.org.ledger.requests) >= before + 8)
    ended = stop(process)
    idle = [request for request in workshop.org.ledger.requests[before:] if request.path == "/api/v1/logs"]
    assert len({request.target for request in idle}) == 1
    assert len(ended.logged("tick.started")) - len(idle) in {0, 1}, (
        "the stop may have come before the last one's request"
    )
    assert min(ended.gaps("tick.started")) > 0.19, "one each interval of 0.2 s"


def test_lesson_4_dedupe_survives_a_restart_with_published_out_of_order(workshop: Workshop) -> None:
    deduped = source(dedupe={"id_path": "uuid"})
    workshop.configure({"okta-audit": deduped})
    first = workshop.hel("run", "--once")
    assert workshop.hel("state", "set", "okta-audit", "resume", f"{workshop.org_url}/api/v1/logs?limit=500").code == 0
    workshop.org.log.append(1, published_at=time.time() - 3000)
    second = workshop.hel("run", "--once")
    assert first.uuids + second.uuids == workshop.org.log.uuids


def test_lesson_5_a_late_event_with_an_older_published_is_emitted(workshop: Workshop) -> None:
    workshop.hel("run", "--once")
    workshop.org.log.append(1, published_at=time.time() - 86_400)
    assert workshop.hel("run", "--once").uuids == workshop.org.log.uuids[-1:]


def test_lesson_6_killed_in_the_middle_of_a_catch_up_it_resumes_at_the_page_where_it_was(
    open_workshop: Opening,
) -> None:
    workshop = open_workshop(events=3000)
    slow = {"rate_limit": {"page_delay_secs": 0.05}}
    pages = source(query_params={"limit": "100"}, resilience=slow)
    workshop.configure({"okta-audit": pages}, queue={"max_events": 100})  # however slow the disk, one page waits for it
    process = workshop.start("run", "--output", "events.ndjson")
    until(lambda: len(workshop.written()) >= 700)
    process.kill()
    process.communicate()
    served = len(workshop.org.ledger.served)
    assert workshop.hel("run", "--once", "--output", "events.ndjson").code == 0
    assert workshop.written() == workshop.org.log.uuids
    again = len(workshop.org.ledger.served) - 3000
    assert 0 <= again <= 300, f"of {served} events served before the kill, {again} were asked for again"


def test_lesson_7_a_crash_between_fetch_and_write_loses_nothing(workshop: Workshop) -> None:
    workshop.configure({"okta-audit": source(SSWS)})
    workshop.org.fault(Fault(kind="stall", seconds=30, skip=1))
    process = workshop.start("run", "--output", "events.ndjson")
    until(lambda: len(workshop.org.ledger.requests) >= 2)
    process.kill()
    process.communicate()
    assert workshop.hel("run", "--once", "--output", "events.ndjson").code == 0
    assert workshop.written() == workshop.org.log.uuids


@pytest.mark.parametrize("kind", ["cut", "truncated_gzip", "bad_json", "not_a_list", "invalid_utf8", "html"])
def test_lesson_8_a_spoiled_body_does_not_advance_the_cursor(workshop: Workshop, kind: str) -> None:
    workshop.org.fault(Fault(kind=kind, skip=1, times=3))  # type: ignore[arg-type]  # one of the kinds
    first = workshop.hel("run", "--once")
    workshop.org.faults.clear()
    second = workshop.hel("run", "--once")
    assert (second.code, first.uuids + second.uuids) == (0, workshop.org.log.uuids), first.err


def test_lesson_9_a_429_in_mid_pagination_keeps_the_cursor(workshop: Workshop) -> None:
    workshop.org.fault(Fault(kind="status", status=429, skip=1, times=9, headers={"retry-after": "0"}))
    first = workshop.hel("run", "--once")
    assert first.code == 1
    workshop.org.faults.clear()
    second = workshop.hel("run", "--once")
    assert (second.code, first.uuids + second.uuids) == (0, workshop.org.log.uuids)


def test_lesson_10_no_events_on_a_fresh_state_is_a_success(open_workshop: Opening) -> None:
    ended = open_workshop(events=0).hel("run", "--once")
    assert (ended.code, ended.out) == (0, b"")
    assert "okta-audit: 1 page, 0 events, newest none" in ended.err


def test_lesson_24_a_used_up_window_is_waited_out_before_the_next_request(open_workshop: Opening) -> None:
    workshop = open_workshop(events=2000, rate_limit=3, window_s=2)
    ended = workshop.hel("run", "--once")
    assert ended.code == 0, ended.err
    assert ended.uuids == workshop.org.log.uuids
    assert workshop.org.ledger.violations == []
    assert ended.logged("limit.paused")


def test_lesson_26_each_source_has_a_place_of_its_own(workshop: Workshop) -> None:
    workshop.configure({"one": source()})
    workshop.hel("run", "--once")
    workshop.configure({"one": source(), "two": source()})
    ended = workshop.hel("run", "--once")
    assert [line["source"] for line in ended.lines] == ["two"] * 1200


def test_lesson_27_fields_that_are_a_string_or_an_object_pass_unchanged(open_workshop: Opening) -> None:
    workshop = open_workshop(events=0)
    workshop.org.log.append(fields={"target": "everyone"})
    workshop.org.log.append(fields={"target": {"id": 1.0}})
    ended = workshop.hel("run", "--once")
    assert [line["event"]["target"] for line in ended.lines] == ["everyone", {"id": 1.0}]
    assert b'"target":{"id":1.0}' in ended.out.replace(b" ", b"")


def test_lesson_29_cursors_of_8_kib_with_commas_and_semicolons_are_used_byte_for_byte(open_workshop: Opening) -> None:
    workshop = open_workshop(cursor_bytes=8192)
    ended = workshop.hel("run", "--once")
    assert ended.code == 0, ended.err
    assert ended.uuids == workshop.org.log.uuids
    assert workshop.org.ledger.violations == []
    assert max(len(request.target) for request in workshop.org.ledger.requests) > 8192


def test_a_changed_question_starts_over_with_an_overlap_says_so_and_repeats_nothing(workshop: Workshop) -> None:
    first = workshop.hel("run", "--once")
    workshop.org.log.append(5)
    workshop.configure({"okta-audit": source(query_params={"limit": "400", "filter": 'eventType ne "x"'})})
    second = workshop.hel("run", "--once")
    assert first.uuids + second.uuids == workshop.org.log.uuids
    assert len(second.logged("question.changed")) == 1
    assert second.logged("tick.finished")[0]["duplicates"] > 100
    assert "eventType" not in second.err


def test_max_pages_ends_the_tick_says_once_that_it_is_behind_and_the_next_one_goes_on(workshop: Workshop) -> None:
    pages = {"strategy": "link_header", "rel": "next", "max_pages": 1}
    workshop.configure({"okta-audit": source(pagination=pages)})
    process = workshop.start("run", "--output", "events.ndjson")
    until(lambda: len(workshop.written()) == 1200)
    until(lambda: len(workshop.org.ledger.requests) > 6)
    ended = stop(process)
    assert len(ended.logged("source.behind")) == 1
    assert "limit" in ended.logged("source.behind")[0]["fix"]
    assert workshop.written() == workshop.org.log.uuids


def test_a_short_page_ends_the_tick_where_that_is_asked_for(workshop: Workshop) -> None:
    workshop.configure(
        {"okta-audit": source(pagination={"strategy": "link_header", "rel": "next", "end_on": "short_page"})}
    )
    ended = workshop.hel("run", "--once")
    assert "3 pages, 1200 events" in ended.err
    workshop.org.log.append(2)
    assert workshop.hel("run", "--once").uuids == workshop.org.log.uuids[-2:]


def test_a_bounded_query_is_read_to_its_end_over_empty_pages_and_is_finished_then(open_workshop: Opening) -> None:
    workshop = open_workshop(events=1200, bounded_gaps=True)
    until_ = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 60))
    workshop.configure({"okta-audit": source(query_params={"limit": "500", "until": until_})})
    ended = workshop.hel("run", "--once")
    assert ended.code == 0, ended.err
    assert sorted(ended.uuids) == sorted(workshop.org.log.uuids)
    requests = len(workshop.org.ledger.requests)
    again = workshop.hel("run", "--once")
    assert (again.code, again.out) == (0, b"")
    assert "finished" in again.err
    assert len(workshop.org.ledger.requests) == requests, "a finished source asks nothing"


def test_a_descending_query_is_read_to_its_end(workshop: Workshop) -> None:
    workshop.configure({"okta-audit": source(query_params={"limit": "500", "sortOrder": "DESCENDING"})})
    ended = workshop.hel("run", "--once")
    assert sorted(ended.uuids) == sorted(workshop.org.log.uuids)
    assert "finished" in workshop.hel("run", "--once").err


@pytest.mark.parametrize("strategy", ["link_header", "none"])
def test_an_api_without_a_link_is_asked_the_same_again_and_what_was_delivered_is_left_out(
    open_workshop: Opening, strategy: str
) -> None:
    workshop = open_workshop(events=20)
    workshop.org.fault(Fault(kind="headers", headers={"link": None}, times=50))
    workshop.configure({"okta-audit": source(pagination={"strategy": strategy})})
    uuids = []
    for _ in range(3):
        ended = workshop.hel("run", "--once", "--record-dir", "recordings")
        assert ended.code == 0, ended.err
        uuids += ended.uuids
        workshop.org.log.append(2)
    assert uuids == workshop.org.log.uuids[:-2]
    assert workshop.hel("run", "--once", "--replay-dir", "recordings").uuids == uuids


def test_page_delay_is_kept_between_pages(workshop: Workshop) -> None:
    workshop.configure({"okta-audit": source(resilience={"rate_limit": {"page_delay_secs": 0.3}})})
    assert workshop.hel("run", "--once").code == 0
    at = [request.at for request in workshop.org.ledger.requests if request.path == "/api/v1/logs"]
    assert min(later - sooner for sooner, later in pairwise(at)) >= 0.29


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_in_the_middle_of_a_catch_up(open_workshop: Opening, number: int) -> None:
    workshop = open_workshop(events=3000)
    workshop.configure({"okta-audit": source(query_params={"limit": "100"})})
    process = workshop.start("run", "--output", "events.ndjson")
    until(lambda: len(workshop.written()) >= 500)
    ended = stop(process, number)
    assert ended.code == 0, ended.err
    assert "Traceback" not in ended.err
    assert workshop.hel("run", "--once", "--output", "events.ndjson").code == 0
    assert workshop.written() == workshop.org.log.uuids


def test_from_is_sent_with_the_first_request_only(workshop: Workshop) -> None:
    workshop.configure({"okta-audit": source() | {"from": "2024-01-01T00:00:00Z", "from_param": "since"}})
    workshop.hel("run", "--once")
    first, *others = [request.target for request in workshop.org.ledger.requests if request.path == "/api/v1/logs"]
    assert "since=2024-01-01T00%3A00%3A00Z" in first
    assert not any("since=" in target for target in others)


def test_gzip_is_asked_for_and_no_cookie_is_ever_sent(workshop: Workshop) -> None:
    workshop.org.fault(Fault(kind="headers", headers={"set-cookie": "sid=1; Path=/"}, times=2))
    assert workshop.hel("run", "--once").code == 0
    for request in workshop.org.ledger.requests:
        assert request.headers["accept-encoding"] == ["gzip"]
        assert "cookie" not in request.headers
        assert request.headers["user-agent"][0].startswith("hel/")
