"""What the sources of one process share: HTTP clients, rate-limit budgets, and credentials.

Sources with equal TLS settings share a client; with equal origin, path and credential a budget; with equal `auth` and
`tls` a token. Where settings of such sources differ, the first one's hold.
"""

from collections.abc import Collection, Iterable
from dataclasses import replace
from functools import partial

import msgspec
from msgspec import structs
from pydantic import SecretStr

from hel.assembly import facts, rules
from hel.auth.client import Client, Grant
from hel.auth.credential import ApiKeyCredential, BasicCredential, BearerCredential, Credential, NoCredential
from hel.auth.nonces import Nonces
from hel.auth.oauth2 import OAuth2Credential
from hel.auth.refresh_token import RefreshToken
from hel.auth.rereading import RereadCredential, Rereader
from hel.auth.service_account import ServiceAccountGrant
from hel.budget import Budget
from hel.clock import Clock
from hel.config.auth import AnyAuth, ApiKeyAuth, BasicAuth, BearerAuth, GoogleServiceAccountAuth, OAuth2Auth
from hel.config.certificates import Tls
from hel.config.resilience import RateLimit
from hel.config.secrets import Secrets
from hel.config.source import SourceConfig
from hel.exchange import Exchange
from hel.identity import Use, use_of
from hel.policy.breaker import Breaker
from hel.policy.limiter import Limiter
from hel.recording import Recorder
from hel.records import origin_of
from hel.telemetry.log import Log
from hel.token_server import TokenServer
from hel.transport.client import Transports
from hel.transport.turns import InTurn, Turns

_TIDY_S = 30.0


class Shared(msgspec.Struct, frozen=True):
    """What the sources of one process share.

    Attributes:
        transports: The HTTP clients.
        nonces: DPoP nonces by server.
        clock: The machine's clock.
        log: The program's log.
        budgets: One per origin, path and credential.
        credentials: One per way to prove who one is.
        servers: The token server of each.
        uses: What each source uses of them, by its name.
        turns: At signing in.
        settled: What each source is to use since the last reload: it may wait for its output before it does.
    """

    transports: Transports
    nonces: Nonces
    clock: Clock
    log: Log
    budgets: dict[str, Budget] = msgspec.field(default_factory=dict)
    credentials: dict[tuple[str, Tls], OAuth2Credential] = msgspec.field(default_factory=dict)
    servers: dict[tuple[str, Tls], TokenServer] = msgspec.field(default_factory=dict)
    uses: dict[str, Use] = msgspec.field(default_factory=dict)
    turns: Turns = msgspec.field(default_factory=Turns)
    settled: dict[str, Use] = msgspec.field(default_factory=dict)

    def settle(self, sources: Iterable[tuple[str, SourceConfig, Secrets]], fresh: Collection[str]) -> None:
        """Let the settings of what is shared be those of the first source that is to use it.

        Args:
            sources: All that there are to be.
            fresh: The names of those that are to use something else than before.
        """
        budgets, servers, settled = set[str](), set[tuple[str, Tls]](), dict[str, Use]()
        for name, source, secrets in sources:
            use = (None if name in fresh else self.settled.get(name) or self.uses.get(name)) or use_of(source, secrets)
            settled[name] = use
            account, identity = use.account, use.identity
            if account in self.budgets and account not in budgets:
                self.budgets[account].settle(source.resilience.rate_limit)
            if identity in self.servers and identity not in servers:
                self.servers[identity].settle(rules(source))
            budgets.add(account)
            servers.update({identity} if identity else ())
        self.settled.clear()
        self.settled.update(settled)

    async def sweep(self) -> None:
        """Forget what no source uses any more, and end what of it is under way.

        A budget that is still to be waited for stays: a source that comes back must not undercut it.
        """
        now = self.clock.monotonic()
        accounts = {use.account for use in self.uses.values()}
        for account in self.budgets.keys() - accounts:
            if not self.budgets[account].limiter.is_of_use(now):
                del self.budgets[account]
        identities = {use.identity for use in self.uses.values()}
        gone = [self.credentials.pop(identity) for identity in self.credentials.keys() - identities]
        for identity in self.servers.keys() - self.credentials.keys():
            del self.servers[identity]
        for credential in gone:
            await credential.aclose()
        await self.transports.keep({use.tls for use in self.uses.values()})

    async def tidy(self) -> None:
        """Close connections that were not used for a while, from time to time, until cancelled."""
        while True:
            await self.clock.sleep(_TIDY_S)
            await self.transports.tidy()

    async def aclose(self) -> None:
        """End what is under way, and close the connections."""
        for credential in self.credentials.values():
            await credential.aclose()
        await self.transports.aclose()


