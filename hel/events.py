"""From a page's raw bytes to output lines, without re-serialising an event.

The rule: `event` is the API's own JSON text, byte for byte (RFC 8259 texts compare equal as bytes, not as
values: `1.0` and a 30-digit integer survive). Only insignificant whitespace that holds a newline goes, because
one event is one line.
"""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NoReturn

import msgspec

from hel.errors import ReplyError

TIMESTAMP_FIELDS = ("published", "timestamp", "ts", "created_at")

_STRING_OR_SPACE = re.compile(rb'"(?:[^"\\]|\\.)*"|[ \t\r\n]+')
_SPACE = re.compile(r"[ \t\r\n]*")
_pages = msgspec.json.Decoder(list[msgspec.Raw])
_objects = msgspec.json.Decoder(dict[str, msgspec.Raw])


def split(body: bytes) -> list[bytes]:
    """The JSON text of each event in a page that is one top-level array of objects.

    msgspec finds the ends without decoding. It lets invalid UTF-8 pass, so that is checked first, and refuses
    lone surrogates, which are legal JSON (RFC 8259 §8.2), so what it refuses is split again by the standard library.

    Raises:
        ReplyError: The body is no JSON array of objects.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise ReplyError(f"the answer is not UTF-8: byte {error.start} is 0x{body[error.start]:02x}") from None
    try:
        events = [bytes(raw) for raw in _pages.decode(body)]
    except (msgspec.DecodeError, RecursionError):
        events = _split_slowly(text)
    for number, event in enumerate(events, 1):
        if not event.startswith(b"{"):
            raise ReplyError(f"item {number} of the answer is no JSON object but {_shown(event)}")
    return [_on_one_line(event) for event in events]


def _split_slowly(text: str) -> list[bytes]:
    """Split an array with the standard library's scanner, which accepts all of JSON."""
    scan = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_no_constant).raw_decode
    at = _SPACE.match(text).end()  # type: ignore[union-attr]  # the pattern matches the empty string
    if text[at : at + 1] != "[":
        raise ReplyError(f"the answer is no JSON array of events: it starts with {_shown(text[at:].encode())}")
    events: list[bytes] = []
    at = _skip(text, at + 1)
    try:
        while text[at : at + 1] != "]" or events:
            _, end = scan(text, at)
            events.append(text[at:end].encode())
            at = _skip(text, end)
            if text[at : at + 1] == "]":
                break
            if text[at : at + 1] != ",":
                raise ReplyError(f"the answer is cut off or malformed at character {at}: expected ',' or ']'")
            at = _skip(text, at + 1)
    except (ValueError, RecursionError) as error:
        raise ReplyError(f"the answer is no complete JSON: {_reason(error)}") from None
    if text[_skip(text, at + 1) :]:
        raise ReplyError(f"the answer goes on after its JSON array, at character {at + 1}")
    return events


def _skip(text: str, at: int) -> int:
    return _SPACE.match(text, at).end()  # type: ignore[union-attr]  # the pattern matches the empty string


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")


def _reason(error: Exception) -> str:
    return "nested too deep" if isinstance(error, RecursionError) else str(error)


def _shown(text: bytes) -> str:
    return ascii(text[:40].decode(errors="replace")) if text else "nothing"


def _on_one_line(event: bytes) -> bytes:
    """Drop insignificant whitespace where an event's text holds a newline (strings can't: RFC 8259 §7)."""
    if b"\n" not in event and b"\r" not in event:
        return event
    return _STRING_OR_SPACE.sub(lambda m: m[0] if m[0].startswith(b'"') else b"", event)


@dataclass(frozen=True, slots=True)
class Line:
    """One output line and what its source keeps of it.

    Attributes:
        text: The NDJSON line, newline included.
        key: The raw JSON of what the source dedupes by, or None where the event has none.
        ts: The event's own timestamp text, or None.
    """

    text: bytes
    key: bytes | None
    ts: str | None


