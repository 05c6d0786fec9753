"""Resolves what one source proves itself with: its secrets and its certificates, checked as far as they can be."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from pydantic import SecretStr

from hel.config.auth import BearerAuth, OAuth2Auth
from hel.config.certificates import CertificateError, Tls
from hel.config.problems import Keys, Problem
from hel.config.secret_text import VISIBLE, VISIBLE_OR_SPACE, Secret, SecretText
from hel.config.tls import TlsConfig

if TYPE_CHECKING:
    from hel.config.keys import PrivateKey

Ways = tuple[BearerAuth | OAuth2Auth | None, TlsConfig | None]
"""How a source proves who it is: its `auth` and `tls` sections; None for an `auth` left out, and for what is wrong."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """What one source needs to prove who it is; None where its way of doing so needs none.

    Attributes:
        token: The bearer token.
        client_id: The OAuth client, which is no secret.
        private_key: The client's key.
        client_secret: The client's secret.
        refresh_token: The refresh token; its `path` is replaced when the server rotates it.
        tls: Whom it trusts, and its client certificate.
        origins: What was found where, in words: `{"private key": "environment variable OKTA_CLIENT_PRIVATE_KEY"}`.
    """

    token: Secret | None = None
    client_id: str | None = None
    private_key: "PrivateKey | None" = None
    client_secret: Secret | None = None
    refresh_token: Secret | None = None
    tls: Tls = field(default_factory=Tls)
    origins: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


class SecretReader:
    """Reads the secrets of all sources.

    Args:
        environ: The environment.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._texts = SecretText(environ)
        self._keys: dict[tuple[str, str | None], PrivateKey] = {}
        self._refresh_files: dict[Path, tuple[str, Ways]] = {}

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
        found = Secrets()
        if isinstance(auth, BearerAuth):
            token = self._texts.read("token", auth.token_env, auth.token_file, (*keys, "auth"), VISIBLE)
            found = Secrets(token=token, origins=_origins({"token": token}))
        elif isinstance(auth, OAuth2Auth):
            if auth.refresh_token_file is not None and tls is not None:
                self._check_own(auth.refresh_token_file, ways, keys)
            found = self._read_oauth2(auth, (*keys, "auth"))
        return found if tls is None else replace(found, tls=self._read_tls(tls, (*keys, "tls")))

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

    def _read_tls(self, tls: TlsConfig, keys: Keys) -> Tls:
        read, known = self._texts.read, len(self.problems)
        has_key = tls.client_key_env is not None or tls.client_key_file is not None
        ca = read("ca", tls.ca_env, tls.ca_file, keys, is_public=True)
        cert = read("client_cert", tls.client_cert_env, tls.client_cert_file, keys, is_public=has_key)
        key = read("client_key", tls.client_key_env, tls.client_key_file, keys)
        if len(self.problems) > known:
            return Tls()
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
        return found

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


def _pem(secret: Secret) -> SecretStr:
    r"""PEM text; in a variable of one line, its line breaks may be written as `\n`."""
    text = secret.value.get_secret_value()
    return SecretStr(text.replace("\\n", "\n")) if "\n" not in text else secret.value


def _origins(found: Mapping[str, Secret | None], more: Mapping[str, str] | None = None) -> Mapping[str, str]:
    origins = {name: secret.origin for name, secret in found.items() if secret is not None}
    return MappingProxyType({**(more or {}), **origins})