def exchange_of(
    name: str, source: SourceConfig, secrets: Secrets, shared: Shared, recorder: Recorder | None, log: Log
) -> Exchange:
    """Its policed requests; what one used that ran before under this name is left to `Shared.sweep`."""
    resilience = source.resilience
    use = use_of(source, secrets)
    fuse = resilience.circuit_breaker
    breaker = Breaker(fuse.failure_threshold, fuse.success_threshold, fuse.half_open_timeout_secs)
    exchange = Exchange(
        shared.transports.of(secrets.tls, source.url, *source.allowed_origins),
        _credential(source, secrets, use.identity, shared, log),
        _budget(use.account, resilience.rate_limit, shared),
        breaker if fuse.enabled else None,
        rules(source),
        facts(source),
        recorder,
        shared.clock,
        log,
    )
    shared.uses[name] = use
    return exchange


def credential(source: SourceConfig, secrets: Secrets, shared: Shared, log: Log) -> Credential:
    """What signs its requests; shared with the sources that sign in as it does, whose first one's settings hold."""
    return _credential(source, secrets, use_of(source, secrets).identity, shared, log)


def _credential(
    source: SourceConfig, secrets: Secrets, identity: tuple[str, Tls] | None, shared: Shared, log: Log
) -> Credential:
    auth = source.auth
    grant = None if auth is None else _grant(auth, secrets)
    if grant is None or identity is None:
        fixed = partial(_fixed, auth)
        return fixed(secrets) if auth is None else RereadCredential(secrets, fixed, log)
    if identity not in shared.credentials:
        shared.servers[identity], shared.credentials[identity] = _sign_in(source, grant, secrets, shared)
    return shared.credentials[identity]


def _fixed(auth: AnyAuth | None, secrets: Secrets) -> Credential:
    """What sends the same with every request."""
    if isinstance(auth, BearerAuth) and secrets.token is not None:
        return BearerCredential(secrets.token.value, auth.prefix)
    if isinstance(auth, ApiKeyAuth) and secrets.api_key is not None:
        return ApiKeyCredential(secrets.api_key.value, auth.header, auth.prefix)
    if isinstance(auth, BasicAuth) and secrets.username is not None:
        return BasicCredential(secrets.username.value, secrets.password.value if secrets.password else SecretStr(""))
    return NoCredential()


def _grant(auth: AnyAuth, secrets: Secrets) -> Grant | None:
    """What a token is asked for with; None where none is needed."""
    if isinstance(auth, GoogleServiceAccountAuth) and secrets.service_account is not None:
        return ServiceAccountGrant(secrets.service_account, auth.scopes, auth.subject)
    if not isinstance(auth, OAuth2Auth):
        return None
    refresh = secrets.refresh_token
    return Client(
        token_url=auth.token_url,
        client_id=secrets.client_id or "",
        scopes=auth.scopes,
        key=secrets.private_key,
        secret=secrets.client_secret.value if secrets.client_secret else None,
        refresh_token=RefreshToken(refresh.value, refresh.path) if refresh else None,
        audience=auth.audience,
        extra=auth.extra_params,
        secret_in_body=auth.client_auth == "post",
    )


def _sign_in(
    source: SourceConfig, grant: Grant, secrets: Secrets, shared: Shared
) -> tuple[TokenServer, OAuth2Credential]:
    """A token server, and what asks it."""
    known = structs.replace(facts(source), token_url=grant.token_url)
    log = shared.log.bind(token_server=origin_of(grant.token_url))
    transport = InTurn(shared.transports.of(secrets.tls, grant.token_url), shared.turns)
    server = TokenServer(transport, rules(source), known, shared.clock, log)
    rereader = Rereader(secrets, log)

    async def regrant() -> Grant | None:
        fresh = await rereader.changed()
        return None if fresh is None or source.auth is None else regranted(grant, source.auth, fresh)

    return server, OAuth2Credential(grant, known, shared.nonces, server, shared.clock, log, regrant)


def regranted(grant: Grant, auth: AnyAuth, fresh: Secrets) -> Grant | None:
    """What a token is asked for with from now on, with the refresh token that there is: in memory it may be newer."""
    found = _grant(auth, fresh)
    if isinstance(found, Client) and isinstance(grant, Client):
        return replace(found, refresh_token=grant.refresh_token)
    return found


def _budget(account: str, limit: RateLimit, shared: Shared) -> Budget:
    """What may be sent; where several sources share it, the first one's settings hold."""
    if account not in shared.budgets:
        shared.budgets[account] = made = Budget(Limiter(limit.max_wait_secs, limit.reserve))
        made.settle(limit)
    return shared.budgets[account]
