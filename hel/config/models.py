"""The whole configuration: `global` for the process, `sources` by name."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import msgspec
from pydantic import Field, PlainValidator, WithJsonSchema

from hel.config.fields import Count, Flag, LocatedPath, Seconds, SourceName
from hel.config.section import Conflict, Section, wrong
from hel.config.server import ServerConfig
from hel.config.source import SourceConfig
from hel.telemetry.printable import printable

MB = 1_000_000
"""Bytes in one MB, here and in every key that ends in `_mb`."""

_ROTATE = re.compile(r"size:([0-9]{1,9}(?:\.[0-9]{1,6})?)")


class Rotation(msgspec.Struct, frozen=True):
    """When the output file is renamed and a new one begun.

    Args:
        kind: `daily` at midnight UTC, or `size`.
        max_bytes: The size from which a file is rotated, in bytes; 0 for `daily`.
    """

    kind: Literal["daily", "size"]
    max_bytes: int = 0


def parse_rotation(text: Any) -> Rotation:
    """Reads `daily` or `size:MB`.

    Raises:
        PydanticCustomError: It is neither, in words for people.
    """
    if isinstance(text, Rotation):
        return text
    if text == "daily":
        return Rotation("daily")
    found = _ROTATE.fullmatch(text) if isinstance(text, str) else None
    max_bytes = round(float(found[1]) * MB) if found else 0
    if max_bytes <= 0:
        raise wrong("expected 'daily' or 'size:MB', for example size:100")
    return Rotation("size", max_bytes)


class StateConfig(Section):
    """Where Hel remembers how far it came."""

    path: LocatedPath = Field(
        "./hel-state.db",
        validate_default=True,
        description="The SQLite file of the checkpoints.",
    )


class OutputConfig(Section):
    """Where the lines go."""

    path: LocatedPath | None = Field(None, description="The file that lines are appended to; default: stdout.")
    rotate: (
        Annotated[
            Rotation,
            PlainValidator(parse_rotation),
            WithJsonSchema({"type": "string", "pattern": r"^(daily|size:[0-9]+(\.[0-9]+)?)$"}),
        ]
        | None
    ) = Field(None, description="`daily` (UTC) or `size:MB`: rename the file and begin a new one; default: never.")

    mode: Literal["0600", "0640"] = Field(
        "0600", description="Who may read the file: its owner, or its group as well, for a shipper in that group."
    )

    @property
    def permissions(self) -> int:
        """`mode` as the bits that it names."""
        return int(self.mode, 8)

    @classmethod
    def conflicts(cls, given: Mapping[str, Any]) -> Iterator[Conflict]:
        """Only a file can be rotated."""
        if given.get("rotate") is not None and given.get("path") is None:
            yield ("rotate",), "stdout can't be rotated (add global.output.path, or -o PATH)"


class QueueConfig(Section):
    """How much may wait between the sources and the output before polling pauses."""

    max_events: Count = Field(20_000, description="The most events that wait for the output.")
    max_mb: Annotated[float, Field(gt=0, le=1_000_000, allow_inf_nan=False)] = Field(
        32, description="The most megabytes (of 1,000,000 bytes) that wait for the output."
    )


class AuditConfig(Section):
    """Which secret was read when, and which configuration was loaded."""

    enabled: Flag = Field(
        False,
        description="Log which secret was read when, and each configuration that was loaded, with its digest; "
        "whatever the level.",
    )


class GlobalConfig(Section):
    """Everything that is not of one source."""

    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least important log lines to show; also `HEL_LOG_LEVEL`."
    )
    log_format: Literal["auto", "pretty", "json"] = Field(
        "auto", description="`pretty` for people, `json` for machines; `auto` is pretty on a terminal."
    )
    state: StateConfig = Field(default_factory=StateConfig, description="The checkpoints.")
    output: OutputConfig = Field(default_factory=OutputConfig, description="The lines.")
    queue: QueueConfig = Field(default_factory=QueueConfig, description="The bounded queue before the output.")
    server: ServerConfig = Field(default_factory=ServerConfig, description="Health, metrics and a status page.")
    audit: AuditConfig = Field(default_factory=AuditConfig, description="What Hel says of its own doings.")
    shutdown_secs: Seconds = Field(10, description="Seconds to deliver what is queued after SIGTERM or SIGINT.")


class Config(Section):
    """Configuration of Hel, `hel.yaml`."""

    global_: GlobalConfig = Field(
        default_factory=GlobalConfig, alias="global", description="The process: logs, state, output, queue."
    )
    sources: dict[SourceName, SourceConfig] = Field(
        min_length=1, description="What to collect, by a name of letters, digits, '.', '_' and '-'."
    )

    @classmethod
    def completed(cls, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """A source is labelled by its name unless it says otherwise."""
        sources = given.get("sources")
        if not isinstance(sources, Mapping):
            return given
        return {**given, "sources": {name: labelled(name, source) for name, source in sources.items()}}

    @classmethod
    def conflicts(cls, given: Mapping[str, Any]) -> Iterator[Conflict]:
        """Two sources of one output must be told apart by their label."""
        sources = given.get("sources")
        if isinstance(sources, Mapping):
            yield from (((("sources", *loc)), text) for loc, text in same_labels(sources))


def labelled(name: str, source: Any) -> Any:
    """`source` with its label filled in by its name, where it gives none."""
    if isinstance(source, Mapping) and source.get("source_label_value") is None:
        return {**source, "source_label_value": name}
    return source


def same_labels(sources: Mapping[str, Any]) -> Iterator[Conflict]:
    """The sources that carry the label of an earlier one.

    Args:
        sources: Each source as given, its label filled in.
    """
    seen: dict[tuple[str, str], str] = {}
    for name, source in sources.items():
        if not isinstance(source, Mapping):
            continue
        key, value = source.get("source_label_key", "source"), source.get("source_label_value")
        if not isinstance(key, str) or not isinstance(value, str):
            continue
        first = seen.setdefault((key, value), name)
        if first != name:
            both = f"sources '{printable(first)}' and '{printable(name)}' carry the same label"
            yield (name, "source_label_value"), f"{both} (give one of them another source_label_value)"
