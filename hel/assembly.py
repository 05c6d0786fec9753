"""Builds the parts of each source from its own section of the config; no part sees the whole."""

import math
from collections import Counter
from dataclasses import replace
from functools import partial
from typing import Literal

from msgspec import structs

from hel import okta
from hel.asking import question, walks
from hel.attempt import Rules
from hel.config.auth import ApiKeyAuth, BearerAuth, GoogleServiceAccountAuth, OAuth2Auth
from hel.config.pagination import NoPagination
from hel.config.resilience import Limits, RateLimit
from hel.config.source import SourceConfig
from hel.dedupe import QUICK, SURE, SeenIds, id_key
from hel.events import LineMaker
from hel.memory import Memory
from hel.policy import rate_headers
from hel.policy.diagnosis import Facts
from hel.policy.rate_headers import HeaderNames
from hel.policy.retry import Backoff
from hel.recovery import Recovery
from hel.schedule import Pace
from hel.sieve import LineLimit
from hel.state.keeping import Keep
from hel.state.store import Store
from hel.telemetry.log import Log
from hel.timestamps import grain_of
from hel.transport.client import Bounds


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
    (key,) = maker.lines([event], 0.0).keys
    return id_key(key) if key else None


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
        return structs.replace(known, token_url=auth.token_url, dpop=auth.dpop)
    if isinstance(auth, BearerAuth):
        return structs.replace(known, prefix=auth.prefix)
    if isinstance(auth, ApiKeyAuth):
        return structs.replace(known, prefix=auth.prefix, header=auth.header)
    if isinstance(auth, GoogleServiceAccountAuth):
        return structs.replace(known, subject=auth.subject or "")
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
    if source.dedupe is not None:  # IDs tell what was delivered even before that: a longer overlap may look there
        start = replace(start, known_from=None)
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
        kinds=QUICK if okta.is_log(source.url) else SURE,  # Okta draws a UUID for each event
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
    asked = question(source)
    blur_s = _BLUR_S + grain_of(by.form if by else asked.start_format or "")
    overlap_s = by.overlap + blur_s if by else math.inf if asked.has_end else source.overlap_secs + blur_s
    return Keep(source.dedupe.capacity if source.dedupe else 0, overlap_s, walks=by is not None)
