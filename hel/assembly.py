"""Builds the parts of each source from its own section of the config; no part sees the whole."""

import math
from collections import Counter
from dataclasses import dataclass
from functools import partial
from hashlib import sha256

from hel.attempt import Rules, token_sender
from hel.auth.credential import BearerCredential, Credential, NoCredential, Send
from hel.auth.nonces import Nonces
from hel.auth.oauth2 import Client, OAuth2Credential
from hel.auth.refresh_token import RefreshToken
from hel.budget import Budget, throttle
from hel.clock import Clock
from hel.config.auth import BearerAuth, OAuth2Auth
from hel.config.secrets import Secrets
from hel.config.source import LinkHeaderPagination, RateLimit, SourceConfig
from hel.dedupe import SeenIds, key_of
from hel.events import LineMaker
from hel.exchange import Exchange
from hel.memory import Memory
from hel.paging.pager import LinkHeaderPager, Pager, SinglePage
from hel.paging.question import Question
from hel.policy.breaker import Breaker
from hel.policy.diagnosis import Facts
from hel.policy.limiter import Limiter
from hel.policy.retry import Backoff
from hel.poller import Pace
from hel.recording import Recorder
from hel.records import origin_of
from hel.recovery import Recovery
from hel.state.store import Keep, Store
from hel.telemetry.log import Log
from hel.transport import Transport


def question(source: SourceConfig) -> Question:
    """What this source asks."""
    follows = isinstance(source.pagination, LinkHeaderPagination)
    return Question(source.url, source.query_params, source.from_, source.from_param, follows_links=follows)


def pager(source: SourceConfig, url: str | None = None) -> Pager:
    """How its pages follow each other, from its own first URL or another one on."""
    url = url or question(source).first_url
    pagination = source.pagination
    if isinstance(pagination, LinkHeaderPagination):
        return LinkHeaderPager(url, pagination.rel, end_on_short_page=pagination.end_on == "short_page")
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
    schedule = source.schedule
    return Pace(schedule.interval_secs, schedule.jitter_secs, pages, source.resilience.rate_limit.page_delay_secs)


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
    return Rules(resilience.timeout_secs, retries.max_attempts, backoff, limit.respect_headers, limit.max_wait_secs)


def memory(name: str, source: SourceConfig, store: Store | None, log: Log) -> Memory:
    """Where it stands, and what it has delivered; where that answers another question its first tick starts over."""
    start = question(source).starting_point(store.checkpoint(name) if store else None)
    log.debug("source.known", events=start.events, newest=start.newest, finished=start.finished)
    seen = SeenIds(source.dedupe.capacity, store.seen(name) if store else ()) if source.dedupe else None
    ground = store.ground(name) if store else Counter[bytes]()
    return Memory(start, ground, seen, whole_ticks=source.checkpoint == "end_of_tick")


def recovery(name: str, source: SourceConfig, store: Store | None) -> Recovery:
    """What it does when the API refuses its cursor."""
    recall = partial(store.reach, name) if store else Counter[bytes]
    return Recovery(name, source.on_cursor_error, question(source), source.overlap_secs, recall)


def keep(source: SourceConfig) -> Keep:
    """How much of what it delivered is remembered; all of it where a start over goes back to the very beginning."""
    overlap_s = math.inf if question(source).has_end else source.overlap_secs
    return Keep(source.dedupe.capacity if source.dedupe else 0, overlap_s)


@dataclass(frozen=True, slots=True)
class Shared:
    """What the sources of one process share.

    Attributes:
        transport: The HTTP client.
        nonces: DPoP nonces by server.
        budgets: One per origin, path and credential.
        clock: The machine's clock.
    """

    transport: Transport
    nonces: Nonces
    budgets: dict[str, Budget]
    clock: Clock


def exchange(
    source: SourceConfig, secrets: Secrets, shared: Shared, recorder: Recorder | None, log: Log
) -> tuple[Exchange, Credential]:
    """Its policed requests, and the credential that signs them."""
    known, policed = facts(source), rules(source)
    resilience = source.resilience
    send = token_sender(shared.transport, policed, known)
    signing = credential(source, secrets, shared, known, send, log)
    drawn_on = shared.budgets.setdefault(_account(source, secrets), budget(resilience.rate_limit))
    fuse = resilience.circuit_breaker
    breaker = Breaker(fuse.failure_threshold, fuse.success_threshold, fuse.half_open_timeout_secs)
    return (
        Exchange(
            shared.transport,
            signing,
            drawn_on,
            breaker if fuse.enabled else None,
            policed,
            known,
            recorder,
            shared.clock,
            log,
        ),
        signing,
    )


def credential(
    source: SourceConfig, secrets: Secrets, shared: Shared, known: Facts, send: Send, log: Log
) -> Credential:
    """What signs its requests."""
    auth = source.auth
    if isinstance(auth, BearerAuth) and secrets.token is not None:
        return BearerCredential(secrets.token.value.get_secret_value(), auth.prefix)
    if isinstance(auth, OAuth2Auth):
        refresh = secrets.refresh_token
        client = Client(
            token_url=auth.token_url,
            client_id=secrets.client_id or "",
            scopes=tuple(auth.scopes),
            key=secrets.private_key,
            secret=secrets.client_secret.value.get_secret_value() if secrets.client_secret else None,
            refresh_token=RefreshToken(refresh.value.get_secret_value(), refresh.path) if refresh else None,
        )
        return OAuth2Credential(client, known, shared.nonces, send, shared.clock, log)
    return NoCredential()


def budget(limit: RateLimit) -> Budget:
    """What may be sent; where several sources share it, the first one's settings hold."""
    rate = limit.max_requests_per_second
    return Budget(Limiter(limit.max_wait_secs, limit.reserve), None if rate is None else throttle(rate, limit.burst))


def _account(source: SourceConfig, secrets: Secrets) -> str:
    """What a rate limit is counted by: origin, path and credential. Hashed, since it holds the credential."""
    token = secrets.token.value.get_secret_value() if secrets.token else ""
    parts = (origin_of(source.url), question(source).path, secrets.client_id or "", token)
    return sha256("\0".join(parts).encode()).hexdigest()
