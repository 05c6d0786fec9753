"""What the environment and the flags say in place of the file's `global` section: file < environment < flags.

`HEL_LOG_LEVEL`, and any key as `HEL_GLOBAL__STATE__PATH`, by pydantic-settings; an empty variable counts as unset, for
compose files pass such. A relative path in either lies below the working directory, and a problem in either is told
under its name.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from hel.config.models import GlobalConfig
from hel.config.problems import Keys, Problem
from hel.config.section import Section, keys_of, sections_in
from hel.config.values import Hidden
from hel.config.words import closest

PREFIX = "HEL_GLOBAL__"
LOG_LEVEL = "HEL_LOG_LEVEL"

FLAGS: Mapping[Keys, str] = {
    ("output", "path"): "-o/--output",
    ("output", "rotate"): "--output-rotate",
}
"""The flag that sets a key of `global`."""


class Overrides(msgspec.Struct, frozen=True):
    """Values that win over the file's `global` section.

    Attributes:
        values: The values, nested as in the section.
        origins: The variable or flag that each came from, by its path below `global`.
        problems: Variables that name no key.
    """

    values: Mapping[str, Any]
    origins: Mapping[Keys, str]
    problems: tuple[Problem, ...]

    def onto(self, section: Mapping[str, Any]) -> dict[str, Any]:
        """`section` with these values in place of its own."""
        return _merged(section, self.values)

    def origin(self, keys: Keys) -> str | None:
        """Where a key's value came from; None for the file."""
        return next((origin for path, origin in self.origins.items() if keys[: len(path)] == path), None)


def read_overrides(environ: Mapping[str, str], flags: Mapping[str, Any] | None, folder: Path) -> Overrides:
    """What environment and flags set.

    Args:
        environ: The environment.
        flags: Values of `global` by flag, nested as in the section.
        folder: The working directory.
    """
    problems: list[Problem] = []
    origins: dict[Keys, str] = {}
    known: dict[str, str] = {}
    for name, value in environ.items():
        if not name.startswith(PREFIX) or not value:
            continue
        keys: Keys = tuple(name.removeprefix(PREFIX).lower().split("__"))
        text = _unknown_variable(keys)
        if text:
            problems.append(Problem(text, origin=f"environment variable {name}"))
        else:
            known[name] = value
            origins[keys] = f"environment variable {name}"
    if environ.get(LOG_LEVEL):
        origins.setdefault(("log_level",), f"environment variable {LOG_LEVEL}")
        known.setdefault(f"{PREFIX}LOG_LEVEL", environ[LOG_LEVEL])
    try:
        values = _hidden(_nested(known), folder)
    except (ValueError, RecursionError):  # a whole section as JSON, and no JSON, or one that is nested too deep
        values = {}
        whole = [name for keys, name in origins.items() if keys[-1] in _SECTIONS]
        problems += [Problem("expected JSON for a whole section (or set its keys one by one)", origin=n) for n in whole]
    given = _hidden(flags or {}, folder)
    for keys in _leaves(given):
        origins[keys] = FLAGS.get(keys, "--" + "-".join(map(str, keys)).replace("_", "-"))
    return Overrides(_merged(values, given), dict(reversed(origins.items())), tuple(problems))


def _nested(known: Mapping[str, str]) -> Mapping[str, Any]:
    """What the variables say, nested as in the section.

    Raises:
        ValueError: One is to hold JSON and does not.
    """
    if not known:
        return {}
    from hel.config.variables import values_of  # noqa: PLC0415  # pydantic-settings is loaded only for variables

    return values_of(known, PREFIX)


def _unknown_variable(keys: Keys) -> str | None:
    """What is wrong with a variable's name, by the key that it stands for."""
    sections: list[type[Section]] = [GlobalConfig]
    for position, key in enumerate(map(str, keys)):
        fields = {name: field for section in sections for name, field in section.model_fields.items()}
        if key not in fields:
            known = [PREFIX + "__".join([*map(str, keys[:position]), name]).upper() for name in fields]
            full = PREFIX + "__".join(map(str, keys[: position + 1])).upper()
            meant = closest(full, known) or ("known here: " + ", ".join(known) if known else "remove it")
            return f"it stands for no key of 'global' ({meant})"
        sections = sections_in(fields[key].annotation)
    return None


_SECTIONS = frozenset(name for name in keys_of(GlobalConfig) if sections_in(GlobalConfig.model_fields[name].annotation))


def _hidden(value: Any, folder: Path) -> Any:
    """Every text marked as not the file's."""
    if isinstance(value, Mapping):
        return {str(key): _hidden(part, folder) for key, part in value.items()}
    if isinstance(value, Path):
        return folder / value
    return Hidden(value, folder) if isinstance(value, str) else value


def _leaves(values: Mapping[str, Any], above: Keys = ()) -> list[Keys]:
    found: list[Keys] = []
    for key, value in values.items():
        found += _leaves(value, (*above, key)) if isinstance(value, Mapping) else [(*above, key)]
    return found


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        merged[key] = (
            _merged(under if isinstance(under, Mapping) else {}, value) if isinstance(value, Mapping) else value
        )
    return merged
