"""Resolves what one source proves itself with: its secrets and its certificates, checked as far as they can be."""

import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from pydantic import SecretStr

from hel.config.auth import AnyAuth, ApiKeyAuth, BasicAuth, BearerAuth, GoogleServiceAccountAuth, OAuth2Auth
from hel.config.certificates import CertificateError, Tls
from hel.config.problems import Keys, Problem
from hel.config.secret_text import VISIBLE, VISIBLE_OR_SPACE, Secret, SecretText
from hel.config.server import ServerConfig
from hel.config.tls import TlsConfig

if TYPE_CHECKING:
    from hel.config.keys import PrivateKey
    from hel.config.service_account import ServiceAccount

_NO_COLON = re.compile(r"[^:]+")  # user-id, RFC 7617 §2
_ANY = re.compile(r".+")

Ways = tuple[AnyAuth | None, TlsConfig | None]
"""How a source proves who it is: its `auth` and `tls` sections; None for an `auth` left out, and for what is wrong."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """What one source needs to prove who it is; None where its way of doing so needs none.

    Attributes:
        token: The bearer token.
        api_key: The key that a header of its own carries.
        username: The user name for HTTP Basic; a secret, too, unless it stands in the configuration.
        password: The password for HTTP Basic; None for an empty one.
        client_id: The OAuth client, which is no secret.
        private_key: The client's key.
        client_secret: The client's secret.
        refresh_token: The refresh token; its `path` is replaced when the server rotates it.
        service_account: The service account of Google's, with its key.
        tls: Whom it trusts, and its client certificate.
        origins: What was found where, in words: `{"private key": "environment variable OKTA_CLIENT_PRIVATE_KEY"}`.
        again: Reads them once more, for a file may be replaced while the program runs; None where nothing is in a
            file, or what is there now is not right.
    """

    token: Secret | None = None
    api_key: Secret | None = None
    username: Secret | None = None
    password: Secret | None = None
    client_id: str | None = None
    private_key: "PrivateKey | None" = None
    client_secret: Secret | None = None
    refresh_token: Secret | None = None
    service_account: "ServiceAccount | None" = None
    tls: Tls = field(default_factory=Tls)
    origins: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    again: "Callable[[], Secrets | None]" = field(default=lambda: None, repr=False, compare=False)

    def are(self, others: "Secrets") -> bool:
        """Whether they prove the same; a refresh token in a file is not looked at, since each use may replace it."""
        return self.comparable() == others.comparable()

    def comparable(self) -> tuple[object, ...]:
        """What tells them from others; keys by their thumbprints (RFC 7638)."""
        refresh = self.refresh_token
        values = (self.token, self.api_key, self.username, self.password, self.client_secret, refresh)
        texts = tuple(None if each is None or (each is refresh and each.path) else each.value for each in values)
        account = self.service_account
        keys = (self.private_key, account.key if account else None)
        prints = tuple((key.key.thumbprint(), key.kid, key.algorithm) if key else None for key in keys)
        return texts, self.client_id, prints, account and (account.email, account.token_url), self.tls


class SecretReader:
    """Reads the secrets of all sources.

    Args:
        environ: The environment.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._texts = SecretText(environ)
        self._keys: dict[tuple[str, str | None], PrivateKey] = {}
        self._accounts: dict[tuple[str, str | None], ServiceAccount] = {}
        self._refresh_files: dict[Path, tuple[str, Ways]] = {}
        self._tls: dict[TlsConfig, tuple[Tls, Mapping[str, str]]] = {}

    @property
    def problems(self) -> list[Problem]:
        """What was wrong, by the key that names the secret's place."""
        return self._texts.problems

    @property
    def warnings(self) -> list[Problem]:
        """What is not as safe as it should be, by the same."""
        return self._texts.warnings

    def read(self, ways: Ways, keys: Keys) -> Secrets:
        """The secrets that a source names; incomplete where `problems` grew.

        Args:
            ways: Its `auth` and `tls` sections.
            keys: The path of its own section.
        """
        auth, tls = ways
        if isinstance(auth, OAuth2Auth) and auth.refresh_token_file is not None and tls is not None:
            self._check_own(auth.refresh_token_file, ways, keys)
        found = self._read_auth(auth, (*keys, "auth"))
        if any(origin.startswith("file ") for origin in found.origins.values()):
            found = replace(found, again=partial(_read_again, self._environ, auth, keys))
        if tls is None:
            return found
        certificates, origins = self._tls_of(tls, (*keys, "tls"))
        return replace(found, tls=certificates, origins=MappingProxyType({**found.origins, **origins}))

    def read_server_token(self, server: ServerConfig) -> Secret | None:
        """The token of those who may ask the server to do something; None where none is named."""
        keys = ("global", "server")
        return self._texts.read("token", server.token_env, server.token_file, keys, VISIBLE)

    def _read_auth(self, auth: AnyAuth | None, keys: Keys) -> Secrets:
        match auth:
            case BearerAuth():
                token = self._texts.read("token", auth.token_env, auth.token_file, keys, VISIBLE)
                return Secrets(token=token, origins=_origins({"token": token}))
            case ApiKeyAuth():
                key = self._texts.read("key", auth.key_env, auth.key_file, keys, VISIBLE)
                return Secrets(api_key=key, origins=_origins({"key": key}))
            case BasicAuth():
                return self._read_basic(auth, keys)
            case OAuth2Auth():
                return self._read_oauth2(auth, keys)
            case GoogleServiceAccountAuth():
                return self._read_google(auth, keys)
            case None:
                return Secrets()

    def _read_basic(self, auth: BasicAuth, keys: Keys) -> Secrets:
        user = self._texts.read("username", auth.username_env, auth.username_file, keys, _NO_COLON)
        if auth.username is not None:
            user = Secret(SecretStr(auth.username), "the configuration")
        password = self._texts.read("password", auth.password_env, auth.password_file, keys, _ANY)
        return Secrets(username=user, password=password, origins=_origins({"user name": user, "password": password}))

    def _read_google(self, auth: GoogleServiceAccountAuth, keys: Keys) -> Secrets:
        found = self._texts.read("credentials", auth.credentials_env, auth.credentials_file, keys)
        account = self._service_account(found, auth.token_url, keys) if found else None
        return Secrets(service_account=account, origins=_origins({"service account's key": found}))

    def _read_oauth2(self, auth: OAuth2Auth, keys: Keys) -> Secrets:
        read, allowed = self._texts.read, VISIBLE_OR_SPACE
        client = read("client_id", auth.client_id_env, auth.client_id_file, keys, allowed, is_public=True)
        secret = read("client_secret", auth.client_secret_env, auth.client_secret_file, keys, allowed)
        refresh = read("refresh_token", auth.refresh_token_env, auth.refresh_token_file, keys, allowed)
        pem = read("client_private_key", auth.client_private_key_env, auth.client_private_key_file, keys)
        key = self._private_key(pem, auth.client_private_key_id, keys) if pem else None
        found = {"client ID": client, "private key": pem, "client secret": secret, "refresh token": refresh}
        return Secrets(
            client_id=auth.client_id or (client.value.get_secret_value() if client else None),
            private_key=key,
            client_secret=secret,
            refresh_token=refresh,
            origins=_origins(found, {"client ID": "the configuration"} if auth.client_id else {}),
        )

    def _tls_of(self, tls: TlsConfig, keys: Keys) -> tuple[Tls, Mapping[str, str]]:
        """As below, once for all sources that have the same, unless there is something to say at each one's place."""
        said = len(self.problems) + len(self.warnings)
        found = self._tls.get(tls) or self._read_tls(tls, keys)
        if len(self.problems) + len(self.warnings) == said:
            self._tls[tls] = found
        return found

    def _read_tls(self, tls: TlsConfig, keys: Keys) -> tuple[Tls, Mapping[str, str]]:
        """Its certificates, and where their secret was found."""
        read, known = self._texts.read, len(self.problems)
        has_key = tls.client_key_env is not None or tls.client_key_file is not None
        ca = read("ca", tls.ca_env, tls.ca_file, keys, is_public=True)
        cert = read("client_cert", tls.client_cert_env, tls.client_cert_file, keys, is_public=has_key)
        key = read("client_key", tls.client_key_env, tls.client_key_file, keys)
        origins = _origins({"TLS client key": key or cert})
        if len(self.problems) > known:
            return Tls(), origins
        found = Tls(
            _pem(ca).get_secret_value() if ca else None,
            tls.ca_only,
            _pem(cert) if cert else None,
            _pem(key) if key else None,
            tls.min_version,
        )
        try:
            found.onto(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        except CertificateError as error:
            secret = {"ca": ca, "client_cert": cert, "client_key": key}[error.what]
            origin, path = (secret.origin, secret.path) if secret else ("", None)
            name = f"{error.what}_{'file' if path else 'env'}"
            self.problems.append(Problem(f"{origin}: {error}", (*keys, name)))
        return found, origins

    def _check_own(self, file: Path, ways: Ways, keys: Keys) -> None:
        """A refresh token may be replaced at any use, which only who used it learns in time."""
        name = str(keys[1])
        first, its_ways = self._refresh_files.setdefault(file.resolve(), (name, ways))
        if its_ways != ways:
            self.problems.append(
                Problem(
                    f"sources '{first}' and '{name}' use one refresh token in different ways, and each use may replace "
                    "it (give both the same `auth` and `tls`, or each a token of its own)",
                    (*keys, "auth", "refresh_token_file"),
                )
            )

    def _private_key(self, pem: Secret, kid: str | None, keys: Keys) -> "PrivateKey | None":
        from hel.config.keys import read_private_key  # noqa: PLC0415  # cryptography is loaded only for a key

        text = pem.value.get_secret_value()
        if (text, kid) in self._keys:
            return self._keys[text, kid]
        try:
            key = self._keys[text, kid] = read_private_key(text, kid)
        except ValueError as error:
            name = "client_private_key_file" if pem.path else "client_private_key_env"
            self.problems.append(Problem(f"{pem.origin}: {error}", (*keys, name)))
            return None
        return key

    def _service_account(self, found: Secret, token_url: str | None, keys: Keys) -> "ServiceAccount | None":
        from hel.config.service_account import read_service_account  # noqa: PLC0415  # for cryptography, as above

        text = found.value.get_secret_value()
        if (text, token_url) in self._accounts:
            return self._accounts[text, token_url]
        try:
            account = self._accounts[text, token_url] = read_service_account(text, token_url)
        except ValueError as error:
            name = "credentials_file" if found.path else "credentials_env"
            self.problems.append(Problem(f"{found.origin}: {error}", (*keys, name)))
            return None
        return account


def _read_again(environ: Mapping[str, str], auth: AnyAuth | None, keys: Keys) -> Secrets | None:
    reader = SecretReader(environ)
    found = reader.read((auth, None), keys)
    return None if reader.problems else found


def _pem(secret: Secret) -> SecretStr:
    r"""PEM text; in a variable of one line, its line breaks may be written as `\n`."""
    text = secret.value.get_secret_value()
    return SecretStr(text.replace("\\n", "\n")) if "\n" not in text else secret.value


def _origins(found: Mapping[str, Secret | None], more: Mapping[str, str] | None = None) -> Mapping[str, str]:
    origins = {name: secret.origin for name, secret in found.items() if secret is not None}
    return MappingProxyType({**(more or {}), **origins})
