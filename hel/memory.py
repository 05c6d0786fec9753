"""What one source knows of the events that it has delivered: which to leave out, and how far it came.

A source's memory runs ahead of the state by what is queued; the queue drops nothing, so the two agree in the end.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from hel.dedupe import SURE, KeyOf, SeenIds, pack_keys
from hel.events import LineMaker, Lines
from hel.records import Batch, Checkpoint, Page
from hel.sieve import LineLimit, Sieve


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
        kinds: How the keys of its events are made.
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
        kinds: Sequence[KeyOf] = SURE,
    ) -> None:
        self._sieve = Sieve(seen, limit, kinds)
        self._walks = walks
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
        self._sieve.stand_on(ground)

    @property
    def is_new_ground(self) -> bool:
        """Whether nothing was handed over since it stands somewhere else."""
        return self._is_new_ground

    def begin_tick(self) -> None:
        """Stand where the last checkpoint was handed over; what was delivered beyond it will be met again."""
        if self._beyond:
            self.checkpoint = replace(self.checkpoint, resume=self._committed.resume)
            self._sieve.stand_on(self._committed_ground + self._beyond)

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
        lines = maker.lines(page.events, received_at)
        latest = lines.newest()
        sifted = self._sieve.sift(page.events, lines)
        stood = (self.checkpoint.newest_at, self.checkpoint.newest)
        newest = _newest(stood, lines, latest, max(received_at, page.as_of or 0.0))
        reached = max((mark for mark in (self.checkpoint.reached, *lines.marks) if mark is not None), default=None)
        until_at = self._until_at(lines, latest, reached, received_at)
        is_closing = page.next is None or (self._whole_ticks and last)
        if page.next is None:
            self._sieve.stand_on(map(self._sieve.key_of, page.events) if page.again else ())
        self._move(page, newest, reached, sifted.keys, received_at, is_closing=is_closing)
        moves = last or not self._whole_ticks
        batch = Batch(
            source,
            lines.joined(sifted.chosen),
            len(sifted.keys),
            b"".join(sifted.keys),
            b"".join(sifted.ids),
            b"".join(sifted.met) if moves else b"",
            self.checkpoint if moves else None,
            pack_keys(self._sieve.ground.left()) if moves and is_closing else b"",
            is_new_ground=self._is_new_ground and moves and not is_closing,
            skipped=tuple(sifted.skipped),
            until_at=until_at,
            lacks=maker.lacking(lines),
        )
        if moves:
            self._hand_over()
        return batch

    def _move(
        self,
        page: Page,
        newest: tuple[float | None, str | None],
        reached: float | None,
        keys: list[bytes],
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
            overlapping=not is_closing and (self._walks is not None or bool(self._sieve.ground)),
            events=self.checkpoint.events + len(keys),
            updated_at=now,
            watermark=watermark,
            reached=reached,
            walk_to=walk_to,
        )
        if self._whole_ticks:
            self._beyond.update(keys)

    def _until_at(
        self, lines: Lines, latest: tuple[float, str] | None, reached: float | None, now: float
    ) -> float | None:
        """Behind which watermark no walk meets these events any more: their own or the newest, whichever is later.

        Without walks only events of the future say so: any start from a time before them meets them again.
        """
        if self._walks is None:
            if latest is not None and latest[0] <= now:
                return None
            return max((at for at, _ in lines.times() if at is not None and at > now), default=None)
        if self._walks == "window":
            return now if self.checkpoint.walk_to is None else self.checkpoint.walk_to
        usual = math.inf if reached is None else reached if self._walks == "number" else min(reached, now)
        return max([usual, *(mark for mark in lines.marks if mark is not None)])

    def _hand_over(self) -> None:
        """From here on the next tick starts, whatever becomes of this one."""
        self._is_new_ground = False
        if self._whole_ticks:
            self._committed, self._committed_ground = self.checkpoint, self._sieve.ground.left()
            self._beyond.clear()


_BELIEVED_S = 86_400.0
"""An API whose clock is further behind than this has none; to wait for it would be to stand still."""


def _newest(
    stood: tuple[float | None, str | None], lines: Lines, latest: tuple[float, str] | None, now: float
) -> tuple[float | None, str | None]:
    """The newest of what stood and of these events: epoch seconds and text."""
    if latest is not None and latest[0] <= now:
        return stood if stood[0] is not None and latest[0] <= stood[0] <= now else latest
    for at, text in lines.times():
        stood = _newer(stood, at, text, now)
    return stood


def _newer(
    newest: tuple[float | None, str | None], at: float | None, text: str | None, now: float
) -> tuple[float | None, str | None]:
    """The newer one; what is dated in the future says nothing of how far the source came, unless it is all there is."""
    if at is None:
        return newest if newest[0] is not None or text is None else (None, text)
    if newest[0] is None or newest[0] > now >= at:
        return at, text
    return newest if newest[0] >= at or at > now else (at, text)


def _forward(watermark: float | None, reached: float | None, latest: float) -> float | None:
    """Where the watermark stands when a walk is complete: never back, and never later than `latest`."""
    if reached is None:
        return watermark
    return min(reached, latest) if watermark is None else max(watermark, min(reached, latest))
