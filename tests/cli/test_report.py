"""What the report of `hel test` says: under which step something went wrong, and where the next tick would start."""

from collections.abc import Mapping
from typing import Any

import pytest

from hel.cli.report import Report
from hel.collector import Outcome
from hel.config.secrets import Secrets
from hel.config.source import SourceConfig
from hel.errors import AuthError, NoStartError, SourceError
from hel.tick import Tick

APP = {
    "type": "oauth2",
    "token_url": "https://id.example.com/token",
    "client_id": "hel",
    "client_secret_env": "SECRET",
}
GOOGLE = {"type": "google_service_account", "credentials_env": "KEY", "scopes": ["https://example.com/auth/read"]}
ASK_FOR_TOKENS = [APP, GOOGLE]
SEND_WHAT_THEY_HAVE = [
    None,
    {"type": "bearer", "token_env": "TOKEN"},
    {"type": "api_key", "key_env": "KEY"},
    {"type": "basic", "username_env": "KEY"},
]
MINTED = ("token.minted", {"type": "Bearer", "lifetime_s": 3600.0, "scopes": "read"})


def answered(status: int) -> tuple[str, Mapping[str, Any]]:
    return "request.answered", {"status": status, "took_s": 0.1, "rate_limit": None, "rate_remaining": None}


def steps(
    auth: Mapping[str, Any] | None,
    *heard: tuple[str, Mapping[str, Any]],
    error: SourceError = AuthError("it was refused", "do this"),  # noqa: B008  # nothing changes it
) -> list[str]:
    """The report's steps after this, when the tick then fails; a failed one has a minus before it."""
    source = SourceConfig.model_validate({"url": "https://api.example.com/log"} | ({"auth": auth} if auth else {}))
    lines: list[str] = []
    report = Report("audit", source, Secrets(), lines.append)
    for event, fields in heard:
        report.hear(event, fields)
    report.end(Outcome(failures={"audit": error}))
    assert "    fix: do this" in lines
    marks = {"✓": "", "ok": "", "✗": "-", "FAILED": "-"}
    found = [line.split(maxsplit=1) for line in lines if line.split()[0] in marks]
    return [marks[mark] + rest.partition(":")[0] for mark, rest in found]


@pytest.mark.parametrize("auth", ASK_FOR_TOKENS, ids=lambda auth: auth["type"])
def test_who_asks_for_a_token_fails_there_until_there_is_one(auth: Mapping[str, Any]) -> None:
    assert steps(auth) == ["-token"]
    assert steps(auth, MINTED) == ["token", "-request"]
    assert steps(auth, MINTED, answered(403)) == ["token", "-request"]
    assert steps(auth, MINTED, answered(200)) == ["token", "request", "-events"]


def test_who_has_nowhere_to_start_fails_before_any_token_is_asked_for() -> None:
    assert steps(APP, error=NoStartError("nothing says where to go on", "do this")) == ["-start"]


@pytest.mark.parametrize("auth", SEND_WHAT_THEY_HAVE, ids=lambda auth: auth["type"] if auth else "none")
def test_who_needs_no_token_fails_with_the_request_or_with_its_events(auth: Mapping[str, Any] | None) -> None:
    assert steps(auth) == ["-request"]
    assert steps(auth, answered(401)) == ["-request"]
    assert steps(auth, answered(200)) == ["request", "-events"]


URL = "https://api.example.com/log"
PAGES = {"strategy": "cursor", "cursor_path": "next", "cursor_param": "cursor"}
WINDOW = {"pagination": PAGES, "window": {"start_param": "start", "end_param": "end", "overlap_secs": 3600}}
MARK = {"pagination": PAGES, "watermark": {"path": "at", "param": "since", "overlap_secs": 90}}
NUMBER = {"pagination": PAGES, "watermark": {"path": "id", "param": "after", "format": "number", "overlap_secs": 5}}


@pytest.mark.parametrize(
    ("keys", "tick", "said"),
    [
        ({}, Tick(), "would start at the beginning"),
        ({}, Tick(resume=f"{URL}?after=2"), f"would start at {URL}?after=2"),
        ({}, Tick(finished=True, resume=URL), "none: the source is finished"),
        (WINDOW, Tick(newest="2026-05-01T00:00:00Z"), "would start 3600 s before the end of this one's last window"),
        (WINDOW, Tick(resume=f"{URL}?cursor=2"), f"would start at {URL}?cursor=2"),
        (
            MARK,
            Tick(watermark=1_777_593_600.0),
            "would start 90 s before 2026-05-01T00:00:00.000Z, the newest event's time",
        ),
        (MARK, Tick(), "would start at the beginning"),
        (NUMBER, Tick(watermark=7.0), "would start 5 before 7"),
    ],
)
def test_where_the_next_tick_would_start_is_said_for_each_way_to_go_on(
    keys: Mapping[str, Any], tick: Tick, said: str
) -> None:
    lines: list[str] = []
    report = Report("audit", SourceConfig.model_validate({"url": URL, **keys}), Secrets(), lines.append)
    report.end(Outcome(ticks={"audit": tick}))
    assert lines[-1].partition("next tick: ")[2] == f"{said}; the state was not moved"
