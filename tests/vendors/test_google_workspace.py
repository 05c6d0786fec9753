"""What is Google Workspace's own, on the way from its reports to the output."""

import json
import time
from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest

from tests.journeys.workshop import Ended, until
from tests.vendors.bench import COMMAND, Bench
from tests.vendors.google_workspace import ADMIN, DAY_S, EMAIL, QUOTA, SCOPE, USER, GoogleWorkspace, rfc3339
from tests.vendors.vendor import Asked, Event, Vendor

Opening = Callable[[Vendor], Bench]
OVERLAP_S = 21_600


def ends(one: Asked) -> tuple[float, float]:
    """Both ends of what was asked for, epoch seconds."""
    start, end = (datetime.fromisoformat(one.query[name]).timestamp() for name in ("startTime", "endTime"))
    return start, end


def lines(bench: Bench) -> list[dict[str, Any]]:
    return [json.loads(line) for line in bench.workshop.output.read_bytes().splitlines()]


def identity(event: Event) -> tuple[str, str]:
    return event["id"]["time"], event["id"]["uniqueQualifier"]


def failed(bench: Bench, *arguments: str) -> Ended:
    ended = bench.workshop.hel(*(arguments or (*COMMAND, "--once")))
    assert ended.code == 1
    return ended


def test_windows_of_three_days_leave_no_gap_from_the_start_to_now(open_bench: Opening) -> None:
    google = GoogleWorkspace()
    bench = open_bench(google)
    google.happen(40, time.time() - 3 * DAY_S, spread_s=3600)  # so that most windows have no `items` at all
    began = int(time.time())
    bench.once()
    bench.once()
    assert google.asked[0].query["startTime"] == bench.workshop.environment["GOOGLE_START"]
    assert {one.query["maxResults"] for one in google.asked} == {"1000"}
    windows = [ends(one) for one in google.asked]
    assert windows[-1][1] >= began
    assert all(later == earlier - OVERLAP_S for (_, earlier), (later, _) in pairwise(windows))
    assert all(0 < end - start <= 3 * DAY_S for start, end in windows)
    assert len(windows) >= 3
    bench.check()


def test_what_comes_late_into_a_window_that_was_read_is_found_in_the_overlap(open_bench: Opening) -> None:
    google = GoogleWorkspace()
    bench = open_bench(google)
    google.happen(20, time.time() - 60, spread_s=DAY_S)
    bench.once()
    closed = ends(google.asked[-1])[1]
    google.happen(150, closed - 600, spread_s=OVERLAP_S - 660)
    bench.once()
    bench.once()
    bench.check()


def test_what_comes_later_than_the_overlap_is_found_by_a_longer_one(open_bench: Opening) -> None:
    google = GoogleWorkspace()
    bench = open_bench(google)
    google.happen(20, time.time() - 60, spread_s=DAY_S)
    bench.once()
    google.happen(3, time.time() - OVERLAP_S - 60)
    bench.once()
    assert (google.wanted() - bench.written()).total() == 3
    bench.source["window"]["overlap_secs"] = DAY_S
    bench.write()
    bench.once()
    bench.check()


@pytest.mark.parametrize("by_place", [False, True], ids=["a token that names a time", "a token that counts"])
def test_what_comes_late_while_a_listing_is_read_is_found_by_the_next_tick(
    open_bench: Opening, *, by_place: bool
) -> None:
    google = GoogleWorkspace(by_place=by_place)
    bench = open_bench(google)
    bench.workshop.environment["GOOGLE_START"] = rfc3339(time.time() - 7200)  # so that there is one window
    google.happen(350, time.time() - 60, spread_s=3600)
    google.hold_after = 2
    process = bench.workshop.start(*COMMAND, "--once")
    until(lambda: len(google.pages) == 2)
    google.happen(30, time.time() - 90, spread_s=1200)
    google.hold_after = None
    process.communicate(timeout=30)
    assert process.returncode == 0
    assert (google.wanted() - bench.written()).total() == 30
    bench.once()
    bench.check()


def test_short_and_empty_pages_with_a_token_are_passed_over(open_bench: Opening) -> None:
    google = GoogleWorkspace(most=20, are_short=True, empty_pages=3)
    bench = open_bench(google)
    google.happen(120, time.time() - 60, spread_s=3600)
    bench.once()
    assert google.empty_pages == 0
    bench.check()


