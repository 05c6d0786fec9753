"""Reads a fault from words, for the command line and for HTTP. Rule: what is not understood is named, not ignored."""

from collections.abc import Callable, Mapping
from typing import Any

from examples.okta_org.faults import FAULT_KINDS, Fault

_CONVERSIONS: dict[str, Callable[[str], Any]] = {
    "path": str,
    "times": int,
    "skip": int,
    "status": int,
    "body": str.encode,
    "seconds": float,
    "piece": int,
    "location": str,
    "url": str,
    "count": int,
    "size": int,
}


def from_text(text: str) -> Fault:
    """A fault such as `status,status=503,times=2,header=Retry-After:1`.

    Raises:
        ValueError: It is none.
    """
    kind, *options = text.split(",")
    pairs = [option.partition("=") for option in options]
    return from_words({"kind": kind, **{name: value for name, _, value in pairs}})


def from_words(words: Mapping[str, str]) -> Fault:
    """A fault from its attributes as text.

    Raises:
        ValueError: An attribute is unknown or malformed, or there is no such answer.
    """
    kind = words.get("kind", "")
    if kind not in FAULT_KINDS:
        raise ValueError(f"unknown kind of fault {kind!r} (known: {', '.join(FAULT_KINDS)})")
    values: dict[str, Any] = {"kind": kind}
    for name, text in words.items():
        if name == "header":
            key, _, value = text.partition(":")
            values["headers"] = {key.strip(): value.strip()}
        elif name in _CONVERSIONS:
            values[name] = _converted(name, text)
        elif name != "kind":
            raise ValueError(f"a fault has no {name!r} (but: header, {', '.join(_CONVERSIONS)})")
    return Fault(**values)


def _converted(name: str, text: str) -> Any:
    try:
        return _CONVERSIONS[name](text)
    except ValueError as error:
        raise ValueError(f"a fault's {name} is a number, not {text!r}") from error
