import os
from collections.abc import Callable
from pathlib import Path

import pytest

from hel.config.load import Loaded, load
from hel.config.models import Rotation
from hel.errors import ConfigError

Load = Callable[..., Loaded]
Problems = Callable[..., list[str]]
Write = Callable[[str], Path]

SOURCE = "sources:\n  a:\n    url: https://dev.okta.com/api/v1/logs\n"


def test_a_flag_wins_over_the_environment_and_that_over_the_file(loaded: Load) -> None:
    content = "global: {log_level: debug, output: {path: file, rotate: daily}, queue: {max_mb: 5}}\n" + SOURCE
    environ = {"HEL_GLOBAL__OUTPUT__PATH": "env", "HEL_GLOBAL__LOG_LEVEL": "error"}
    here = Path.cwd()
    settings = loaded(content, environ, flags={"output": {"path": "flag"}}).config.global_
    assert settings.output.path == here / "flag"
    assert settings.output.rotate == Rotation("daily")
    assert settings.log_level == "error"
    assert settings.queue.max_mb == 5
    assert loaded(content, environ).config.global_.output.path == here / "env"


def test_the_short_name_of_the_log_level_yields_to_the_long_one(loaded: Load) -> None:
    assert loaded(SOURCE, {"HEL_LOG_LEVEL": "debug"}).config.global_.log_level == "debug"
    both = {"HEL_LOG_LEVEL": "debug", "HEL_GLOBAL__LOG_LEVEL": "error"}
    assert loaded(SOURCE, both).config.global_.log_level == "error"


def test_an_empty_variable_counts_as_unset(loaded: Load) -> None:
    content = "global: {log_level: debug, shutdown_secs: 7}\n" + SOURCE
    empty = ("HEL_LOG_LEVEL", "HEL_GLOBAL__SHUTDOWN_SECS", "HEL_GLOBAL__STATE", "HEL_GLOBAL__NO_KEY")
    settings = loaded(content, dict.fromkeys(empty, "")).config.global_
    assert (settings.log_level, settings.shutdown_secs, settings.state.path.name) == ("debug", 7, "hel-state.db")
    long_and_empty = {"HEL_GLOBAL__LOG_LEVEL": "", "HEL_LOG_LEVEL": "error"}
    assert loaded(content, long_and_empty).config.global_.log_level == "error"


def test_every_key_of_global_has_its_variable(loaded: Load) -> None:
    settings = loaded(
        SOURCE,
        {
            "HEL_GLOBAL__LOG_FORMAT": "json",
            "HEL_GLOBAL__STATE__PATH": "/x/state.db",
            "HEL_GLOBAL__OUTPUT__PATH": "/x/out",
            "HEL_GLOBAL__OUTPUT__ROTATE": "size:5",
            "HEL_GLOBAL__QUEUE": '{"max_events": 7}',
            "HEL_GLOBAL__QUEUE__MAX_MB": "0.5",
            "HEL_GLOBAL__SHUTDOWN_SECS": "3",
        },
    ).config.global_
    assert settings.log_format == "json"
    assert settings.state.path == Path("/x/state.db")
    assert settings.output.rotate == Rotation("size", 5_000_000)
    assert (settings.queue.max_events, settings.queue.max_mb, settings.shutdown_secs) == (7, 0.5, 3)


def test_a_problem_names_its_variable_or_flag_after_those_of_the_file(problems: Problems) -> None:
    environ = {
        "HEL_LOG_LEVEL": "inof",
        "HEL_GLOBAL__SHUTDOWN_SECS": "TopSecret",
        "HEL_GLOBAL__STAT__PATH": "x",
        "HEL_GLOBAL__STATE__PTH": "x",
        "HEL_GLOBAL__LOG_LEVEL__X": "x",
        "HEL_CONFIG": "x",
        "HEL_OTHER": "x",
    }
    found = problems(SOURCE + "    x: 1\n", environ, flags={"output": {"rotate": "weekly", "path": "x"}})
    assert found[0].startswith("hel.yaml:4:5: sources.a.x: unknown key")
    assert sorted(found[1:]) == [
        "--output-rotate: expected 'daily' or 'size:MB', for example size:100",
        "environment variable HEL_GLOBAL__LOG_LEVEL__X: it stands for no key of 'global' (remove it)",
        "environment variable HEL_GLOBAL__SHUTDOWN_SECS: expected a number",
        (
            "environment variable HEL_GLOBAL__STATE__PTH: it stands for no key of 'global' "
            "(did you mean 'HEL_GLOBAL__STATE__PATH'?)"
        ),
        (
            "environment variable HEL_GLOBAL__STAT__PATH: it stands for no key of 'global' "
            "(did you mean 'HEL_GLOBAL__STATE'?)"
        ),
        "environment variable HEL_LOG_LEVEL: expected 'debug', 'info', 'warning' or 'error' (did you mean 'info'?)",
    ]


def test_a_whole_section_is_given_as_json(problems: Problems) -> None:
    assert problems(SOURCE, {"HEL_GLOBAL__STATE": "x.db"}) == [
        "environment variable HEL_GLOBAL__STATE: expected JSON for a whole section (or set its keys one by one)"
    ]
    assert len(problems(SOURCE, {"HEL_GLOBAL__STATE": "5"})) == 1


def test_rotating_stdout_is_told_to_the_flag_that_asked_for_it(problems: Problems) -> None:
    assert problems(SOURCE, flags={"output": {"rotate": "daily"}}) == [
        "--output-rotate: stdout can't be rotated (add global.output.path, or -o PATH)"
    ]


def test_the_process_environment_is_not_read_beside_the_given_one(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "HEL_GLOBAL__LOG_LEVEL", "debug")
    assert load(write(SOURCE), {"HEL_GLOBAL__SHUTDOWN_SECS": "3"}).config.global_.log_level == "info"


def test_a_variable_overrides_a_wrong_section_only_where_it_is_one(write: Write) -> None:
    with pytest.raises(ConfigError) as raised:
        load(write("global: 5\n" + SOURCE), {"HEL_LOG_LEVEL": "debug"})
    assert "global: expected keys with values, found text" in str(raised.value)
