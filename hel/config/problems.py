"""One problem of a configuration, and all of them as the error that ends the program.

A line reads `FILE:LINE:COLUMN: path.to.key: what is wrong (and the likely fix)`.
"""

from collections.abc import Iterable
from pathlib import Path

import msgspec

from hel.errors import ConfigError
from hel.telemetry.printable import printable

Place = tuple[int, int]
"""Line and column, both counted from 1, columns in characters."""

_LINE_LIMIT = 2_000

Keys = tuple[str | int, ...]
"""The path of a key: names, and positions in lists."""


class Problem(msgspec.Struct, frozen=True):
    """What is wrong with one key.

    Attributes:
        text: What is wrong and the likely fix; never a value that may be secret.
        keys: The key's path, empty for the whole file.
        place: Where it stands in the file, or None where it is not of the file.
        origin: The environment variable or flag that it came from, where it is not of the file.
    """

    text: str
    keys: Keys = ()
    place: Place | None = None
    origin: str | None = None

    def line(self, file: Path) -> str:
        """The problem as one line for a person."""
        if self.origin is not None:
            return printable(f"{self.origin}: {self.text}", _LINE_LIMIT)
        where = ":".join([str(file), *map(str, self.place or ())])
        return printable(": ".join(filter(None, [where, dotted(self.keys), self.text])), _LINE_LIMIT)


def dotted(keys: Keys) -> str:
    """`('auth', 'scopes', 0)` as `auth.scopes[0]`."""
    text = ""
    for key in keys:
        text += f"[{key}]" if isinstance(key, int) else f".{key}"
    return text.removeprefix(".")


def config_error(file: Path, problems: Iterable[Problem]) -> ConfigError:
    """All problems as one error: those of the file first, in its order, each once."""
    ordered = sorted(problems, key=lambda problem: (problem.origin is not None, problem.place or (0, 0)))
    lines = tuple(dict.fromkeys(problem.line(file) for problem in ordered))
    return ConfigError("\n".join(lines), problems=lines)
