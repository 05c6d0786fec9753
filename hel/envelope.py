"""Where the events stand in an answer, and what else it says of paging. A law: bytes in, each event's own bytes out.

The rule: an event is never made of the envelope around the events. Where they stand is said by a dotted path, or it is
the top-level array, or the one array among the names that APIs use; anything else is an error that shows the keys.
"""

import codecs
import json
import re
from collections.abc import Iterable
from functools import lru_cache

from hel import json_text
from hel.errors import ReplyError
from hel.peek import Peek
from hel.records import Text
from hel.split import items, split
from hel.telemetry.printable import printable

USUAL = ("items", "data", "events", "entries", "logs", "records")
"""Names under which events stand, by custom."""

_MOST_KEYS = 20


class Envelope:
    """One answer's JSON, split no further than it must be.

    Args:
        body: The answer's body.
        paths: Dotted paths of what will be asked for, so that they are found in one go.
        peek: Reads the events' fields that will be asked for; None where none will.

    Raises:
        ReplyError: It is no JSON array or object, or not UTF-8.
    """

    def __init__(self, body: bytes, paths: Iterable[str] = (), peek: Peek | None = None) -> None:
        self._body = body.removeprefix(codecs.BOM_UTF8)  # RFC 8259 §8.1 lets a reader ignore it
        self._is_nothing = _NOTHING.fullmatch(self._body) is not None
        self._is_object = self._body.lstrip(b" \t\r\n").startswith(b"{")
        if self._is_object:
            json_text.check_text(self._body)
            json_text.check_size(self._body)
        self._paths = tuple(paths)
        self._peek = peek
        self._found: dict[str, bytes] | None = None

    def events(self, path: str | None, *, may_be_missing: bool = False, is_bare: bool = False) -> list[Text]:
        """The JSON text of each event.

        Args:
            path: Dotted path of the array; None for the top-level one, or the one under a usual name.
            may_be_missing: An answer without it holds no events; the API leaves it out when there are none.
            is_bare: The API is known to answer with a bare array, so that an envelope is no answer of it.

        Raises:
            ReplyError: There is no such array, or an item of it is no object.
        """
        if may_be_missing and self._is_nothing:
            return []
        if path is None and (is_bare or not self._is_object):
            return split(self._body, self._peek)
        if path is not None and not self._is_object:
            raise self._lacks(path)
        if path is None:
            return items(self._only_array(), self._peek)
        raw = self._raw(path)
        if raw is None or raw == b"null":
            if may_be_missing:
                return []
            if raw is None:
                raise self._lacks(path)
            said = self._said()
            raise ReplyError(f"`{path}` in the answer is null{said}", _FIX if said else _NULL_FIX)
        if not raw.startswith(b"["):
            raise ReplyError(f"`{path}` in the answer is no array: it starts with {raw[:1].decode()!a}", _FIX)
        return items(raw, self._peek)

    def has(self, path: str) -> bool:
        """Whether anything stands at a dotted path, be it null."""
        return self._is_object and self._raw(path) is not None

    def is_written(self, path: str, text: str) -> bool:
        """Whether the JSON at a dotted path is just this."""
        return self._raw(path) == text.encode()

    def value(self, path: str) -> str | int | float | bool | None:
        """The text, number or boolean at a dotted path; None where there is none.

        Raises:
            ReplyError: It is an array, an object or a number of thousands of digits; or the answer is no object.
        """
        if self._is_nothing:
            return None
        if not self._is_object:
            raise ReplyError(f"the answer is a top-level array, where nothing can stand at `{path}`", _PATH_FIX)
        raw = self._raw(path)
        if raw is not None and _EMPTY.fullmatch(raw):  # some languages write nothing so
            return None
        if raw is not None and raw[:1] in {b"{", b"["}:
            kind = "an array" if raw[:1] == b"[" else "an object"
            raise ReplyError(f"`{path}` in the answer is {kind}, not a text or number", _PATH_FIX)
        try:
            return None if raw is None else json.loads(raw)
        except ValueError:
            raise ReplyError(f"`{path}` in the answer is a number longer than any that can be read") from None

    def _only_array(self) -> bytes:
        arrays = _peek(USUAL)(self._body)
        found = {name: raw for name, raw in arrays.items() if raw.startswith(b"[")}
        if len(found) == 1:
            return next(iter(found.values()))
        if found:
            raise ReplyError(
                f"the answer holds several arrays, {', '.join(found)}", "say in `events_path` which one has the events"
            )
        keys, said = self._keys(), self._said()
        raise ReplyError(f"the answer holds no array of events under a usual name, only {keys}{said}", _FIX)

    def _lacks(self, path: str) -> ReplyError:
        shown = self._keys() if self._is_object else "a top-level array" if self._body else "nothing"
        return ReplyError(f"the answer has no `{path}`: it holds {shown}{self._said()}", _FIX)

    def _keys(self) -> str:
        if self._body.count(b":") > json_text.MAX_MEMBERS:
            return "more keys than can be shown"
        keys = list(json_text.members(self._body.decode()))
        shown = ", ".join(printable(key, 60) for key in keys[:_MOST_KEYS])
        return (f"the keys {shown}" if keys else "no keys") + (", …" if len(keys) > _MOST_KEYS else "")

    def _said(self) -> str:
        """What an answer that has no events says instead, where that is an error's text."""
        found = _peek(_SAID)(self._body) if self._is_object else {}
        values = [json.loads(raw) for raw in found.values() if len(raw) < _LONGEST_SAID]
        values = [value[0] if isinstance(value, list) and value else value for value in values]
        values = [value.get("message") if isinstance(value, dict) else value for value in values]
        said = [value for value in values if isinstance(value, str) and value]
        return f", and says {printable(said[-1], 200)!a}" if said else ""

    def _raw(self, path: str) -> bytes | None:
        if self._found is None:
            self._found = _peek(self._paths)(self._body)
        return self._found.get(path) if path in self._paths else _peek((path,))(self._body).get(path)


@lru_cache(64)
def _peek(paths: tuple[str, ...]) -> Peek:
    return Peek(paths)


_SAID = ("error", "message", "error.message", "error_description", "errors")
_LONGEST_SAID = 65_536
_NOTHING = re.compile(rb"[ \t\r\n]*+(null[ \t\r\n]*+)?")
_EMPTY = re.compile(rb"\[\s*\]|\{\s*\}")
_PATH_FIX = "correct the path in `pagination`: names with dots between, such as `meta.next`"
_NULL_FIX = "if that means that there are no events, set `events_may_be_missing: true`"
_FIX = "check `url`, or name the dotted path of the array of events in `events_path`"
