"""What one source knows of the events that it has delivered: which to leave out, and how far it came.

A source's memory runs ahead of the state by what is queued; the queue drops nothing, so the two agree in the end.
"""

import math
from collections import Counter
from dataclasses import dataclass, replace
from typing import Literal

from hel.dedupe import KEY_BYTES, Delivered, SeenIds, key_of, pack_keys, split_keys
from hel.errors import LineTooLongError
from hel.events import Line, LineMaker
from hel.records import Batch, Checkpoint, Page, Skipped
from hel.telemetry.printable import printable


@dataclass(frozen=True, slots=True)
class LineLimit:
    """How long a line may be.

    Attributes:
        max_bytes: Its newline included.
        skips: Leave out what is longer; False to end the tick before its page.
    """

    max_bytes: int
    skips: bool


class Memory:
    """Where a source stands and what it has delivered.

    Args:
        checkpoint: Where the next tick starts.
        ground: How often each line was delivered that this tick may meet again.
        seen: The IDs that were delivered; None without `dedupe`.
        whole_ticks: The place to resume from moves only with a tick's last page (`checkpoint: end_of_tick`).
        limit: How long a line may be; None for any length.
        walks: The source starts anew each tick, at the end of a window or from a watermark that is a time or a number;
            what a walk delivered may be met again until it is complete. None for a source whose cursor lasts.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        ground: Counter[bytes],
        seen: SeenIds | None = None,
        *,
        whole_ticks: bool = False,
        limit: LineLimit | None = None,
        walks: Literal["window", "time", "number"] | None = None,
    ) -> None:
        self._seen = seen
        self._walks = walks
        self._limit = limit
        self._whole_ticks = whole_ticks
        self.start_over(checkpoint, ground)
        self._is_new_ground = False

    @property
    def goes_on(self) -> str:
        """Where the next tick starts after one that was cut short, in words."""
        return "starts over (`checkpoint: end_of_tick`)" if self._whole_ticks else "goes on there"

    def start_over(self, checkpoint: Checkpoint, ground: Counter[bytes]) -> None:
        """Stand somewhere else, where all that an overlap can reach may be met again."""
        self._is_new_ground = True
        self.checkpoint = self._committed = checkpoint
        self._committed_ground = ground
        self._beyond: Counter[bytes] = Counter()
        self._ground = Delivered(ground)

    @property
    def is_new_ground(self) -> bool:
        """Whether nothing was handed over since it stands somewhere else."""
        return self._is_new_ground

    def begin_tick(self) -> None:
        """Stand where the last checkpoint was handed over; what was delivered beyond it will be met again."""
        if self._beyond:
            self.checkpoint = replace(self.checkpoint, resume=self._committed.resume)
            self._ground = Delivered(self._committed_ground + self._beyond)

    def take(self, source: str, page: Page, maker: LineMaker, received_at: float, *, last: bool) -> Batch:
        """The lines of a page's events that were not delivered before, which are then taken for delivered.

        Args:
            source: The source's name.
            page: What was read.
            maker: Splices the lines.
            received_at: When the page came, epoch seconds.
            last: Whether it ends the tick.

        Raises:
            LineTooLongError: A line is, and may not be left out; nothing of the page was taken.
        """
        made = [(event, maker.line(event, received_at)) for event in page.events]
        of_page = [line for _, line in made]
        self._check_lengths(made)
        lines: list[bytes] = []
        skipped: list[Skipped] = []
        keys, ids, met = bytearray(), bytearray(), bytearray()
        newest, reached = (self.checkpoint.newest_at, self.checkpoint.newest), self.checkpoint.reached
        for event, line in made:
            newest = _newer(newest, line, max(received_at, page.as_of or 0.0))
            reached = _later(reached, line.mark)
            key = key_of(event)
            identity, is_known = self._recognise(line)
            if self._ground.take(key):
                met += key
            elif not is_known and self._is_too_long(line):
                skipped.append(Skipped(len(line.text), line.ts, printable(line.id.decode()) if line.id else None))
            elif not is_known:
                lines.append(line.text)
                keys += key
            if self._seen is not None and identity is not None and not is_known:
                self._seen.add(identity)
                ids += identity
        until_at = self._until_at(of_page, reached, received_at)
        is_closing = page.next is None or (self._whole_ticks and last)
        if page.next is None:
            self._ground = Delivered(map(key_of, page.events) if page.again else ())
        self._move(page, newest, reached, bytes(keys), received_at, is_closing=is_closing)
        batch = Batch(
            source,
            b"".join(lines),
            len(lines),
            bytes(keys),
            bytes(ids),
            b"",
            None,
            skipped=tuple(skipped),
            until_at=until_at,
            lacks=maker.lacking(of_page),
        )
        if self._whole_ticks and not last:
            return batch
        batch = replace(
            batch,
            met=bytes(met),
            checkpoint=self.checkpoint,
            again=pack_keys(self._ground.left()) if is_closing else b"",
            is_new_ground=self._is_new_ground and not is_closing,
        )
        self._hand_over()
        return batch

    def _is_too_long(self, line: Line) -> bool:
        return self._limit is not None and len(line.text) > self._limit.max_bytes

    def _check_lengths(self, made: list[tuple[bytes, Line]]) -> None:
        """See whether every line that is new may be written, before anything is taken for delivered."""
        if self._limit is None or self._limit.skips or not any(self._is_too_long(line) for _, line in made):
            return
        ground, ids = Delivered(self._ground.left()), set[bytes]()
        for event, line in made:
            identity, is_known = self._recognise(line)
            is_known = is_known or identity in ids
            if identity is not None:
                ids.add(identity)
            if not ground.take(key_of(event)) and not is_known and self._is_too_long(line):
                raise LineTooLongError(
                    f"an event's line is {len(line.text):,} bytes long, more than the {self._limit.max_bytes:,} of "
                    f"`limits.max_line_bytes` (its time: {line.ts or 'none'})",
                    "nothing of its page was delivered, and the next tick asks for it again; raise the bound, or leave "
                    "such events out with `limits.on_long_line: skip`",
                )

    def _recognise(self, line: Line) -> tuple[bytes | None, bool]:
        """The key of a line's ID, None where it has none or nobody asks, and whether it was delivered before."""
        if self._seen is None or line.key is None:
            return None, False
        identity = key_of(line.key)
        return identity, identity in self._seen

    def _move(
        self,
        page: Page,
        newest: tuple[float | None, str | None],
        reached: float | None,
        keys: bytes,
        now: float,
        *,
        is_closing: bool,
    ) -> None:
        """Stand behind a page."""
        stood = self.checkpoint
        watermark, walk_to = stood.watermark, stood.walk_to
        if walk_to is not None and page.as_of is not None and now - page.as_of < _BELIEVED_S:
            walk_to = min(walk_to, page.as_of)  # this machine's clock may be ahead of the API's
        if self._walks is not None and page.next is None and page.fault is None:
            met = walk_to if self._walks == "window" else reached
            latest = math.inf if self._walks == "number" else now  # an event of the future does not move it there
            watermark, walk_to = _forward(watermark, met, latest if walk_to is None else min(latest, walk_to)), None
        self.checkpoint = replace(
            self.checkpoint,
            resume=page.resume,
            newest=newest[1],
            newest_at=newest[0],
            finished=page.finished,
            overlapping=not is_closing and (self._walks is not None or bool(self._ground)),
            events=self.checkpoint.events + len(keys) // KEY_BYTES,
            updated_at=now,
            watermark=watermark,
            reached=reached,
            walk_to=walk_to,
        )
        if self._whole_ticks:
            self._beyond.update(split_keys(keys))

    def _until_at(self, lines: list[Line], reached: float | None, now: float) -> float | None:
        """Behind which watermark no walk meets these events any more: their own or the newest, whichever is later.

        Without walks only events of the future say so: any start from a time before them meets them again.
        """
        if self._walks is None:
            return max((line.at for line in lines if line.at is not None and line.at > now), default=None)
        if self._walks == "window":
            return now if self.checkpoint.walk_to is None else self.checkpoint.walk_to
        usual = math.inf if reached is None else reached if self._walks == "number" else min(reached, now)
        return max([usual, *(line.mark for line in lines if line.mark is not None)])

    def _hand_over(self) -> None:
        """From here on the next tick starts, whatever becomes of this one."""
        self._is_new_ground = False
        if self._whole_ticks:
            self._committed, self._committed_ground = self.checkpoint, self._ground.left()
            self._beyond.clear()


_BELIEVED_S = 86_400.0
"""An API whose clock is further behind than this has none; to wait for it would be to stand still."""


def _newer(newest: tuple[float | None, str | None], line: Line, now: float) -> tuple[float | None, str | None]:
    """The newer one; what is dated in the future says nothing of how far the source came, unless it is all there is."""
    if line.at is None:
        return newest if newest[0] is not None or line.ts is None else (None, line.ts)
    if newest[0] is None or newest[0] > now >= line.at:
        return line.at, line.ts
    return newest if newest[0] >= line.at or line.at > now else (line.at, line.ts)


def _later(one: float | None, other: float | None) -> float | None:
    """The later of two, where there are two."""
    return max((at for at in (one, other) if at is not None), default=None)


def _forward(watermark: float | None, reached: float | None, latest: float) -> float | None:
    """Where the watermark stands when a walk is complete: never back, and never later than `latest`."""
    if reached is None:
        return watermark
    return min(reached, latest) if watermark is None else max(watermark, min(reached, latest))
