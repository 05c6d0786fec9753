"""Marked secrets, planted in every place that takes one, and every byte that the program ever wrote."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from examples.okta_org import Fault
from tests.journeys.workshop import OAUTH2, QUICK, SSWS, Ended, Workshop, source, stop, until

Opening = Callable[..., Workshop]

COMMANDS = [
    ("validate",),
    ("test", "--source", "okta-audit"),
    ("run", "--once", "-o", "events.ndjson", "--record-dir", "recordings"),
    ("run", "--once", "-o", "replayed.ndjson", "--replay-dir", "recordings"),
    ("state", "show"),
    ("state", "show", "okta-audit"),
    ("state", "export"),
    ("schema",),
    ("run", "--once", "-o", "events.ndjson", "--output-rotate", "monthly"),
    ("run", "--once", "--source", "nobody"),
]
ECHOES = [
    Fault(kind="echo", status=400, location="https://elsewhere.example/"),
    Fault(kind="echo", status=401),
    Fault(kind="echo", status=403),
    Fault(kind="echo", status=500, times=3),
    Fault(kind="raw", body=b"HTTP/1.1 {authorization}\r\n\r\n", times=3),
    Fault(kind="raw", body=b"{authorization}\r\n\r\n", times=3),
    Fault(kind="raw", body=b"HTTP/1.1 200 OK\r\nContent-Length: {authorization}\r\n\r\n", times=3),
    Fault(kind="headers", headers={"content-encoding": "br"}),
]


def forms(secret: str) -> set[str]:
    """The ways in which a secret might be written."""
    pieces = [line for line in secret.splitlines() if len(line) > 40] or [secret]
    found = set()
    for piece in pieces:
        found |= {piece, quote(piece, safe=""), quote_plus(piece), json.dumps(piece)[1:-1], repr(piece)[1:-1]}
        found |= {base64.b64encode(piece.encode()).decode().rstrip("="), piece.encode().hex()}
    return found


class Watch:
    """Runs commands and keeps every byte: of the terminal, of each file, of the process's own arguments."""

    def __init__(self, workshop: Workshop, apart_from: set[str]) -> None:
        self.workshop = workshop
        self.apart_from = apart_from | {"hel.yaml"}
        self.seen: dict[bytes, str] = {}
        self.codes: list[int] = []

    def hel(self, *command: str) -> Ended:
        ended = self.workshop.hel(*command)
        self.codes.append(ended.code)
        self.see(" ".join(command), ended)
        return ended

    def see(self, name: str, ended: Ended) -> None:
        """Keep what is new, and where it was seen first."""
        texts = [(f"{name}: stdout", ended.out), (f"{name}: stderr", ended.err.encode())]
        files = [path for path in self.workshop.folder.rglob("*") if path.is_file()]
        texts += [(f"{name}: {path.name}", path.read_bytes()) for path in files if path.name not in self.apart_from]
        for place, text in texts:
            self.seen.setdefault(text, place)

    def found(self, secrets: set[str]) -> list[str]:
        wanted = {form.encode() for secret in secrets for form in forms(secret)}
        return sorted(
            {f"{place}: {form[:12]!r}" for text, place in self.seen.items() for form in wanted if form in text}
        )


def oauth2(workshop: Workshop, tmp_path: Path) -> tuple[dict[str, Any], set[str]]:
    key = tmp_path / "private.pem"
    key.write_text(workshop.org.client_key.pem)
    key.chmod(0o600)
    auth = OAUTH2 | {"client_private_key_file": str(key)}
    return auth, {workshop.org.client_key.pem}


def custom(workshop: Workshop, tmp_path: Path) -> tuple[dict[str, Any], set[str]]:
    refresh = tmp_path / "refresh.txt"
    refresh.write_text(workshop.org.refresh_token)
    refresh.chmod(0o600)
    workshop.environment["CLIENT_SECRET"] = workshop.org.client_secret
    auth = {
        "type": "oauth2",
        "token_url": "https://${OKTA_DOMAIN}/oauth2/default/v1/token",
        "client_id_env": "OKTA_CLIENT_ID",
        "client_secret_env": "CLIENT_SECRET",
        "refresh_token_file": str(refresh),
        "dpop": True,
    }
    basic = f"{quote_plus(workshop.org.client_id)}:{quote_plus(workshop.org.client_secret)}"
    secrets = {workshop.org.client_secret, workshop.org.refresh_token, basic}
    return auth, secrets


def ssws(workshop: Workshop, _: Path) -> tuple[dict[str, Any], set[str]]:
    return SSWS, {workshop.org.api_token}


@pytest.mark.parametrize(
    ("way", "style", "token_path"),
    [
        (oauth2, "pretty", "/oauth2/v1/token"),
        (oauth2, "json", "/oauth2/v1/token"),
        (custom, "json", "/oauth2/default/v1/token"),
        (ssws, "pretty", ""),
    ],
)
def test_a_marked_secret_is_nowhere_in_what_the_program_ever_wrote(
    open_workshop: Opening,
    tmp_path: Path,
    way: Callable[[Workshop, Path], tuple[dict[str, Any], set[str]]],
    style: str,
    token_path: str,
) -> None:
    workshop = open_workshop(events=20)
    auth, secrets = way(workshop, tmp_path)
    resilience = QUICK | {"circuit_breaker": {"enabled": False}}
    workshop.configure({"okta-audit": source(auth, resilience=resilience)}, log_level="debug", log_format=style)
    watch = Watch(workshop, {"private.pem", "refresh.txt"})
    for command in COMMANDS:
        watch.hel(*command)
    for path in filter(None, ("/api/v1/logs", token_path)):
        for number, fault in enumerate(ECHOES):
            workshop.org.faults.clear()
            workshop.org.fault(replace(fault, path=path))
            watch.hel(*COMMANDS[1 + number % 2])
    secrets |= workshop.secrets() | {workshop.org.refresh_token}
    assert {0, 1, 2} <= set(watch.codes)
    assert len(workshop.org.ledger.requests) > 20
    assert watch.found(secrets) == []


def test_arguments_and_environment_of_what_runs_show_no_more_than_it_was_given(workshop: Workshop) -> None:
    workshop.configure({"okta-audit": source(SSWS)}, log_level="debug")
    process = workshop.start("run", "-o", "events.ndjson", by_exec=True)
    until(lambda: len(workshop.written()) == 1200)
    command = Path(f"/proc/{process.pid}/cmdline").read_bytes()
    ended = stop(process)
    assert b"run" in command
    assert workshop.org.api_token.encode() not in command
    assert workshop.leaks(ended) == []
