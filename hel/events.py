"""From a page's raw bytes to output lines, without re-serialising an event.

The rule: `event` is the API's own JSON text, byte for byte (RFC 8259 texts compare equal as bytes, not as
values: `1.0` and a 30-digit integer survive). Only insignificant whitespace that holds a newline goes, because
one event is one line.
"""

import codecs
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NoReturn

import msgspec

from hel.errors import ReplyError, Trouble

TIMESTAMP_FIELDS = ("published", "timestamp", "ts", "created_at")

MAX_OBJECTS = 300_000
"""In one answer, the events' own parts included: a few bytes can unpack into very many of them."""

_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"')
_STRING_OR_SPACE = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[ \t\r\n]++')
_SPACE = re.compile(r"[ \t\r\n]*")
_SURROGATE = re.compile("[\ud800-\udfff]")
_pages = msgspec.json.Decoder(list[msgspec.Raw])
_objects = msgspec.json.Decoder(dict[str, msgspec.Raw])


def split(body: bytes) -> list[bytes]:
    """The JSON text of each event in a page that is one top-level array of objects.

    msgspec finds the ends without decoding. It lets invalid UTF-8 pass, so that is checked first, and refuses
    lone surrogates, which are legal JSON (RFC 8259 §8.2), so what it refuses is split again by the standard library.

    Raises:
        ReplyError: The body is no JSON array of objects.
    """
    body = body.removeprefix(codecs.BOM_UTF8)  # RFC 8259 §8.1 lets a reader ignore it
    check_text(body)
    check_objects(body)
    try:
        events = [bytes(raw) for raw in _pages.decode(body)]
    except (msgspec.DecodeError, RecursionError):
        events = [text.encode() for text in _split_slowly(body.decode())]
    for number, event in enumerate(events, 1):
        if not event.startswith(b"{"):
            shown = _shown(event.decode())
            raise ReplyError(f"item {number} of the answer is no JSON object: it starts with {shown}", _FIX)
    return [_on_one_line(event) for event in events]


def check_text(body: bytes) -> None:
    """See whether it is UTF-8.

    Raises:
        ReplyError: It is not.
    """
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise _damaged(f"is not UTF-8: byte {error.start} is 0x{body[error.start]:02x}") from None


def check_objects(body: bytes) -> None:
    """See whether there are no more objects in it than may be.

    Raises:
        ReplyError: There are.
    """
    if body.count(b"{") > MAX_OBJECTS and _STRING.sub(b"", body).count(b"{") > MAX_OBJECTS:
        raise ReplyError(
            f"the answer holds more than {MAX_OBJECTS:,} JSON objects",
            "lower `limit` under query_params; no page of events is so large",
            Trouble.TOO_LARGE,
        )


def _damaged(how: str) -> ReplyError:
    return ReplyError(f"the answer {how}", trouble=Trouble.DAMAGED)


_FIX = "check `url`: it must be an API endpoint that answers with a JSON array of events"


def _split_slowly(text: str) -> Iterator[str]:
    """Split an array with the standard library's scanner, which accepts all of JSON."""
    if text.count("[") > MAX_OBJECTS:
        raise ReplyError(f"the answer holds more than {MAX_OBJECTS:,} JSON arrays", _FIX, Trouble.TOO_LARGE)
    at = _skip(text, 0)
    if text[at : at + 1] != "[":
        raise ReplyError(f"the answer is no JSON array of events: it starts with {_shown(text[at:])}", _FIX)
    at = _skip(text, at + 1)
    more = text[at : at + 1] != "]"
    while more:
        end = _end_of_value(text, at)
        yield text[at:end]
        at = _skip(text, end)
        more = text[at : at + 1] == ","
        if more:
            at = _skip(text, at + 1)
    if text[at : at + 1] != "]":
        raise _damaged(f"is cut off or malformed at character {at}: expected ',' or ']'")
    if _skip(text, at + 1) != len(text):
        raise _damaged(f"goes on after its JSON array, at character {at + 1}")


def _end_of_value(text: str, at: int) -> int:
    """Where the JSON value that starts here ends."""
    try:
        return _scan(text, at)[1]
    except RecursionError:
        raise ReplyError(
            f"the answer is nested too deep at character {at}",
            "no audit event has so many levels: look at what answers there; if it is right, report it",
        ) from None
    except ValueError as error:
        raise _damaged(f"is no complete JSON: {error}") from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")


_scan = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_no_constant).raw_decode


