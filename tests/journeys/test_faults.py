"""Every fault of a failing, slow or hostile API, in the middle of a catch-up: what must hold whatever it is.

No event is lost or doubled, no checkpoint moves past what was delivered, no secret is shown, the verdict is the
table's, and it takes a bounded time and memory.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from examples.okta_org.faults import FAULT_KINDS, Fault
from tests.journeys.workshop import QUICK, Ended, Workshop, source

Opening = Callable[..., Workshop]

LOG = "/api/v1/logs"
TOKEN = "/oauth2/v1/token"
ATTEMPTS = 3
LARGEST_MIB = 16
SLACK_MIB = 4
SLOW = {"timeout_secs": 3}  # also of the page before the fault, on a machine that is busy
PATIENT = {"timeout_secs": 30}


@dataclass(frozen=True)
class Row:
    """A fault at the second page, and what the operator reads of it."""

    fault: Fault
    said: str
    again: bool
    resilience: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return "-".join(filter(None, (self.fault.kind, str(self.fault.status or ""), self.said.split()[0].strip("`"))))


def again(kind: Any, said: str, *, resilience: dict[str, Any] | None = None, **fault: Any) -> Row:
    """A trouble that may pass: asked for again until the attempts are used up."""
    return Row(Fault(kind=kind, skip=1, **fault), said, again=True, resilience=resilience or {})


def refused(kind: Any, said: str, *, resilience: dict[str, Any] | None = None, **fault: Any) -> Row:
    """A trouble that another attempt would not mend: the tick ends, the next one asks again."""
    return Row(Fault(kind=kind, skip=1, **fault), said, again=False, resilience=resilience or {})


SPOILT = [
    again("reset", "broke"),
    again("cut", "broke"),
    again("raw", "broke", body=b"HTTP/1.1 \x1b[31mno\r\n\r\n"),
    again("raw", "broke", body=b"SSH-2.0-OpenSSH\r\n"),
    again("raw", "broke", body=b""),
    again("truncated_gzip", "cut off"),
    again("long_length", "broke"),
    again("short_length", "cut off"),
    again("cut_json", "no complete JSON"),
    again("bad_json", "Expecting value"),
    again("invalid_utf8", "not UTF-8"),
    again("stall", "no complete answer", resilience=SLOW),
    again("stall", "`resilience.read_timeout_secs`", resilience={"read_timeout_secs": 2}),
    again("drip", "no complete answer", seconds=0.05, resilience=SLOW),
    again("delay", "no complete answer", seconds=30, resilience=SLOW),
    refused("html", "no JSON array of events"),
    refused("not_a_list", "no JSON array of events"),
    refused("raw", "larger than 100 KiB", body=b"HTTP/1.1 200 OK\r\nx: " + b"y" * 300_000 + b"\r\n\r\n"),
    refused("long_header", "larger than 100 KiB", size=200_000),
    refused("long_link", "characters long", size=70_000),
    refused("bomb", "`limits.max_response_bytes`", size=200_000_000, resilience=PATIENT),
    refused("endless", "`limits.max_response_bytes`", resilience=PATIENT),
    refused("deep_json", "nested too deep", size=100_000),
    refused("headers", "compressed as br", headers={"content-encoding": "br"}),
    refused("redirect", "a redirect to", location="https://elsewhere.example/api/v1/logs"),
    refused("redirect", "a redirect to", status=307, location="/api/v1/logs?after=elsewhere"),
    refused("next", "leads away", url="https://elsewhere.example/api/v1/logs?after=1"),
    refused("echo", "answered 400"),
    refused("echo", "answered 403", status=403),
]
STATUSES = [
    again("status", "broke", status=101),
    again("status", "answered 206", status=206, body=b'[{"uuid":"a part"}]'),
    *(
        refused("status", f"answered {status}", status=status)
        for status in (304, 400, 402, 403, 404, 405, 410, 418, 451)
    ),
    refused("status", "answered 501", status=501),
    *(again("status", f"answered {status}", status=status) for status in (408, 425, 500, 599)),
    again("status", "answered 429", status=429, headers={"retry-after": "0"}),
    again("concurrency_429", "answered 429"),
    again("status", "answered 403", status=403, headers={"retry-after": "0"}),
    again("status", "answered 503", status=503, headers={"retry-after": "0"}),
]
ROWS = [*SPOILT, *STATUSES]
HARMLESS: list[Fault] = [
    Fault(kind="informational", skip=1, count=20),
    Fault(kind="informational", skip=1, status=100),
    Fault(kind="duplicate_keys", skip=1),
    Fault(kind="headers", skip=1, headers={"content-type": "text/plain", "x-rate-limit-reset": "soon"}),
    Fault(kind="delay", skip=1, seconds=0.2),
    Fault(kind="status", skip=1, status=401),
]
ELSEWHERE = {"bearer"}


def test_the_table_leaves_no_fault_out() -> None:
    shown = {row.fault.kind for row in ROWS} | {fault.kind for fault in HARMLESS} | ELSEWHERE
    assert shown == set(FAULT_KINDS)


def configured(workshop: Workshop, **resilience: Any) -> None:
    limits = {"max_response_bytes": LARGEST_MIB * 1024 * 1024}
    workshop.configure({"okta-audit": source(resilience=QUICK | resilience, limits=limits)}, log_level="debug")


def run(workshop: Workshop) -> tuple[Ended, float]:
    started = time.monotonic()
    return workshop.weigh("run", "--once", "-o", "events.ndjson"), time.monotonic() - started


def asked(workshop: Workshop, path: str = LOG) -> int:
    return sum(request.path == path for request in workshop.org.ledger.requests)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_fault_that_lasts_ends_the_tick_where_it_is_and_the_next_run_goes_on(workshop: Workshop, row: Row) -> None:
    configured(workshop, **row.resilience)
    workshop.org.fault(replace(row.fault, times=ATTEMPTS if row.again else 1))
    failed, took_s = run(workshop)
    assert failed.code == 1
    assert row.said in failed.err, failed.err
    assert failed.err.splitlines()[-1].startswith("okta-audit: failed: ")
    assert "\x1b" not in failed.err
    assert workshop.written() == workshop.org.log.uuids[:500], "the page before it was delivered"
    assert asked(workshop) == 1 + (ATTEMPTS if row.again else 1)
    assert len(failed.logged("request.retried")) == (ATTEMPTS - 1 if row.again else 0)
    assert took_s < 30
    healed, _ = run(workshop)
    assert healed.code == 0, healed.err
    assert workshop.written() == workshop.org.log.uuids
    assert failed.peak_mib < healed.peak_mib + LARGEST_MIB + SLACK_MIB
    assert workshop.leaks(failed, healed) == []
    assert not workshop.org.ledger.violations


@pytest.mark.parametrize("row", [row for row in ROWS if row.again], ids=lambda row: row.name)
def test_a_fault_that_passes_costs_another_attempt_and_nothing_else(workshop: Workshop, row: Row) -> None:
    configured(workshop, **row.resilience)
    workshop.org.fault(row.fault)
    ended, _ = run(workshop)
    assert ended.code == 0, ended.err
    assert workshop.written() == workshop.org.log.uuids
    retried = ended.logged("request.retried")
    assert row.said in retried[0]["because"]
    for retry in retried:  # the wait may be short, and the log line comes a moment after it was reckoned
        until, said_at = (datetime.fromisoformat(retry[key]) for key in ("until", "timestamp"))
        assert until > said_at - timedelta(seconds=1)
    assert len(retried) == 1 or row.fault.kind == "short_length", "what is left of its body spoils the next answer, too"
    assert asked(workshop) == 4 + len(retried), "four pages, one of them again"
    assert workshop.leaks(ended) == []


@pytest.mark.parametrize("fault", HARMLESS, ids=lambda fault: f"{fault.kind}-{fault.status}")
def test_what_is_odd_and_no_fault_passes(workshop: Workshop, fault: Fault) -> None:
    configured(workshop)
    workshop.org.fault(fault)
    ended, _ = run(workshop)
    assert (ended.code, workshop.written()) == (0, workshop.org.log.uuids), ended.err
    assert ended.logged("request.retried") == []
    assert workshop.leaks(ended) == []


TOKEN_ROWS = [
    *(Row(Fault(kind=kind, path=TOKEN), "broke", again=True) for kind in ("reset", "cut")),
    Row(Fault(kind="status", path=TOKEN, status=101), "broke", again=True),
    *(
        Row(Fault(kind="status", path=TOKEN, status=status), f"answered {status}", again=True)
        for status in (408, 429, 500)
    ),
    Row(Fault(kind="stall", path=TOKEN), "no complete answer", again=True, resilience=SLOW),
    Row(Fault(kind="truncated_gzip", path=TOKEN), "cut off", again=True),
    Row(Fault(kind="raw", path=TOKEN, body=b"{authorization}\r\n\r\n"), "broke", again=True),
    *(
        Row(Fault(kind="status", path=TOKEN, status=status), f"answered {status}", again=False)
        for status in (302, 400, 401, 404, 501)
    ),
    Row(Fault(kind="redirect", path=TOKEN, location="https://elsewhere.example/token"), "redirect", again=False),
    Row(Fault(kind="html", path=TOKEN), "without an access_token", again=False),
    Row(Fault(kind="bad_json", path=TOKEN), "without an access_token", again=False),
    Row(Fault(kind="bearer", path=TOKEN), "a Bearer token", again=False),
    Row(
        Fault(kind="bomb", path=TOKEN, size=200_000_000), "`limits.max_response_bytes`", again=False, resilience=PATIENT
    ),
    Row(Fault(kind="deep_json", path=TOKEN, size=50_000), "without an access_token", again=False),
    Row(Fault(kind="echo", path=TOKEN), "answered 400", again=False),
    Row(Fault(kind="echo", path=TOKEN, status=401, location="https://elsewhere.example/"), "answered 401", again=False),
]


@pytest.mark.parametrize("row", TOKEN_ROWS, ids=lambda row: row.name)
def test_a_token_server_that_fails_costs_no_request_to_the_api_and_shows_no_secret(
    open_workshop: Opening, row: Row
) -> None:
    workshop = open_workshop(nonces=False)
    configured(workshop, **row.resilience)
    workshop.org.fault(replace(row.fault, times=ATTEMPTS if row.again else 1))
    failed, took_s = run(workshop)
    assert failed.code == 1
    assert row.said in failed.err, failed.err
    assert asked(workshop) == 0
    assert asked(workshop, TOKEN) == (ATTEMPTS if row.again else 1)
    assert took_s < 30
    healed, _ = run(workshop)
    assert (healed.code, workshop.written()) == (0, workshop.org.log.uuids), healed.err
    assert failed.peak_mib < healed.peak_mib + LARGEST_MIB + SLACK_MIB
    assert workshop.leaks(failed, healed) == []
    assert not workshop.org.ledger.violations, "no assertion and no proof was used twice"
