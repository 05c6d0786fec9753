"""Bad input: one clear sentence with the place and the fix, exit 2, no traceback, nothing requested or written."""

import json
import os
import sqlite3
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.journeys.workshop import HEL, OAUTH2, PYTHON, SSWS, Ended, Workshop, source, until

EVERY_RUN = [("validate",), ("run", "--once"), ("run",), ("test", "--source", "okta-audit")]
ENVIRONMENT = {"OKTA_DOMAIN": "127.0.0.1:9", "OKTA_API_TOKEN": "marked-secret", "OKTA_CLIENT_ID": "0oa1"}


@pytest.fixture(autouse=True)
def with_environment(bare: Workshop) -> None:
    bare.environment.update(ENVIRONMENT)


def refused(ended: Ended, *words: str, code: int = 2) -> str:
    assert ended.code == code, ended.err
    assert ended.out == b""
    assert "Traceback" not in ended.err
    assert "marked-secret" not in ended.err
    for word in words:
        assert word in ended.err
    return ended.err


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*"))


@pytest.mark.parametrize("command", EVERY_RUN)
def test_a_missing_config(bare: Workshop, command: tuple[str, ...]) -> None:
    refused(bare.hel(*command), "hel.yaml", "-c")
    assert files(bare.folder) == []


@pytest.mark.parametrize("command", EVERY_RUN)
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sources: [", ("hel.yaml:1:",)),
        ("sources:\n\tokta: 1\n", ("hel.yaml:2:1",)),
        ("", ("hel.yaml", "empty")),
        ("just words", ("hel.yaml:1:1",)),
        ("sources: {}\n", ("hel.yaml", "source")),
        (
            "sources:\n  okta-audit:\n    ulr: https://x/\n",
            ("hel.yaml:3:5: sources.okta-audit.ulr", "did you mean 'url'?"),
        ),
        ("globl: {}\nsources: {okta-audit: {url: 'https://x/'}}\n", ("hel.yaml:1:1: globl", "did you mean 'global'?")),
    ],
)
def test_a_broken_config(bare: Workshop, command: tuple[str, ...], text: str, words: tuple[str, ...]) -> None:
    (bare.folder / "hel.yaml").write_text(text)
    refused(bare.hel(*command), *words)
    assert files(bare.folder) == ["hel.yaml"]


def test_a_wrong_auth_type_reads_as_the_contract_says(bare: Workshop) -> None:
    (bare.folder / "hel.yaml").write_text(
        "# Hel\n\nsources:\n  okta-audit:\n    url: https://x.okta.com/api/v1/logs\n    auth:\n      type: oath2\n"
    )
    err = refused(bare.hel("validate"))
    line = "hel.yaml:7:7: sources.okta-audit.auth.type: unknown auth type 'oath2' (did you mean 'oauth2'?)"
    assert line in err.splitlines()


def test_all_problems_come_at_once_in_the_order_of_the_file(bare: Workshop) -> None:
    bare.configure(
        {
            "okta-audit": source(SSWS, schedule={"interval_secs": "often"}, query_params={"limit": "${NOT_SET}"}),
            "other": source(OAUTH2 | {"client_id_env": "NO_ID"}, surprise=1),
        },
        log_level="loud",
    )
    err = refused(bare.hel("validate"))
    places = [line.split(": ")[1] for line in err.splitlines() if line.startswith("hel.yaml:")]
    assert places == [
        "global.log_level",
        "sources.okta-audit.query_params.limit",
        "sources.okta-audit.schedule.interval_secs",
        "sources.other.auth.client_id_env",
        "sources.other.auth.client_private_key_env",
        "sources.other.surprise",
    ]


