"""What a person sees: help, where the configuration comes from, a log for a terminal, and what a shell completes."""

import fcntl
import json
import os
import pty
import re
import shutil
import struct
import subprocess
import termios
from collections.abc import Callable, Mapping

import pytest

from examples.okta_org import Fault
from tests.journeys.workshop import HEL, SSWS, Workshop, source

CLEAR = r"\r\x1b\[[JK]"


def resize(terminal: int, columns: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))


def on_a_terminal(
    workshop: Workshop,
    *arguments: str,
    columns: int = 0,
    both: bool = False,
    meanwhile: Callable[[int, bytes], None] = lambda *_: None,
    env: Mapping[str, str] | None = None,
) -> str:
    """Run a command with a terminal for its stderr; what it shows there.

    Args:
        columns: How wide the terminal says it is.
        both: Whether its stdout is that terminal, too.
        meanwhile: Told of the terminal and what was shown up to now, with each new part.
    """
    leader, follower = pty.openpty()
    if columns:
        resize(leader, columns)
    process = subprocess.Popen(
        [HEL, *arguments],
        cwd=workshop.folder,
        env=workshop.environ(env),
        stdout=follower if both else subprocess.DEVNULL,
        stderr=follower,
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
        meanwhile(leader, bytes(shown))
    os.close(leader)
    assert process.wait() == 0, shown.decode()
    return shown.decode()


def test_on_a_terminal_the_log_is_for_people_and_in_colour(workshop: Workshop) -> None:
    shown = on_a_terminal(workshop, "run", "--once", env={"TERM": "xterm"})
    assert "token.minted" in shown
    assert "\x1b[" in shown
    assert "{" not in shown
    assert "tick.finished" not in shown, "the account says it"
    assert "okta-audit: 4 pages, 1200 events" in shown


@pytest.mark.parametrize(
    "env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"HEL_GLOBAL__LOG_FORMAT": "json", "TERM": "xterm"}]
)
def test_colour_and_form_can_be_chosen(workshop: Workshop, env: dict[str, str]) -> None:
    shown = on_a_terminal(workshop, "run", "--once", env=env)
    assert "token.minted" in shown
    assert "\x1b[" not in shown
    assert ("{" in shown) == ("HEL_GLOBAL__LOG_FORMAT" in env)


def test_a_progress_line_stays_below_the_log_within_the_window_and_leaves_nothing_behind(workshop: Workshop) -> None:
    workshop.configure(
        {"okta-audit": source(query_params={"limit": "100"}), "second": source(SSWS, query_params={"limit": "100"})}
    )
    for skip in (3, 6):
        workshop.org.fault(Fault(kind="status", status=429, headers={"retry-after": "1"}, skip=skip))

    def narrow(terminal: int, shown: bytes) -> None:
        if b"request.retried" in shown:
            resize(terminal, 20)

    shown = on_a_terminal(
        workshop, "run", "--once", columns=40, meanwhile=narrow, env={"TERM": "xterm", "NO_COLOR": "1"}
    )
    assert "\x1b" not in re.sub(CLEAR, "", shown), "no colour, and nothing else but clearing"
    *drawn, last = re.split(CLEAR, shown)
    lines: list[str] = []
    frames: list[str] = []
    for part in drawn:
        *whole, frame = part.split("\r\n")
        lines += whole
        frames += [frame.removesuffix("\r")]
    assert all(re.match(r"20\S+Z \[(info|warning) +\] ", line) for line in lines), lines
    assert {"token.minted", "request.retried"} <= {word for line in lines for word in line.split()}
    assert all(re.fullmatch(r"[^{]*\bevents?\b[^{]*", frame) for frame in frames if frame), frames
    told = [frame for frame in frames if frame]
    assert max(map(len, told)) in range(20, 40), "the window's width is used, and the last column left alone"
    assert len(told[-1]) < 20, "it has heard that the window is narrower"
    account = last.removeprefix("\r").splitlines()
    assert {line.partition(":")[0] for line in account} == {"okta-audit", "second"}, "the line itself is gone"


def test_a_replay_shows_its_progress_and_a_pipe_never_does(workshop: Workshop) -> None:
    piped = workshop.hel("run", "--once", "--record-dir", "recordings", env={"TERM": "xterm"})
    assert (piped.code, "\x1b" in piped.err, "\r" in piped.err) == (0, False, False)
    shown = on_a_terminal(workshop, "run", "--replay-dir", "recordings", columns=80, env={"TERM": "xterm"})
    assert re.search(CLEAR + r"[0-4] pages?, [\d,]+ events\r", shown), shown
    assert re.split(CLEAR, shown)[-1].removeprefix("\r").startswith("okta-audit: 4 pages, 1200 events")
    among_events = on_a_terminal(workshop, "run", "--replay-dir", "recordings", both=True, env={"TERM": "xterm"})
    assert "\x1b" not in among_events.rpartition("okta-audit: 4 pages")[0], "what is collected goes to the terminal"


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


@pytest.mark.parametrize(
    "command", [[], ["run"], ["test"], ["validate"], ["schema"], ["state"], ["state", "set"], ["status"]]
)
def test_every_command_explains_itself(bare: Workshop, command: list[str]) -> None:
    ended = bare.hel(*command, "--help")
    assert ended.code == 0
    assert ended.out.startswith(b"Usage: hel")
    assert max(len(line) for line in ended.out.decode().splitlines()) <= 100


def test_the_version_is_said(bare: Workshop) -> None:
    assert bare.hel("--version").out == b"hel 0.1.0\n"


ASKED = {
    "run --source ": ["okta-audit", "okta-second"],
    "run --source okta-audit --source okta-s": ["okta-second"],
    "test --source okta-s": ["okta-second"],
    "run -c other.yaml --source ": ["elsewhere"],
    "-c other.yaml test --source e": ["elsewhere"],
    "run -c broken.yaml --source ": [],
    "run -c missing.yaml --source ": [],
    "state show ": ["okta-audit", "okta-second", "of-old"],
    "state reset of": ["of-old"],
    "state set okta-audit ": ["resume", "newest", "watermark", "finished"],
    "state set okta-audit wat": ["watermark"],
    "init okta": ["okta", "okta-token"],
    "stat": ["state", "status"],
    "status --": ["--check", "--config", "--help", "--json"],
}
"""What is offered after these words; a space at the end begins a new one."""


@pytest.fixture
def two_configs(bare: Workshop) -> Workshop:
    """Two sources here, one elsewhere, and one more that the state alone knows; no variable is set."""
    bare.configure({"elsewhere": source()})
    (bare.folder / "hel.yaml").rename(bare.folder / "other.yaml")
    bare.configure({"okta-audit": source(), "okta-second": source()})
    (bare.folder / "broken.yaml").write_text("sources: [\x1b")
    state = {"version": 1, "sources": {"of-old": {"checkpoint": {"question": "", "newest": None}}}}
    assert bare.hel("state", "import", text=json.dumps(state)).code == 0
    return bare


def test_a_shell_is_offered_what_may_follow_and_never_an_error(two_configs: Workshop) -> None:
    for words, offered in ASKED.items():
        number = len(words.split()) + words.endswith(" ")
        env = {"_HEL_COMPLETE": "complete_bash", "COMP_WORDS": f"hel {words}", "COMP_CWORD": str(number)}
        ended = two_configs.hel(env=env)
        assert ended.err == "", words
        assert sorted(ended.out.decode().split()) == sorted(offered), words


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_ask_in_their_own_way(two_configs: Workshop, shell: str) -> None:
    how = {"_HEL_COMPLETE": f"complete_{shell}", "_TYPER_COMPLETE_ARGS": "hel run -c other.yaml --source e"}
    asked = two_configs.hel(env={**how, "_TYPER_COMPLETE_FISH_ACTION": "get-args"})
    assert (asked.err, b"elsewhere" in asked.out, b"okta" in asked.out) == ("", True, False)
    script = two_configs.hel(env={"_HEL_COMPLETE": f"source_{shell}"})
    assert f"complete_{shell}" in script.out.decode()


def test_bash_itself_completes_once_it_is_installed(two_configs: Workshop) -> None:
    bash = shutil.which("bash")
    assert bash is not None
    env = two_configs.environ({"PATH": f"{HEL.parent}:{os.environ['PATH']}", "HEL_CONFIG": "other.yaml"})
    script = """
hel --install-completion >/dev/null; . ~/.bashrc
COMP_WORDS=(hel run --source e); COMP_CWORD=3
$(complete -p hel | sed -e 's/.*-F \\([^ ]*\\) .*/\\1/') hel e --source
echo "offered: ${COMPREPLY[*]}"
"""
    done = subprocess.run(
        [bash, "--norc", "-c", script], cwd=two_configs.folder, env=env, capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("offered: elsewhere\n", "")
