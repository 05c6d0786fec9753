"""`hel status --check`: whether Hel is alive, asked of its server.

A container asks again and again, so it must cost little: where `global.server` is plain, it is read without the models
of the configuration, which take longer to import than all the rest. Whatever is not plain goes through them.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import typer

from hel.cli.inquiry import Listening, SilentError, ask
from hel.cli.problems import FAILED, config_path, say
from hel.config.document import Value, read_document
from hel.errors import ConfigError

_VARIABLE = "HEL_GLOBAL__SERVER"
_PORT = re.compile(r"[1-9][0-9]{0,4}")


@dataclass(frozen=True)
class _Plain:
    """Where the server listens, read without the models."""

    enabled: bool
    host: str = "127.0.0.1"
    port: int = 8080


def check(config: Path | None) -> None:
    """Ask the server whether Hel is alive; exit 0 where it is, else 1, with a line on stderr."""
    try:
        ask(listening(config_path(config), os.environ), "/healthz")
    except (ConfigError, SilentError) as error:
        problems = error.problems if isinstance(error, ConfigError) and error.problems else (f"hel: {error}",)
        say("; ".join(problems))
        raise typer.Exit(FAILED) from None


def listening(path: Path, environ: Mapping[str, str]) -> Listening:
    """Where the server of a configuration listens.

    Raises:
        ConfigError: It can't be read, or `global` is not right; where `global.server` is plain, the rest is not looked
            at.
    """
    if (plain := _plain(read_document(path).root, environ)) is not None:
        return plain
    from hel.config.load import load_global  # noqa: PLC0415  # only where the models are needed

    return load_global(path, environ).server


def _plain(root: Value, environ: Mapping[str, str]) -> Listening | None:
    """What the file and the environment say, where every value is one that can be read in one way only."""
    texts = _texts(root)
    if texts is None:
        return None
    for name, value in environ.items():
        if name.startswith(_VARIABLE) and value:
            texts[name.removeprefix(f"{_VARIABLE}__").lower()] = value
    if not texts.keys() <= {"enabled", "host", "port", "token_env", "token_file"}:
        return None
    host, port = texts.get("host", _Plain.host), texts.get("port", str(_Plain.port))
    try:
        is_plain = texts.get("enabled") == "true" and str(ip_address(host)) == host
    except ValueError:
        return None
    return (
        _Plain(enabled=True, host=host, port=int(port))
        if is_plain and _PORT.fullmatch(port) and int(port) <= 65_535
        else None
    )


def _texts(root: Value) -> dict[str, str] | None:
    """The values of the file's `global.server`, by key; None where one is no text."""
    at = root
    for key in ("global", "server"):
        if not isinstance(at.content, dict):
            return None
        if key not in at.content:
            return {}
        at = at.content[key]
    if not isinstance(at.content, dict):
        return None
    texts = {key: value.content for key, value in at.content.items() if isinstance(value.content, str)}
    return texts if len(texts) == len(at.content) else None
