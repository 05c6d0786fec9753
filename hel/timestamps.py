"""How APIs write times, and numbers that stand for them: read to epoch seconds, written as a parameter takes them.

A law: texts and numbers in, texts and numbers out.
"""

import json
import math
import re
from datetime import UTC, datetime
from typing import Literal

Format = Literal["rfc3339", "epoch", "epoch_ms", "number"]
"""RFC 3339; seconds or milliseconds since 1970; a number that is no time, such as an ID that grows."""

_WHOLE = re.compile(r"-?[0-9]+")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")

_FIRST_MOMENT = -62_135_596_800.0
_LAST_MOMENT = 253_402_300_799.0


def utc_text(at: float) -> str:
    """RFC 3339 in UTC with milliseconds, such as `2026-05-01T12:00:00.000Z`; from the year 1 to the year 9999."""
    return _utc(at, "milliseconds")


def utc_seconds(at: float) -> str:
    """The same in whole seconds, for a person."""
    return _utc(at, "seconds")


def _utc(at: float, timespec: str) -> str:
    moment = datetime.fromtimestamp(min(max(at, _FIRST_MOMENT), _LAST_MOMENT), UTC)
    return moment.isoformat(timespec=timespec).replace("+00:00", "Z")


def parse_time(text: str) -> float | None:
    """RFC 3339 to epoch seconds; None for anything else. A time without an offset is taken as UTC."""
    try:
        moment = datetime.fromisoformat(text.upper())
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def read_value(raw: bytes, form: str) -> float | None:
    """What raw JSON says: epoch seconds, or the number itself; None where it is neither.

    A number that floats don't hold, such as an ID of 19 digits, is rounded down, so that nothing behind it is missed.
    """
    try:
        value = json.loads(raw) if raw[:1] not in {b"{", b"["} else None
        if form == "rfc3339":
            return parse_time(value) if isinstance(value, str) else None
        if isinstance(value, str) and _NUMBER.fullmatch(value):
            value = int(value) if _WHOLE.fullmatch(value) else float(value)
        if isinstance(value, bool | str | None) or not math.isfinite(number := float(value)):
            return None
    except (ValueError, OverflowError):  # also an integer of more digits than Python reads
        return None
    if number > value:
        number = math.nextafter(number, -math.inf)
    return number / 1000 if form == "epoch_ms" else number


def is_pattern(form: str) -> bool:
    """Whether it is none of the formats by name, but a pattern for `strftime`, such as `%Y-%m-%d`."""
    return "%" in form


_DAYS_END = 86_399.0


def grain_of(form: str) -> float:
    """By how many seconds a time that is written so may be rounded down: a day's worth for `%Y-%m-%d`."""
    written = parse_text(write_value(_DAYS_END, form), form) if is_pattern(form) else None
    return 0.0 if written is None else _DAYS_END - written


def parse_text(text: str, form: str) -> float | None:
    """What a parameter's text says: epoch seconds, or the number itself; None where it is not written so."""
    if not is_pattern(form):
        return read_value(json.dumps(text).encode(), form)
    try:
        return datetime.strptime(text, form).replace(tzinfo=UTC).timestamp()
    except (ValueError, re.error):  # the same field twice is an error of its pattern's
        return None


def write_value(value: float, form: str) -> str:
    """A time or number as a parameter takes it, rounded down to what every API understands: whole seconds, or a number.

    No time is before 1970: events of the year 1 are what some APIs make of a missing time.
    """
    if form == "number":
        return str(math.floor(value))
    whole = math.floor(min(max(0.0, value), _LAST_MOMENT))
    if form == "rfc3339":
        return datetime.fromtimestamp(whole, UTC).isoformat().replace("+00:00", "Z")
    if is_pattern(form):
        return datetime.fromtimestamp(whole, UTC).strftime(form)
    return str(math.floor(max(0.0, value) * (1000 if form == "epoch_ms" else 1)))


_COMPLETE = re.compile(r"[0-9]([Zz]|[+-][0-9]{2}:[0-9]{2})$")
"""RFC 3339 with its offset; some readers of ISO 8601 take less."""


def written_start(text: str, form: str) -> str:
    """A start time as a parameter takes it: RFC 3339 is rewritten, what is written so already stays as it is."""
    at = parse_time(text)
    if form == "number" or (form == "rfc3339" and _COMPLETE.search(text)):
        return text
    if form != "rfc3339" and parse_text(text, form) is not None:
        return text
    return text if at is None else write_value(at, form)
