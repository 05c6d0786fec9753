"""A few fields of an object, or of many, taken out as raw JSON, the rest skipped undecoded.

A law: bytes in, bytes out.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache, lru_cache
from operator import attrgetter
from typing import Any

import msgspec

from hel.json_text import members
from hel.records import Text

_ESCAPED = re.compile(r'["\\\x00-\x1f]')
"""What msgspec takes in no field's name."""


class Rows(list[Text]):
    """The events of a page whose fields were read on the way.

    Args:
        texts: Each event's own JSON text.
        peek: What read the fields.
        records: What it found, an entry for each event.
    """

    def __init__(self, texts: list[Text], peek: "Peek", records: list[Any]) -> None:
        super().__init__(texts)
        self.peek = peek
        self.records = records


class Peek:
    """Reads the raw JSON of a few fields out of an object, skipping the rest undecoded.

    The straight path is a msgspec struct for each level; what msgspec refuses is walked level by level.

    Args:
        paths: Dotted.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths = {path: path.split(".") for path in paths}
        self._is_plain = not any(_ESCAPED.search(path) for path in self._paths)
        if not self._is_plain:
            return
        tops = list(dict.fromkeys(parts[0] for parts in self._paths.values()))
        self._attributes = {top: f"f{number}" for number, top in enumerate(tops)}
        self._decode = _fields(tuple(tops))
        self._steps = {part: _fields((part,)) for parts in self._paths.values() for part in parts[1:]}

    def __call__(self, text: bytes) -> dict[str, bytes]:
        """The raw JSON by path, of those that are there; of a repeated name the last.

        Raises:
            ReplyError: It is no well-formed object, or holds very many members that only the slow path can read.
        """
        if self._is_plain:
            try:
                record = [self._decode(text)]
                return {path: raw for path in self._paths if (raw := self._quickly(record, path)[0])}
            except (msgspec.DecodeError, RecursionError):
                pass  # what it can't read, the slow path can, or says what is wrong
        return self._slowly(text.decode())

    def columns(self, texts: Sequence[Text]) -> Callable[[str], list[bytes]]:
        """The same of many objects: gives for a path one entry for each of them, empty where it has none."""

        @cache
        def rows() -> list[dict[str, bytes]]:
            return [self(bytes(text)) for text in texts]

        records = texts.records if isinstance(texts, Rows) and texts.peek is self else self._records(texts)

        def column(path: str) -> list[bytes]:
            try:
                if records is not None:
                    return self._quickly(records, path)
            except (msgspec.DecodeError, RecursionError):
                pass  # as above
            return [row.get(path, b"") for row in rows()]

        return column

    def records(self, array: bytes, also: str) -> tuple[list[Any], str]:
        """What it finds in each object of an array, for `Rows`; none where there is something that it can't read so.

        Args:
            array: JSON.
            also: The name of one more member.

        Returns:
            The records, and the attribute of theirs that is the further member's raw JSON, empty where it is not there.
        """
        if not self._is_plain:
            return [], ""
        names = tuple(dict.fromkeys([*self._attributes, also]))
        try:
            return _objects(names)(array), f"f{names.index(also)}"
        except (msgspec.DecodeError, RecursionError):
            return [], ""

    def _records(self, texts: Sequence[Text]) -> list[Any] | None:
        try:
            return list(map(self._decode, texts)) if self._is_plain else None
        except (msgspec.DecodeError, RecursionError):
            return None  # one of them can't be read so; the others can

    def _quickly(self, records: Sequence[Any], path: str) -> list[bytes]:
        first, *parts = self._paths[path]
        raws = list(map(bytes, map(attrgetter(self._attributes[first]), records)))
        for part in parts:
            step = self._steps[part]
            raws = [bytes(step(raw).f0) if raw.startswith(b"{") else b"" for raw in raws]
        return raws

    def _slowly(self, text: str) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for path, parts in self._paths.items():
            raw = text
            for part in parts:
                raw = members(raw).get(part, "") if raw.startswith("{") else ""
            if raw:
                found[path] = raw.encode()
        return found


@cache
def _fields(names: tuple[str, ...]) -> Callable[[Text], Any]:
    """Decodes an object to a record, `f0`, `f1`, …, of the raw JSON of its members of these names."""
    return msgspec.json.Decoder(_record(names)).decode


@lru_cache(256)
def _objects(names: tuple[str, ...]) -> Callable[[bytes], list[Any]]:
    """Decodes an array of objects to such records."""
    return msgspec.json.Decoder(list[_record(names)]).decode  # type: ignore[misc]  # made while the program runs


def _record(names: tuple[str, ...]) -> type[msgspec.Struct]:
    fields = [(f"f{number}", msgspec.Raw, msgspec.Raw(b"")) for number in range(len(names))]
    rename = {f"f{number}": name for number, name in enumerate(names)}
    return msgspec.defstruct("Fields", fields, rename=rename, gc=False)
