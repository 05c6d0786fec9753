"""The log: one event name a line with fields, on stderr. Never headers, bodies, queries or secrets.

What happens is said once, as an event; whoever wants to know (the log, `hel test`'s report) taps the same stream.
"""

import logging
import sys
from collections.abc import Callable, Collection, Mapping, MutableMapping
from typing import Any, Literal, Protocol, Self, TextIO

import msgspec

from hel.lean import without
from hel.telemetry.printable import printable
from hel.telemetry.redaction import redacted
from hel.telemetry.stderr import PatientStream, wants_colour

with without("rich"):  # which would draw tracebacks, and costs more than all the rest of it
    import structlog

Tap = Callable[[str, Mapping[str, Any]], None]
"""Told of every event, whatever the level: its name and its fields."""


class Log(Protocol):
    """Says events; `bind` adds fields to all that follow."""

    def bind(self, **fields: Any) -> Self:
        """The same log with more fields."""
        ...

    def debug(self, event: str, **fields: Any) -> None:
        """Of use when looking for a fault."""
        ...

    def info(self, event: str, **fields: Any) -> None:
        """What a quiet day looks like."""
        ...

    def warning(self, event: str, **fields: Any) -> None:
        """Somebody should look at it in time."""
        ...

    def error(self, event: str, **fields: Any) -> None:
        """Something failed."""
        ...


AUDIT = "audit."
"""How events begin that are written only where `global.audit` is on, and then whatever the level."""

DUMP = "dump."
"""How events begin that are written whatever the level: somebody has asked for them."""


class Taps:
    """Whoever listens to the log; more may come while it is in use."""

    def __init__(self) -> None:
        self._taps: list[Tap] = []

    def add(self, tap: Tap) -> None:
        """Let one more listen from now on."""
        self._taps.append(tap)

    def hear(self, event: str, fields: Mapping[str, Any]) -> None:
        """Tell all of an event."""
        for tap in self._taps:
            tap(event, fields)


class Level(msgspec.Struct):
    """The lowest level that is written, which may change while the program runs.

    Attributes:
        name: `debug`, `info`, `warning`, `error` or `critical`.
    """

    name: str = "info"

    @property
    def number(self) -> int:
        """As `logging` counts levels."""
        return logging.getLevelNamesMapping()[self.name.upper()]


def make_log(
    level: str | Level = "info",
    style: Literal["auto", "pretty", "json"] = "auto",
    taps: tuple[Tap, ...] = (),
    stream: TextIO | None = None,
    said_otherwise: Collection[str] = (),
    only_debug: Collection[str] = (),
    *,
    audit: bool = False,
) -> Log:
    """A log for this process.

    Args:
        level: The lowest level that is written: `debug`, `info`, `warning` or `error`.
        style: `pretty` for people, `json` for machines, `auto` by whether the stream is a terminal.
        taps: Told of every event before the level is looked at.
        stream: Where it is written; stderr by default.
        said_otherwise: Events that a person is told in another way; they are left out of a log for people.
        only_debug: Events that are of use only when looking for a fault, whatever else they say of themselves.
        audit: Whether the events of `global.audit` are written.
    """
    out = sys.stderr if stream is None else stream
    pretty = style == "pretty" or (style == "auto" and out.isatty())
    processors: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        *(_tapping(tap) for tap in taps),
        _level_filter(level if isinstance(level, Level) else Level(level), only_debug, audit=audit),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _redact,
    ]
    if pretty:
        processors += [
            _leaving_out(said_otherwise),
            _escape,
            structlog.dev.ConsoleRenderer(colors=wants_colour(out), pad_event_to=0),
        ]
    else:
        processors += [structlog.processors.EventRenamer("event"), structlog.processors.JSONRenderer()]
    log: Log = structlog.wrap_logger(
        structlog.WriteLogger(PatientStream(out)),  # type: ignore[arg-type]  # it writes and flushes, no more
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
        cache_logger_on_first_use=True,
    )
    return log


def _tapping(tap: Tap) -> structlog.typing.Processor:
    def process(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        tap(event["event"], {name: value for name, value in event.items() if name != "event"})
        return event

    return process


def _level_filter(lowest: Level, only_debug: Collection[str], *, audit: bool) -> structlog.typing.Processor:
    names = logging.getLevelNamesMapping()

    def process(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        name = event["event"]
        if name in only_debug:
            event["level"] = "debug"
        if name.startswith(AUDIT):
            is_written = audit
        else:
            is_written = name.startswith(DUMP) or names[event["level"].upper()] >= lowest.number
        if not is_written:
            raise structlog.DropEvent
        return event

    return process


def _leaving_out(names: Collection[str]) -> structlog.typing.Processor:
    def process(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        if event["event"] in names:
            raise structlog.DropEvent
        return event

    return process


def _escape(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """What an API sends may hold escape sequences; a terminal must not act on them."""
    return {name: _printable(name, value) if isinstance(value, str) else value for name, value in event.items()}


def _printable(name: str, text: str) -> str:
    """A field's text; only a traceback has more lines than one."""
    lines = text.split("\n") if name == "exception" else [text]
    return "\n".join(printable(line, limit=2000) for line in lines)


def _redact(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """No secret that was read or minted, whatever an API or a traceback repeats."""
    return {name: _without_secrets(value) for name, value in event.items()}


def _without_secrets(value: Any) -> Any:
    """A field's value as it may be written; what is neither text, number, list nor mapping as Python shows it."""
    if isinstance(value, str):
        return redacted(value)
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, Mapping):
        return {redacted(str(name)): _without_secrets(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_without_secrets(part) for part in value]
    return redacted(repr(value))
