"""Which events of a page are new: not delivered before on this ground, not known by their ID, and not too long. A law.

The straight path is for a page that can hold nothing known; it looks at the page as a whole.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from hel.dedupe import Delivered, KeyOf, SeenIds, id_key
from hel.errors import LineTooLongError
from hel.events import Lines
from hel.records import Skipped, Text
from hel.telemetry.printable import printable


class LineLimit(msgspec.Struct, frozen=True):
    """How long a line may be.

    Attributes:
        max_bytes: Its newline included.
        skips: Leave out what is longer; False to end the tick before its page.
    """

    max_bytes: int
    skips: bool


class Sifted(msgspec.Struct):
    """What of a page is new.

    Attributes:
        chosen: For each event, whether its line is written.
        keys: The keys of these events.
        ids: The keys of IDs that were not known.
        met: The keys of what was met again.
        skipped: What is left out for its length.
    """

    chosen: list[bool] = msgspec.field(default_factory=list)
    keys: list[bytes] = msgspec.field(default_factory=list)
    ids: list[bytes] = msgspec.field(default_factory=list)
    met: list[bytes] = msgspec.field(default_factory=list)
    skipped: list[Skipped] = msgspec.field(default_factory=list)


class Sieve:
    """Sifts the pages of one source.

    Args:
        seen: The IDs that were delivered; None where nobody asks for them.
        limit: How long a line may be; None for any length.
        kinds: How the keys of its events are made.

    Attributes:
        key_of: Makes an event's key.
        ground: What was delivered and may be met again.
    """

    def __init__(self, seen: SeenIds | None, limit: LineLimit | None, kinds: Sequence[KeyOf]) -> None:
        self._seen = seen
        self._limit = limit
        self._kinds = kinds
        self.key_of = kinds[0]
        self.stand_on(())

    def stand_on(self, keys: Iterable[bytes] | Mapping[bytes, int]) -> None:
        """From here on, what has these keys may be met again, each as often as it stands there."""
        self.ground = Delivered(keys, self._kinds)

    def sift(self, events: Sequence[Text], lines: Lines) -> Sifted:
        """Which events are new; their IDs are remembered, as are those of what was met again.

        An ID falls out of a full memory with the end of its page, not within it.

        Args:
            events: Of one page.
            lines: Theirs.

        Raises:
            LineTooLongError: A line is, and may not be left out; nothing of the page was taken.
        """
        ids = self._ids(lines)
        known = [key for key in ids if key]
        if not self.ground and self._limit is None and (self._seen is None or self._seen.are_new(known)):
            sifted = Sifted([True] * len(events), list(map(self.key_of, events)), known)
        else:
            sifted = self._sift_each(events, lines, ids)
        if self._seen is not None:
            self._seen.add(sifted.ids)
        return sifted

    def _sift_each(self, events: Sequence[Text], lines: Lines, ids: Sequence[bytes]) -> Sifted:
        """The same where something may be known, or too long; nothing counts as delivered before all are looked at."""
        sifted, of_page = Sifted(), set[bytes]()
        lengths = lines.lengths() if self._limit is not None else [0] * len(lines)
        may_fail = self._limit is not None and not self._limit.skips and max(lengths, default=0) > self._limit.max_bytes
        ground = Delivered(self.ground.left(), self._kinds) if may_fail else self.ground
        for number, (event, identity) in enumerate(zip(events, ids, strict=True)):
            is_known = identity in of_page or (self._seen is not None and identity in self._seen)
            if met := ground.take(event):
                sifted.met.append(met)
            is_new = not met and not is_known
            is_too_long = is_new and self._limit is not None and lengths[number] > self._limit.max_bytes
            if is_too_long:
                sifted.skipped.append(self._skip(lengths[number], lines, number))
            elif is_new:
                sifted.keys.append(self.key_of(event))
            sifted.chosen.append(is_new and not is_too_long)
            if identity and not is_known:
                of_page.add(identity)
                sifted.ids.append(identity)
        self.ground = ground
        return sifted

    def _ids(self, lines: Lines) -> list[bytes]:
        """The key of each event's ID; empty where it has none, or nobody asks."""
        if self._seen is None:
            return [b""] * len(lines)
        return [id_key(raw) if raw else b"" for raw in lines.keys]

    def _skip(self, length: int, lines: Lines, number: int) -> Skipped:
        """What to say of a line that is left out for its length.

        Raises:
            LineTooLongError: It may not be left out.
        """
        if self._limit is not None and not self._limit.skips:
            raise LineTooLongError(
                f"an event's line is {length:,} bytes long, more than the {self._limit.max_bytes:,} of "
                f"`limits.max_line_bytes` (its time: {lines.texts[number] or 'none'})",
                "nothing of its page was delivered, and the next tick asks for it again; raise the bound, or leave "
                "such events out with `limits.on_long_line: skip`",
            )
        shown = printable(lines.ids[number].decode()) if lines.ids[number] else None
        return Skipped(length, lines.texts[number], shown)
