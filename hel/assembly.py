"""Builds the parts of each source from its own section of the config; no part sees the whole."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import sha256

from hel.auth.credential import BearerCredential, Credential, NoCredential, Send
from hel.auth.nonces import Nonces
from hel.auth.oauth2 import Client, OAuth2Credential
from hel.auth.refresh_token import RefreshToken
from hel.clock import Clock
from hel.config.auth import BearerAuth, OAuth2Auth
from hel.config.secrets import Secrets
from hel.config.source import LinkHeaderPagination, SourceConfig
from hel.dedupe import SeenIds, key_of
from hel.events import LineMaker
from hel.exchange import Exchange, Rules, token_sender
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
    return Question(source.url, source.query_params, source.from_, source.from_param)


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
    """Where it stands, and what it has delivered; says so where the stored cursor answers another question."""
    asked = question(source)
    stored = store.checkpoint(name) if store else None
    start = asked.starting_point(stored, source.overlap_secs)
    if stored is not None and stored.question not in {asked.digest, ""}:
        log.warning(
            "question.changed",
            because="url, from or query_params are not those that the stored cursor answers",
            since=start.resume or "the beginning",
            fix=f"nothing to do: what was delivered is left out; to collect all of it anew: hel state reset {name}",
        )
    starts_over = stored is not None and stored.question not in {asked.digest, ""}
    recall = (store.reach if starts_over else store.ground) if store else lambda _: Counter[bytes]()
    seen = SeenIds(source.dedupe.capacity, store.seen(name) if store else ()) if source.dedupe else None
    return Memory(start, recall(name), seen, is_new_ground=starts_over, whole_ticks=source.checkpoint == "end_of_tick")


def recovery(name: str, source: SourceConfig, store: Store | None) -> Recovery:
    """What it does when the API refuses its cursor."""
    recall = partial(store.reach, name) if store else Counter[bytes]
    return Recovery(source.on_cursor_error, question(source), source.overlap_secs, recall)


def keep(source: SourceConfig) -> Keep:
    """How much of what it delivered is remembered."""
    return Keep(source.dedupe.capacity if source.dedupe else 0, source.overlap_secs)


@dataclass(frozen=True, slots=True)
class Shared:
    """What the sources of one process share.

    Attributes:
        transport: The HTTP client.
        nonces: DPoP nonces by server.
        limiters: One budget per origin, path and credential.
        clock: The machine's clock.
    """

    transport: Transport
    nonces: Nonces
    limiters: dict[str, Limiter]
    clock: Clock


def exchange(
    source: SourceConfig, secrets: Secrets, shared: Shared, recorder: Recorder | None, log: Log
) -> tuple[Exchange, Credential]:
    """Its policed requests, and the credential that signs them."""
    known, policed = facts(source), rules(source)
    resilience = source.resilience
    send = token_sender(shared.transport, policed, known)
    signing = credential(source, secrets, shared, known, send, log)
    limiter = shared.limiters.setdefault(_budget(source, secrets), Limiter(resilience.rate_limit.max_wait_secs))
    fuse = resilience.circuit_breaker
    breaker = Breaker(fuse.failure_threshold, fuse.success_threshold, fuse.half_open_timeout_secs)
    return (
        Exchange(
            shared.transport,
            signing,
            limiter,
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


def _budget(source: SourceConfig, secrets: Secrets) -> str:
    """What a rate limit is counted by: origin, path and credential. Hashed, since it holds the credential."""
    token = secrets.token.value.get_secret_value() if secrets.token else ""
    parts = (origin_of(source.url), question(source).path, secrets.client_id or "", token)
    return sha256("\0".join(parts).encode()).hexdigest()


def labels(sources: Mapping[str, SourceConfig]) -> dict[tuple[str, str], str]:
    """The source of each label, key and value."""
    return {(source.source_label_key, source.source_label_value): name for name, source in sources.items()}
