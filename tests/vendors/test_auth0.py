"""What is Auth0's own, on the way from its log to the output."""

import signal
import time
from collections.abc import Callable
from datetime import datetime

import pytest

from tests.journeys.workshop import stop, until
from tests.vendors.auth0 import CLIENT_SECRET, DAY_S, Auth0, made_id
from tests.vendors.bench import COMMAND, Bench
from tests.vendors.vendor import Vendor

Opening = Callable[[Vendor], Bench]


def test_a_start_is_sent_as_a_made_up_log_id(open_bench: Opening) -> None:
    auth0 = Auth0()
    bench = open_bench(auth0)
    auth0.happen(3, time.time() - 6 * DAY_S, spread_s=600)
    before = auth0.wanted()
    auth0.happen(250, time.time() - 60, spread_s=4 * DAY_S)
    bench.once()
    start = datetime.fromisoformat(bench.workshop.environment["AUTH0_START"]).timestamp()
    assert auth0.asked[0].query == {"from": made_id(start), "take": "100"}
    assert bench.written() == auth0.wanted() - before
    assert auth0.violations == []


def test_the_link_of_an_empty_page_leads_to_itself_and_is_asked_once_a_tick(open_bench: Opening) -> None:
    auth0 = Auth0()
    bench = open_bench(auth0)
    auth0.happen(130, time.time(), spread_s=3600)
    bench.once()
    full, short, empty = auth0.asked
    for _ in range(3):
        bench.once()
    assert [one.query for one in auth0.asked[3:]] == [empty.query] * 3
    assert full.query != short.query != empty.query == {"from": auth0.held[-1]["log_id"], "take": "100"}
    auth0.happen(1, time.time())
    bench.once()
    bench.check()


def test_an_event_that_comes_days_late_has_a_later_id_and_is_found_at_once(open_bench: Opening) -> None:
    auth0 = Auth0()
    bench = open_bench(auth0)
    auth0.happen(5, time.time())
    bench.once()
    auth0.happen(2, time.time() - 3 * DAY_S)
    assert auth0.held[-1]["date"] < auth0.held[0]["date"]
    assert auth0.held[-1]["log_id"] > auth0.held[0]["log_id"]
    bench.once()
    bench.check()


def test_a_refused_link_is_replaced_by_an_id_of_an_hour_before_the_newest_event(open_bench: Opening) -> None:
    auth0 = Auth0()
    bench = open_bench(auth0)
    newest = int(time.time())
    auth0.happen(40, newest, spread_s=3 * DAY_S)
    bench.once()
    auth0.happen(3, newest - 2 * DAY_S)  # late by more than is asked for anew, but with later IDs
    auth0.refuses_cursors = True
    asked = len(auth0.asked)
    refused = bench.workshop.hel(*COMMAND, "--once")
    assert refused.logged("cursor.refused")
    assert [one.status for one in auth0.asked[asked : asked + 2]] == [400, 200]
    assert auth0.asked[asked + 1].query == {"from": made_id(newest - 3600), "take": "100"}
    auth0.refuses_cursors = False
    bench.once()
    bench.check()


def test_one_token_serves_every_tick_and_one_that_is_refused_is_renewed(open_bench: Opening) -> None:
    auth0 = Auth0()
    bench = open_bench(auth0)
    auth0.happen(5, time.time())
    process = bench.workshop.start(*COMMAND)
    until(lambda: len(auth0.pages) >= 5)
    (first,) = auth0.granted
    assert first.body == {
        "grant_type": "client_credentials",
        "client_id": "auth0client",
        "client_secret": CLIENT_SECRET,
        "audience": bench.workshop.environment["AUTH0_URL"] + "/api/v2/",
        "scope": "read:logs",
    }
    auth0.tokens.clear()
    auth0.happen(5, time.time())
    until(lambda: bench.written() == auth0.wanted())
    ended = stop(process, signal.SIGTERM)
    assert ended.code == 0, ended.err
    assert len(auth0.granted) == 2
    bench.check()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"audience": None}, "No audience parameter was provided"),
        ({"audience": "${AUTH0_URL}/api/v2"}, "Service not found"),  # without the slash
        ({"scopes": ["read:logs", "read:users"]}, "Client has not been granted scopes: read:users"),
    ],
)
def test_a_token_that_is_refused_is_told_with_the_reason(
    open_bench: Opening, change: dict[str, object], said: str
) -> None:
    auth0 = Auth0()
    bench = open_bench(auth0)
    auth = bench.source["auth"] | change
    bench.source["auth"] = {name: value for name, value in auth.items() if value is not None}
    bench.write()
    ended = bench.workshop.hel(*COMMAND, "--once")
    assert ended.code == 1
    assert said in ended.err
    assert "`audience`" in ended.err
    assert auth0.asked == []
    assert CLIENT_SECRET not in ended.err


def test_a_tick_keeps_within_the_window_that_the_headers_tell_of(open_bench: Opening) -> None:
    auth0 = Auth0(window=4, window_s=2)
    bench = open_bench(auth0)
    auth0.happen(430, time.time() - 60, spread_s=DAY_S)
    bench.once()
    assert [one.status for one in auth0.asked] == [200] * 6
    bench.check()
