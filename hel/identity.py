"""What sources must have in common to share a budget, a token or a client.

The keys are hashed, for they hold credentials.
"""

from hashlib import sha256

import msgspec

from hel.asking import question
from hel.config.auth import AnyAuth, GoogleServiceAccountAuth, OAuth2Auth
from hel.config.certificates import Tls
from hel.config.secret_text import Secret
from hel.config.secrets import Secrets
from hel.config.source import SourceConfig
from hel.records import origin_of


class Use(msgspec.Struct, frozen=True):
    """What one source uses of what is shared.

    Attributes:
        account: Its budget's key: what a rate limit is counted by, which is origin, path and credential.
        identity: Its credential's key: what a token is asked for with; None for one of its own.
        tls: Its client's.
    """

    account: str
    identity: tuple[str, Tls] | None
    tls: Tls


def use_of(source: SourceConfig, secrets: Secrets) -> Use:
    """What a source uses."""
    identity = None
    if isinstance(source.auth, OAuth2Auth | GoogleServiceAccountAuth):
        identity = _identity(source.auth, secrets), secrets.tls
    return Use(_account(source, secrets), identity, secrets.tls)


def _account(source: SourceConfig, secrets: Secrets) -> str:
    fixed = (secrets.token, secrets.api_key, secrets.username, secrets.password)
    who = [secrets.client_id or "", *(_value(secret) for secret in fixed)]
    if isinstance(source.auth, GoogleServiceAccountAuth) and secrets.service_account is not None:
        who += [secrets.service_account.email, source.auth.subject or ""]
    return _hashed(origin_of(source.url), question(source).path, *who)


def _identity(auth: AnyAuth, secrets: Secrets) -> str:
    account = secrets.service_account
    keys = (secrets.private_key, account.key if account else None)
    kept = (secrets.client_secret, secrets.refresh_token)
    return _hashed(
        auth.model_dump_json(),
        secrets.client_id or "",
        *(key.key.thumbprint() if key else "" for key in keys),
        *((account.email, account.token_url) if account else ()),
        *(_value(secret) for secret in kept),
    )


def _value(secret: Secret | None) -> str:
    return secret.value.get_secret_value() if secret else ""


def _hashed(*parts: str) -> str:
    return sha256("\0".join(parts).encode()).hexdigest()
