"""`hel run`: continuously, once, recorded, or from recordings."""

import os
import sys
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import typer

from hel import assembly
from hel.cli import loop, process
from hel.cli.account import ACCOUNTED, account
from hel.cli.problems import FAILED, config_path, reported, say
from hel.cli.progress import Progress, is_of_use
from hel.clock import SystemClock
from hel.collector import Collector, Outcome
from hel.config.load import Loaded, load
from hel.control import Surroundings
from hel.errors import ConfigError
from hel.telemetry.log import Level, Taps, make_log

_TRIES = frozenset({"request.retried"})
"""Of a run that goes on, a line each time the state changes is enough; of one tick a person wants to see each try."""


class Wanted(msgspec.Struct, frozen=True):
    """The options of `hel run`.

    Attributes:
        once: One tick of every source.
        sources: Only these; all where it is empty.
        output: A file, `-` for stdout, or None for what the config says.
        output_rotate: `daily`, `size:MB`, or None for what the config says.
        record_dir: Where to record, or None.
        replay_dir: What to replay, or None.
    """

    once: bool
    sources: tuple[str, ...]
    output: Path | None
    output_rotate: str | None
    record_dir: Path | None
    replay_dir: Path | None


def run(config: Path | None, wanted: Wanted) -> None:
    """Collect until done or told to stop."""
    with reported():
        if wanted.record_dir and wanted.replay_dir:
            raise ConfigError("--record-dir and --replay-dir exclude each other", "a replay has nothing to record")
        read = partial(
            load,
            config_path(config),
            os.environ,
            flags=_flags(wanted),
            only=wanted.sources or None,
            with_secrets=wanted.replay_dir is None,
        )
        loaded = read()
        settings = loaded.config.global_
        if settings.output.path is None and process.stdout_is_closed():
            raise ConfigError("stdout is closed, and there is no other output", "name a file with -o PATH")
        outcome = loop.run(_collect, loaded, wanted, read)
        if wanted.once or wanted.replay_dir:
            account(outcome, as_json=settings.log_format == "json")
        if outcome.output is not None:
            say(f"hel: {outcome.output}")
    if not outcome.ok:
        raise typer.Exit(FAILED)


async def _collect(loaded: Loaded, wanted: Wanted, read: Callable[[], Loaded]) -> Outcome:
    settings, goes_on = loaded.config.global_, not (wanted.once or wanted.replay_dir)
    level, taps = Level(settings.log_level), Taps()
    log = make_log(
        level,
        settings.log_format,
        (taps.hear,),
        said_otherwise=() if goes_on else ACCOUNTED,
        only_debug=_TRIES if goes_on else (),
        audit=settings.audit.enabled,
    )
    progress = _progress(loaded, wanted)
    if progress:
        taps.add(progress.hear)
    for warning in loaded.warnings:
        log.warning("config.advice", because=warning)
    collector = Collector(loaded, SystemClock(), log)
    with progress.shown(sys.stderr) if progress else nullcontext():
        if wanted.replay_dir is not None:
            return await collector.replay(wanted.replay_dir)
        around = Surroundings(read, taps, level, process.early) if goes_on else None
        return await collector.run(around=around, record_dir=wanted.record_dir)


def _progress(loaded: Loaded, wanted: Wanted) -> Progress | None:
    """What shows a person how it goes on, where it comes to an end and somebody may be looking."""
    settings = loaded.config.global_
    if not (wanted.once or wanted.replay_dir) or not is_of_use(settings.log_format, settings.output.path is None):
        return None
    return Progress({name: assembly.pace(source).max_pages for name, source in loaded.config.sources.items()})


def _flags(wanted: Wanted) -> dict[str, Any]:
    """What the flags say about `global`; paths in flags are relative to the working directory."""
    output: dict[str, Any] = {}
    if wanted.output is not None:
        output["path"] = None if str(wanted.output) == "-" else str(Path.cwd() / wanted.output)
    if wanted.output_rotate is not None:
        output["rotate"] = wanted.output_rotate
    return {"output": output} if output else {}
