"""What a running Hel answers over HTTP: probes, JSON, and what may be asked of it."""

import contextlib
import json
import socket
import sqlite3
from http.client import HTTPConnection
from typing import Any

import pytest

from examples.okta_org import Fault
from tests.journeys.service import SERVER, TOKEN, service
from tests.journeys.workshop import QUICK, SSWS, Workshop, source, until

FAST_BREAKER = {
    **QUICK,
    "retries": {"max_attempts": 1},
    "circuit_breaker": {"failure_threshold": 2, "success_threshold": 1, "half_open_timeout_secs": 0.5},
}


def configure(workshop: Workshop, sources: dict[str, Any] | None = None, **server: Any) -> None:
    workshop.configure(sources or {"okta-audit": source(SSWS)}, server={**SERVER, **server})


def test_the_probes_tell_of_start_outage_and_recovery(workshop: Workshop) -> None:
    configure(workshop, {"okta-audit": source(SSWS, resilience=FAST_BREAKER)})
    workshop.org.fault(Fault(kind="stall", seconds=60))
    with service(workshop) as hel:
        until(lambda: bool(workshop.org.ledger.requests))
        assert [hel.ask(path)[0] for path in ("/healthz", "/startupz", "/readyz")] == [200, 200, 503]
        assert "no source has succeeded yet" in hel.ask("/readyz")[1]
        workshop.org.release()
        until(lambda: hel.ask("/readyz") == (200, "ready\n"))

        workshop.org.fault(Fault(kind="status", status=503, times=10_000))
        until(lambda: hel.ask("/readyz")[0] == 503)
        failing = hel.source()
        assert failing["state"] == "failing"
        assert failing["circuit"] in {"open", "half_open"}
        assert "503" in failing["error"]["message"]
        assert failing["error"]["fix"]
        assert [hel.ask(path)[0] for path in ("/healthz", "/startupz")] == [200, 200]

        workshop.org.faults.clear()
        until(lambda: hel.ask("/readyz")[0] == 200)
        assert hel.source()["error"] is None
        assert hel.source()["failures"] == 0

        until(lambda: hel.source()["events"] == 1200)
        other = sqlite3.connect(workshop.folder / "hel-state.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        workshop.org.log.append(3)
        until(lambda: "the state can't be written" in hel.ask("/readyz")[1])
        assert hel.snapshot()["state"]["error"]["fix"]
        other.rollback()
        other.close()
        until(lambda: hel.ask("/readyz")[0] == 200)
        ended = hel.stop()
    assert ended.code == 0
    assert workshop.written() == workshop.org.log.uuids


def test_a_failing_source_is_a_line_when_it_begins_and_one_when_it_is_over(workshop: Workshop) -> None:
    configure(workshop, {"okta-audit": source(SSWS, resilience={**FAST_BREAKER, "retries": QUICK["retries"]})})
    with service(workshop) as hel:
        until(lambda: hel.source()["state"] == "ok")
        before = len(hel.log)
        workshop.org.fault(Fault(kind="status", status=503, times=10_000))
        until(lambda: hel.source()["failures"] >= 4)
        workshop.org.faults.clear()
        until(lambda: bool(hel.logged("source.recovered")))
        lines = hel.log[before:]
    assert [line["event"] for line in lines] == ["tick.failed", "circuit.open", "circuit.closed", "source.recovered"]
    assert lines[0]["failures"] == 1
    assert lines[-1]["failures"] >= 4


def test_an_idle_time_is_silent(workshop: Workshop) -> None:
    configure(workshop)
    with service(workshop) as hel:
        until(lambda: hel.source()["state"] == "ok")
        asked, before = len(workshop.org.ledger.requests), len(hel.log)
        until(lambda: len(workshop.org.ledger.requests) >= asked + 10)
        assert len(hel.log) == before


def test_the_json_tells_what_the_org_served(workshop: Workshop) -> None:
    configure(workshop, {"okta-audit": source(SSWS), "never": source(SSWS, schedule={"interval_secs": 3600})})
    with service(workshop) as hel:
        until(lambda: (hel.source()["events"], hel.source()["state"]) == (1200, "ok"))
        snapshot = hel.snapshot()
        found = hel.source()
    assert snapshot["ready"] is True
    assert snapshot["because"] == []
    assert snapshot["queue"] == {"events": 0, "bytes": 0, "max_events": 20000, "max_bytes": 32000000}
    assert snapshot["output"] == {"path": str(workshop.output), "error": None}
    assert snapshot["state"] == {"path": str(workshop.folder / "hel-state.db"), "error": None}
    newest = max(json.loads(event)["published"] for event in workshop.org.log.events)
    assert found["newest_event"] == newest
    assert 0 <= found["lag_s"] < 3600
    assert sum(found["events_per_minute"]) == 1200
    assert len(found["events_per_minute"]) == 60
    assert found["rate_limit"]["limit"] == 600
    assert found["rate_limit"]["remaining"] < 600
    assert found["circuit"] == "closed"


def test_what_makes_hel_do_something_wants_the_token(workshop: Workshop) -> None:
    configure(workshop, {"okta-audit": source(SSWS, schedule={"interval_secs": 3600, "jitter_secs": 0})})
    with service(workshop) as hel:
        until(lambda: (hel.source()["events"], hel.source()["state"]) == (1200, "ok"))  # its last page is an empty one
        poll = "/api/v1/sources/okta-audit/poll"
        asked = len(workshop.org.ledger.requests)
        for token in (None, "wrong", TOKEN[:-1]):
            for path in (poll, "/api/v1/reload"):
                status, text = hel.ask(path, "POST", token)
                assert (status, json.loads(text)["error"]) == (401, "the token is missing or wrong")
        assert hel.ask(poll, "GET", TOKEN)[0] == 405
        assert len(workshop.org.ledger.requests) == asked
        workshop.org.log.append(1)
        assert hel.ask(poll, "POST", TOKEN)[0] == 202
        until(lambda: hel.source()["events"] == 1201)
        status, text = hel.ask("/api/v1/sources/okta/poll", "POST", TOKEN)
        assert (status, json.loads(text)["fix"]) == (404, "the sources: okta-audit")
        status, text = hel.ask("/api/v1/reload", "POST", TOKEN)
        assert (status, json.loads(text)["unchanged"]) == (200, 1)
        assert hel.ask("/reload", "POST", TOKEN) == (200, text), "its short name"
        (workshop.folder / "hel.yaml").write_text("sources: {}\n")
        status, text = hel.ask("/api/v1/reload", "POST", TOKEN)
        assert status == 422
        assert "hel.yaml:1:" in json.loads(text)["problems"][0]
        ended = hel.stop()
    assert TOKEN not in ended.err


def test_connections_that_say_nothing_are_closed_and_keep_nobody_out(workshop: Workshop) -> None:
    configure(workshop)
    with service(workshop) as hel:
        host, port = hel.address.split(":")
        silent = [socket.create_connection((host, int(port))) for _ in range(150)]
        for one in silent[::2]:
            one.sendall(b"GET /healthz HTTP/1.1\r\nHost: loc")
        workshop.org.log.append(5)
        until(lambda: len(workshop.written()) == 1205)

        def is_answered() -> bool:
            try:
                return hel.ask("/healthz")[0] == 200
            except OSError:
                return False

        until(is_answered)
        for one in silent:
            one.settimeout(10)
            with contextlib.suppress(ConnectionResetError):
                assert one.recv(1000) == b""
            one.close()
        assert hel.stop().code == 0
    assert all(line.startswith("{") for line in hel.log_file.read_text().splitlines())


def test_another_name_in_the_host_header_is_not_answered_on_a_loopback_address(workshop: Workshop) -> None:
    configure(workshop)
    with service(workshop) as hel:
        for name, status in (("localhost:8080", 200), ("127.0.0.1", 200), ("evil.example", 400)):
            connection = HTTPConnection(hel.address, timeout=10)
            connection.request("GET", "/api/v1/sources", headers={"host": name})
            assert connection.getresponse().status == status
            connection.close()


def test_a_secret_that_the_api_repeats_is_on_no_page_and_in_no_json(workshop: Workshop) -> None:
    configure(workshop)
    workshop.org.fault(Fault(kind="echo", times=10_000))
    with service(workshop) as hel:
        until(lambda: hel.source()["state"] == "failing")
        texts = [hel.ask(path)[1] for path in ("/", "/api/v1/sources", "/metrics", "/readyz")]
        assert "***" in hel.source()["error"]["message"]
        table = workshop.hel("status")
    for text in (*texts, table.out.decode(), table.err):
        assert not [secret for secret in workshop.secrets() if secret in text]


def test_without_a_token_nothing_can_be_asked_for_but_answers(workshop: Workshop) -> None:
    configure(workshop, token_env=None)
    with service(workshop) as hel:
        assert hel.ask("/healthz")[0] == 200
        assert hel.ask("/api/v1/reload", "POST")[0] == 404
        assert hel.ask("/api/v1/sources/okta-audit/poll", "POST", "")[0] == 404


def test_a_port_that_is_taken_ends_the_start_with_its_fix(workshop: Workshop) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        configure(workshop, port=port, token_env=None)
        ended = workshop.hel("run", "-o", "events.ndjson")
    assert ended.code == 2
    assert f"the server can't listen on 127.0.0.1 port {port}: Address already in use" in ended.err
    assert "`global.server.port`" in ended.err
    assert workshop.org.ledger.requests == []


def test_a_tick_alone_has_no_server(workshop: Workshop) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        configure(workshop, port=taken.getsockname()[1], token_env=None)
        assert workshop.hel("run", "--once", "-o", "events.ndjson").code == 0


@pytest.mark.parametrize(
    ("server", "problem"),
    [
        ({"host": "all"}, "global.server.host: expected an IP address"),
        ({"port": 65536}, "global.server.port: "),
        ({"token_env": "UNSET"}, "global.server.token_env: environment variable UNSET is not set"),
        ({"token": "a-token"}, "a secret must not stand in the configuration"),
        ({"enabled": False, "token_env": "HEL_TOKEN"}, "global.server.enabled: a token is named"),
    ],
)
def test_a_server_that_is_not_right_is_a_problem_of_the_configuration(
    workshop: Workshop, server: dict[str, Any], problem: str
) -> None:
    workshop.configure(None, server={"enabled": True, **server})
    ended = workshop.hel("validate", env={"HEL_TOKEN": TOKEN})
    assert ended.code == 2
    assert problem in ended.err
