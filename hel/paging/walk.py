"""Where each tick begins when an API has no lasting cursor: at a watermark, or window by window.

What was delivered lies before the watermark. It is compared as time or number, never as text, moves forward only, and
only when a walk is complete; each walk begins an overlap before it, and what was delivered there is left out. A law:
a checkpoint and the time in, the next walk's first place out.
"""

import math
from dataclasses import dataclass, replace

from hel.paging.question import Question
from hel.records import Checkpoint
from hel.timestamps import parse_text, write_value


@dataclass(frozen=True, slots=True)
class Span:
    """A window that asks for both of its ends.

    Attributes:
        end_param: The parameter that takes its end.
        max_s: The longest window.
        lag_s: How long ago its end is at least: what is younger may still be incomplete.
    """

    end_param: str
    max_s: float
    lag_s: float


@dataclass(frozen=True, slots=True)
class Walks:
    """How the walks of one source follow each other.

    Attributes:
        question: What it asks; its `start_param` takes the watermark.
        form: How the parameters write their values (`timestamps.Format`, or a pattern).
        overlap: How far before the watermark a walk begins, seconds or a number.
        template: What stands around the value, such as `created:>={}`.
        span: The windows; None where a walk has no end.
    """

    question: Question
    form: str
    overlap: float
    template: str = "{}"
    span: Span | None = None

    def begin(self, stood: Checkpoint, now: float) -> Checkpoint | None:
        """Where the next walk begins; None where nothing is due yet.

        A walk by a time takes the watermark no further than to its own beginning: what comes late while it is under way
        may come behind its back.

        Args:
            stood: Where the source stands: behind its last complete walk.
            now: Epoch seconds.
        """
        first = self._first
        walk_to = None if self.form == "number" else now
        since = None if stood.watermark is None else stood.watermark - self.overlap
        parameters: dict[str, str | int] = {}
        if self.span is not None:
            base = self._base(stood, first, now)
            walk_to = math.floor(min(base + self.span.max_s, now - self.span.lag_s))
            if walk_to <= base:
                return None
            since = base if since is None else since
            parameters[self.span.end_param] = self._typed(write_value(walk_to, self.form))
        is_first = since is None or (first is not None and since <= first)
        start = self.question.start if since is None or is_first else write_value(since, self.form)
        if start is not None:
            parameters[self.question.start_param or ""] = self._typed(start)
        request = self.question.with_parameters(parameters)
        return replace(
            stood,
            question=self.question.digest,
            resume=request.written,
            finished=False,
            overlapping=stood.events > 0,
            walk_to=walk_to,
        )

    def _typed(self, value: str) -> str | int:
        """A value as it travels: numbers are numbers in a JSON body."""
        is_number = self.template == "{}" and self.form in {"epoch", "epoch_ms", "number"}
        if is_number and self.question.asking.method == "POST" and value.isdecimal():
            return int(value)
        return self.template.format(value)

    @property
    def _first(self) -> float | None:
        """What `from` says, before which no walk begins; None where it says nothing."""
        start = self.question.start
        return None if start is None else parse_text(start, self.form)

    def _base(self, stood: Checkpoint, first: float | None, now: float) -> float:
        """Where a window begins, but for the overlap."""
        if stood.watermark is None:
            return now - (self.span.max_s if self.span else 0) if first is None else first
        return stood.watermark if first is None else max(stood.watermark, first)
