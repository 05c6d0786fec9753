"""Builds the parts of each source from its own section of the config; no part sees the whole."""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Literal

from hel import okta
from hel.attempt import Rules
from hel.config.auth import ApiKeyAuth, BearerAuth, GoogleServiceAccountAuth, OAuth2Auth
from hel.config.pagination import (
    CursorPagination,
    LinkHeaderPagination,
    NextUrlPagination,
    NoPagination,
    OffsetPagination,
    PageOffsetPagination,
    Pagination,
    page_size_param,
)
from hel.config.resilience import Limits, RateLimit
from hel.config.source import SourceConfig
from hel.dedupe import SeenIds, key_of
from hel.envelope import Envelope
from hel.events import LineMaker
from hel.memory import LineLimit, Memory
from hel.paging.pager import Ending, Events, Pager
from hel.paging.place import Asking
from hel.paging.question import BY_TIME, Question
from hel.paging.strategies import Cursor, LinkHeader, NextUrl, NoPages, Numbered, Strategy
from hel.paging.walk import Span, Walks
from hel.policy import rate_headers
from hel.policy.diagnosis import Facts
from hel.policy.rate_headers import HeaderNames
from hel.policy.retry import Backoff
from hel.poller import Pace
from hel.recovery import Recovery
from hel.state.store import Keep, Store
from hel.telemetry.log import Log
from hel.timestamps import written_start
from hel.transport.client import Bounds


def question(source: SourceConfig) -> Question:
    """What this source asks."""
    headers = {"accept": "application/json", **{name.lower(): value for name, value in source.headers.items()}}
    asking = Asking(source.url, source.method, headers, source.allowed_origins)
    pages = source.pagination
    size = page_size_param(pages)
    is_get = source.method == "GET"
    form = start_format(source)
    return Question(
        asking,
        {**({name: str(number) for name, number in size.items()} if is_get else {}), **source.query_params},
        source.from_ if source.from_ is None or form is None else written_start(source.from_, form),
        source.from_param,
        follows_links=not isinstance(pages, NoPagination),
        body=source.body if is_get else {**size, **source.body},
        start_format=form,
        pages_by="" if isinstance(pages, LinkHeaderPagination | NoPagination) else pages.strategy,
        goes_by=_goes_by(source),
    )


def start_format(source: SourceConfig) -> str | None:
    """How the API takes a start time; None for RFC 3339, and for `from` as it is written."""
    if (mark := source.watermark) is not None:
        return mark.param_format or mark.format
    return source.from_format if source.window is None else source.window.format


def _goes_by(source: SourceConfig) -> str:
    """What its watermark is, so that a stored one is not taken for another kind."""
    if (mark := source.watermark) is not None:
        return f"number:{mark.path}" if mark.format == "number" else BY_TIME
    return "" if source.window is None else BY_TIME


def pager(source: SourceConfig) -> Pager:
    """How its pages follow each other."""
    asked = question(source)
    pages = source.pagination
    ending = Ending.BOUNDED if asked.has_end else Ending.POLLING
    if walks(source) is not None:
        ending = Ending.WALK
    elif isinstance(pages, NoPagination):
        ending = Ending.REPEATED
    return Pager(asked.asking, asked.first, strategy(pages), ending, place_of_events(source), _full_page(pages, asked))


def _full_page(pages: Pagination, asked: Question) -> int:
    """How many events a page must have so that it does not end a tick; 0 where short pages don't."""
    if getattr(pages, "end_on", None) != "short_page":
        return 0
    given = {**asked.body, **asked.parameters}
    limit = str(getattr(pages, "limit", None) or given.get(getattr(pages, "limit_param", "limit"), ""))
    return int(limit) if limit.isdecimal() else 0


def strategy(pages: Pagination) -> Strategy:
    """How the API says what comes next."""
    match pages:
        case LinkHeaderPagination():
            return LinkHeader(pages.rel)
        case NextUrlPagination():
            return NextUrl(pages.next_url_path)
        case CursorPagination():
            return Cursor(pages.cursor_path, pages.cursor_param, pages.has_more_path, alone=pages.cursor_alone)
        case PageOffsetPagination():
            return Numbered(pages.page_param, pages.first_page)
        case OffsetPagination():
            return Numbered(pages.offset_param, 0, by_events=True)
        case NoPagination():
            return NoPages()


