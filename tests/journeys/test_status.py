"""`hel status`: what the server of a running Hel says, and what the state knows where there is none."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

import pytest

from tests.journeys.test_terminal import on_a_terminal
from tests.journeys.workshop import SSWS, Workshop, free_port, source, stop, until

Opening = Callable[..., Workshop]

SHAPE = {
    "name", "url", "state", "last_success", "next_poll", "newest_event", "lag_s", "events", "duplicates",
    "events_per_minute", "rate_limit", "paused_until", "circuit", "failures", "error",
}  # fmt: skip


def served(workshop: Workshop, **sources: Any) -> int:
    """Configure these sources, and a server."""
    port = free_port()
    workshop.configure(sources, server={"enabled": True, "port": port}, output={"path": "events.ndjson"})
    return port


def test_a_running_hel_tells_of_each_source_and_what_to_do_about_a_failing_one(open_workshop: Opening) -> None:
    workshop = open_workshop()
    port = served(workshop, good=source(), bad=source({"type": "bearer", "token_env": "WRONG", "prefix": "SSWS"}))
    workshop.environment["WRONG"] = "00wrong"
    process = workshop.start("run")
    until(lambda: workshop.hel("status", "--check").code == 0)
    hidden = {"OKTA_CLIENT_PRIVATE_KEY": None, "OKTA_CLIENT_ID": None, "OKTA_DOMAIN": None, "WRONG": None}

    def told() -> str:
        ended = workshop.hel("status", env=hidden)
        assert (ended.code, ended.err) == (0, ""), ended.err
        return ended.out.decode()

    until(lambda: bool(re.search(r"^good +ok .* closed$", told(), re.MULTILINE)) and "✗ bad" in told())
    text = told()
    head, *rows = text.splitlines()
    assert re.fullmatch(rf"Hel 0\.1\.0 runs for \d+ s: ready, at http://127\.0\.0\.1:{port}", head)
    assert re.split(r"  +", rows[0]) == [
        "source", "state", "newest event", "last success", "events/min", "rate limit", "circuit",
    ]  # fmt: skip
    good, bad = (next(row for row in rows if row.startswith(name)) for name in ("good", "bad"))
    assert re.search(r"20\d\d-\S+Z \(\d+ (s|min) ago\) +\d+ s ago", good)
    assert re.search(r"\d+ of 600", good)
    assert "failing" in bad
    assert "✗ bad" in text
    assert "valid and not revoked" in text
    assert "\n  fix: " in text
    shape = json.loads(workshop.hel("status", "--json", env=hidden).out)
    assert all(set(each) == SHAPE for each in shape["sources"])
    stop(process)

    ended = workshop.hel("status", env=hidden)
    assert ended.code == 0
    assert f"✗ http://127.0.0.1:{port} does not answer: " in ended.err
    assert ended.out.decode().startswith("no Hel runs with this state\n")
    assert re.search(r"^good +20\d\d-\S+Z ", ended.out.decode(), re.MULTILINE)
    assert re.search(r"^bad +none yet", ended.out.decode(), re.MULTILINE)
    stored = json.loads(workshop.hel("status", "--json").out)
    assert set(stored) == set(shape)
    assert all(set(each) == SHAPE for each in stored["sources"])
    assert {each["name"] for each in stored["sources"]} == {"good", "bad"}
    checked = workshop.hel("status", "--check")
    assert (checked.code, checked.out, checked.err.count("\n")) == (1, b"", 1)


def test_without_a_server_the_state_tells_and_whether_a_hel_runs(workshop: Workshop) -> None:
    workshop.configure({"okta-audit": source(SSWS)}, output={"path": "events.ndjson"})
    first = workshop.hel("status")
    assert (first.code, "there is no state at" in first.out.decode()) == (0, True)
    assert sorted(path.name for path in workshop.folder.iterdir()) == ["hel.yaml"], "it makes nothing"
    process = workshop.start("run")
    until(lambda: len(workshop.written()) == 1200)
    until(lambda: b"(process" in workshop.hel("status", env={"OKTA_API_TOKEN": None}).out)
    ended = workshop.hel("status")
    assert ended.out.decode().startswith(f"a Hel runs (process {process.pid})\n")
    assert "`global.server.enabled: true`" in ended.err
    assert stop(process).code == 0
    assert workshop.hel("status").out.decode().startswith("no Hel runs with this state\n")
    ended = workshop.hel("status", "--check")
    assert (ended.code, ended.out) == (1, b"")
    assert "there is no server to ask" in ended.err


@contextmanager
def answering(body: bytes, status: int = 200, wait_s: float = 0) -> Iterator[int]:
    """A stand-in that gives every question the same answer; its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            hung_up.wait(wait_s)
            with suppress(OSError):
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    hung_up = Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        hung_up.set()
        server.shutdown()
        server.server_close()
        thread.join()