def test_all_parameters_go_along_with_each_token(open_bench: Opening) -> None:
    google = GoogleWorkspace(most=10)
    bench = open_bench(google)
    bench.workshop.environment["GOOGLE_START"] = rfc3339(time.time() - 7200)  # so that there is one window
    google.happen(55, time.time() - 60, spread_s=3600)
    bench.once()
    first, *others = (dict(one.query) for one in google.asked)
    assert len(others) == 5
    assert all({**one, "pageToken": ""} == {**first, "pageToken": ""} and one["pageToken"] for one in others)
    bench.check()


def test_an_activity_is_known_by_its_whole_id_whatever_its_etag(open_bench: Opening) -> None:
    google = GoogleWorkspace(etags_change=True)
    bench = open_bench(google)
    google.happen(300, time.time() - 60, spread_s=3600)  # more than there are qualifiers
    google.happen(30, time.time() - 30)  # at the same time, to the millisecond
    for _ in range(3):
        bench.once()
    assert Counter(identity(line["event"]) for line in lines(bench)) == Counter(map(identity, google.held))
    assert google.violations == []


def test_a_line_has_the_activitys_own_time_and_qualifier(open_bench: Opening) -> None:
    google = GoogleWorkspace()
    bench = open_bench(google)
    google.happen(5, time.time() - 60, spread_s=10)
    bench.once()
    told = [(line["ts"], line["meta"]["id"]) for line in lines(bench)]
    assert Counter(told) == Counter(map(identity, google.held))


def test_a_token_is_asked_for_in_the_administrators_name_and_serves_all_applications(open_bench: Opening) -> None:
    google = GoogleWorkspace()
    bench = open_bench(google)
    login = deepcopy(bench.source)
    login["url"] = login["url"].replace("/applications/admin", "/applications/login")
    bench.config["sources"]["google-login"] = login
    bench.write()
    google.happen(5, time.time() - 60)
    bench.once()
    assert {one.path.rpartition("/")[2] for one in google.pages} == {"admin", "login"}
    (claims,) = google.claims
    assert {name: claims[name] for name in ("iss", "sub", "scope", "aud")} == {
        "iss": EMAIL,
        "sub": ADMIN,
        "scope": SCOPE,
        "aud": f"{google.origin}/token",
    }
    bench.check()


def test_the_key_may_be_a_file_beside_the_configuration(open_bench: Opening) -> None:
    google = GoogleWorkspace()
    bench = open_bench(google)
    del bench.workshop.environment["GOOGLE_SERVICE_ACCOUNT_KEY"]
    del bench.source["auth"]["credentials_env"]
    bench.source["auth"]["credentials_file"] = "key.json"
    bench.write()
    key = bench.workshop.folder / "key.json"
    key.write_text(google.key_file)
    key.chmod(0o600)
    google.happen(5, time.time() - 60)
    bench.once()
    bench.check()


def test_a_token_that_expires_in_the_middle_of_the_pages_is_renewed_and_nothing_is_lost(open_bench: Opening) -> None:
    google = GoogleWorkspace(most=20, serves=4)
    bench = open_bench(google)
    google.happen(350, time.time() - 60, spread_s=3600)
    ended = bench.once()
    refused = [one for one in google.asked if one.status == 401]
    assert len(refused) == (len(google.pages) - 1) // 4 > 3
    assert len(google.granted) == len(refused) + 1
    assert not ended.logged("request.retried")
    bench.check()


@pytest.mark.parametrize(
    "quota", QUOTA, ids=[f"{status} {reason} {google_status}".strip() for status, _, reason, google_status in QUOTA]
)
def test_a_quota_is_waited_out_however_it_is_refused(open_bench: Opening, quota: tuple[int, str, str, str]) -> None:
    google = GoogleWorkspace(quotas=(quota,), limits_left=6)
    bench = open_bench(google)
    google.happen(5, time.time() - 60)
    ended = bench.once()
    assert [one.status for one in google.asked[:7]] == [quota[0]] * 6 + [200]
    assert len(ended.logged("request.retried")) == 6
    bench.check()


