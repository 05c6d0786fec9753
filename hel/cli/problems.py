"""How a failure ends a command: one clear message on stderr, and the exit code of the contract."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from hel.cli.marks import marked
from hel.errors import ConfigError, HelError, StateError, StateLockedError
from hel.telemetry.printable import printable
from hel.telemetry.redaction import redacted
from hel.telemetry.stderr import PatientStream

FAILED = 1
UNUSABLE = 2
HELD = 3


def config_path(given: Path | None) -> Path:
    """The configuration to use: the flag, else `HEL_CONFIG`, else `hel.yaml`."""
    return given or Path(os.environ.get("HEL_CONFIG") or "hel.yaml")


def say(text: str) -> None:
    """A line for a person, on stderr; a mark that it begins with is shown as the terminal can (`marks`)."""
    PatientStream(sys.stderr).write(f"{marked(printable(redacted(text), limit=4000))}\n")


def answer(text: str) -> None:
    """What a command was asked for, on stdout."""
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except OSError as error:
        # It is full, or its reader has had enough; keep the interpreter from trying it again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            say(f"hel: stdout can't be written: {error.strerror}")
        raise typer.Exit(FAILED) from None


@contextmanager
def reported() -> Iterator[None]:
    """End the command where a HelError gets out, with its message and its exit code."""
    try:
        yield
    except ConfigError as error:
        for line in error.problems or (f"hel: {error}",):
            say(line)
        raise typer.Exit(UNUSABLE) from None
    except HelError as error:
        say(f"hel: {error}")
        code = HELD if isinstance(error, StateLockedError) else UNUSABLE if isinstance(error, StateError) else FAILED
        raise typer.Exit(code) from None
