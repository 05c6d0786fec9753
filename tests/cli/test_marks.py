"""The marks before lines for people."""

import io
from collections.abc import Mapping

import pytest

from hel.cli.marks import marked


class Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("line", "environ", "shown"),
    [
        ("  ✓ secret: found", {"TERM": "xterm"}, "  \x1b[32m✓\x1b[0m secret: found"),
        ("✗ token: refused", {"TERM": "xterm"}, "\x1b[31m✗\x1b[0m token: refused"),
        ("! advice", {"TERM": "xterm", "NO_COLOR": ""}, "\x1b[33m!\x1b[0m advice"),
        ("! advice", {"TERM": "xterm", "NO_COLOR": "1"}, "! advice"),
        ("✓ token", {"TERM": "dumb"}, "✓ token"),
        ("no mark: ✓ in the middle", {"TERM": "xterm"}, "no mark: ✓ in the middle"),
        ("!", {"TERM": "xterm"}, "!"),
    ],
)
def test_a_mark_is_coloured_on_a_terminal_that_wants_it(line: str, environ: Mapping[str, str], shown: str) -> None:
    assert marked(line, Terminal(io.BytesIO(), "utf-8"), environ) == shown
    plain = io.TextIOWrapper(io.BytesIO(), "utf-8")
    assert marked(line, plain, environ) == line, "a pipe is no terminal"


@pytest.mark.parametrize(
    ("line", "shown"), [("  ✓ a", "  ok a"), ("✗ a", "FAILED a"), ("! a", "! a"), ("  … a", "  ... a")]
)
def test_a_stream_that_cannot_show_a_mark_gets_a_word(line: str, shown: str) -> None:
    assert marked(line, io.TextIOWrapper(io.BytesIO(), "ascii"), {}) == shown
