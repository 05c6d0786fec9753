"""What a source asks, and whether a stored cursor still answers it.

A law: config values and a checkpoint in, a starting point out.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from urllib.parse import urlencode, urlsplit

from hel.events import parse_time, utc_text
from hel.records import Checkpoint


@dataclass(frozen=True, slots=True)
class Question:
    """A source's first request.

    Attributes:
        url: The source's URL, without parameters.
        parameters: Its `query_params`.
        start: Its `from`, or None.
        start_param: The parameter that takes a start time, or None where there is none.
    """

    url: str
    parameters: Mapping[str, str]
    start: str | None = None
    start_param: str | None = None

    @property
    def first_url(self) -> str:
        """The URL that asks it from the beginning, percent-encoded (RFC 3986 §2)."""
        return self._url_from(self.start)

    @property
    def path(self) -> str:
        """The URL's path, each line's `endpoint`."""
        return urlsplit(self.url).path or "/"

    @property
    def digest(self) -> str:
        """Changes when `url`, `from` or `query_params` do."""
        text = json.dumps([self.url, self.start, sorted(self.parameters.items())])
        return blake2b(text.encode(), digest_size=16).hexdigest()

    def starting_point(self, stored: Checkpoint | None, overlap_s: float) -> Checkpoint:
        """Where the next tick starts.

        A stored cursor is kept as long as the question is the same one (or was set by hand, for any question).

        Args:
            stored: What the state holds.
            overlap_s: How far before the newest delivered event a changed question starts.
        """
        if stored is None:
            return Checkpoint(self.digest)
        if stored.question in {self.digest, ""}:
            return replace(stored, question=self.digest)
        return self.overlap(stored, overlap_s)

    def overlap(self, stored: Checkpoint, overlap_s: float) -> Checkpoint:
        """A start that needs no cursor: the newest delivered event's time minus an overlap.

        Where nothing with a time was delivered, or no parameter takes a time, it is the question itself, which goes
        over everything again. `from` wins where it is later.
        """
        resume = None
        if stored.newest_at is not None and self.start_param is not None:
            since = stored.newest_at - overlap_s
            start = parse_time(self.start or self.parameters.get(self.start_param, ""))
            resume = self._url_from(utc_text(since)) if start is None or start < since else None
        return replace(stored, question=self.digest, resume=resume, finished=False, overlapping=True)

    def _url_from(self, start: str | None) -> str:
        parameters = dict(self.parameters)
        if self.start_param is not None and start is not None:
            parameters = {self.start_param: start} | {
                name: value for name, value in parameters.items() if name != self.start_param
            }
        return f"{self.url}?{urlencode(parameters)}" if parameters else self.url
