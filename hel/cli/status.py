"""`hel status`: how each source does, from the running Hel's server, and from the state where there is none."""

import json
import os
from pathlib import Path
from typing import Any

import typer

from hel.cli import survey
from hel.cli.inquiry import SilentError, address, ask
from hel.cli.marks import ADVICE, CROSSED
from hel.cli.problems import FAILED, answer, config_path, reported, say
from hel.config.load import load_global, source_names
from hel.config.models import GlobalConfig
from hel.errors import ConfigError, StateError
from hel.records import Checkpoint
from hel.state.lock import holder


def status(config: Path | None, *, as_json: bool) -> None:
    """Tell how the sources do."""
    path = config_path(config)
    with reported():
        settings = load_global(path, os.environ)
        known, silent = _asked(settings)
        if known is None or not as_json:
            checkpoints = _checkpoints(settings, needed=known is None)
            stored = survey.from_state(settings, source_names(path), checkpoints)
        else:
            stored = known
        if as_json:
            answer(json.dumps(stored if known is None else known, indent=2, ensure_ascii=False))
        else:
            _tell(settings, known, stored)
        if silent is not None:
            say(f"{CROSSED} {silent}")
            say("what is shown is what the state knows")
        elif known is None and not as_json:
            say(f"{ADVICE} the rest is known only to a Hel with a server: set `global.server.enabled: true`")


def _asked(settings: GlobalConfig) -> tuple[dict[str, Any] | None, SilentError | None]:
    """What the server says, or why it says nothing; neither where there is none."""
    if not settings.server.enabled:
        return None, None
    try:
        return survey.from_server(settings.server), None
    except SilentError as error:
        return None, error


def check(config: Path | None) -> None:
    """Ask the server whether Hel is alive; exit 0 where it is, else 1, with a line on stderr."""
    try:
        ask(load_global(config_path(config), os.environ).server, "/healthz")
    except (ConfigError, SilentError) as error:
        problems = error.problems if isinstance(error, ConfigError) and error.problems else (f"hel: {error}",)
        say("; ".join(problems))
        raise typer.Exit(FAILED) from None


def _checkpoints(settings: GlobalConfig, *, needed: bool) -> dict[str, Checkpoint]:
    """What the state knows; it may be out of reach where the server has answered."""
    try:
        return survey.checkpoints_in(settings.state.path)
    except StateError:
        if needed:
            raise
        return {}


def _tell(settings: GlobalConfig, known: dict[str, Any] | None, stored: dict[str, Any]) -> None:
    """A line about the whole, a row a source, and what is wrong."""
    from hel.cli import status_table  # noqa: PLC0415  # rich is loaded only for this

    if known is None:
        answer(_holder_in_words(settings.state.path))
        merged = stored
    else:
        merged = _merged(known, stored)
        answer(f"{status_table.whole(known)}, at {address(settings.server)}")
    answer(status_table.shown(merged))
    for line in status_table.troubles(merged):
        answer(status_table.for_stdout(line))


def _holder_in_words(state: Path) -> str:
    held = holder(state)
    if held.is_there is None:
        return f"whether a Hel runs is not known: this user may not look at the lock of {state}"
    if held.is_there:
        return f"a Hel runs (process {held.pid})" if held.pid else "a Hel runs"
    if state.exists():
        return "no Hel runs with this state"
    return (
        f"no Hel runs with this state, and there is no state at {state} yet: nothing was delivered (if Hel is started "
        "with variables HEL_…, as by systemd, they are wanted here, too)"
    )


def _merged(known: dict[str, Any], stored: dict[str, Any]) -> dict[str, Any]:
    """What the server says, with what only the state or the configuration knows beside it."""
    theirs = {source["name"]: source for source in known["sources"]}
    ours = {source["name"]: source for source in stored["sources"]}
    filled = [
        {key: ours.get(name, {}).get(key) if value is None else value for key, value in source.items()}
        for name, source in theirs.items()
    ]
    return {**known, "sources": [*filled, *(source for name, source in ours.items() if name not in theirs)]}