def _skip(text: str, at: int) -> int:
    return _SPACE.match(text, at).end()  # type: ignore[union-attr]  # the pattern matches the empty string


def _shown(text: str) -> str:
    """How a text starts; no more of it, for a body has no place in a message."""
    return ascii(text[:1]) if text else "nothing"


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
        ts: The event's own timestamp text; None where there is none that may be kept.
        at: When, in epoch seconds, or the source's own watermark; None where it is not known.
        id: The raw JSON of `meta.id`, or None.
    """

    text: bytes
    key: bytes | None
    ts: str | None
    at: float | None = None
    id: bytes | None = None


class LineMaker:
    """Makes the lines of one source.

    Args:
        label: The label's key and value, such as ("source", "okta-audit").
        endpoint: The URL's path.
        timestamp_field: Dotted path of the timestamp, or None for the usual names.
        id_field: Dotted path of `meta.id` (`transform.id_field`), or None for the same as `key_field`.
        key_field: Dotted path of what the source dedupes by (`dedupe.id_path`), or None.
        mark: Dotted path of the watermark, and how to read its raw JSON; None for the timestamp.
    """

    def __init__(
        self,
        label: tuple[str, str],
        endpoint: str,
        timestamp_field: str | None = None,
        id_field: str | None = None,
        key_field: str | None = None,
        mark: tuple[str, Callable[[bytes], float | None]] | None = None,
    ) -> None:
        key, value = (json.dumps(text, ensure_ascii=False) for text in label)
        self._head = b'{"ts":'
        self._middle = f',{key}:{value},"endpoint":{json.dumps(endpoint)},"event":'.encode()
        self._timestamps = [timestamp_field] if timestamp_field else []
        self._timestamps += [name for name in TIMESTAMP_FIELDS if name != timestamp_field]
        self._id = id_field or key_field
        self._key = key_field
        self._mark = mark
        others = (self._id, self._key, mark[0] if mark else None)
        self._peek = _Peek([*self._timestamps, *(name for name in others if name)])

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
        shown = _text(ts) if ts else None
        if self._mark is None:
            at = None if shown is None else parse_time(shown)
        else:
            raw = found.get(self._mark[0])
            at = None if raw is None else self._mark[1](raw)
        return Line(text, None if key == b"null" else key, shown, at, identity)


def _text(raw: bytes) -> str | None:
    """A JSON string's text; None where it is longer than any time, or a lone surrogate bars it from being stored."""
    text: str = json.loads(raw)
    return None if len(text) > 64 or _SURROGATE.search(text) else text


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
            return self._quickly(event)
        except (msgspec.DecodeError, RecursionError):
            return self._slowly(event.decode())

    def _quickly(self, event: bytes) -> dict[str, bytes]:
        record = self._decode(event)
        found: dict[str, bytes] = {}
        for path, parts in self._paths.items():
            raw = bytes(getattr(record, self._attributes[parts[0]]))
            for part in parts[1:]:
                raw = bytes(_objects.decode(raw).get(part, b"")) if raw.startswith(b"{") else b""
            if raw:
                found[path] = raw
        return found

    def _slowly(self, event: str) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for path, parts in self._paths.items():
            raw = event
            for part in parts:
                raw = members(raw).get(part, "") if raw.startswith("{") else ""
            if raw:
                found[path] = raw.encode()
        return found


def members(text: str) -> dict[str, str]:
    """The raw JSON of each member of an object, which all of JSON may stand in; of a repeated name the last.

    Raises:
        ReplyError: It is no well-formed object.
    """
    start = _skip(text, 0)
    end = _end_of_value(text, start)
    if text[start] != "{" or _skip(text, end) != len(text):
        raise _damaged("is no JSON object alone")
    found: dict[str, str] = {}
    at = _skip(text, start + 1)
    while text[at] != "}":
        name_end = _end_of_value(text, at)
        name = json.loads(text[at:name_end])
        at = _skip(text, _skip(text, name_end) + 1)  # behind the colon
        end = _end_of_value(text, at)
        found[name] = text[at:end]
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return found


_LAST_MOMENT = 253_402_300_799.0


def utc_text(at: float) -> str:
    """RFC 3339 in UTC with milliseconds, such as `2026-05-01T12:00:00.000Z`; the year 9999 is the last."""
    return datetime.fromtimestamp(min(at, _LAST_MOMENT), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_time(text: str) -> float | None:
    """RFC 3339 to epoch seconds; None for anything else. A time without an offset is taken as UTC."""
    try:
        moment = datetime.fromisoformat(text.upper())
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
