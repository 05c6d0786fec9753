"""`hel state`: show, reset, set, export, import."""

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from hel.cli.problems import answer, config_path, reported, say
from hel.cli.wording import age
from hel.config.load import load_global, source_names
from hel.errors import ConfigError
from hel.records import BY_TIME, Checkpoint, kind_of
from hel.state import transfer
from hel.state.lock import StateLock
from hel.state.schema import check_file
from hel.state.store import Store
from hel.telemetry.printable import printable
from hel.timestamps import parse_text, parse_time, utc_seconds, utc_text

SETTABLE = ("resume", "newest", "watermark", "finished")


def show(config: Path | None, name: str | None) -> None:
    """Print where each source stands, for a person."""
    with _reading(config) as store:
        checkpoints = store.checkpoints()
        if name is not None:
            checkpoints = {name: _known(checkpoints, name, store.path)}
        if not checkpoints:
            say(f"{store.path} knows no source yet: nothing was delivered")
        for number, (source, checkpoint) in enumerate(checkpoints.items()):
            answer("\n" * bool(number) + printable(source))
            for label, value in _described(checkpoint):
                answer(f"  {label:<12} {printable(value, limit=10_000)}")


def reset(config: Path | None, name: str) -> None:
    """Forget one source."""
    with _writing(config) as store:
        _known(store.checkpoints(), name, store.path)
        store.reset(name)
        say(f"{name} is forgotten: its next tick starts anew, and what it delivered before will be delivered again")


def set_(config: Path | None, name: str, key: str, value: str) -> None:
    """Change one value of one checkpoint."""
    with _writing(config) as store:
        known = dict.fromkeys(source_names(config_path(config)), Checkpoint("")) | store.checkpoints()
        before = _known(known, name, store.path)
        after = _changed(before, key, value)
        store.put(name, replace(after, updated_at=time.time()))
        say(f"{name}: {key} is now {_value(after, key)} (before: {_value(before, key)})")


def export(config: Path | None) -> None:
    """Print the state as JSON."""
    with _reading(config) as store:
        answer(json.dumps(transfer.export(store), indent=2, ensure_ascii=False))


def import_(config: Path | None) -> None:
    """Take a state from stdin."""
    with reported():
        try:
            state = transfer.parse(sys.stdin.read())
        except ValueError as error:
            raise ConfigError(
                f"what came on stdin is no exported state: {error}", "hel state export > state.json writes one"
            ) from error
    with _writing(config) as store:
        transfer.restore(store, state)
        say(f"{store.path} now knows {', '.join(state.sources) or 'no source'}")


def _described(checkpoint: Checkpoint) -> Iterator[tuple[str, str]]:
    newest = f"{checkpoint.newest}{age(checkpoint.newest_at)}" if checkpoint.newest else "none yet"
    yield "events", str(checkpoint.events)
    yield "newest", newest
    if checkpoint.watermark is not None:
        yield "watermark", _watermark(checkpoint.watermark, checkpoint.question)
    elsewhere = "the beginning (its url and from)" if checkpoint.watermark is None else "a little before its watermark"
    yield "resumes at", checkpoint.resume or elsewhere
    if checkpoint.finished:
        yield "finished", "its bounded query was read to the end"
    if checkpoint.overlapping:
        yield "overlapping", "it goes over events that were delivered before, and leaves them out"
    yield (
        "updated",
        f"{utc_seconds(checkpoint.updated_at)}{age(checkpoint.updated_at)}",
    )


def _value(checkpoint: Checkpoint, key: str) -> str:
    if key == "watermark" and checkpoint.watermark is not None:
        return _watermark(checkpoint.watermark, checkpoint.question)
    return repr(getattr(checkpoint, key))


def _watermark(at: float, question: str) -> str:
    return f"{utc_text(at)}{age(at)}" if kind_of(question) == BY_TIME else f"{at:.0f}"


def _changed(checkpoint: Checkpoint, key: str, value: str) -> Checkpoint:
    if key == "resume":
        if not value.startswith(("https://", "http://")):
            raise ConfigError(f"resume takes the URL of the next request, not {value!r}")
        return replace(checkpoint, question="", resume=value, finished=False)
    if key == "newest":
        at = parse_time(value)
        if at is None:
            raise ConfigError(f"newest takes a time such as 2026-05-01T12:00:00Z, not {value!r}")
        return replace(checkpoint, newest=value, newest_at=at)
    if key == "watermark":
        number = parse_text(value, "number")
        at = parse_time(value) if number is None else None
        if at is None and number is None:
            raise ConfigError(f"watermark takes a time such as 2026-05-01T12:00:00Z, or a number, not {value!r}")
        kind, mark = ("", number) if at is None else (f" {BY_TIME}", at)
        return replace(
            checkpoint,
            question=kind,
            resume=None,
            watermark=mark,
            reached=None,
            known_from=None,
            walk_to=None,
            finished=False,
        )
    if key == "finished":
        if value not in {"true", "false"}:
            raise ConfigError(f"finished takes true or false, not {value!r}")
        return replace(checkpoint, finished=value == "true")
    raise ConfigError(f"unknown key {key!r}", f"expected one of {', '.join(SETTABLE)}")


def _known(checkpoints: dict[str, Checkpoint], name: str, path: Path) -> Checkpoint:
    if name in checkpoints:
        return checkpoints[name]
    close = get_close_matches(name, checkpoints, 1)
    known = ", ".join(checkpoints) or "none yet"
    raise ConfigError(
        f"{path} knows no source {name!r}", f"did you mean {close[0]!r}?" if close else f"it knows: {known}"
    )


@contextmanager
def _reading(config: Path | None) -> Iterator[Store]:
    with reported():
        path = load_global(config_path(config), os.environ).state.path
        if not path.exists():
            raise ConfigError(f"there is no state at {path} yet", "the first `hel run` makes it")
        with Store(path, writable=False) as store:
            yield store


@contextmanager
def _writing(config: Path | None) -> Iterator[Store]:
    with reported():
        path = load_global(config_path(config), os.environ).state.path
        check_file(path)
        with StateLock(path), Store(path, writable=True) as store:
            yield store
