"""As much of a section as is known: where a placeholder is unset, its secrets can be looked at all the same.

All problems come at once, so that one in another key must not hide that a secret's variable is missing.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from hel.config.auth import Auth
from hel.config.secrets import Ways
from hel.config.server import ServerConfig
from hel.config.tls import TlsConfig
from hel.config.values import EMPTY, UNKNOWN

_Kind = TypeVar("_Kind")


def ways_of(source: Mapping[str, Any], base: Path) -> Ways:
    """How a source proves who it is; left out is what is wrong, not just unknown, which was said before.

    Args:
        source: Its section, as read.
        base: The configuration's folder.
    """
    tls = {} if source.get("tls") in (None, EMPTY) else source["tls"]
    return _right(_adapter(Auth | None), source.get("auth"), base), _right(_adapter(TlsConfig), tls, base)


def server_of(given: Any, base: Path) -> ServerConfig:
    """The server's section, of `global` as read; none where it is wrong."""
    section = given.get("server") if isinstance(given, Mapping) else None
    found = None if section in (None, EMPTY) else _right(_adapter(ServerConfig), section, base)
    return found or ServerConfig()


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    """Made where something is wrong, and only there."""
    return TypeAdapter(kind)


def _right(kind: TypeAdapter[_Kind], section: Any, base: Path) -> _Kind | None:
    try:
        return kind.validate_python(_known(section), context={"base": base})
    except ValidationError:
        return None


def _known(section: Any) -> Any:
    if not isinstance(section, Mapping):
        return section
    known = {key: _STAND_INS.get(key, UNKNOWN) if value is UNKNOWN else value for key, value in section.items()}
    return {key: _without_unknown(value) for key, value in known.items() if value is not UNKNOWN}


def _without_unknown(value: Any) -> Any:
    """A list or texts by name, with a word for each that is not known; anything else as it is."""
    if isinstance(value, list):
        return ["unknown" if part is UNKNOWN else part for part in value]
    if isinstance(value, dict):
        return {name: "unknown" if part is UNKNOWN else part for name, part in value.items()}
    return value


_STAND_INS = {"token_url": "https://unknown.invalid/", "client_id": "unknown", "username": "unknown"}
"""What stands for a value that is not known, where its section would not be right without it."""
