"""Builds the parts of each source from its own section of the config; no part sees the whole."""

import math
from collections import Counter
from functools import partial

from hel.attempt import Rules
from hel.config.auth import BearerAuth, OAuth2Auth
from hel.config.resilience import Limits, RateLimit
from hel.config.source import LinkHeaderPagination, SourceConfig
from hel.dedupe import SeenIds, key_of
from hel.events import LineMaker
from hel.memory import LineLimit, Memory
from hel.paging.pager import LinkHeaderPager, Pager, SinglePage
from hel.paging.question import Question
from hel.policy import rate_headers
from hel.policy.diagnosis import Facts
from hel.policy.rate_headers import HeaderNames
from hel.policy.retry import Backoff
from hel.poller import Pace
from hel.recovery import Recovery
from hel.state.store import Keep, Store
from hel.telemetry.log import Log
from hel.transport.client import Bounds


def question(source: SourceConfig) -> Question:
    """What this source asks."""
    follows = isinstance(source.pagination, LinkHeaderPagination)
    return Question(source.url, source.query_params, source.from_, source.from_param, follows_links=follows)


def pager(source: SourceConfig, url: str | None = None) -> Pager:
    """How its pages follow each other, from its own first URL or another one on."""
    url = url or question(source).first_url
    pagination = source.pagination
    if isinstance(pagination, LinkHeaderPagination):
        is_short_last = pagination.end_on == "short_page"
        return LinkHeaderPager(url, pagination.rel, end_on_short_page=is_short_last, abroad=source.allowed_origins)
    return SinglePage(url)


def line_maker(source: SourceConfig) -> LineMaker:
    """How its events become lines."""
    return LineMaker(
        (source.source_label_key, source.source_label_value),
        question(source).path,
        source.transform.timestamp_field,
        source.transform.id_field,
        source.dedupe.id_path if source.dedupe else None,
    )


def identify(maker: LineMaker, event: bytes) -> bytes | None:
    """The ID key of an event that was delivered, or None where it has none."""
    key = maker.line(event, 0.0).key
    return None if key is None else key_of(key)


def pace(source: SourceConfig) -> Pace:
    """How often and how far it is asked."""
    pages = source.pagination.max_pages if isinstance(source.pagination, LinkHeaderPagination) else 1
    schedule, resilience = source.schedule, source.resilience
    return Pace(
        schedule.interval_secs,
        schedule.jitter_secs,
        pages,
        resilience.rate_limit.page_delay_secs,
        resilience.tick_timeout_secs,
    )


def facts(source: SourceConfig) -> Facts:
    """What the words for its errors depend on."""
    auth = source.auth
    if isinstance(auth, OAuth2Auth):
        return Facts(source.url, "oauth2", token_url=auth.token_url, dpop=auth.dpop)
    if isinstance(auth, BearerAuth):
        return Facts(source.url, "bearer", prefix=auth.prefix)
    return Facts(source.url)


def rules(source: SourceConfig) -> Rules:
    """How its requests are policed."""
    resilience = source.resilience
    retries, limit = resilience.retries, resilience.rate_limit
    backoff = Backoff(retries.initial_backoff_secs, retries.max_backoff_secs, retries.multiplier)
    return Rules(
        Bounds(
            total_s=resilience.timeout_secs,
            connect_s=resilience.connect_timeout_secs,
            read_s=resilience.read_timeout_secs,
            max_bytes=source.limits.max_response_bytes,
        ),
        retries.max_attempts,
        backoff,
        limit.respect_headers,
        limit.max_wait_secs,
        header_names(limit),
    )


def header_names(limit: RateLimit) -> HeaderNames:
    """What the API calls its rate-limit headers, where that is not what most do."""

    def named(name: str | None, usual: tuple[str, ...]) -> tuple[str, ...]:
        return usual if name is None else (name.lower(),)

    given, usual = limit.headers, rate_headers.NAMES
    return HeaderNames(
        named(given.limit, usual.limit), named(given.remaining, usual.remaining), named(given.reset, usual.reset)
    )


def memory(name: str, source: SourceConfig, store: Store | None, log: Log) -> Memory:
    """Where it stands, and what it has delivered; where that answers another question its first tick starts over."""
    start = question(source).starting_point(store.checkpoint(name) if store else None)
    log.debug("source.known", events=start.events, newest=start.newest, finished=start.finished)
    seen = SeenIds(source.dedupe.capacity, store.seen(name) if store else ()) if source.dedupe else None
    ground = store.ground(name) if store else Counter[bytes]()
    return Memory(start, ground, seen, whole_ticks=source.checkpoint == "end_of_tick", limit=line_limit(source.limits))


def line_limit(limits: Limits) -> LineLimit | None:
    """How long its lines may be."""
    most = limits.max_line_bytes
    return None if most is None else LineLimit(most, skips=limits.on_long_line == "skip")


def recovery(name: str, source: SourceConfig, store: Store | None) -> Recovery:
    """What it does when the API refuses its cursor."""
    recall = partial(store.reach, name) if store else Counter[bytes]
    return Recovery(name, source.on_cursor_error, question(source), source.overlap_secs, recall)


def keep(source: SourceConfig) -> Keep:
    """How much of what it delivered is remembered; all of it where a start over goes back to the very beginning."""
    overlap_s = math.inf if question(source).has_end else source.overlap_secs
    return Keep(source.dedupe.capacity if source.dedupe else 0, overlap_s)