def walks(source: SourceConfig) -> Walks | None:
    """Where its ticks begin, where its cursor does not last."""
    if (mark := source.watermark) is not None:
        asked = replace(question(source), start_param=mark.param)
        return Walks(asked, mark.param_format or mark.format, mark.overlap_secs, mark.template)
    if (window := source.window) is not None:
        asked = replace(question(source), start_param=window.start_param)
        span = Span(window.end_param, window.max_secs, window.lag_secs)
        return Walks(asked, window.format, window.overlap_secs, span=span)
    return None


def place_of_events(source: SourceConfig) -> Events:
    """Where its events stand in an answer."""
    return Events(source.events_path, source.events_may_be_missing, is_bare=okta.is_log(source.url))


def split(source: SourceConfig) -> Callable[[bytes], list[bytes]]:
    """How the events are found in an answer."""
    where = place_of_events(source)
    return lambda body: where.of(Envelope(body))


def line_maker(source: SourceConfig) -> LineMaker:
    """How its events become lines."""
    return LineMaker(
        (source.source_label_key, source.source_label_value),
        question(source).path,
        source.transform.timestamp_field,
        source.transform.id_field,
        source.dedupe.id_path if source.dedupe else None,
        (mark.path, mark.format) if (mark := source.watermark) else None,
        source.transform.timestamp_format,
    )


def identify(maker: LineMaker, event: bytes) -> bytes | None:
    """The ID key of an event that was delivered, or None where it has none."""
    key = maker.line(event, 0.0).key
    return None if key is None else key_of(key)


def pace(source: SourceConfig) -> Pace:
    """How often and how far it is asked."""
    pages = 1 if isinstance(source.pagination, NoPagination) and source.window is None else _most_pages(source)
    schedule, resilience = source.schedule, source.resilience
    return Pace(
        schedule.interval_secs,
        schedule.jitter_secs,
        pages,
        resilience.rate_limit.page_delay_secs,
        resilience.tick_timeout_secs,
    )


def _most_pages(source: SourceConfig) -> int:
    return 100 if isinstance(source.pagination, NoPagination) else source.pagination.max_pages


def facts(source: SourceConfig) -> Facts:
    """What the words for its errors depend on."""
    auth = source.auth
    known = Facts(source.url, "none" if auth is None else auth.type)
    if isinstance(auth, OAuth2Auth):
        return replace(known, token_url=auth.token_url, dpop=auth.dpop)
    if isinstance(auth, BearerAuth):
        return replace(known, prefix=auth.prefix)
    if isinstance(auth, ApiKeyAuth):
        return replace(known, prefix=auth.prefix, header=auth.header)
    if isinstance(auth, GoogleServiceAccountAuth):
        return replace(known, subject=auth.subject or "")
    return known


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
    return Memory(
        start,
        ground,
        seen,
        whole_ticks=source.checkpoint == "end_of_tick",
        limit=line_limit(source.limits),
        walks=_walks_by(source),
    )


def _walks_by(source: SourceConfig) -> Literal["window", "time", "number"] | None:
    if source.watermark is not None:
        return "number" if source.watermark.format == "number" else "time"
    return None if source.window is None else "window"


def line_limit(limits: Limits) -> LineLimit | None:
    """How long its lines may be."""
    most = limits.max_line_bytes
    return None if most is None else LineLimit(most, skips=limits.on_long_line == "skip")


def recovery(name: str, source: SourceConfig, store: Store | None) -> Recovery:
    """What it does when the API refuses its cursor."""
    recall = partial(store.reach, name) if store else Counter[bytes]
    return Recovery(name, source.on_cursor_error, question(source), source.overlap_secs, recall, walks(source))


_BLUR_S = 60.0
"""A walk begins on a whole second, and the API's clock may be ahead of ours: lines are remembered so much longer."""


def keep(source: SourceConfig) -> Keep:
    """How much of what it delivered is remembered; all of it where a start over goes back to the very beginning."""
    by = walks(source)
    overlap_s = by.overlap + _BLUR_S if by else math.inf if question(source).has_end else source.overlap_secs
    return Keep(source.dedupe.capacity if source.dedupe else 0, overlap_s, walks=by is not None)
