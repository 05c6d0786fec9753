"""The values that travel: a Request goes out, a Reply comes back, a Page is read from it, a Batch is delivered."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import parse_qsl, urlsplit

import msgspec

from hel.errors import SourceError

Text = bytes | memoryview | msgspec.Raw
"""JSON text: bytes, or a view of some of the bytes of an answer, which are copied once, into the output."""


MAX_URL = 65_536
"""Characters of a URL: as httpx has it, and eight times the longest with a cursor that was seen."""


class Request(msgspec.Struct, frozen=True):
    """One HTTP request, its URL used byte for byte.

    Attributes:
        method: Upper case, as it is sent and as a DPoP proof's `htm` names it (RFC 9449 §4.2).
        url: Absolute; path and query are sent exactly as they stand here.
        headers: Without credentials; those are added for each send, and so are in no repr.
        content: The body, or nothing.
    """

    method: str
    url: str
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    content: bytes | None = None

    def __repr__(self) -> str:
        return f"Request({self.method!r}, {self.url!r})"

    @property
    def origin(self) -> str:
        """Scheme, host and port (RFC 6454 §4), the port always named."""
        return origin_of(self.url)

    @property
    def path(self) -> str:
        """The URL's path, without query."""
        return urlsplit(self.url).path or "/"

    @property
    def place(self) -> str:
        """The URL without its query, as logs and messages may show it."""
        return self.url.partition("?")[0]

    @property
    def written(self) -> str:
        """The text that stands for it in a checkpoint: its URL, and behind a space its body where it has one."""
        return self.url if self.content is None else f"{self.url} {self.content.decode()}"

    @property
    def query(self) -> dict[str, str]:
        """The query's parameters, decoded; the last of a repeated one."""
        return dict(parse_qsl(urlsplit(self.url).query, keep_blank_values=True))


def origin_of(url: str) -> str:
    """The origin of an absolute URL: `scheme://host:port`, lower case, the default port written out."""
    before = _BEFORE_PATH.match(url)
    return _known_origin(before[0]) if before else _origin(url)


_BEFORE_PATH = re.compile(r"[^/?#]{1,20}//[^/?#]{1,300}(?=[/?#]|\Z)")
"""Of a URL that is no longer there than any that is right, so that what an API sends fills no memory."""


def _origin(url: str) -> str:
    parts = urlsplit(url)
    port = {"https": 443, "http": 80}.get(parts.scheme, 0) if parts.port is None else parts.port
    return f"{parts.scheme}://{parts.hostname or ''}:{port}"


_known_origin = lru_cache(4096)(_origin)
"""A thousand sources ask again and again for the same few."""


class Reply(msgspec.Struct, frozen=True):
    """One HTTP answer, read to its end.

    Attributes:
        status: The HTTP status.
        headers: Name (lower case) and value in the order received; a name may come more than once.
        body: The decoded body.
        received_at: When the last byte came, epoch seconds by the machine's clock.
        took_s: From the first byte sent to the last byte received.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    received_at: float
    took_s: float = 0.0

    def __repr__(self) -> str:
        return f"Reply({self.status}, received_at={self.received_at}, took_s={self.took_s})"

    @property
    def is_success(self) -> bool:
        """2xx."""
        return 200 <= self.status < 300

    def header(self, name: str) -> str | None:
        """The first value of a header, or None; `name` in lower case."""
        return next((value for key, value in self.headers if key == name), None)

    def header_values(self, name: str) -> list[str]:
        """Every value of a header in the order received; `name` in lower case."""
        return [value for key, value in self.headers if key == name]


class Page(msgspec.Struct, frozen=True):
    """What one reply says about paging.

    Attributes:
        events: Each event's own JSON text.
        next: What to ask now, or None at the end of the tick.
        resume: Where the next tick starts; None where the API leaves no lasting place.
        finished: True when a bounded query has been read to its end and nothing more will come.
        again: True when the next tick asks for this very page again, to see what was added to it.
        fault: What ends the tick once the events are handed over; None where nothing is wrong.
        as_of: The API's own time, epoch seconds: it tells of nothing later. None where it does not say.
    """

    events: Sequence[Text]
    next: Request | None
    resume: str | None
    finished: bool = False
    again: bool = False
    fault: SourceError | None = None
    as_of: float | None = None


BY_TIME = "time"
"""What a watermark is that is a time; see `paging.question`."""


def kind_of(question: str) -> str:
    """What the watermark is that stands beside a question's digest: `time`, `number:PATH`, or empty for none."""
    return question.partition(" ")[2]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where a source stands, once everything before it has been delivered.

    Attributes:
        question: Digest of what is asked, and what its watermark is; `resume` answers only this question.
        resume: The URL at which the next tick starts, or None to start with the question itself.
        newest: The newest delivered event's own time, as the event's text; None before the first one.
        newest_at: The same in epoch seconds, or None where the text is no time.
        finished: A bounded query that has been read to its end.
        overlapping: `resume` may lead over ground that was delivered before.
        events: How many events this source has delivered since its state was made.
        updated_at: When this was written, epoch seconds.
        watermark: For a source that walks: all before it is delivered, epoch seconds or a number; None at first.
        reached: For a source that walks by a watermark: the newest that was met.
        known_from: From which time or number on all that was delivered is remembered; None for all of it.
        walk_to: How far at most the watermark will move when the walk under way is complete; None for any way.
    """

    question: str
    resume: str | None = None
    newest: str | None = None
    newest_at: float | None = None
    finished: bool = False
    overlapping: bool = False
    events: int = 0
    updated_at: float = 0.0
    watermark: float | None = None
    reached: float | None = None
    known_from: float | None = field(default=None, compare=False)  # the state says it of itself
    walk_to: float | None = None


class Skipped(msgspec.Struct, frozen=True):
    """An event that was left out because its line is too long.

    Attributes:
        bytes: How long the line is.
        ts: The event's own time, or None.
        id: Its `meta.id` as JSON, or None.
    """

    bytes: int
    ts: str | None
    id: str | None


class Batch(msgspec.Struct, frozen=True):
    """The lines of one page and where their source stands once they are delivered.

    Attributes:
        source: The source's name.
        lines: NDJSON, each line with its newline.
        count: How many lines.
        keys: 16 bytes for each line, the digest of its event's own bytes.
        ids: 16 bytes for each line whose event has an ID, where the source dedupes by one.
        met: 16 bytes for each event that was left out because it had been delivered before (`dedupe.Delivered`).
        again: 16 bytes for each line that is behind the checkpoint and will be met again all the same.
        is_new_ground: The first batch since the source started over: all that an overlap can reach may be met again.
        checkpoint: Committed with the lines, or None where they do not move it.
        skipped: What was left out for its length.
        until_at: For a source that walks: a walk that begins behind this does not meet the lines again.
        lacks: Keys of the config that name a field which no event of the page has.
    """

    source: str
    lines: bytes
    count: int
    keys: bytes
    ids: bytes
    met: bytes
    checkpoint: Checkpoint | None
    again: bytes = b""
    is_new_ground: bool = False
    skipped: tuple[Skipped, ...] = ()
    until_at: float | None = None
    lacks: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Position:
    """How far an output file was written when its lines were committed.

    Attributes:
        path: The file, absolute.
        inode: Its number in its file system; a renamed file keeps it. (The file system's own may change at a reboot.)
        length: Bytes written and fsynced.
        tail: Hex digest of the last 4 KiB before `length`, to tell this file from a new one with the same number.
    """

    path: str
    inode: int
    length: int
    tail: str
