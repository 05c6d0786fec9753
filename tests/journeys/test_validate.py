"""`hel validate` as a doctor speaks: a step with a tick each, advice, and how many problems there are."""

import re

from tests.journeys.test_terminal import on_a_terminal
from tests.journeys.workshop import SSWS, Workshop, source, stop, until

SETTINGS = {"OKTA_DOMAIN": "dev-1.okta.com", "OKTA_API_TOKEN": "00aTokenOfOktas"}
SERVER = {"enabled": True, "port": 0, "token_env": "HEL_TOKEN"}


def test_each_step_has_its_tick_and_advice_its_place(bare: Workshop) -> None:
    bare.environment |= SETTINGS | {"HEL_TOKEN": "a-token-of-the-server"}
    bare.environment |= {"HTTPS_PROXY": "http://me:pass-word-1@proxy.example.com:3128", "NO_PROXY": "localhost"}
    often = {"schedule": {"interval_secs": 10}, "pagination": {"strategy": "link_header", "max_pages": 20}}
    bare.configure(
        {"good": source(SSWS, schedule={"interval_secs": 60}), "often": source(SSWS, query_params={}, **often)},
        server=SERVER,
        state={"path": "nowhere/hel-state.db"},
        output={"path": "."},
    )
    ended = bare.hel("validate")
    assert (ended.code, ended.out) == (0, b""), ended.err
    for line in (
        "✓ file: hel.yaml can be read, and every key and value in it is right",
        "good: https://dev-1.okta.com/api/v1/logs",
        "  ✓ secret: token found in environment variable OKTA_API_TOKEN",
        f"  ! state: there is no folder {bare.folder}/nowhere here (mkdir -p {bare.folder}/nowhere)",
        f"  ! output: {bare.folder} is a folder (name a file in it)",
        "  ✓ server: http://127.0.0.1:(a free port), its token found in environment variable HEL_TOKEN",
        "  ✓ network: HTTPS_PROXY is http://proxy.example.com:3128",
        "  ✓ network: NO_PROXY is localhost",
        "hel.yaml: 2 sources are valid; nothing was requested",
    ):
        assert line in ended.err.splitlines(), ended.err
    advice = [line for line in ended.err.splitlines() if line.startswith("! ")]
    assert [re.sub(r"\d+", "N", line)[:44] for line in advice] == [
        "! hel.yaml:N:N: sources.often.query_params: ",
        "! hel.yaml:N:N: sources.often.schedule: with",
    ], ended.err
    for secret in ("pass-word-1", "a-token-of-the-server", SETTINGS["OKTA_API_TOKEN"]):
        assert secret not in ended.err


def test_a_cross_counts_the_problems_and_each_stays_a_line(bare: Workshop) -> None:
    bare.configure({"okta-audit": source(SSWS, surprise=1)})
    ended = bare.hel("validate")
    first, *problems = ended.err.splitlines()
    assert (ended.code, ended.out) == (2, b"")
    assert first == f"✗ hel.yaml: {len(problems)} problems; nothing was requested"
    assert len(problems) == 3
    assert all(re.match(r"hel\.yaml:\d+:\d+: sources\.okta-audit\.\S+: .+\(.+\)$", line) for line in problems), problems


def test_what_the_environment_gets_wrong_has_a_cross_and_the_fix_below_it(bare: Workshop) -> None:
    bare.environment |= SETTINGS | {"HTTPS_PROXY": "127.0.0.1:99999"}
    bare.configure({"okta-audit": source(SSWS)})
    ended = bare.hel("validate")
    assert (ended.code, ended.out) == (2, b"")
    assert re.search(r"\n  ✗ network: .+\n    fix: HTTPS_PROXY.+\n$", ended.err), ended.err
    assert "valid" not in ended.err


def test_beside_a_running_hel_the_checks_disturb_nothing(workshop: Workshop) -> None:
    workshop.configure({"okta-audit": source(SSWS)}, output={"path": "events.ndjson"})
    process = workshop.start("run")
    until(lambda: len(workshop.written()) == 1200)
    ended = workshop.hel("validate")
    assert (ended.code, "!" in ended.err) == (0, False), ended.err
    assert f"  ✓ state: {workshop.folder}/hel-state.db can be written\n" in ended.err
    workshop.org.log.append(3)
    until(lambda: len(workshop.written()) == 1203)
    assert stop(process).code == 0


def test_marks_are_coloured_on_a_terminal_and_words_where_it_shows_no_others(bare: Workshop) -> None:
    bare.environment |= SETTINGS
    bare.configure({"okta-audit": source(SSWS)})
    assert "\x1b[32m✓\x1b[0m file: " in on_a_terminal(bare, "validate", env={"TERM": "xterm"})
    plain = on_a_terminal(bare, "validate", env={"TERM": "xterm", "NO_COLOR": "1", "PYTHONIOENCODING": "ascii"})
    assert plain.startswith("ok file: ")
    assert "\r\n  ok output: stdout\r\n" in plain
