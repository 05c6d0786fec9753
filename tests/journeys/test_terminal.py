"""What a person sees: help, where the configuration comes from, and a log for a terminal."""

import os
import pty
import subprocess

import pytest

from tests.journeys.workshop import HEL, Workshop, source


def on_a_terminal(workshop: Workshop, *arguments: str, **env: str) -> str:
    """Run a command with a terminal for its stderr; what it shows there."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [HEL, *arguments], cwd=workshop.folder, env=workshop.environ(env), stdout=subprocess.DEVNULL, stderr=follower
    )
    os.close(follower)
    shown = bytearray()
    while True:
        try:
            part = os.read(leader, 65_536)
        except OSError:  # EIO: the last one who had it open is gone
            break
        if not part:
            break
        shown += part
    os.close(leader)
    assert process.wait() == 0, shown.decode()
    return shown.decode()


def test_on_a_terminal_the_log_is_for_people_and_in_colour(workshop: Workshop) -> None:
    shown = on_a_terminal(workshop, "run", "--once", TERM="xterm")
    assert "token.minted" in shown
    assert "\x1b[" in shown
    assert "{" not in shown
    assert "tick.finished" not in shown, "the account says it"
    assert "okta-audit: 4 pages, 1200 events" in shown


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"HEL_GLOBAL__LOG_FORMAT": "json"}])
def test_colour_and_form_can_be_chosen(workshop: Workshop, env: dict[str, str]) -> None:
    shown = on_a_terminal(workshop, "run", "--once", **env)
    assert "token.minted" in shown
    assert "\x1b[" not in shown
    assert ("{" in shown) == ("NO_COLOR" not in env)


@pytest.mark.parametrize("how", ["flag", "flag before the command", "variable", "flag over variable"])
def test_another_configuration_is_named_by_flag_or_variable(workshop: Workshop, how: str) -> None:
    workshop.configure({"elsewhere": source()})
    (workshop.folder / "hel.yaml").rename(workshop.folder / "other.yaml")
    env = {"variable": "other.yaml", "flag over variable": "nowhere.yaml"}.get(how)
    arguments = {
        "flag": ["run", "--once", "-c", "other.yaml"],
        "flag before the command": ["--config", "other.yaml", "run", "--once"],
        "variable": ["run", "--once"],
        "flag over variable": ["run", "--once", "--config", "other.yaml"],
    }[how]
    ended = workshop.hel(*arguments, env={"HEL_CONFIG": env})
    assert ended.code == 0, ended.err
    assert {line["source"] for line in ended.lines} == {"elsewhere"}


def test_paths_in_the_config_are_relative_to_it_and_those_in_flags_to_the_working_directory(workshop: Workshop) -> None:
    (workshop.folder / "conf").mkdir()
    workshop.configure({"okta-audit": source()}, state={"path": "state.db"}, output={"path": "from-config.ndjson"})
    (workshop.folder / "hel.yaml").rename(workshop.folder / "conf" / "hel.yaml")
    assert workshop.hel("run", "--once", "-c", "conf/hel.yaml").code == 0
    assert workshop.hel("run", "--once", "-c", "conf/hel.yaml", "-o", "from-flag.ndjson").code == 0
    assert workshop.hel("run", "--once", "-c", "conf/hel.yaml", "-o", "-").out == b""
    there = {str(path.relative_to(workshop.folder)) for path in workshop.folder.rglob("*") if path.is_file()}
    assert there >= {"conf/state.db", "conf/from-config.ndjson", "from-flag.ndjson"}


@pytest.mark.parametrize("command", [[], ["run"], ["test"], ["validate"], ["schema"], ["state"], ["state", "set"]])
def test_every_command_explains_itself(bare: Workshop, command: list[str]) -> None:
    ended = bare.hel(*command, "--help")
    assert ended.code == 0
    assert ended.out.startswith(b"Usage: hel")
    assert max(len(line) for line in ended.out.decode().splitlines()) <= 100


def test_the_version_is_said(bare: Workshop) -> None:
    assert bare.hel("--version").out == b"hel 0.1.0\n"
