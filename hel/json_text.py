"""JSON text taken apart without decoding it: the events of a page, and the members of an object.

The rule: what is taken out is the API's own text, byte for byte (RFC 8259 texts compare equal as bytes, not as values:
`1.0` and a 30-digit integer survive). Only insignificant whitespace that holds a newline goes, because one event is one
line. A law: bytes in, bytes out.
"""

import json
import re
from collections.abc import Iterator
from operator import itemgetter
from typing import NoReturn

import msgspec
from pydantic_core import SchemaValidator, ValidationError, core_schema

from hel.errors import ReplyError, Trouble
from hel.records import Text

MAX_MEMBERS = 100_000
"""Of one object whose members are read one by one."""

MAX_OBJECTS = 300_000
"""In one answer, the events' own parts included: a few bytes can unpack into very many of them. Arrays as well."""

MAX_VALUES = 3_000_000
"""In one answer."""

_SMALL_BYTES = 8 * MAX_OBJECTS
"""What is not larger is not counted through: it costs little, whatever it holds. Most of Okta's full pages are not."""

_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"')
_STRING_OR_SPACE = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[ \t\r\n]++')
_SPACE = re.compile(r"[ \t\r\n]*")

_pages = msgspec.json.Decoder(list[msgspec.Raw])


def items(array: bytes) -> list[Text]:
    """The JSON text of each event in an array whose text and size were checked.

    msgspec finds the ends without decoding. It lets invalid UTF-8 pass, which `check_text` does not, and refuses
    lone surrogates, which are legal JSON (RFC 8259 §8.2), so what it refuses is split again by the standard library.

    Raises:
        ReplyError: It is no JSON array of objects.
    """
    events: list[Text]
    try:
        events = list(_pages.decode(array))
    except (msgspec.DecodeError, RecursionError):
        check_size(array, at_least=0)  # each of them costs more from here on
        events = [text.encode() for text in _split_slowly(array.decode())]
    begins = bytes(map(itemgetter(0), map(memoryview, events)))  # type: ignore[arg-type]  # of bytes and views alike
    if begins.count(b"{") != len(begins):
        number = next(number for number, begin in enumerate(begins) if begin != ord("{"))
        shown = _shown(bytes(events[number]).decode())
        raise ReplyError(f"item {number + 1} of the answer is no JSON object: it starts with {shown}", _FIX)
    if len(events) > MAX_OBJECTS:
        raise _too_many("objects", MAX_OBJECTS)
    is_on_one_line = b"\n" not in array and b"\r" not in array
    return events if is_on_one_line else [_on_one_line(bytes(event)) for event in events]


def check_text(body: bytes) -> None:
    """See whether it is UTF-8.

    Raises:
        ReplyError: It is not.
    """
    if body.isascii() or _is_text(body):
        return
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise _damaged(f"is not UTF-8: byte {error.start} is 0x{body[error.start]:02x}") from None


def _is_text(body: bytes) -> bool:
    """Rust's look at it, a seventh of the cost of decoding: text is not empty text, and what is no text is none."""
    try:
        _EMPTY_TEXT.validate_python(body)
    except ValidationError as error:
        (found,) = error.errors(include_url=False, include_context=False, include_input=False)
        return found["type"] == "string_pattern_mismatch"
    return True


_EMPTY_TEXT = SchemaValidator(core_schema.str_schema(pattern=r"\A\z"))


def check_size(body: bytes, at_least: int = _SMALL_BYTES) -> None:
    """See whether there are no more objects, arrays and values in it than may be.

    Args:
        body: JSON.
        at_least: What is not longer is not counted through.

    Raises:
        ReplyError: There are.
    """
    if len(body) <= at_least:
        return
    for sign, most, what in (b"{", MAX_OBJECTS, "objects"), (b"[", MAX_OBJECTS, "arrays"), (b",", MAX_VALUES, "values"):
        if body.count(sign) > most and _STRING.sub(b"", body).count(sign) > most:
            raise _too_many(what, most)


def _too_many(what: str, most: int) -> ReplyError:
    return ReplyError(
        f"the answer holds more than {most:,} JSON {what}",
        "lower `limit` under query_params; no page of events is so large",
        Trouble.TOO_LARGE,
    )


def _damaged(how: str) -> ReplyError:
    return ReplyError(f"the answer {how}", trouble=Trouble.DAMAGED)


_FIX = "check `url`: it must be an API endpoint that answers with JSON and an array of events in it"


def _split_slowly(text: str) -> Iterator[str]:
    """Split an array with the standard library's scanner, which accepts all of JSON."""
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


def _too_many_members() -> ReplyError:
    return ReplyError(f"an object of the answer has more than {MAX_MEMBERS:,} members", _FIX, Trouble.TOO_LARGE)


def members(text: str) -> dict[str, str]:
    """The raw JSON of each member of an object, which all of JSON may stand in; of a repeated name the last.

    Raises:
        ReplyError: It is no well-formed object, or has very many members.
    """
    if text.count(",") > 10 * MAX_MEMBERS:  # before all of it is decoded
        raise _too_many_members()
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
        if len(found) > MAX_MEMBERS:
            raise _too_many_members()
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return found
