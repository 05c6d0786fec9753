"""What the sources of one process share: HTTP clients, rate-limit budgets, and credentials.

Sources with equal TLS settings share a client; with equal origin, path and credential a budget; with equal `auth` and
`tls` a token. Where settings of such sources differ, the first one's hold.
"""

from dataclasses import dataclass, field
from hashlib import sha256

from hel.assembly import facts, question, rules
from hel.auth.credential import BearerCredential, Credential, NoCredential
from hel.auth.nonces import Nonces
from hel.auth.oauth2 import Client, OAuth2Credential
from hel.auth.refresh_token import RefreshToken
from hel.budget import Budget, throttle
from hel.clock import Clock
from hel.config.auth import BearerAuth, OAuth2Auth
from hel.config.certificates import Tls
from hel.config.resilience import RateLimit
from hel.config.secret_text import Secret
from hel.config.secrets import Secrets
from hel.config.source import SourceConfig
from hel.exchange import Exchange
from hel.policy.breaker import Breaker
from hel.policy.limiter import Limiter
from hel.recording import Recorder
from hel.records import origin_of
from hel.telemetry.log import Log
from hel.token_server import TokenServer
from hel.transport.client import Transports


@dataclass(frozen=True, slots=True)
class Shared:
    """What the sources of one process share.

    Attributes:
        transports: The HTTP clients.
        nonces: DPoP nonces by server.
        clock: The machine's clock.
        log: The program's log.
        budgets: One per origin, path and credential.
        credentials: One per way to prove who one is.
    """

    transports: Transports
    nonces: Nonces
    clock: Clock
    log: Log
    budgets: dict[str, Budget] = field(default_factory=dict)
    credentials: dict[tuple[str, Tls], Credential] = field(default_factory=dict)

    async def aclose(self) -> None:
        """End what is under way, and close the connections."""
        for credential in self.credentials.values():
            await credential.aclose()
        await self.transports.aclose()


def exchange_of(
    source: SourceConfig, secrets: Secrets, shared: Shared, recorder: Recorder | None, log: Log
) -> Exchange:
    """Its policed requests."""
    resilience = source.resilience
    drawn_on = shared.budgets.setdefault(_account(source, secrets), budget(resilience.rate_limit))
    fuse = resilience.circuit_breaker
    breaker = Breaker(fuse.failure_threshold, fuse.success_threshold, fuse.half_open_timeout_secs)
    return Exchange(
        shared.transports.of(secrets.tls),
        credential(source, secrets, shared),
        drawn_on,
        breaker if fuse.enabled else None,
        rules(source),
        facts(source),
        recorder,
        shared.clock,
        log,
    )


def credential(source: SourceConfig, secrets: Secrets, shared: Shared) -> Credential:
    """What signs its requests; shared with the sources that sign in as it does, whose first one's settings hold."""
    auth = source.auth
    if isinstance(auth, BearerAuth) and secrets.token is not None:
        return BearerCredential(secrets.token.value, auth.prefix)
    if not isinstance(auth, OAuth2Auth):
        return NoCredential()
    identity = (_identity(auth, secrets), secrets.tls)
    if identity not in shared.credentials:
        shared.credentials[identity] = _oauth2(source, auth, secrets, shared)
    return shared.credentials[identity]


def _oauth2(source: SourceConfig, auth: OAuth2Auth, secrets: Secrets, shared: Shared) -> OAuth2Credential:
    refresh = secrets.refresh_token
    client = Client(
        token_url=auth.token_url,
        client_id=secrets.client_id or "",
        scopes=tuple(auth.scopes),
        key=secrets.private_key,
        secret=secrets.client_secret.value if secrets.client_secret else None,
        refresh_token=RefreshToken(refresh.value, refresh.path) if refresh else None,
    )
    known, log = facts(source), shared.log.bind(token_server=origin_of(auth.token_url))
    server = TokenServer(shared.transports.of(secrets.tls), rules(source), known, shared.clock, log)
    return OAuth2Credential(client, known, shared.nonces, server, shared.clock, log)


def budget(limit: RateLimit) -> Budget:
    """What may be sent; where several sources share it, the first one's settings hold."""
    rate = limit.max_requests_per_second
    return Budget(Limiter(limit.max_wait_secs, limit.reserve), None if rate is None else throttle(rate, limit.burst))


def _account(source: SourceConfig, secrets: Secrets) -> str:
    """What a rate limit is counted by: origin, path and credential. Hashed, since it holds the credential."""
    who = (secrets.client_id or "", _value(secrets.token))
    return _hashed(origin_of(source.url), question(source).path, *who)


def _identity(auth: OAuth2Auth, secrets: Secrets) -> str:
    """What a token is asked for with: sources that are equal in all of it need but one. Hashed, as above."""
    key = secrets.private_key.key.thumbprint() if secrets.private_key else ""
    kept = (secrets.client_secret, secrets.refresh_token)
    return _hashed(auth.model_dump_json(), key, *(_value(secret) for secret in kept))


def _value(secret: Secret | None) -> str:
    return secret.value.get_secret_value() if secret else ""


def _hashed(*parts: str) -> str:
    return sha256("\0".join(parts).encode()).hexdigest()
