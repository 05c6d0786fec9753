"""From events' own JSON text to their output lines, without re-serialising them.

The rule: `event` in the line is the text that the API sent, byte for byte. A page is read in columns, one entry an
event: what is done once a page costs little, what is done once an event is most of what Hel does.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain, compress, islice, repeat
from typing import Any

import msgspec

from hel.peek import Peek
from hel.records import Text
from hel.timestamps import Format, parse_time, read_value, utc_text

TIMESTAMP_FIELDS = ("published", "timestamp", "ts", "created_at")

Column = Callable[[str], list[bytes]]
"""The raw JSON at a path, of each event of a page; empty where it has none."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_LONGEST_TIME = 64
_NO_META = b',"meta":{}}\n'


class Lines(msgspec.Struct, frozen=True):
    """The lines of a page's events, and what the events say of themselves: one entry for each.

    Attributes:
        parts: What each line is joined of, its newline included.
        texts: The event's own time as its text; None where there is none that may be kept.
        ids: The raw JSON of `meta.id`; empty for none.
        keys: The raw JSON of what the source dedupes by; empty for none.
        marks: What a watermark goes by, epoch seconds or a number; None for none. Empty where there is no watermark.
        counted: When, in epoch seconds, where the event's time is a number, else None; empty where no time is one.
    """

    parts: Sequence[tuple[Text, ...]]
    texts: Sequence[str | None]
    ids: Sequence[bytes]
    keys: Sequence[bytes]
    marks: Sequence[float | None]
    counted: Sequence[float | None] = ()

    def __len__(self) -> int:
        return len(self.parts)

    def joined(self, chosen: Iterable[bool]) -> bytes:
        """The lines of the chosen events, one after the other; joined by the thousand, for each part costs memory."""
        parts = compress(self.parts, chosen)
        return b"".join(iter(lambda: b"".join(chain.from_iterable(islice(parts, 1000))), b""))

    def lengths(self) -> list[int]:
        """How many bytes each line has."""
        return [sum(map(len, parts)) for parts in self.parts]

    def times(self) -> Iterator[tuple[float | None, str | None]]:
        """Each event's own time: epoch seconds, None where it is not known; and its text."""
        for at, text in zip(self.counted or repeat(None), self.texts, strict=False):
            yield (parse_time(text) if at is None and text is not None else at), text

    def newest(self) -> tuple[float, str] | None:
        """The first of the newest events' times; None unless each event says its own in RFC 3339, as most APIs do."""
        if self.counted:
            return None
        try:
            moments = list(map(datetime.fromisoformat, self.texts))  # type: ignore[arg-type]  # a None is a TypeError
            newest = max(moments)
        except (TypeError, ValueError):
            return None
        text = self.texts[moments.index(newest)]
        return None if newest.tzinfo is None or text is None else (newest.timestamp(), text)


