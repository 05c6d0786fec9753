"""Fills `${NAME}` and `${NAME:-default}` in a value, as a shell does. Rule: no message repeats a variable's value.

`$${` stands for a plain `${`. A default can't hold another placeholder.
"""

import re
from collections.abc import Mapping

from hel.config.values import Hidden

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_PLACEHOLDER = re.compile(r"\$(?P<escape>\$)?\{(?:(?P<name>" + _NAME + r")(?::-(?P<default>[^{}]*))?\})?")


def has_placeholder(text: str) -> bool:
    """Whether `text` would be changed, or refused, by `expand`."""
    return "${" in text


def expand(text: str, environ: Mapping[str, str]) -> str:
    """`text` with its placeholders filled in, marked as `Hidden`; unchanged where it has none.

    Raises:
        ValueError: A variable is not set, a placeholder is not complete, or a domain is not a domain.
    """
    if not has_placeholder(text):
        return text
    parts: list[str] = []
    end = 0
    for found in _PLACEHOLDER.finditer(text):
        parts.append(text[end : found.start()])
        end = found.end()
        if found["escape"]:
            parts.append(found[0].removeprefix("$"))
        elif found["name"] is None:
            raise ValueError(
                "a placeholder is not complete (write ${NAME} or ${NAME:-default}, and $${ for a plain ${)"
            )
        else:
            value = _value(found["name"], found["default"], environ)
            if text[: found.start()].endswith("://"):
                _check_domain(found["name"], value)
            parts.append(value)
    return Hidden("".join([*parts, text[end:]]))


def _value(name: str, default: str | None, environ: Mapping[str, str]) -> str:
    value = environ.get(name)
    if default is not None:
        return value or default
    if value is None:
        raise ValueError(f"environment variable {name} is not set ({_export(name)})")
    return value


def _check_domain(name: str, value: str) -> None:
    """What follows `https://` in a URL is a domain; with more than that the URL breaks in ways that are hard to see."""
    if not value.strip():
        raise ValueError(f"environment variable {name} is empty ({_export(name)})")
    if "://" in value:
        raise ValueError(f"{name} holds the domain alone, without https:// ({_export(name)})")
    if value.endswith("/"):
        raise ValueError(f"{name} holds the domain alone, without a '/' at its end ({_export(name)})")
    if value != value.strip():
        raise ValueError(f"{name} begins or ends with a space or a line break ({_export(name)})")


def _export(name: str) -> str:
    return f"export {name}={'your-org.okta.com' if 'DOMAIN' in name else '…'}"
