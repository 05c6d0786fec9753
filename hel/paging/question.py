"""What a source asks, and where to go on when what is stored answers another question.

A law: config values and a checkpoint in, a starting point out, or the reason why there is none.
"""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from hashlib import blake2b
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec

from hel.errors import NoStartError
from hel.paging.place import Asking, body_of
from hel.records import BY_TIME, Checkpoint, Request, kind_of
from hel.telemetry.printable import printable
from hel.timestamps import parse_text, parse_time, utc_text, write_value


def until_of(parameters: Iterable[tuple[str, str]]) -> str | None:
    """The end of a query that has one (`until`), or None."""
    return next((value for name, value in parameters if name.lower() == "until" and value), None)


def is_descending(parameters: Iterable[tuple[str, str]]) -> bool:
    """Whether the newest events come first (`sortOrder`): what was delivered last says nothing of what is missing."""
    return any(name.lower() == "sortorder" and value.upper() == "DESCENDING" for name, value in parameters)


def proven_at(stored: Checkpoint) -> float | None:
    """The newest event's time, as far as all before it was delivered; None where that was never so.

    While a walk is under way what came last may be newer than what is still to come; then its watermark counts.
    """
    if stored.newest_at is None:
        return None
    latest = min(stored.newest_at, stored.updated_at) if stored.updated_at else stored.newest_at
    kind = kind_of(stored.question)
    if kind == BY_TIME:
        return None if stored.watermark is None else min(latest, stored.watermark)
    return None if kind and stored.resume is not None else latest