class LineMaker:
    """Makes the lines of one source.

    Args:
        label: The label's key and value, such as ("source", "okta-audit").
        endpoint: The URL's path.
        timestamp_field: Dotted path of the timestamp, or None for the usual names.
        id_field: Dotted path of `meta.id` (`transform.id_field`), or None for the same as `key_field`.
        key_field: Dotted path of what the source dedupes by (`dedupe.id_path`), or None.
        mark: Dotted path of the watermark and how it is written; None where there is none.
        written: How the timestamp at `timestamp_field` is written.

    Attributes:
        peek: Reads the fields that it needs.
    """

    def __init__(
        self,
        label: tuple[str, str],
        endpoint: str,
        timestamp_field: str | None = None,
        id_field: str | None = None,
        key_field: str | None = None,
        mark: tuple[str, Format] | None = None,
        written: Format = "rfc3339",
    ) -> None:
        key, value = (json.dumps(text, ensure_ascii=False) for text in label)
        self._middle = f',{key}:{value},"endpoint":{json.dumps(endpoint)},"event":'.encode()
        self._timestamps = [timestamp_field] if timestamp_field and written == "rfc3339" else []
        self._timestamps += [name for name in TIMESTAMP_FIELDS if name != timestamp_field]
        self._counted = (timestamp_field, written) if timestamp_field and written != "rfc3339" else None
        self._id = id_field or key_field
        self._key = key_field
        self._mark = mark
        others = (self._id, self._key, mark[0] if mark else None, self._counted[0] if self._counted else None)
        self.peek = Peek([*self._timestamps, *(name for name in others if name)])

    def lines(self, events: Sequence[Text], collected_at: float) -> Lines:
        """Splice events into their lines.

        Args:
            events: Each event's JSON text, without newline.
            collected_at: Stands for `ts` where an event has no time of its own, epoch seconds.

        Raises:
            ReplyError: One is no well-formed object, or holds very many members that only the slow path can read.
        """
        found = self.peek.columns(events)
        nothing = [b""] * len(events)
        ids = found(self._id) if self._id else nothing
        keys = [b"" if key == b"null" else key for key in found(self._key)] if self._key else nothing
        marks = [read_value(raw or b"null", self._mark[1]) for raw in found(self._mark[0])] if self._mark else []
        stamps, texts = self._times(found)
        counted = self._numbers(found)
        for number, at in enumerate(counted):
            if at is not None:
                texts[number] = utc_text(at)
                stamps[number] = f'"{texts[number]}"'.encode()
        if not all(stamps):
            collected = f'"{utc_text(collected_at)}"'.encode()
            stamps = [stamp or collected for stamp in stamps]
        metas = [b',"meta":{"id":' + raw + b"}}\n" if raw else _NO_META for raw in ids]
        parts = zip(repeat(b'{"ts":'), stamps, repeat(self._middle), events, metas, strict=False)
        return Lines(list(parts), texts, ids, keys, marks, counted)

    def lacking(self, lines: Lines) -> frozenset[str]:
        """The config's keys that name a field which none of these events has."""
        if not len(lines):
            return frozenset()
        lacks = {
            "watermark.path": self._mark is not None and all(mark is None for mark in lines.marks),
            "dedupe.id_path": self._key is not None and not any(lines.keys),
            "transform.id_field": self._id != self._key and not any(lines.ids),
            "transform.timestamp_field": all(text is None for text in lines.texts),
        }
        return frozenset(key for key, is_lacking in lacks.items() if is_lacking)

    def _times(self, found: Column) -> tuple[list[bytes], list[str | None]]:
        """Each event's time, the first string among the names: its raw JSON, empty for none; its text, if kept."""
        first = found(self._timestamps[0])
        texts = _strings(first)
        if texts is not None:
            return first, texts
        columns = map(found, self._timestamps)
        stamps = [next((raw for raw in raws if raw[:1] == b'"'), b"") for raws in zip(*columns, strict=True)]
        return stamps, [_text(stamp) if stamp else None for stamp in stamps]

    def _numbers(self, found: Column) -> list[float | None]:
        """The times that are numbers, in epoch seconds; empty where none is known to be one."""
        if self._counted is None:
            return []
        path, written = self._counted
        return [read_value(raw or b"null", written) for raw in found(path)]


def _strings(raws: Sequence[bytes]) -> list[str | None] | None:
    """The text of each, where all are JSON strings that may be kept; read as one array."""
    try:
        texts = _read_strings(b"[" + b",".join(raws) + b"]")
    except msgspec.DecodeError:
        return None
    return texts if len(texts) == len(raws) and max(map(len, texts), default=0) <= _LONGEST_TIME else None


_read_strings: Callable[[bytes], list[Any]] = msgspec.json.Decoder(list[str]).decode


def _text(raw: bytes) -> str | None:
    """A JSON string's text; None where it is longer than any time, or a lone surrogate bars it from being stored."""
    text: str = json.loads(raw)
    return None if len(text) > _LONGEST_TIME or _SURROGATE.search(text) else text
