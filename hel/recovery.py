"""When the stored cursor does not serve any more: start a little before the newest event, leave out what was delivered.

It serves no more when what the source asks or how it pages has changed, or when the API refuses it. Where every other
start would lose or repeat events, the source fails, tick by tick, and says what the ways on are.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import msgspec

from hel.errors import NoStartError, RefusedError, Trouble, TroubleError
from hel.paging.question import Question, proven_at
from hel.paging.walk import Walks
from hel.records import BY_TIME, Checkpoint, kind_of

CHANGED = "what the source asks (`url`, `from`, `query_params`, …) is not what the stored place answers"

_CURSOR_REFUSED = frozenset({400, 404, 410, 422})


class Recovery(msgspec.Struct, frozen=True):
    """How one source recovers.

    Attributes:
        source: Its name.
        on_refusal: `resume` or `fail`.
        question: What the source asks.
        overlap_s: How far before the newest event it starts.
        recall: What an overlap may meet again, by the state.
        walks: Where its ticks begin; None where its cursor lasts.
    """

    source: str
    on_refusal: Literal["resume", "fail"]
    question: Question
    overlap_s: float
    recall: Callable[[], Counter[bytes]]
    walks: Walks | None = None

    def is_changed(self, stood: Checkpoint) -> bool:
        """Whether the source asks another question than the one that its cursor answers."""
        return not self.question.is_answered_by(stood)

    def start_changed(self, stood: Checkpoint) -> Checkpoint:
        """Where a changed question starts.

        Raises:
            NoStartError: Nowhere, and what to do about it.
        """
        return self.question.overlap(stood, self.overlap_s, CHANGED, self.source)

    def start_walk(self, stood: Checkpoint, now: float) -> Checkpoint | None:
        """Where the next walk begins; None where nothing is due yet, or the source does not walk.

        A watermark of another kind than the source's present one says nothing; then the newest event's time does.

        Raises:
            NoStartError: Nothing says where, and what to do about it.
        """
        if self.walks is None:
            return None
        if not self.question.knows_watermark(stood):
            stood = replace(stood, watermark=self._watermark_of(stood), reached=None)
        return self.walks.begin(stood, now)

    def _watermark_of(self, stood: Checkpoint) -> float | None:
        """What the newest event's time says instead of a watermark of another kind; None for the beginning."""
        never_complete = kind_of(stood.question) != "" and stood.resume is not None and stood.watermark is None
        if not stood.events or never_complete:
            return None
        proven = proven_at(stood)
        if self.question.goes_by != BY_TIME or proven is None:
            raise NoStartError(
                "the source goes by another watermark than before, and nothing says where to go on by it",
                f"say it: `hel state set {self.source} watermark VALUE`; or collect and deliver all of it anew: "
                f"`hel state reset {self.source}`",
            )
        return proven

    def concerns(self, error: TroubleError | RefusedError, stood: Checkpoint) -> bool:
        """Whether it may be the cursor that was refused, and not the question itself.

        A walk is begun again at no cost, so any refusal in its middle may be; some APIs say so with a 403, or a 200.
        """
        if isinstance(error, RefusedError):
            may_be = self.walks is not None or error.status in _CURSOR_REFUSED
        else:
            may_be = self.walks is not None and error.trouble in {Trouble.FOREIGN, Trouble.PASSING}
        asked_anew = {None, self.question.first_place, self.question.overlap_place(stood, self.overlap_s)}
        return may_be and stood.resume not in asked_anew

    def start_refused(self, error: TroubleError | RefusedError, stood: Checkpoint, now: float) -> Checkpoint:
        """Where to start instead of a cursor that was refused.

        Raises:
            RefusedError: Nowhere, as that was asked for.
            NoStartError: Nowhere, and what to do about it.
        """
        refused = f"the API refuses the stored cursor: {error.message}"
        if self.on_refusal == "fail":
            raise RefusedError(
                refused,
                f"`hel state reset {self.source}` starts anew and delivers again; `hel state set {self.source} resume "
                "URL` moves it; with `on_cursor_error: resume` Hel goes on by itself",
                error.status if isinstance(error, RefusedError) else 0,
            )
        if self.walks is not None:
            start = self.start_walk(replace(stood, resume=None, walk_to=None), now)
            return stood if start is None else start
        return self.question.overlap(stood, self.overlap_s, refused, self.source)

    def advice(self, start: Checkpoint) -> str:
        """What to do about a start over: nothing, and why that is so."""
        if not start.events:
            return "nothing to do: nothing was delivered before"
        if self.walks is not None and self.walks.span is None:
            return (
                "nothing to do unless each tick says so: nothing is delivered again that was before; if it comes "
                "with each, the API bounds how far one listing goes: use `window` with a small `max_secs`"
            )
        left_out = "of what it delivered before" if start.resume else "of what it is known to have delivered"
        return (
            f"nothing to do: {left_out}, nothing is delivered again; "
            f"to collect and deliver all of it anew: hel state reset {self.source}"
        )
