"""What an answer's headers say about time and the rate limit. A law: a Reply in, numbers out.

Okta: https://developer.okta.com/docs/reference/rl-best-practices/ (`X-Rate-Limit-*`, reset in UTC epoch seconds).
`Retry-After`: RFC 9110 §10.2.3. `Date`: RFC 9110 §6.6.1.
"""

import re
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

from hel.records import Reply


@dataclass(frozen=True, slots=True)
class RateReading:
    """One answer's rate-limit headers.

    Attributes:
        limit: Requests that the window allows.
        remaining: Requests left in it.
        reset_at: When the window starts anew, epoch seconds by the server's clock.
        reset_in_s: Seconds until then, by the answer's own `Date`; negative if it has passed.
    """

    limit: int
    remaining: int
    reset_at: float
    reset_in_s: float

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


def read(reply: Reply) -> RateReading | None:
    """The rate-limit headers, or None where one is absent or malformed; of a repeated one, the strictest counts."""
    limit = _numbers(reply, "x-rate-limit-limit")
    remaining = _numbers(reply, "x-rate-limit-remaining")
    reset = _numbers(reply, "x-rate-limit-reset")
    if not (limit and remaining and reset):
        return None
    return RateReading(min(limit), min(remaining), max(reset), max(reset) - server_time(reply))


def retry_after_s(reply: Reply) -> float | None:
    """Seconds to wait by `Retry-After`, as seconds or as a date; never negative; None where it says nothing."""
    text = (reply.header("retry-after") or "").strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    date = http_date(text)
    return None if date is None else max(0.0, date - server_time(reply))


_DIGITS = 15
_SECONDS = re.compile(rf"[0-9]{{1,{_DIGITS}}}(\.[0-9]{{0,9}})?")
"""RFC 9110 knows whole seconds only; some servers send a fraction, and it costs nothing to wait it out."""


def _numbers(reply: Reply, name: str) -> list[int]:
    texts = [part.strip() for value in reply.header_values(name) for part in value.split(",")]
    return [int(text) for text in texts if text.isascii() and text.isdecimal() and len(text) <= _DIGITS]