@pytest.mark.parametrize("command", EVERY_RUN)
def test_an_unset_variable_is_named(bare: Workshop, command: tuple[str, ...]) -> None:
    bare.configure({"okta-audit": source(SSWS)})
    del bare.environment["OKTA_DOMAIN"]
    refused(bare.hel(*command), "OKTA_DOMAIN", "export OKTA_DOMAIN=")
    bare.configure({"okta-audit": source()})
    del bare.environment["OKTA_CLIENT_ID"]
    refused(bare.hel(*command), "OKTA_DOMAIN", "OKTA_CLIENT_ID", "OKTA_CLIENT_PRIVATE_KEY")
    bare.configure({"okta-audit": source(SSWS)})
    bare.environment |= {"OKTA_DOMAIN": "127.0.0.1:9"}
    del bare.environment["OKTA_API_TOKEN"]
    refused(bare.hel(*command), "sources.okta-audit.auth.token_env", "OKTA_API_TOKEN")


def test_an_empty_secret(bare: Workshop) -> None:
    bare.configure({"okta-audit": source(SSWS)})
    bare.environment["OKTA_API_TOKEN"] = ""
    refused(bare.hel("run", "--once"), "OKTA_API_TOKEN", "empty")
    (bare.folder / "token").write_text("\n")
    bare.configure({"okta-audit": source({"type": "bearer", "token_file": "token"})})
    refused(bare.hel("run", "--once"), "token", "empty")


@pytest.mark.parametrize(
    ("key", "word"),
    [
        ("", "empty"),
        ("marked-secret", "key"),
        ("-----BEGIN RSA PRIVATE KEY-----\nbWFya2Vk\n-----END RSA PRIVATE KEY-----\n", "key"),
        ('{"kty":"oct","k":"bWFya2Vk"}', "key"),
    ],
)
def test_a_malformed_key_is_named_without_its_text(bare: Workshop, key: str, word: str) -> None:
    bare.configure()
    bare.environment["OKTA_CLIENT_PRIVATE_KEY"] = key
    err = refused(bare.hel("run", "--once"), "sources.okta-audit.auth.client_private_key_env", word)
    assert "bWFya2Vk" not in err


def test_an_unreadable_key_file(bare: Workshop) -> None:
    auth = {name: value for name, value in OAUTH2.items() if name != "client_private_key_env"}
    bare.configure({"okta-audit": source(auth | {"client_private_key_file": "./priv.pem"})})
    refused(bare.hel("run", "--once"), "client_private_key_file", "priv.pem")
    (bare.folder / "priv.pem").mkdir()
    refused(bare.hel("run", "--once"), "client_private_key_file", "priv.pem")


def test_an_unknown_source_is_answered_with_the_known_ones(bare: Workshop) -> None:
    bare.configure({"okta-audit": source(SSWS)})
    refused(bare.hel("run", "--once", "--source", "okta-adit"), "okta-adit", "did you mean 'okta-audit'?")
    refused(bare.hel("test", "--source", "github"), "github", "okta-audit")


def state_file(bare: Workshop) -> Path:
    bare.configure({"okta-audit": source(SSWS)})
    return bare.folder / "hel-state.db"


@pytest.mark.parametrize("command", [("run", "--once"), ("test", "--source", "okta-audit"), ("state", "show")])
def test_a_state_that_is_not_sqlite_is_left_untouched_and_the_way_on_is_named(
    bare: Workshop, command: tuple[str, ...]
) -> None:
    path = state_file(bare)
    path.write_text("not a database")
    refused(bare.hel(*command), str(path), "left untouched", "mv hel-state.db hel-state.db.bad", "hel state import")
    assert path.read_text() == "not a database"


@pytest.mark.parametrize("path", ["/dev/null", ".", "folder"])
def test_a_state_that_is_no_regular_file_is_not_touched(bare: Workshop, path: str) -> None:
    bare.configure({"okta-audit": source(SSWS)}, state={"path": path})
    (bare.folder / "folder").mkdir()
    mode = Path("/dev/null").stat().st_mode
    for command in (("run", "--once"), ("state", "reset", "okta-audit")):
        refused(bare.hel(*command), "no regular file", "global.state.path")
    assert files(bare.folder) == ["folder", "hel.yaml"]
    assert Path("/dev/null").stat().st_mode == mode
    assert not Path("/dev/null.lock").exists()


