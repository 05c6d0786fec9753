"""Says in words for people what pydantic found wrong, and what was probably meant. Rule: no value that may be secret.

A value is repeated only where it is one of a few known words gone wrong (`oath2`), and never where it came from the
environment.
"""

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

from pydantic_core import ErrorDetails

from hel.config.values import EMPTY, Hidden

_WORD = re.compile(r"[A-Za-z0-9_.:-]{1,24}")
_QUOTED = re.compile(r"'([^']*)'")

_TYPES = {
    "string": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "list": "a list",
    "tuple": "a list",
    "dict": "keys with values",
    "mapping": "keys with values",
    "model": "keys with values",
    "union": "keys with values",
    "path": "a path",
}
"""What is wanted, by the first part of pydantic's error type."""


def closest(word: str, known: Iterable[str]) -> str:
    """`did you mean 'x'?` where one of the known words is close, else the empty string."""
    return _closest(word, tuple(known))


@lru_cache(maxsize=1024)
def _closest(word: str, known: tuple[str, ...]) -> str:
    by_lower = {name.lower(): name for name in known}
    found = get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return f"did you mean '{by_lower[found[0]]}'?" if found else ""


def explain(detail: ErrorDetails) -> str:
    """One of pydantic's errors in words; the place is said elsewhere."""
    kind, value, context = detail["type"], detail["input"], detail.get("ctx", {})
    wanted = _TYPES.get(kind.split("_", 1)[0])
    if value is EMPTY:
        text = "the key has no value (give it one, or remove the key)"
    elif kind == "union_tag_invalid":
        text = _unknown_tag(detail, context)
    elif kind == "missing":
        text = f"missing (add '{detail['loc'][-1]}: …')"
    elif kind == "literal_error":
        text = _not_among(value, _QUOTED.findall(str(context.get("expected"))))
    elif kind.startswith(("greater_than", "less_than", "finite_number")):
        text = _out_of_range(context)
    elif kind == "too_short":
        text = "nothing is named here (add one at least)"
    elif kind == "string_pattern_mismatch":
        text = (
            "expected a name of 1 to 64 letters, digits, '.', '_' and '-' that begins with a letter or digit "
            "(choose another)"
        )
    else:
        text = f"expected {wanted}{_hint(kind, value)}" if wanted else "the value does not fit"
    return text


def _unknown_tag(detail: ErrorDetails, context: Mapping[str, Any]) -> str:
    """A section that comes in kinds, and names none or an unknown one."""
    discriminator = str(context.get("discriminator", "")).strip("'")
    section = detail["loc"][-1] if detail["loc"] else "section"
    given = detail["input"].get(discriminator) if isinstance(detail["input"], Mapping) else None
    known = _QUOTED.findall(str(context.get("expected_tags", "")))
    if given is EMPTY:
        return "the key has no value (give it one)"
    meant = closest(given, known) if isinstance(given, str) else ""
    listed = "expected " + " or ".join(f"'{name}'" for name in known)
    return f"unknown {section} {discriminator}{_shown(given)} ({meant or listed})"


def _not_among(value: Any, known: list[str]) -> str:
    listed = ", ".join(f"'{name}'" for name in known[:-1])
    expected = f"expected {listed} or '{known[-1]}'" if listed else f"expected '{known[0]}'"
    meant = closest(value, known) if isinstance(value, str) else ""
    shown = _shown(value)
    return expected + (f", not{shown}" if shown else "") + (f" ({meant})" if meant else "")


def _out_of_range(context: Mapping[str, Any]) -> str:
    for name, words in (("ge", "of at least"), ("gt", "above"), ("le", "of at most"), ("lt", "below")):
        if name in context:
            return f"expected a number {words} {number(context[name])}"
    return "expected a number that is finite"


def number(value: float) -> str:
    """A number for people: `604,800`, `0.5`."""
    return f"{int(value) if value == int(value) else value:,}"


def _hint(kind: str, value: Any) -> str:
    """What was found instead, by its kind, and how to write what was meant."""
    if isinstance(value, str):
        if kind.startswith("bool"):
            return " (YAML 1.2 knows no other words for them)"
        if kind.startswith(("list", "tuple")):
            return ', found text (write it as ["…"])'
        return _shown(value).replace(" ", ", not ", 1) if kind.startswith(("int", "float")) else ", found text"
    if value is None:
        return ", found null (quote it if the word is meant, or remove the key)"
    return ", found a list" if isinstance(value, list) else ", found keys with values" * isinstance(value, Mapping)


def _shown(value: Any) -> str:
    """` 'value'` where it may be repeated, else the empty string."""
    plain = isinstance(value, str) and not isinstance(value, Hidden) and _WORD.fullmatch(value)
    return f" '{value}'" if plain else ""
