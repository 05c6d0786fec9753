"""Where each tick begins when an API has no lasting cursor: at a watermark, or window by window.

What was delivered lies before the watermark. It is compared as time or number, never as text, moves forward only, and
only when a walk is complete; each walk begins an overlap before it, and what was delivered there is left out. A law:
a checkpoint and the time in, the next walk's first place out.
"""

import math
from dataclasses import replace

import msgspec

from hel.paging.question import Question
from hel.records import Checkpoint
from hel.timestamps import parse_text, write_value


class Span(msgspec.Struct, frozen=True):
    """A window that asks for both of its ends.

    Attributes:
        end_param: The parameter that takes its end.
        max_s: The longest window.
        lag_s: How long ago its end is at least: what is younger may still be incomplete.
    """

    end_param: str
    max_s: float
    lag_s: float


class Walks(msgspec.Struct, frozen=True):
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
        start = self._start(stood, now)
        walk_to = None if self.form == "number" else now
        parameters: dict[str, str | int] = {}
        if start is not None:
            parameters[self.question.start_param or ""] = self._typed(start)
        if self.span is not None:
            begins = parse_text(start or "", self.form) or 0.0
            walk_to = math.floor(min(begins + self.span.max_s, now - self.span.lag_s))
            if walk_to <= (begins if stood.watermark is None else stood.watermark):
                return None
            parameters[self.span.end_param] = self._typed(write_value(walk_to, self.form))
        request = self.question.with_parameters(parameters)
        return replace(
            stood,
            question=self.question.digest,
            resume=request.written,
            finished=False,
            overlapping=stood.events > 0,
            walk_to=walk_to,
        )

    def _start(self, stood: Checkpoint, now: float) -> str | None:
        """Where it begins, as the parameter takes it; None where that is for the API to say.

        `from` says where the first one does, and before it none begins; one that was moved behind the watermark later
        says nothing, for events between the two were not delivered.
        """
        given = self.question.start
        if stood.watermark is None:
            return given if given or self.span is None else write_value(now - self.span.max_s, self.form)
        since = stood.watermark - self.overlap
        if stood.known_from is not None:  # what was forgotten before the overlap was made longer would come again
            since = max(since, math.ceil(stood.known_from))
        first = None if given is None else parse_text(given, self.form)
        return given if first is not None and since <= first <= stood.watermark else write_value(since, self.form)

    def _typed(self, value: str) -> str | int:
        """A value as it travels: numbers are numbers in a JSON body."""
        is_number = self.template == "{}" and self.form in {"epoch", "epoch_ms", "number"}
        if is_number and self.question.asking.method == "POST" and value.isdecimal():
            return int(value)
        return self.template.format(value)
