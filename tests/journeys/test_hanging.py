"""What hangs, and how long it may hold Hel up: look-ups, hostile headers, pages of nothing."""

import signal
import socket
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from examples.okta_org import Fault
from tests.journeys.workshop import QUICK, SSWS, Workshop, source, stop, until

Opening = Callable[..., Workshop]


def test_a_look_up_that_hangs_does_not_hold_up_the_exit(workshop: Workshop, tmp_path: Path) -> None:
    """It runs in a thread, which nobody can end."""
    hook = tmp_path / "hook"
    hook.mkdir()
    asked = tmp_path / "asked"
    (hook / "sitecustomize.py").write_text(
        "import socket, time, pathlib\n"
        "real = socket.getaddrinfo\n"
        "def hang(*args, **kwargs):\n"
        f"    pathlib.Path({str(asked)!r}).touch()\n"
        "    time.sleep(40)\n"
        "    return real(*args, **kwargs)\n"
        "socket.getaddrinfo = hang\n"
    )
    workshop.environment["PYTHONPATH"] = str(hook)
    process = workshop.start("run", "-o", "events.ndjson")
    until(asked.exists)
    started = time.monotonic()
    ended = stop(process, signal.SIGTERM)
    assert (ended.code, time.monotonic() - started < 20) == (0, True), ended.err


def test_many_sources_that_hang_do_not_hold_up_the_others(workshop: Workshop) -> None:
    """More than the queue has room for the pages of: each is connected, asks, and hears nothing for a minute."""
    served = {f"okta-{number}": source(SSWS, headers={"x-number": f"{number}"}) for number in range(3)}

    def asked() -> Counter[str]:
        return Counter(request.headers["x-number"][0] for request in workshop.org.ledger.requests)

    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        hanging = {
            f"silent-{number}": source(None, url=f"{url}/{number}", resilience={"timeout_secs": 60})
            for number in range(40)
        }
        workshop.configure(hanging | served)
        process = workshop.start("run", "-o", "events.ndjson")
        until(lambda: len(asked()) == len(served))
        before = asked()
        until(lambda: min((asked() - before).values(), default=0) >= 10 and len(asked() - before) == len(served))
        ended = stop(process)
    assert ended.code == 0, ended.err
    assert [line["event"] for line in ended.log if "failed" in line["event"]] == []


@pytest.mark.parametrize(
    "headers",
    [
        {"www-authenticate": "a" * 90_000},
        {"www-authenticate": 'a="' + "\\" * 90_000},
        {"www-authenticate": "a= " * 30_000},
        {"link": "<" * 90_000},
        {"link": '<a>; rel="' + "\\" * 90_000},
        {"link": "<a>;a" * 20_000},
        {"retry-after": "0," * 40_000},
        {"x-rate-limit-remaining": "1," * 40_000},
    ],
    ids=lambda headers: str(headers)[:24],
)
def test_no_header_of_its_greatest_length_costs_more_than_a_moment(workshop: Workshop, headers: dict[str, Any]) -> None:
    workshop.configure({"okta-audit": source(SSWS, resilience=QUICK | {"retries": {"max_attempts": 1}})})
    workshop.org.fault(Fault(kind="status", status=401, headers=headers))
    started = time.monotonic()
    assert workshop.hel("run", "--once").code == 1
    assert time.monotonic() - started < 15


@pytest.mark.parametrize("status", [200, 503])
@pytest.mark.parametrize(
    "body", [b"[" + b"{}," * 5_000_000 + b"{}]", b'[{"a":["\\ud800",' + b"[]," * 5_000_000 + b"1]}]"], ids=["{}", "[]"]
)
def test_many_objects_in_few_bytes_are_refused_and_cost_their_bytes(
    workshop: Workshop, body: bytes, status: int
) -> None:
    patient = QUICK | {"retries": {"max_attempts": 1}, "timeout_secs": 60}
    workshop.configure({"okta-audit": source(SSWS, resilience=patient)})
    workshop.org.fault(Fault(kind="html", body=body, headers={"content-type": "application/json"}))
    if status == 503:
        workshop.org.faults.clear()
        workshop.org.fault(Fault(kind="status", status=503, body=body))
    ended = workshop.weigh("run", "--once", "-o", "events.ndjson", by_exec=True)
    assert ended.code == 1
    assert ("more than 300,000 JSON" if status == 200 else "answered 503") in ended.err
    assert ended.peak_mib < 70 + 4 * len(body) / 1024 / 1024
    healed = workshop.weigh("run", "--once", "-o", "events.ndjson")
    assert (healed.code, workshop.written()) == (0, workshop.org.log.uuids)


def test_a_secret_that_comes_back_in_a_nonce_a_link_or_a_token_type_is_kept_nowhere(workshop: Workshop) -> None:
    """The access token is what the API is sent; the state, the recordings and the log must not have it."""
    stolen = "eyJhbGciOiJub25lIn0.c3RvbGVu.dG9rZW4"
    grant = b'{"access_token":"' + stolen.encode() + b'","token_type":"' + stolen.encode() + b'","expires_in":3600}'
    workshop.org.fault(Fault(kind="html", path="/oauth2/v1/token", body=grant))
    ended = workshop.hel("run", "--once", "--record-dir", "recordings")
    assert (ended.code, stolen in ended.err) == (1, False)
    token = "00" + "t" * 40
    workshop.environment["OKTA_API_TOKEN"] = workshop.org.api_token
    workshop.configure({"okta-audit": source(SSWS)})
    url = f"{workshop.org_url}/api/v1/logs?limit=500&trace={workshop.org.api_token}"
    workshop.org.fault(Fault(kind="next", url=url, headers={"dpop-nonce": token}))
    ended = workshop.hel("run", "--once", "-o", "events.ndjson")
    assert ended.code == 1
    assert "holds a secret that Hel sent" in ended.err
    assert workshop.leaks(ended) == []
    assert workshop.hel("run", "--once", "-o", "events.ndjson").code == 0
