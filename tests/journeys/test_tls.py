"""Whom Hel trusts, how it shows who it is, and which way it goes: certificates, versions, proxies, dead ends."""

import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import trustme

from examples.okta_org import Org, Running, running
from tests.journeys.evil import evil_origin
from tests.journeys.proxy import proxy_to
from tests.journeys.workshop import QUICK, SSWS, Ended, Workshop, source

Opening = Callable[..., Workshop]


@pytest.fixture
def mutual(tmp_path: Path) -> Iterator[Workshop]:
    """An org that wants to see a client certificate."""
    with running(Org(events=20), mutual_tls=True) as server:
        yield Workshop(tmp_path, server)


def run(workshop: Workshop, *, trust: bool = True, env: Mapping[str, str] | None = None, **keys: Any) -> Ended:
    workshop.configure({"okta-audit": source(SSWS, **keys)})
    untrusting: dict[str, str | None] = {} if trust else {"SSL_CERT_FILE": None}
    return workshop.hel("run", "--once", env={**(env or {}), **untrusting})


def paths(server: Running | None) -> tuple[Path, Path, Path]:
    assert server is not None
    assert server.ca_file is not None
    assert server.client_cert_file is not None
    assert server.client_key_file is not None
    return server.ca_file, server.client_cert_file, server.client_key_file


@pytest.mark.parametrize("only", [False, True])
def test_a_private_ca_is_named_by_file_or_variable(workshop: Workshop, only: bool) -> None:
    assert workshop.server is not None
    ca = workshop.server.ca_file
    assert ca is not None
    for tls, env in (({"ca_file": str(ca)}, {}), ({"ca_env": "PRIVATE_CA"}, {"PRIVATE_CA": ca.read_text()})):
        workshop.hel("state", "reset", "okta-audit")
        ended = run(workshop, trust=False, env=env, tls=tls | {"ca_only": only})
        assert (ended.code, len(ended.lines)) == (0, 1200), ended.err


def test_a_stranger_is_not_trusted_asked_once_and_the_fix_named(workshop: Workshop) -> None:
    ended = run(workshop, trust=False)
    assert ended.code == 1
    assert "can't be trusted: unable to get local issuer certificate" in ended.err
    assert "name its file in `tls.ca_file` or SSL_CERT_FILE" in ended.err
    assert ended.logged("request.retried") == []
    assert workshop.org.ledger.requests == []


