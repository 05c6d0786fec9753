"""How a source bears failures, limits and hostile answers."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from hel.config.fields import Count, Flag, HeaderName, Seconds, SecondsOrZero
from hel.config.section import Conflict, Section


class Retries(Section):
    """How often and how fast a failed request is sent again."""

    max_attempts: Annotated[int, Field(ge=1, le=1000)] = Field(
        3, description="Sends in all, the first one and those after a 429 included."
    )
    initial_backoff_secs: SecondsOrZero = Field(1, description="The wait before the second send.")
    max_backoff_secs: SecondsOrZero = Field(60, description="The longest wait between two sends.")
    multiplier: Annotated[float, Field(ge=1, le=100, allow_inf_nan=False)] = Field(
        2.0, description="By how much each wait is longer than the one before."
    )

    @classmethod
    def conflicts(cls, given: Mapping[str, Any]) -> Iterator[Conflict]:
        """The first wait is not above the longest one."""
        try:
            first = float(given.get("initial_backoff_secs", 1))
            most = float(given.get("max_backoff_secs", 60))
        except (TypeError, ValueError):
            return
        if first > most:
            where = "max_backoff_secs" if "max_backoff_secs" in given else "initial_backoff_secs"
            yield (where,), "initial_backoff_secs is above max_backoff_secs (lower one or raise the other)"


class CircuitBreaker(Section):
    """When a failing source is left alone for a while."""

    enabled: Flag = Field(default=True, description="Whether a failing source is left alone for a while.")
    failure_threshold: Count = Field(5, description="Failures in a row that open the circuit.")
    success_threshold: Count = Field(2, description="Successes in a row that close it again.")
    half_open_timeout_secs: Seconds = Field(60, description="Seconds until an open circuit is tried again.")


class RateLimitHeaders(Section):
    """The names of the headers that tell of a window."""

    limit: HeaderName | None = Field(None, description="The header that says how many requests a window allows.")
    remaining: HeaderName | None = Field(None, description="The header that says how many are left of it.")
    reset: HeaderName | None = Field(
        None, description="The header that says when the next one begins: UTC epoch seconds, or seconds from now."
    )


class RateLimit(Section):
    """How the API's rate limit is kept."""

    respect_headers: Flag = Field(default=True, description="Wait as `Retry-After` and the rate-limit headers say.")
    page_delay_secs: SecondsOrZero = Field(0, description="Seconds to wait between two pages of a tick.")
    max_wait_secs: SecondsOrZero = Field(
        900, description="The longest wait for a rate limit's reset; a longer `Retry-After` ends the tick."
    )
    reserve: Annotated[int, Field(ge=0, le=10_000_000)] = Field(
        1,
        description="How many requests of each window, by the rate-limit headers, are left to others; one a window is "
        "sent all the same. Sources with the same URL and credential share one budget: the first one's settings hold.",
    )
    max_requests_per_second: Annotated[float, Field(gt=0, le=10_000, allow_inf_nan=False)] | None = Field(
        None, description="The most requests a second in the long run, whatever the headers say; default: no bound."
    )
    burst: Count = Field(1, description="How many requests may go at once under `max_requests_per_second`.")
    headers: RateLimitHeaders = Field(
        default_factory=RateLimitHeaders,
        description="What the API calls its rate-limit headers; default: `X-Rate-Limit-*` or `X-RateLimit-*`.",
    )

    @classmethod
    def conflicts(cls, given: Mapping[str, Any]) -> Iterator[Conflict]:
        """A burst is one of a rate."""
        if given.get("burst") is not None and given.get("max_requests_per_second") is None:
            yield ("burst",), "there is no rate that it belongs to (add 'max_requests_per_second')"


class Resilience(Section):
    """Timeouts, retries, circuit breaker and rate limit."""

    timeout_secs: Seconds = Field(
        30, description="Seconds that one request may take, from connecting to the answer's last byte."
    )
    connect_timeout_secs: Seconds = Field(10, description="Seconds for the connection, TLS included.")
    read_timeout_secs: Seconds = Field(30, description="Seconds between two pieces of an answer.")
    tick_timeout_secs: Seconds = Field(
        3600,
        description="Seconds that one tick may take, waits for a rate limit included and waits for the output not; "
        "the next tick goes on there.",
    )
    retries: Retries = Field(default_factory=Retries, description="Sending a failed request again.")
    circuit_breaker: CircuitBreaker = Field(
        default_factory=CircuitBreaker, description="Leaving a failing source alone."
    )
    rate_limit: RateLimit = Field(default_factory=RateLimit, description="Keeping the API's rate limit.")


class Limits(Section):
    """What is too much to be taken from an API."""

    max_response_bytes: Annotated[int, Field(ge=1024, le=4_294_967_296)] = Field(
        67_108_864, description="The largest answer, decompressed; a larger one is refused while it is read."
    )
    max_line_bytes: Annotated[int, Field(ge=256, le=4_294_967_296)] | None = Field(
        None, description="The longest output line, its newline included; default: no bound."
    )
    on_long_line: Literal["fail", "skip"] = Field(
        "fail",
        description="What becomes of an event whose line is longer: `fail` ends the tick before its page; `skip` "
        "leaves it out for good, and logs each one.",
    )

    @classmethod
    def conflicts(cls, given: Mapping[str, Any]) -> Iterator[Conflict]:
        """What is done beyond a bound needs the bound."""
        if given.get("on_long_line") is not None and given.get("max_line_bytes") is None:
            yield ("on_long_line",), "no line is too long without a bound (add 'max_line_bytes')"
