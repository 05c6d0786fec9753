"""What README and examples show is true: every YAML loads, every command runs."""

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from hel.config.reference import BEGIN, END, reference
from hel.ready_made import names, ready_made
from tests.documents import EXAMPLES, README, ROOT, blocks
from tests.journeys.workshop import Workshop

DOCUMENTS = [README, *sorted(EXAMPLES.rglob("*.md"))]
CONFIGS = [EXAMPLES / "okta.yaml", EXAMPLES / "okta_token.yaml"]
"""The others are run against their vendors' simulators, in tests/vendors."""

VALUES = {"_START": "2026-05-01T00:00:00Z", "_URL": "https://audit.example.com", "_API": "https://audit.example.com"}
SETTINGS = {
    variable: VALUES.get(f"_{variable.rpartition('_')[2]}", "a-value")
    for name in names()
    if not name.startswith("okta")
    for variable in ready_made(name).wanted
}
"""The variables that the vendors' examples want."""
Opening = Callable[..., Workshop]


def hel_commands() -> list[str]:
    """Those for Okta; the others are run in tests/vendors."""
    shown = "".join(text for page in (README, EXAMPLES / "okta.md") for text in blocks(page, "bash"))
    commands = {line.split("  #")[0].strip() for line in shown.splitlines() if line.startswith("hel ")}
    return sorted(command for command in commands if "tickets-audit" not in command)


def both_ways() -> str:
    """Okta's two examples in one file, as examples/okta.md allows."""
    one, other = ((EXAMPLES / name).read_text() for name in ("okta.yaml", "okta_token.yaml"))
    return one + other.partition("\nsources:\n")[2]


@pytest.fixture
def arranged(open_workshop: Opening) -> Workshop:
    workshop = open_workshop(events=30)
    (workshop.folder / "hel.yaml").write_text(both_ways())
    (workshop.folder / "priv.pem").write_text(workshop.org.client_key.pem)
    return workshop


def test_there_is_something_to_test() -> None:
    assert len(hel_commands()) > 7
    assert CONFIGS


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.name)
def test_every_example_loads_and_collects(open_workshop: Opening, config: Path) -> None:
    workshop = open_workshop(events=30)
    shutil.copy(config, workshop.folder / "hel.yaml")
    ended = workshop.hel("run", "--once")
    assert (ended.code, ended.uuids) == (0, workshop.org.log.uuids), ended.err
    assert workshop.org.ledger.violations == []


@pytest.mark.parametrize("command", [line for line in hel_commands() if "--replay-dir" not in line])
def test_every_command_shown_runs(arranged: Workshop, command: str) -> None:
    arguments = shlex.split(command)[1:]
    if arguments[0] == "run" and "--once" not in arguments:
        arguments.append("--once")  # the same, but for its end, which other journeys show
    ended = arranged.hel(*arguments)
    assert ended.code == 0, ended.err


def test_the_commands_shown_for_recording_and_replaying_yield_the_same(arranged: Workshop) -> None:
    record, replay = [line for line in hel_commands() if "recordings" in line]
    recorded = arranged.hel(*shlex.split(record)[1:])
    replayed = arranged.hel(*shlex.split(replay)[1:])
    assert (replayed.code, sorted(replayed.out.splitlines())) == (0, sorted(recorded.out.splitlines()))


@pytest.mark.parametrize(
    ("document", "text"), [(page.name, text) for page in DOCUMENTS for text in blocks(page, "yaml")]
)
def test_every_piece_of_yaml_shown_is_valid(arranged: Workshop, document: str, text: str) -> None:
    if not text.startswith("sources:"):
        text = 'sources:\n  okta-audit:\n    url: "https://${OKTA_DOMAIN}/api/v1/logs"\n' + text
    (arranged.folder / "hel.yaml").write_text(text)
    ended = arranged.hel("validate", env=SETTINGS | {"TICKETS_KEY": "a-key"})
    assert ended.code == 0, f"{document}: {ended.err}"


def test_the_configuration_reference_is_what_the_models_say() -> None:
    text = README.read_text()
    shown = text.partition(BEGIN)[2].partition(END)[0]
    assert shown.strip() == reference().strip(), "run: make reference"


def test_every_link_to_a_file_leads_to_one() -> None:
    for document in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_no_file_names_an_index_host_or_a_path_of_this_machine() -> None:
    hosts = re.compile("|".join(("pypi" + r"\.org", "pythonhosted" + r"\.org", re.escape(str(ROOT)) + r"\b")))
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        found = hosts.search((ROOT / name).read_text(errors="replace")) if (ROOT / name).is_file() else None
        assert found is None, f"{name} names one"


@pytest.mark.skipif(not (ROOT / ".venv" / ".ready").exists(), reason="`make test` makes .venv; here somebody else did")
def test_make_run_collects_from_the_bundled_org_and_leaves_nothing_behind() -> None:
    before = set((ROOT / "examples").iterdir())
    env = {name: value for name, value in os.environ.items() if name not in {"MAKELEVEL", "MAKEFLAGS", "MFLAGS"}}
    ended = subprocess.run(["make", "run"], cwd=ROOT, env=env, capture_output=True, check=False, timeout=60)
    assert ended.returncode == 0, ended.stderr.decode()
    lines = ended.stdout.splitlines()
    assert len(lines) > 100
    assert {json.loads(line)["source"] for line in lines} == {"okta-audit-oauth2"}
    account = rf"okta-audit-oauth2: \d+ pages, {len(lines)} events, newest 20\S+Z \(.*\), in \d+\.\d s"
    assert re.search(account, ended.stderr.decode()), ended.stderr.decode()
    assert set((ROOT / "examples").iterdir()) == before
