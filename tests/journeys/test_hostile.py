"""What an API may not do to Hel: send its credential elsewhere, learn it in the clear, or go on for ever."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from examples.okta_org import Fault, Org, running
from tests.journeys.evil import Evil, evil_origin
from tests.journeys.workshop import OAUTH2, SSWS, Workshop, source

Opening = Callable[..., Workshop]


@pytest.fixture
def evil() -> Iterator[Evil]:
    with evil_origin() as listening:
        yield listening


ELSEWHERE = [
    "https://localhost:{evil}/api/v1/logs?after=1",
    "https://127.0.0.1:{evil}/api/v1/logs?after=1",
    "http://localhost:{home}/api/v1/logs?after=1",
    "http://localhost:{evil}/api/v1/logs?after=1",
    "https://127.0.0.1:{home}/api/v1/logs?after=1",
    "https://localhost.evil.localhost:{evil}/api/v1/logs?after=1",
    "https://evil-localhost:{evil}/api/v1/logs",
    "https://localhost:{home}@127.0.0.1:{evil}/api/v1/logs",
    "https://user:pass@localhost:{home}/api/v1/logs",
    "https://localhost:{home}\\@127.0.0.1:{evil}/api/v1/logs",
    "https://127.0.0.1:{evil}\\.localhost:{home}/",
    "//127.0.0.1:{evil}/api/v1/logs",
    "\\\\127.0.0.1:{evil}/api/v1/logs",
    "/\\127.0.0.1:{evil}/api/v1/logs",
    "https:127.0.0.1:{evil}/api/v1/logs",
    "https:/127.0.0.1:{evil}/api/v1/logs",
    "https:///127.0.0.1:{evil}/api/v1/logs",
    "HTTPS://127.0.0.1:{evil}/api/v1/logs",
    "https://localhost:0{home}0/api/v1/logs",
    "https://localhost:{home}.127.0.0.1:{evil}/",
    "https://[::ffff:127.0.0.1]:{evil}/api/v1/logs",
    "file:///etc/passwd",
    "ftp://localhost:{home}/api/v1/logs",
    "javascript:alert(1)",
]


def port_of(workshop: Workshop) -> int:
    return int(workshop.org_url.rpartition(":")[2])


@pytest.mark.parametrize("number", range(len(ELSEWHERE)), ids=ELSEWHERE)
def test_lesson_28_a_next_link_that_leads_elsewhere_is_refused_and_nothing_is_sent_there(
    workshop: Workshop, evil: Evil, number: int
) -> None:
    """With DPoP and with a plain token in turn."""
    auth = (OAUTH2, SSWS)[number % 2]
    url = ELSEWHERE[number].format(evil=evil.port, home=port_of(workshop))
    workshop.configure({"okta-audit": source(auth)})
    workshop.org.fault(Fault(kind="next", url=url))
    ended = workshop.hel("run", "--once", "-o", "events.ndjson")
    assert (ended.code, evil.connections) == (1, 0), ended.err
    assert "next link" in ended.err
    assert "nothing was sent there" in ended.err or "is no list" in ended.err
    assert workshop.written() == [], "a page with a hostile link is not to be trusted"
    assert sum(request.path == "/api/v1/logs" for request in workshop.org.ledger.requests) == 1
    assert workshop.hel("run", "--once", "-o", "events.ndjson").code == 0
    assert workshop.written() == workshop.org.log.uuids


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("path", ["/api/v1/logs", "/oauth2/v1/token"])
def test_lesson_28_a_redirect_is_not_followed_by_the_api_nor_by_the_token_server(
    workshop: Workshop, evil: Evil, status: int, path: str
) -> None:
    location = f"https://localhost:{evil.port}{path}?secret=1"
    workshop.org.fault(Fault(kind="redirect", status=status, location=location, path=path))
    ended = workshop.hel("run", "--once")
    assert (ended.code, evil.connections) == (1, 0)
    assert f"a redirect to https://localhost:{evil.port}{path}, which is not followed" in ended.err
    assert f"set `{'token_url' if 'token' in path else 'url'}` to the address that answers itself" in ended.err
    assert "secret" not in ended.err


def test_a_stored_cursor_is_checked_again_when_it_is_used(workshop: Workshop, evil: Evil) -> None:
    assert workshop.hel("run", "--once", "-o", "events.ndjson").code == 0
    url = f"https://localhost:{evil.port}/api/v1/logs?after=1"
    assert workshop.hel("state", "set", "okta-audit", "resume", url).code == 0
    ended = workshop.hel("run", "--once", "-o", "events.ndjson")
    assert (ended.code, evil.connections) == (1, 0)
    assert "the stored cursor leads away" in ended.err


def test_an_origin_that_is_allowed_gets_the_credential_and_no_other_does(tmp_path: Path, evil: Evil) -> None:
    """The API's links lead to another host of the same org, as those of a regional gateway may."""
    org = Org(events=1200, dpop="off")
    with running(org) as home, running(org) as abroad:
        workshop = Workshop(tmp_path, home)
        allowed = {"okta-audit": source(OAUTH2 | {"dpop": False}, allowed_origins=[abroad.url])}
        workshop.configure(allowed)
        org.fault(Fault(kind="next", url=f"{abroad.url}/api/v1/logs?limit=1000"))
        org.fault(Fault(kind="next", url=f"https://localhost:{evil.port}/api/v1/logs", skip=1))
        ended = workshop.hel("run", "--once", "-o", "events.ndjson")
        assert (ended.code, evil.connections) == (1, 0), ended.err
        hosts = [request.headers["host"][0] for request in org.ledger.requests if request.path == "/api/v1/logs"]
        assert hosts == [home.domain, abroad.domain]
        assert all("authorization" in r.headers for r in org.ledger.requests if r.path == "/api/v1/logs")