class LineMaker:
    """Makes the lines of one source.

    Args:
        label: The label's key and value, such as ("source", "okta-audit").
        endpoint: The URL's path.
        timestamp_field: Dotted path of the timestamp, or None for the usual names.
        id_field: Dotted path of `meta.id` (`transform.id_field`), or None for the same as `key_field`.
        key_field: Dotted path of what the source dedupes by (`dedupe.id_path`), or None.
    """

    def __init__(
        self,
        label: tuple[str, str],
        endpoint: str,
        timestamp_field: str | None = None,
        id_field: str | None = None,
        key_field: str | None = None,
    ) -> None:
        key, value = (json.dumps(text, ensure_ascii=False) for text in label)
        self._head = b'{"ts":'
        self._middle = f',{key}:{value},"endpoint":{json.dumps(endpoint)},"event":'.encode()
        self._timestamps = [timestamp_field] if timestamp_field else []
        self._timestamps += [name for name in TIMESTAMP_FIELDS if name != timestamp_field]
        self._id = id_field or key_field
        self._key = key_field
        self._peek = _Peek([*self._timestamps, *(name for name in (self._id, self._key) if name)])

    def line(self, event: bytes, collected_at: float) -> Line:
        """Splice one event into its line.

        Args:
            event: The event's JSON text, without newline.
            collected_at: Stands for `ts` where the event has no time of its own, epoch seconds.
        """
        found = self._peek(event)
        ts = next((raw for name in self._timestamps if (raw := found.get(name)) and raw[:1] == b'"'), None)
        identity = found.get(self._id) if self._id else None
        meta = b"" if identity is None else b'"id":' + identity
        stamp = ts or f'"{utc_text(collected_at)}"'.encode()
        text = b"".join((self._head, stamp, self._middle, event, b',"meta":{', meta, b"}}\n"))
        key = found.get(self._key) if self._key else None
        return Line(text, None if key == b"null" else key, json.loads(ts) if ts else None)


class _Peek:
    """Reads the raw JSON of a few fields out of an event, skipping the rest undecoded.

    The straight path is a msgspec struct with just the top-level names; what lies deeper, or what msgspec refuses,
    is walked level by level.
    """

    def __init__(self, paths: list[str]) -> None:
        self._paths = {path: path.split(".") for path in paths}
        tops = list(dict.fromkeys(parts[0] for parts in self._paths.values()))
        self._attributes = {top: f"f{number}" for number, top in enumerate(tops)}
        struct = msgspec.defstruct(
            "Peek",
            [(name, msgspec.Raw, msgspec.Raw(b"")) for name in self._attributes.values()],
            rename={name: top for top, name in self._attributes.items()},
            gc=False,
        )
        self._decode = msgspec.json.Decoder(struct).decode

    def __call__(self, event: bytes) -> dict[str, bytes]:
        try:
            record = self._decode(event)
        except msgspec.DecodeError:
            return self._slowly(event)
        found: dict[str, bytes] = {}
        for path, parts in self._paths.items():
            raw = bytes(getattr(record, self._attributes[parts[0]]))
            for part in parts[1:]:
                raw = _member(raw, part)
            if raw:
                found[path] = raw
        return found

    def _slowly(self, event: bytes) -> dict[str, bytes]:
        """The same for an event with lone surrogates; ids and times are plain values, so they may be re-encoded."""
        value = json.loads(event, parse_float=_Number, parse_int=_Number)
        found: dict[str, bytes] = {}
        for path, parts in self._paths.items():
            at: Any = value
            for part in parts:
                at = at.get(part, _MISSING) if isinstance(at, dict) else _MISSING
            if at is not _MISSING:
                found[path] = at.encode() if isinstance(at, _Number) else json.dumps(at, default=str).encode()
        return found


class _Number(str):
    """A number kept as its own text."""

    __slots__ = ()


_MISSING = object()


def _member(raw: bytes, name: str) -> bytes:
    """The raw JSON of one member of an object; empty where there is no such member."""
    if not raw.startswith(b"{"):
        return b""
    return bytes(_objects.decode(raw).get(name, b""))


def utc_text(at: float) -> str:
    """RFC 3339 in UTC with milliseconds, such as `2026-05-01T12:00:00.000Z`."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_time(text: str) -> float | None:
    """RFC 3339 to epoch seconds; None for anything else."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
