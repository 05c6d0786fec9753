"""The marks before lines for people: a tick, a cross, advice. One home, so that every command speaks alike."""

import os
import sys
from collections.abc import Mapping
from typing import TextIO

from hel.telemetry.stderr import wants_colour

PASSED, CROSSED, ADVICE, WAITING = "✓", "✗", "!", "…"

_PLAIN = {PASSED: "ok", CROSSED: "FAILED", WAITING: "..."}
"""What stands for a mark where the stream can't show it."""

_COLOUR = {PASSED: "32", CROSSED: "31", ADVICE: "33", WAITING: "36"}
"""Of each mark, as a terminal takes it (ECMA-48, SGR)."""


def marked(line: str, stream: TextIO | None = None, environ: Mapping[str, str] = os.environ) -> str:
    """The line with the mark that it begins with, if any, as the stream can show it: in colour, plain, or in a word.

    Args:
        line: Printable text; a mark counts where a space follows it, behind any spaces.
        stream: Where it is shown; stderr by default.
        environ: Whether colour is wanted (`NO_COLOR`, `TERM`).
    """
    out = sys.stderr if stream is None else stream
    rest = line.lstrip(" ")
    mark, _, text = rest.partition(" ")
    if mark not in _COLOUR or mark == rest:
        return line
    indent = line[: len(line) - len(rest)]
    shown = mark if _can_show(mark, out) else _PLAIN.get(mark, mark)
    return (
        f"{indent}\x1b[{_COLOUR[mark]}m{shown}\x1b[0m {text}"
        if wants_colour(out, environ)
        else (f"{indent}{shown} {text}")
    )


def _can_show(mark: str, stream: TextIO) -> bool:
    try:
        mark.encode(stream.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True