def test_a_credential_over_plain_http_is_refused_before_anything_is_requested(bare: Workshop) -> None:
    bare.environment |= {"OKTA_DOMAIN": "org.example.com", "OKTA_API_TOKEN": "00token"}
    bare.configure({"okta-audit": source(SSWS, url="http://${OKTA_DOMAIN}/api/v1/logs")})
    for command in (("validate",), ("run", "--once")):
        ended = bare.hel(*command)
        assert ended.code == 2
        place, _, words = ended.err.splitlines(keepends=True)[-1].partition(": sources.okta-audit.url: ")
        assert re.fullmatch(r"hel\.yaml:\d+:\d+", place)
        assert words == (
            "plain http would show the credential to everybody on the way (write https; only where the way is safe: "
            "'allow_insecure_http: true')\n"
        )


def test_plain_http_to_this_machine_is_no_way_that_others_see(open_workshop: Opening) -> None:
    workshop = open_workshop(tls=False)
    workshop.configure({"okta-audit": source(SSWS, url="http://${OKTA_DOMAIN}/api/v1/logs")})
    assert workshop.hel("run", "--once").code == 0


def test_a_loop_of_next_links_ends_with_an_error_that_shows_it(workshop: Workshop) -> None:
    workshop.configure({"okta-audit": source(SSWS)})
    workshop.org.fault(Fault(kind="next", url=f"{workshop.org_url}/api/v1/logs?limit=500", skip=2))
    ended = workshop.hel("run", "--once", "-o", "events.ndjson")
    assert ended.code == 1
    assert "page 3's next link leads back to page 1 (/api/v1/logs; the two differ in after)" in ended.err
    assert workshop.hel("run", "--once", "-o", "events.ndjson").code == 0
    assert workshop.written() == workshop.org.log.uuids


INJECTION = '\x1b[2J\x1b]0;owned\x07\r\n\u202e{"event": "tick.finished"}\u2028\x9b31m'


