"""`hel test`: one tick of one source, and a report of each step for a person."""

import os
from pathlib import Path

import typer

from hel.cli import loop
from hel.cli.problems import FAILED, config_path, reported, say
from hel.cli.report import Report
from hel.clock import SystemClock
from hel.collector import Collector
from hel.config.load import load, source_names
from hel.errors import ConfigError
from hel.telemetry.log import make_log
from hel.telemetry.printable import printable


def test(config: Path | None, chosen: str | None) -> None:
    """Try one source without moving its state."""
    with reported():
        path = config_path(config)
        name = chosen or _only_one(path)
        loaded = load(path, os.environ, only=[name], now=SystemClock().now())
        settings = loaded.config.global_
        report = Report(name, loaded.config.sources[name], loaded.secrets[name], say)
        # The report says it all; only somebody who asked for `debug` sees the log as well.
        level = "debug" if settings.log_level == "debug" else "critical"
        log = make_log(level, settings.log_format, taps=(report.hear,))
        report.begin(loaded.warnings)
        outcome = loop.run(Collector(loaded, SystemClock(), log).test)
        report.end(outcome)
    if not outcome.ok:
        raise typer.Exit(FAILED)


def _only_one(path: Path) -> str:
    """The name of the only source."""
    names = source_names(path) or list(load(path, os.environ).config.sources)  # which says what is wrong with none
    if len(names) > 1:
        raise ConfigError(
            "which source?", f"say it: hel test --source NAME, with one of {', '.join(map(printable, names))}"
        )
    return names[0]