@pytest.mark.parametrize("output", ["hel-state.db", "./hel-state.db-wal", "hel-state.db.lock", "hel.yaml"])
def test_an_output_that_is_hels_own_file(bare: Workshop, output: str) -> None:
    bare.configure({"okta-audit": source(SSWS)})
    refused(bare.hel("run", "--once", "-o", output), output.removeprefix("./"), "own configuration or state")
    assert files(bare.folder) == ["hel.yaml"]


def by_somebody_else(workshop: Workshop, *arguments: str) -> Ended:
    """Run a command as a user without rights; skipped where there is no other user to become."""
    for folder in (workshop.folder, *workshop.folder.parents):
        if folder.stat().st_uid == os.geteuid() and folder.is_relative_to(tempfile.gettempdir()):
            folder.chmod(0o755)
    become: list[str | Path] = (
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
    )
    whole = [*become, HEL, *arguments]
    env = workshop.environ()
    if become and subprocess.run([*become, HEL, "--version"], env=env, capture_output=True, check=False).returncode:
        pytest.skip("nobody may not run this Python")
    done = subprocess.run(whole, cwd=workshop.folder, env=env, capture_output=True, check=False)
    return Ended(done.returncode, done.stdout, done.stderr.decode())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_another_user_is_told_whose_state_it_is_and_not_to_throw_it_away(workshop: Workshop) -> None:
    workshop.hel("run", "--once")
    for path in workshop.folder.glob("hel-state.db*"):
        path.chmod(0o600)
    err = refused(by_somebody_else(workshop, "state", "show"), "run this as the user that runs Hel")
    assert "mv " not in err
    (workshop.folder / "hel-state.db").chmod(0o644)
    shown = by_somebody_else(workshop, "state", "show")
    assert shown.code == 0, shown.err
    assert shown.out.startswith(b"okta-audit")


@pytest.mark.parametrize("arguments", [("schema",), ("state", "show")])
def test_an_answer_that_cannot_be_written_is_one_line(workshop: Workshop, arguments: tuple[str, ...]) -> None:
    workshop.hel("run", "--once")
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [HEL, *arguments],
            cwd=workshop.folder,
            env=workshop.environ(),
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == b"hel: stdout can't be written: No space left on device\n"


def test_a_state_from_a_newer_version_is_left_untouched_and_the_commands_to_go_on_are_named(bare: Workshop) -> None:
    path = state_file(bare)
    assert bare.hel("state", "set", "okta-audit", "newest", "2026-01-01T00:00:00Z").code == 0
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    content = path.read_bytes()
    refused(bare.hel("run", "--once"), "newer Hel", "hel state export")
    assert path.read_bytes() == content


def test_a_held_state_is_exit_3_and_says_who_holds_it(workshop: Workshop) -> None:
    process = workshop.start("run", "--output", "first.ndjson")
    until((workshop.folder / "first.ndjson").exists)
    for command in (("run", "--once", "-o", "second.ndjson"), ("state", "reset", "okta-audit")):
        refused(workshop.hel(*command), f"process {process.pid}", code=3)
    assert not (workshop.folder / "second.ndjson").exists()
    assert workshop.hel("state", "show").code == 0, "others read beside a running Hel"
    process.kill()
    process.communicate()


@pytest.mark.parametrize("output", ["nowhere/events.ndjson", "folder"])
def test_an_unwritable_output(bare: Workshop, output: str) -> None:
    bare.configure({"okta-audit": source(SSWS)})
    (bare.folder / "folder").mkdir()
    refused(bare.hel("run", "--once", "-o", output), output.partition("/")[0])
    assert files(bare.folder) == ["folder", "hel.yaml"]


def test_an_output_without_permission(bare: Workshop) -> None:
    bare.configure({"okta-audit": source(SSWS)})
    (bare.folder / "folder").mkdir(mode=0o500)
    refused(by_somebody_else(bare, "run", "--once", "-o", "folder/events.ndjson"), "can't be written", "-o")


def test_a_secret_that_may_not_be_read(bare: Workshop) -> None:
    bare.configure({"okta-audit": source({"type": "bearer", "token_file": "token"})})
    (bare.folder / "token").write_text("marked-secret")
    (bare.folder / "token").chmod(0)
    refused(by_somebody_else(bare, "validate"), "auth.token_file", "no permission to read file")