@pytest.mark.parametrize("style", ["pretty", "json"])
def test_what_the_api_says_can_neither_act_on_a_terminal_nor_forge_a_line(workshop: Workshop, style: str) -> None:
    body = json.dumps({"errorCode": INJECTION, "errorSummary": INJECTION}).encode()
    challenge = 'Bearer error="x", error_description="\x1b[2J"'
    workshop.configure({"okta-audit": source(SSWS)}, log_format=style, log_level="debug")
    for command in (("run", "--once"), ("test", "--source", "okta-audit")):
        workshop.org.fault(Fault(kind="status", status=400, body=body, headers={"x-y": "z"}))
        workshop.org.fault(Fault(kind="raw", body=b"HTTP/1.1 400 \x1b[2Jno\r\n\r\n", skip=1))
        workshop.org.fault(Fault(kind="status", status=403, headers={"www-authenticate": challenge}, skip=2))
        for _ in range(3):
            ended = workshop.hel(*command)
            assert ended.code == 1
            text = ended.err.replace("\n", "")
            assert text.isprintable(), [c for c in text if not c.isprintable()]
            if style == "json":
                assert [line["event"] for line in ended.log if line["event"] == "tick.finished"] == []


def test_an_event_cant_break_out_of_its_line(open_workshop: Opening) -> None:
    workshop = open_workshop(events=3, odd=True)
    workshop.org.log.append(
        fields={"displayMessage": '"}}\n{"ts":"2026-01-01","source":"forged","event":{}}\u2028\x1b[2J'}
    )
    ended = workshop.hel("run", "--once")
    assert len(ended.lines) == 4
    assert {line["source"] for line in ended.lines} == {"okta-audit"}


def test_a_line_that_is_too_long_ends_the_tick_before_its_page_or_is_left_out_and_said(open_workshop: Opening) -> None:
    workshop = open_workshop(events=600)
    workshop.org.log.append(fields={"displayMessage": "x" * 10_000})
    long = workshop.org.log.uuids[-1]
    for number in range(2):
        workshop.configure({"okta-audit": source(limits={"max_line_bytes": 8000})})
        failed = workshop.hel("run", "--once", "-o", "events.ndjson")
        assert failed.code == 1
        assert "bytes long, more than the 8,000 of `limits.max_line_bytes`" in failed.err
        assert workshop.written() == workshop.org.log.uuids[:500], number
    workshop.configure({"okta-audit": source(limits={"max_line_bytes": 8000, "on_long_line": "skip"})})
    skipped = workshop.hel("run", "--once", "-o", "events.ndjson")
    assert skipped.code == 0, skipped.err
    assert [line["bytes"] > 10_000 for line in skipped.logged("line.skipped")] == [True]
    assert "1 too long line left out" in skipped.err
    assert workshop.written() == [uuid for uuid in workshop.org.log.uuids if uuid != long]
    assert workshop.hel("run", "--once", "-o", "events.ndjson").logged("line.skipped") == []


def test_state_output_and_recordings_are_for_their_owner_and_the_group_if_asked(workshop: Workshop) -> None:
    assert workshop.hel("run", "--once", "-o", "events.ndjson", "--record-dir", "recordings").code == 0
    made = [path for path in workshop.folder.rglob("*") if path.name != "hel.yaml"]
    modes = {path.relative_to(workshop.folder): path.stat().st_mode & 0o777 for path in made}
    assert len(made) > 5
    assert modes == {path: 0o700 if (workshop.folder / path).is_dir() else 0o600 for path in modes}
    workshop.configure(output={"path": "events.ndjson", "mode": "0640", "rotate": "size:0.5"})
    assert workshop.hel("run", "--once").code == 0
    for _ in range(3):
        workshop.org.log.append(300)
        assert workshop.hel("run", "--once").code == 0
    found = {path.name: path.stat().st_mode & 0o777 for path in workshop.folder.glob("events.ndjson*")}
    assert len(found) > 1
    assert set(found.values()) == {0o640}, found
