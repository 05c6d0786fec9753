"""From an event's own JSON text to its output line, without re-serialising the event.

The rule: `event` in the line is the text that the API sent, byte for byte.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hel.json_text import Peek
from hel.timestamps import Format, parse_time, read_value, utc_text

TIMESTAMP_FIELDS = ("published", "timestamp", "ts", "created_at")

_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Line:
    """One output line and what its source keeps of it.

    Attributes:
        text: The NDJSON line, newline included.
        key: The raw JSON of what the source dedupes by, or None where the event has none.
        ts: The event's own timestamp text; None where there is none that may be kept.
        at: When, in epoch seconds; None where it is not known.
        id: The raw JSON of `meta.id`, or None.
        mark: What a watermark goes by, epoch seconds or a number; None where the event has none.
    """

    text: bytes
    key: bytes | None
    ts: str | None
    at: float | None = None
    id: bytes | None = None
    mark: float | None = None


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
        self._head = b'{"ts":'
        self._middle = f',{key}:{value},"endpoint":{json.dumps(endpoint)},"event":'.encode()
        self._timestamps = [timestamp_field] if timestamp_field and written == "rfc3339" else []
        self._timestamps += [name for name in TIMESTAMP_FIELDS if name != timestamp_field]
        self._counted = (timestamp_field, written) if timestamp_field and written != "rfc3339" else None
        self._id = id_field or key_field
        self._key = key_field
        self._mark = mark
        others = (self._id, self._key, mark[0] if mark else None, self._counted[0] if self._counted else None)
        self._peek = Peek([*self._timestamps, *(name for name in others if name)])

    def line(self, event: bytes, collected_at: float) -> Line:
        """Splice one event into its line.

        Args:
            event: The event's JSON text, without newline.
            collected_at: Stands for `ts` where the event has no time of its own, epoch seconds.
        """
        found = self._peek(event)
        ts, shown, at = self._time(found)
        identity = found.get(self._id) if self._id else None
        meta = b"" if identity is None else b'"id":' + identity
        stamp = ts or f'"{utc_text(collected_at)}"'.encode()
        text = b"".join((self._head, stamp, self._middle, event, b',"meta":{', meta, b"}}\n"))
        key = found.get(self._key) if self._key else None
        mark = read_value(found.get(self._mark[0], b"null"), self._mark[1]) if self._mark else None
        return Line(text, None if key == b"null" else key, shown, at, identity, mark)

    def lacking(self, lines: Sequence[Line]) -> frozenset[str]:
        """The config's keys that name a field which none of these events has."""
        if not lines:
            return frozenset()
        lacks = {
            "watermark.path": self._mark is not None and all(line.mark is None for line in lines),
            "dedupe.id_path": self._key is not None and all(line.key is None for line in lines),
            "transform.id_field": self._id != self._key and all(line.id is None for line in lines),
            "transform.timestamp_field": all(line.ts is None for line in lines),
        }
        return frozenset(key for key, is_lacking in lacks.items() if is_lacking)

    def _time(self, found: Mapping[str, bytes]) -> tuple[bytes | None, str | None, float | None]:
        """The event's time as raw JSON, as text, and as epoch seconds."""
        if self._counted is not None:
            at = read_value(found.get(self._counted[0], b"null"), self._counted[1])
            if at is not None:
                shown = utc_text(at)
                return f'"{shown}"'.encode(), shown, at
        ts = next((raw for name in self._timestamps if (raw := found.get(name)) and raw[:1] == b'"'), None)
        text = _text(ts) if ts else None
        return ts, text, None if text is None else parse_time(text)


def _text(raw: bytes) -> str | None:
    """A JSON string's text; None where it is longer than any time, or a lone surrogate bars it from being stored."""
    text: str = json.loads(raw)
    return None if len(text) > 64 or _SURROGATE.search(text) else text