class Question(msgspec.Struct, frozen=True):
    """A source's first request.

    Attributes:
        asking: How it asks; its URL has no parameters.
        parameters: Its `query_params`.
        start: Its `from`, or None.
        start_param: The parameter that takes a start time, or None where there is none.
        follows_links: False where each tick asks the same (`strategy: none`).
        body: Its JSON `body`, for POST.
        start_format: How the API takes a start time, where that is not RFC 3339.
        pages_by: What its stored places are good for: the strategy; empty for the Link header and for none.
        goes_by: What its watermark is: `time`, or `number:PATH`; empty where its cursor lasts.
    """

    asking: Asking
    parameters: Mapping[str, str]
    start: str | None = None
    start_param: str | None = None
    follows_links: bool = True
    body: Mapping[str, Any] = msgspec.field(default_factory=dict)
    start_format: str | None = None
    pages_by: str = ""
    goes_by: str = ""

    @property
    def first(self) -> Request:
        """What asks it from the beginning, its URL percent-encoded (RFC 3986 §2)."""
        return self._from(self.start)

    @property
    def first_place(self) -> str:
        """The same as a checkpoint keeps it."""
        return self.first.written

    @property
    def path(self) -> str:
        """The URL's path, each line's `endpoint`."""
        return urlsplit(self.asking.url).path or "/"

    @property
    def digest(self) -> str:
        """Changes when `url`, `from`, `query_params`, `method`, `body`, the strategy or the watermark do."""
        asked: list[Any] = [self.asking.url, self.start, sorted(self.parameters.items())]
        if self.asking.method != "GET":
            asked += [self.asking.method, self.body]
        if self.pages_by:
            asked.append({"strategy": self.pages_by})
        text = json.dumps(asked, sort_keys=True)
        return f"{blake2b(text.encode(), digest_size=16).hexdigest()} {self.goes_by}".rstrip()

    @property
    def until(self) -> str | None:
        """Where it ends, or None."""
        return until_of(self.parameters.items())

    @property
    def has_end(self) -> bool:
        """Whether it is read to its end and finished then: a bounded or a descending query."""
        return self.follows_links and (self.until is not None or is_descending(self.parameters.items()))

    def is_answered_by(self, stored: Checkpoint) -> bool:
        """Whether the stored link goes on with this question; one that was set by hand does with any."""
        return stored.question in {self.digest, ""}

    def knows_watermark(self, stored: Checkpoint) -> bool:
        """Whether the stored watermark is one of this question's kind."""
        return stored.question == "" or kind_of(stored.question) == self.goes_by

    def starting_point(self, stored: Checkpoint | None) -> Checkpoint:
        """What is stored, or the beginning; see `is_answered_by` before it is used."""
        if stored is None:
            return Checkpoint(self.digest)
        return replace(stored, question=stored.question or self.digest)

    def overlap_place(self, stored: Checkpoint, overlap_s: float) -> str | None:
        """The question from the newest delivered event's time minus an overlap on; None for its own beginning.

        An event that is dated in the future does not move the start there. `from` wins where it is later.
        """
        since = self._since(stored, overlap_s)
        return None if since is None else self._from(self._written(since)).written

    def overlap(self, stored: Checkpoint, overlap_s: float, because: str, source: str) -> Checkpoint:
        """A start that needs no cursor, over ground where what was delivered is left out.

        Args:
            stored: Where the source stood.
            overlap_s: How far before the newest delivered event to start.
            because: Why it must start over, the beginning of the sentence that says why it can't.
            source: The source's name.

        Raises:
            NoStartError: Every start would lose or repeat events, or collect nothing.
        """
        if self._goes_by_time(stored):
            self._check_start(stored, overlap_s, because, source)
        resume = self.overlap_place(stored, overlap_s)
        return replace(stored, question=self.digest, resume=resume, finished=False, overlapping=True)

    def start_of(self, checkpoint: Checkpoint) -> str:
        """The time from which a start made by `overlap` asks, for the log: never the query."""
        if checkpoint.resume is None:
            return "the beginning"
        request = self.asking.read(checkpoint.resume, "the new start")
        return str((request.query | body_of(request)).get(self.start_param or "", "the beginning"))

    def _goes_by_time(self, stored: Checkpoint) -> bool:
        """Whether what is missing is what is newer than the newest; if not, all of it is asked for again.

        The order of the question before this one shows in its links.
        """
        was_descending = is_descending(parse_qsl((stored.resume or "").partition(" ")[0].partition("?")[2]))
        return (
            self.follows_links
            and (stored.events > 0 or stored.newest_at is not None)
            and not was_descending
            and not is_descending(self.parameters.items())
        )

    def _written(self, at: float) -> str:
        return utc_text(at) if self.start_format is None else write_value(at, self.start_format)

    def _since(self, stored: Checkpoint, overlap_s: float) -> float | None:
        if not self._goes_by_time(stored) or self.start_param is None:
            return None
        latest = proven_at(stored)
        if latest is None:
            return None
        since = max(0.0, latest - overlap_s, -math.inf if stored.known_from is None else stored.known_from)
        start = parse_text(self.start or self.parameters.get(self.start_param, ""), self.start_format or "rfc3339")
        return since if start is None or start < since else None

    def _check_start(self, stored: Checkpoint, overlap_s: float, because: str, source: str) -> None:
        anew = f"collect and deliver all of it anew: `hel state reset {source}`"
        by_hand = f"say where to go on: `hel state set {source} resume URL`"
        if self.start_param is None:
            raise NoStartError(
                f"{because}, and no query parameter is known that takes a time to go on from",
                f"name it in `from_param`; or {anew}; or {by_hand}",
            )
        if kind_of(stored.question) not in {"", BY_TIME} and stored.resume is not None and stored.watermark is not None:
            raise NoStartError(
                f"{because}, and a walk by a number is under way, whose events may be of any time",
                f"let it end as it was configured before; or {anew}; or {by_hand}",
            )
        if stored.newest_at is None:
            raise NoStartError(
                f"{because}, and no event that was delivered had a time to go on from",
                f"name a time to go on from: `hel state set {source} newest TIME`; or {anew}; or {by_hand}",
            )
        since, end = self._since(stored, overlap_s), parse_time(self.until or "")
        if since is not None and end is not None and end <= since:
            raise NoStartError(
                f"{because}, and the query ends before the newest event that was delivered "
                f"({printable(stored.newest or utc_text(stored.newest_at))})",
                f"collect it as a source of its own, under another name; or {anew}",
            )

    def _from(self, start: str | None) -> Request:
        return self.with_parameters({} if self.start_param is None or start is None else {self.start_param: start})

    def with_parameters(self, more: Mapping[str, str | int]) -> Request:
        """What asks it with more parameters, which by POST are members of the body; those that are there give way."""
        parameters: dict[str, Any] = dict(self.parameters)
        body = dict(self.body)
        if self.asking.method == "GET":
            parameters = {**more, **{name: value for name, value in parameters.items() if name not in more}}
        else:
            body |= more
        query = f"?{urlencode(parameters)}" if parameters else ""
        return self.asking.request(f"{self.asking.url}{query}", body)