def test_recording_and_replaying_at_once(bare: Workshop) -> None:
    bare.configure({"okta-audit": source(SSWS)})
    refused(bare.hel("run", "--once", "--record-dir", "a", "--replay-dir", "b"), "--record-dir", "--replay-dir")
    assert files(bare.folder) == ["hel.yaml"]


def test_a_rotation_that_is_none(bare: Workshop) -> None:
    bare.configure({"okta-audit": source(SSWS)})
    refused(bare.hel("run", "--once", "-o", "x", "--output-rotate", "weekly"), "--output-rotate", "daily", "size:MB")
    refused(bare.hel("run", "--once", "--output-rotate", "daily"), "rotate", "stdout")


def test_a_test_without_a_name_takes_the_only_source_and_asks_where_there_are_several(bare: Workshop) -> None:
    bare.configure({"okta-audit": source(SSWS)})
    assert bare.hel("test").err.startswith("okta-audit: https://")
    bare.configure({"one": source(SSWS), "two": source(SSWS)})
    refused(bare.hel("test"), "which source? (say it: hel test --source NAME, with one of one, two)")
    bare.configure({})
    refused(bare.hel("test"), "nothing is named here")


@pytest.mark.parametrize("arguments", [("run", "--nonsense"), ("rum",), ("test", "x"), ("state", "set", "okta-audit")])
def test_a_wrong_command_line_is_exit_2_with_usage(bare: Workshop, arguments: tuple[str, ...]) -> None:
    bare.configure({"okta-audit": source(SSWS)})
    refused(bare.hel(*arguments), "Usage:")


def test_a_wrong_environment_variable_is_named(bare: Workshop) -> None:
    bare.configure({"okta-audit": source(SSWS)})
    bare.environment["HEL_GLOBAL__STATE__PTH"] = "x"
    refused(bare.hel("validate"), "HEL_GLOBAL__STATE__PTH", "did you mean 'HEL_GLOBAL__STATE__PATH'?")
    del bare.environment["HEL_GLOBAL__STATE__PTH"]
    bare.environment["HEL_LOG_LEVEL"] = "loud"
    refused(bare.hel("validate"), "HEL_LOG_LEVEL")


def test_two_sources_with_one_label(bare: Workshop) -> None:
    bare.configure({"one": source(SSWS), "two": source(SSWS, source_label_value="one")})
    refused(bare.hel("validate"), "sources.two.source_label_value", "'one'")


def test_from_beside_its_own_parameter(bare: Workshop) -> None:
    bare.configure({"okta-audit": source(SSWS, query_params={"since": "x"}) | {"from": "2024-01-01T00:00:00Z"}})
    refused(bare.hel("validate"), "query_params.since", "from")


def test_a_config_that_is_valid_asks_nothing_of_anybody(workshop: Workshop) -> None:
    ended = workshop.hel("validate")
    assert (ended.code, ended.out) == (0, b"")
    assert workshop.org.ledger.requests == []
    assert files(workshop.folder) == ["hel.yaml"]


def test_help_imports_neither_the_http_client_nor_the_crypto(bare: Workshop) -> None:
    code = (
        "import sys\nfrom hel.cli import main\nsys.argv = ['hel', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print(sorted({'httpx', 'joserfc', 'uvicorn', 'starlette', 'pydantic', 'anyio'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [PYTHON, "-c", code], capture_output=True, text=True, check=True, cwd=bare.folder, env={"PATH": ""}
    )
    assert done.stdout.splitlines()[-1] == "[]"
    assert "Exit codes" in done.stdout


def test_the_schema_is_json_and_accepts_a_config_that_loads(bare: Workshop) -> None:
    import jsonschema  # noqa: PLC0415  # slow to import, and only here

    ended = bare.hel("schema")
    assert ended.code == 0
    bare.configure({"okta-audit": source(SSWS), "other": source()})
    jsonschema.Draft202012Validator(json.loads(ended.out)).validate(json.loads((bare.folder / "hel.yaml").read_text()))
