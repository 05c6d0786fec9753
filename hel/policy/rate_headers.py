"""What an answer's headers say about time and the rate limit. A law: a Reply in, numbers out.

Okta: https://developer.okta.com/docs/reference/rl-best-practices/ (`X-Rate-Limit-*`, reset in UTC epoch seconds).
GitHub: https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api (`X-RateLimit-*`, the same).
`Retry-After`: RFC 9110 §10.2.3. `Date`: RFC 9110 §6.6.1.
"""

import re
from datetime import UTC
from email.utils import parsedate_to_datetime

import msgspec

from hel.records import Reply


class HeaderNames(msgspec.Struct, frozen=True):
    """What an API calls its rate-limit headers; several names each, the first that is there counts.

    Attributes:
        limit: How many requests a window allows.
        remaining: How many are left of it.
        reset: When the next one begins: UTC epoch seconds, or seconds from now.
    """

    limit: tuple[str, ...]
    remaining: tuple[str, ...]
    reset: tuple[str, ...]


NAMES = HeaderNames(
    ("x-rate-limit-limit", "x-ratelimit-limit"),
    ("x-rate-limit-remaining", "x-ratelimit-remaining"),
    ("x-rate-limit-reset", "x-ratelimit-reset"),
)
"""The two spellings in use."""


class RateReading(msgspec.Struct, frozen=True):
    """One answer's rate-limit headers.

    Attributes:
        limit: Requests that the window allows.
        remaining: Requests left in it.
        reset_at: When the window starts anew, epoch seconds by the server's clock.
        reset_in_s: Seconds until then, by the answer's own `Date`; negative if it has passed.
        blur_s: How far apart the resets of one window may be told.
    """

    limit: int
    remaining: int
    reset_at: float
    reset_in_s: float
    blur_s: float = 0.0

    @property
    def is_concurrency(self) -> bool:
        """Okta's concurrency limit shows 0 of 0, and its reset is only a suggestion."""
        return self.limit == 0 and self.remaining == 0


def server_time(reply: Reply) -> float:
    """The server's clock when it answered, epoch seconds; ours where it names no `Date` that can be read."""
    date = http_date(reply.header("date"))
    return reply.received_at if date is None else date


def http_date(text: str | None) -> float | None:
    """An HTTP date in any of its three forms (RFC 9110 §5.6.7) as epoch seconds, or None.

    All of them mean UTC, also the one that names no zone.
    """
    if not text:
        return None
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError, TypeError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def read(reply: Reply, names: HeaderNames = NAMES) -> RateReading | None:
    """The rate-limit headers, or None where one is absent or malformed; of a repeated one, the strictest counts."""
    limit, remaining, reset = (_numbers(reply, of) for of in (names.limit, names.remaining, names.reset))
    if not (limit and remaining and reset):
        return None
    at = server_time(reply)
    reset_at = max(float(number) if number >= _EPOCH_FROM else at + number for number in reset)
    blur_s = _BLUR_S if min(reset) < _EPOCH_FROM else 0.0
    return RateReading(min(limit), min(remaining), reset_at, reset_at - at, blur_s)


def is_exhausted(reply: Reply, names: HeaderNames = NAMES) -> bool:
    """Whether a refusal says that it is for the rate limit: `Retry-After`, or nothing remaining.

    GitHub refuses so with 403; see its page above.
    """
    reading = read(reply, names)
    return retry_after_s(reply) is not None or (reading is not None and reading.remaining == 0)


def retry_after_s(reply: Reply) -> float | None:
    """Seconds to wait by `Retry-After`, as seconds or as a date; never negative; None where it says nothing.

    Of a repeated one, the longest counts.
    """
    values = [value.strip() for value in reply.header_values("retry-after")]
    texts = [part.strip() for value in values for part in (value.split(",") if _JOINED.fullmatch(value) else [value])]
    waits = [min(float(text), _LONGEST_S) for text in texts if _SECONDS.fullmatch(text)]
    dates = [date for text in texts if (date := http_date(text)) is not None]
    return max([*waits, *(max(0.0, date - server_time(reply)) for date in dates)], default=None)


_DIGITS = 15
_LONGEST_S = 1e15
_SECONDS = re.compile(r"[0-9]+(\.[0-9]*)?")
"""RFC 9110 knows whole seconds only; some servers send a fraction, and it costs nothing to wait it out."""

_JOINED = re.compile(r"[0-9., \t]+")
"""Several numbers that a proxy has joined; a date has letters."""

_BLUR_S = 2.0
"""Seconds from now on are rounded, and so is the `Date` that they count from."""

_EPOCH_FROM = 100_000_000
"""A smaller reset counts seconds from the answer on, as some APIs have it: no clock shows the year 1973."""


def _numbers(reply: Reply, names: tuple[str, ...]) -> list[int]:
    values = next((found for name in names if (found := reply.header_values(name))), [])
    texts = [part.strip() for value in values for part in value.split(",")]
    return [int(text) for text in texts if text.isascii() and text.isdecimal() and len(text) <= _DIGITS]