@pytest.mark.parametrize(("status", "sent"), [(403, 1), (401, 2)])
def test_who_may_not_read_the_reports_is_told_at_once_and_of_delegation(
    open_bench: Opening, status: int, sent: int
) -> None:
    google = GoogleWorkspace(bars=status)
    bench = open_bench(google)
    ended = failed(bench)
    assert [one.status for one in google.asked] == [status] * sent  # a 401 may also mean that the token is used up
    (told,) = ended.logged("tick.failed")
    assert "Access denied. You are not authorized to read activity records." in told["because"]
    assert "let `subject` be the address of an administrator" in told["fix"]
    assert "domain-wide delegation" in told["fix"]


def test_a_subject_who_is_no_administrator_is_told_what_it_must_be(open_bench: Opening) -> None:
    google = GoogleWorkspace()
    bench = open_bench(google)
    bench.workshop.environment["GOOGLE_ADMIN"] = USER
    ended = failed(bench, "test", "--source", "google-admin")
    assert "✓ token: Bearer" in ended.err
    assert "✗ request: the API answered 401" in ended.err
    assert "let `subject` be the address of an administrator" in ended.err


@pytest.mark.parametrize(
    ("subject", "delegated", "words"),
    [
        (ADMIN, frozenset[str](), ["unauthorized_client", "Domain-wide delegation", "numeric client ID"]),
        ("nobody@example.com", frozenset({SCOPE}), ["Invalid email or User ID", "set `subject`"]),
    ],
    ids=["not delegated", "nobody"],
)
def test_a_token_that_is_refused_is_told_under_its_own_step(
    open_bench: Opening, subject: str, delegated: frozenset[str], words: list[str]
) -> None:
    google = GoogleWorkspace(delegated=delegated)
    bench = open_bench(google)
    bench.workshop.environment["GOOGLE_ADMIN"] = subject
    ended = failed(bench, "test", "--source", "google-admin")
    assert f"✗ token: the token server answered {google.granted[-1].status}" in ended.err
    assert [word for word in words if word not in ended.err] == []
    assert not google.asked
    assert google.violations == []


def test_what_is_older_than_the_retention_is_refused_until_the_start_is_moved(open_bench: Opening) -> None:
    google = GoogleWorkspace()
    bench = open_bench(google)
    bench.source["window"]["max_secs"] = 7 * DAY_S
    bench.write()
    bench.workshop.environment["GOOGLE_START"] = rfc3339(time.time() - 200 * DAY_S)
    google.happen(30, time.time() - 60, spread_s=178 * DAY_S)
    for _ in range(2):
        (told,) = failed(bench).logged("tick.failed")
        assert "Start time is after end time" in told["because"]
        assert "check `from`" in told["fix"]
    bench.workshop.environment["GOOGLE_START"] = rfc3339(time.time() - 179 * DAY_S)
    bench.once()
    bench.check()


def test_a_start_that_is_moved_to_a_later_day_repeats_nothing(open_bench: Opening) -> None:
    google = GoogleWorkspace()
    bench = open_bench(google)
    google.happen(30, time.time() - 60, spread_s=3 * DAY_S)
    bench.once()
    bench.workshop.environment["GOOGLE_START"] = rfc3339(time.time() - DAY_S)
    google.happen(3, time.time() - 600)
    bench.once()
    bench.once()
    bench.check()


def test_neither_key_nor_assertion_nor_token_is_written_anywhere(open_bench: Opening) -> None:
    google = GoogleWorkspace(serves=1)
    bench = open_bench(google)
    bench.config["global"]["log_level"] = "debug"
    bench.write()
    google.happen(5, time.time() - 60)
    ended = bench.once()
    assert ended.logged("request.renewed")
    key = [line for line in json.loads(google.key_file)["private_key"].splitlines() if len(line) > 40]
    secrets = [*key, *google.tokens, *(one.body["assertion"] for one in google.granted)]
    assert len(secrets) > 20
    texts = [ended.err.encode(), ended.out, *(path.read_bytes() for path in bench.workshop.folder.iterdir())]
    assert [secret for secret in secrets for text in texts if secret.encode() in text] == []
