import signal
import socket
import ssl
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from examples.okta_org import Org, Running, running
from tests.okta_org.visitor import LOGS, Visitor

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "examples.okta_org"]


def test_many_orgs_run_at_once_and_leave_nothing_behind() -> None:
    before = set(threading.enumerate())  # some of which, of other tests, may be about to end
    with ExitStack() as stack:
        servers = [stack.enter_context(running(Org(events=number))) for number in range(3)]
        for number, server in enumerate(servers):
            visitor = Visitor(server)
            stack.callback(visitor.http.close)
            assert len(visitor.logs().json()) == number
    assert set(threading.enumerate()) <= before
    for server in servers:
        assert server.ca_file is not None
        assert not server.ca_file.exists()
        with pytest.raises(httpx.ConnectError):
            httpx.get(server.url.replace("https", "http"), trust_env=False)


def test_an_org_stops_while_an_answer_is_stalled() -> None:
    org = Org(events=2)
    with running(org, tls=False) as server, Visitor(server).http as http:
        order = http.post(f"{server.url}/.org/faults?kind=stall")
        assert order.status_code == 204
        with http.stream("GET", server.url + LOGS, headers={"authorization": f"SSWS {org.api_token}"}) as reply:
            assert reply.status_code == 200
    assert org.ledger.requests[-1].note == "fault: stall"


def test_the_certificate_covers_the_names_asked_for(visit: Callable[..., Visitor]) -> None:
    server = visit(tls=True, names=("org-admin.localhost",)).server
    context = ssl.create_default_context(cafile=str(server.ca_file))
    for name in ("localhost", "127.0.0.1", "org-admin.localhost"):
        with (
            socket.create_connection(("127.0.0.1", int(server.domain.partition(":")[2]))) as connection,
            context.wrap_socket(connection, server_hostname=name) as secured,
        ):
            assert secured.version() == "TLSv1.3"


def asked(server: Running, context: ssl.SSLContext) -> int:
    """The status that the log's URL answers with over this TLS."""
    with httpx.Client(verify=context, trust_env=False) as http:
        return http.get(server.url + LOGS).status_code


def test_mutual_tls_lets_in_only_who_shows_a_certificate_of_the_orgs_ca() -> None:
    with running(Org(events=0), mutual_tls=True) as server:
        assert server.client_cert_file is not None
        assert server.client_key_file is not None
        assert stat.S_IMODE(server.client_key_file.stat().st_mode) == 0o600
        context = ssl.create_default_context(cafile=str(server.ca_file))
        with pytest.raises(httpx.TransportError):
            asked(server, context)
        assert server.org.ledger.requests == []
        context.load_cert_chain(server.client_cert_file, server.client_key_file)
        assert asked(server, context) == 403


def test_without_mutual_tls_there_is_no_client_certificate(visit: Callable[..., Visitor]) -> None:
    for tls in (True, False):
        server = visit(tls=tls).server
        assert (server.client_cert_file, server.client_key_file) == (None, None)


def test_an_org_may_be_too_old_for_a_client() -> None:
    with running(Org(events=0), tls_max=ssl.TLSVersion.TLSv1_2) as server:
        context = ssl.create_default_context(cafile=str(server.ca_file))
        assert asked(server, context) == 403
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        with pytest.raises(httpx.ConnectError):
            asked(server, context)


def test_the_environment_is_the_guides(visitor: Visitor) -> None:
    assert visitor.server.environment().keys() == {
        "OKTA_DOMAIN",
        "OKTA_API_TOKEN",
        "OKTA_CLIENT_ID",
        "OKTA_CLIENT_PRIVATE_KEY",
    }
    assert visitor.server.environment()["OKTA_DOMAIN"] == visitor.server.domain


def test_orders_over_http_are_obeyed_and_not_in_the_ledger(visitor: Visitor) -> None:
    appended = visitor.http.post(visitor.url("/.org/events?n=2")).json()["uuids"]
    assert visitor.org.log.uuids[-2:] == appended
    assert visitor.http.post(visitor.url("/.org/faults?kind=nonsense")).status_code == 400
    assert visitor.http.get(visitor.url("/.org/ledger")).json() == {"requests": 0, "events": 0, "violations": []}


def test_a_command_gets_the_environment_and_its_output_and_exit_code_are_passed_on() -> None:
    script = "printenv OKTA_DOMAIN; test -r $SSL_CERT_FILE && exit 7"
    done = subprocess.run([*COMMAND, "--", "sh", "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 7
    assert done.stdout.startswith("localhost:")
    assert done.stdout.count("\n") == 1
    assert done.stderr == "local Okta org: 0 requests, 0 events served, no rule broken\n"


def test_a_command_that_breaks_a_rule_is_told_so() -> None:
    script = (
        "import os, ssl, urllib.request, urllib.error\n"
        "context = ssl.create_default_context(cafile=os.environ['SSL_CERT_FILE'])\n"
        "try: urllib.request.urlopen(f\"https://{os.environ['OKTA_DOMAIN']}//api\", context=context)\n"
        "except urllib.error.HTTPError as error: error.close()\n"
    )
    done = subprocess.run(
        [*COMMAND, "--", sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stderr == (
        "local Okta org: 1 requests, 0 events served, 1 rule broken:\n  request 1: the path holds `//` or a template\n"
    )


def test_a_signal_is_passed_on_to_the_command() -> None:
    script = "trap 'echo got it; exit 3' TERM; echo ready; while :; do sleep 0.05; done"
    with subprocess.Popen(
        [*COMMAND, "--", "sh", "-c", script], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=20)
    assert (out, process.returncode) == ("got it\n", 3)


def test_an_unknown_command_is_one_sentence() -> None:
    done = subprocess.run([*COMMAND, "--", "no-such"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 127
    assert done.stderr.startswith("okta_org: can't start no-such: ")


def test_without_a_command_it_prints_what_a_shell_can_read_and_serves_until_a_signal(tmp_path: Path) -> None:
    arguments = [*COMMAND, "--events", "3", "--live", "100", "--directory", str(tmp_path)]
    with subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stderr.readline().startswith("local Okta org: serving ")
        exports = "".join(process.stdout.readline() for _ in range(5))
        read = subprocess.run(
            ["sh", "-c", f'{exports}printf "%s" "$OKTA_CLIENT_PRIVATE_KEY"'], capture_output=True, text=True, check=True
        )
        assert stat.S_IMODE((tmp_path / "client-key.pem").stat().st_mode) == 0o600
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=20)
    assert read.stdout.replace("\\n", "\n").strip() == (tmp_path / "client-key.pem").read_text().strip()
    assert (out, process.returncode) == ("", 0)


@pytest.mark.parametrize("arguments", [["--"], ["--events", "-1"], ["--fault", "nonsense"], ["--dpop", "maybe"]])
def test_a_wrong_option_is_a_usage_error(arguments: list[str]) -> None:
    done = subprocess.run([*COMMAND, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "error: " in done.stderr
