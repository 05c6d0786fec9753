"""When the API refuses the stored cursor: start a little before the newest event, and leave out what was delivered.

(Or fail, where that was asked for, or no parameter takes a time to start from.)
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from hel.errors import RefusedError
from hel.paging.question import Question
from hel.records import Checkpoint

_CURSOR_REFUSED = frozenset({400, 404})


@dataclass(frozen=True, slots=True)
class Recovery:
    """How one source recovers.

    Attributes:
        on_refusal: `resume` or `fail`.
        question: What the source asks.
        overlap_s: How far before the newest event it starts.
        recall: What an overlap may meet again, by the state.
    """

    on_refusal: Literal["resume", "fail"]
    question: Question
    overlap_s: float
    recall: Callable[[], Counter[bytes]]

    def concerns(self, error: RefusedError, stood: Checkpoint) -> bool:
        """Whether it may be the cursor that was refused, and not the question itself."""
        asked_anew = {None, self.question.overlap(stood, self.overlap_s).resume}
        return error.status in _CURSOR_REFUSED and stood.resume not in asked_anew

    def start(self, error: RefusedError, stood: Checkpoint) -> Checkpoint:
        """Where to start instead.

        Raises:
            RefusedError: Nowhere, and what to do about it.
        """
        refused = f"the API refuses the stored cursor: {error.message}"
        again = "`hel state reset NAME` starts anew and delivers again; `hel state set NAME resume URL` moves it"
        if self.on_refusal == "fail":
            raise RefusedError(refused, f"{again}; with `on_cursor_error: resume` Hel goes on by itself", error.status)
        if stood.newest_at is not None and self.question.start_param is None:
            raise RefusedError(
                refused, f"name the parameter that takes a time in `from_param`; or {again}", error.status
            )
        return self.question.overlap(stood, self.overlap_s)