def test_ca_only_trusts_nobody_else(workshop: Workshop, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(other)
    assert run(workshop, tls={"ca_file": str(other)}).code == 0, "one more, besides those of the environment"
    workshop.hel("state", "reset", "okta-audit")
    ended = run(workshop, tls={"ca_file": str(other), "ca_only": True})
    assert (ended.code, "can't be trusted" in ended.err) == (1, True)


def test_a_certificate_for_another_name_is_not_trusted(workshop: Workshop) -> None:
    ended = run(workshop, url=f"https://127.0.0.2:{workshop.org_url.rpartition(':')[2]}/api/v1/logs")
    assert ended.code == 1
    assert "can't be trusted" in ended.err or "no connection" in ended.err


def test_a_client_certificate_is_shown_where_the_server_wants_one(mutual: Workshop) -> None:
    _, cert, key = paths(mutual.server)
    together = mutual.folder / "both.pem"
    together.write_text(cert.read_text() + key.read_text())
    together.chmod(0o600)
    for tls, env in (
        ({"client_cert_file": str(cert), "client_key_file": str(key)}, {}),
        ({"client_cert_file": str(together)}, {}),
        (
            {"client_cert_env": "CLIENT_CERT", "client_key_env": "CLIENT_KEY"},
            {"CLIENT_CERT": cert.read_text(), "CLIENT_KEY": key.read_text()},
        ),
    ):
        mutual.hel("state", "reset", "okta-audit")
        ended = run(mutual, env=env, tls=tls)
        assert (ended.code, len(ended.lines)) == (0, 20), ended.err
        shown = ended.err + (mutual.folder / "hel-state.db").read_bytes().decode("latin-1")
        assert not any(line in shown for line in key.read_text().splitlines()[1:-1])


def test_a_client_certificate_that_is_missing_is_named_as_the_fix(mutual: Workshop) -> None:
    ended = run(mutual)
    assert ended.code == 1
    assert "`tls.client_cert_file`" in ended.err


def test_the_token_server_is_shown_it_too(mutual: Workshop) -> None:
    _, cert, key = paths(mutual.server)
    mutual.configure({"okta-audit": source(tls={"client_cert_file": str(cert), "client_key_file": str(key)})})
    assert mutual.hel("run", "--once").code == 0


def test_an_old_version_of_tls_is_spoken_only_down_to_the_one_allowed(tmp_path: Path) -> None:
    with running(Org(events=20), tls_max=ssl.TLSVersion.TLSv1_2) as server:
        workshop = Workshop(tmp_path, server)
        assert run(workshop).code == 0
        ended = run(workshop, tls={"min_version": "1.3"})
        assert ended.code == 1
        assert "`tls.min_version`" in ended.err
        assert "TLS 1.2 or newer" in ended.err


def test_verification_cant_be_switched_off(bare: Workshop) -> None:
    bare.environment |= {"OKTA_DOMAIN": "org.example.com", "OKTA_API_TOKEN": "00token"}
    bare.configure({"okta-audit": source(SSWS, tls={"verify": False})})
    ended = bare.hel("validate")
    assert ended.code == 2
    assert (
        "tls.verify: certificates are always verified (for a private CA name its certificate in 'ca_file')" in ended.err
    )


def test_the_usual_variables_lead_through_a_proxy_or_around_it(workshop: Workshop) -> None:
    port = int(workshop.org_url.rpartition(":")[2])
    with socket.socket() as dead, proxy_to(port) as alive:
        dead.bind(("127.0.0.1", 0))  # it does not listen, and nobody else can
        nowhere = f"http://user:hush-hush@127.0.0.1:{dead.getsockname()[1]}"
        for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
            ended = run(workshop, env={name: nowhere})
            assert ended.code == 1, name
            assert "no connection to" in ended.err
            assert "hush-hush" not in ended.err
        assert workshop.org.ledger.requests == []
        for no_proxy in ("localhost", "*", f"localhost:{port}"):
            workshop.hel("state", "reset", "okta-audit")
            ended = run(workshop, env={"HTTPS_PROXY": nowhere, "NO_PROXY": no_proxy})
            assert (ended.code, len(ended.lines)) == (0, 1200), no_proxy + ended.err
        workshop.hel("state", "reset", "okta-audit")
        assert run(workshop, env={"HTTPS_PROXY": alive}).code == 0


@pytest.mark.parametrize(
    ("url", "said", "fix"),
    [
        ("https://127.0.0.1:1/api/v1/logs", "no connection to https://127.0.0.1:1", "proxy and firewall"),
        ("https://no-such-org.invalid/api/v1/logs", "https://no-such-org.invalid:443 can't be resolved", "OKTA_DOMAIN"),
    ],
)
def test_nobody_there_is_asked_again_and_said_with_its_fix(workshop: Workshop, url: str, said: str, fix: str) -> None:
    ended = run(workshop, url=url, resilience=QUICK | {"timeout_secs": 20})
    assert ended.code == 1
    assert said in ended.err
    assert fix in ended.err
    assert len(ended.logged("request.retried")) == 2


def test_https_to_a_port_that_speaks_http_is_told_apart(open_workshop: Opening) -> None:
    workshop = open_workshop(tls=False)
    ended = run(workshop)
    assert ended.code == 1
    assert "is that port an https one?" in ended.err


def test_a_tick_that_takes_too_long_ends_and_the_next_one_goes_on(open_workshop: Opening) -> None:
    workshop = open_workshop(events=100)
    slow = QUICK | {"rate_limit": {"page_delay_secs": 0.8}, "tick_timeout_secs": 2}
    workshop.configure({"okta-audit": source(SSWS, query_params={"limit": "10"}, resilience=slow)})
    first = workshop.hel("run", "--once", "-o", "events.ndjson")
    assert first.code == 1
    assert "the tick was not done within 2 s" in first.err
    assert "`resilience.tick_timeout_secs`" in first.err
    delivered = len(workshop.written())
    assert 0 < delivered < 100
    while workshop.hel("run", "--once", "-o", "events.ndjson").code == 1:
        assert len(workshop.written()) > delivered
        delivered = len(workshop.written())
    assert workshop.written() == workshop.org.log.uuids


def test_plain_http_to_this_machine_is_asked_of_no_proxy(open_workshop: Opening) -> None:
    """It would carry the credential there in the clear."""
    workshop = open_workshop(tls=False)
    with evil_origin() as evil:
        proxy = f"http://127.0.0.1:{evil.port}"
        for name in ("HTTP_PROXY", "ALL_PROXY", "http_proxy"):
            workshop.hel("state", "reset", "okta-audit")
            ended = run(workshop, env={name: proxy}, url="http://${OKTA_DOMAIN}/api/v1/logs")
            assert (ended.code, evil.connections, len(ended.lines)) == (0, 0, 1200), name + ended.err


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "SSL_CERT_FILE"])
def test_validate_and_run_agree_on_what_the_environment_names(workshop: Workshop, name: str) -> None:
    value = {"HTTPS_PROXY": "127.0.0.1:99999", "SSL_CERT_FILE": "/no/such/file.pem"}[name]
    for command in (("validate",), ("run", "--once")):
        ended = workshop.hel(*command, env={name: value})
        assert (ended.code, name in ended.err) == (2, True), ended.err