HOSTILE = {
    "version": "0.1.0\x1b[2J",
    "now": "2026-05-01T12:00:00Z",
    "started_at": None,
    "ready": False,
    "because": ["the output can't be written: full\x1b[2J"],
    "output": {"path": None, "error": {"message": "full", "fix": "free some space", "since": "2026-05-01T11:00:00Z"}},
    "sources": [
        {"name": f"a-source-of-a-{'very-' * 12}long-name-{n}", "state": "ok\x07", "circuit": "half_open"}
        for n in range(2)
    ],
}


def test_a_server_that_answers_is_enough_where_the_state_cannot_be_read(bare: Workshop) -> None:
    (bare.folder / "hel-state.db").write_text("no SQLite database at all")
    with answering(json.dumps(HOSTILE).encode()) as port:
        served(bare, a=source(SSWS))
        ended = bare.hel("status", env={"HEL_GLOBAL__SERVER__PORT": str(port)})
        assert (ended.code, "long-name-1" in ended.out.decode()) == (0, True), ended.err
        told = bare.hel("status", "--json", env={"HEL_GLOBAL__SERVER__PORT": str(port)})
        assert json.loads(told.out) == HOSTILE
    alone = bare.hel("status")
    assert (alone.code, alone.out) == (2, b"")
    assert "hel-state.db" in alone.err


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"version": "1", "sources": [1]}', json.dumps(HOSTILE).encode()])
def test_what_a_server_says_is_shown_printable_or_called_no_hels(bare: Workshop, body: bytes) -> None:
    is_hel = body.startswith(b'{"version": "0')
    with answering(body) as port:
        served(bare, a=source(SSWS))
        bare.environment |= {"HEL_GLOBAL__SERVER__PORT": str(port), "HEL_GLOBAL__SERVER__HOST": "0.0.0.0"}  # noqa: S104
        bare.environment |= {"HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}
        ended = bare.hel("status")
    text = ended.out.decode()
    assert (ended.code, "\x1b" in text + ended.err, "\x07" in text) == (0, False, False)
    assert (f"what answers at http://127.0.0.1:{port} is not Hel" in ended.err) != is_hel
    if is_hel:
        for said in (
            "half open",
            "✗ the output, since 2026-05-01T11:00:00Z: full\n  fix: free some space",
            "! not ready",
        ):
            assert said in text
        assert max(map(len, text.splitlines())) > 80, "nothing is wrapped in a pipe"


def test_a_terminal_gets_colour_or_not_and_paragraphs_where_it_is_narrow(bare: Workshop) -> None:
    with answering(json.dumps({**HOSTILE, "version": "0.1.0"}).encode()) as port:
        served(bare, a=source(SSWS))
        bare.environment["HEL_GLOBAL__SERVER__PORT"] = str(port)
        narrow = on_a_terminal(bare, "status", columns=30, both=True, env={"TERM": "xterm"})
        assert "long-name-0" in narrow
        assert re.search(r"\n  circuit: half open\r", narrow)
        assert "\x1b[1m" in narrow
        for env in ({"NO_COLOR": "1", "TERM": "xterm"}, {"TERM": "dumb"}):
            assert "\x1b" not in on_a_terminal(bare, "status", columns=120, both=True, env=env)


def test_a_check_fails_in_one_line_when_hel_is_not_alive_or_takes_too_long(bare: Workshop) -> None:
    served(bare, a=source(SSWS))
    with answering(b"the loop\nis stuck", 503) as port:
        ended = bare.hel("status", "--check", env={"HEL_GLOBAL__SERVER__PORT": str(port)})
    assert (ended.code, ended.out) == (1, b"")
    assert ended.err == f"hel: http://127.0.0.1:{port}/healthz answered 503: the loop is stuck\n"
    with answering(b"", 404) as port:
        assert bare.hel("status", "--check", env={"HEL_GLOBAL__SERVER__PORT": str(port)}).code == 1, "a stranger"
    with answering(b"", wait_s=30) as port:
        ended = bare.hel("status", "--check", env={"HEL_GLOBAL__SERVER__PORT": str(port)})
    assert (ended.code, "it took too long" in ended.err) == (1, True)
    (bare.folder / "hel.yaml").write_text("global: {server: {port: x}}\nsources: {}\n")
    ended = bare.hel("status", "--check")
    assert (ended.code, ended.err) == (1, "hel.yaml:1:19: global.server.port: expected a whole number, not 'x'\n")
