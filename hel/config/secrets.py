"""Resolves the secrets of one source from the environment and from files. Rule: nothing here shows a secret's value.

A file wins over a variable. Whatever is wrong with a secret is said at the key that names its place.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from pydantic import SecretStr

from hel.config.auth import BearerAuth, OAuth2Auth
from hel.config.problems import Keys, Problem

if TYPE_CHECKING:
    from hel.config.keys import PrivateKey

MAX_BYTES = 1_000_000
"""The largest secret file that is read."""

_VISIBLE = re.compile(r"[\x21-\x7e]+")
_VISIBLE_OR_SPACE = re.compile(r"[\x20-\x7e]+")  # VSCHAR, RFC 6749 appendix A
_UPPER_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,63}|[a-z][a-z0-9]{0,23}(_[a-z0-9]{1,23})*")


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret and where it came from.

    Attributes:
        value: The secret, which no repr shows.
        origin: `environment variable NAME` or `file PATH`.
        path: The file that it came from, None for a variable.
    """

    value: SecretStr
    origin: str
    path: Path | None = None


@dataclass(frozen=True, slots=True)
class Secrets:
    """What one source needs to prove who it is; None where its way of doing so needs none.

    Attributes:
        token: The bearer token.
        client_id: The OAuth client, which is no secret.
        private_key: The client's key.
        client_secret: The client's secret.
        refresh_token: The refresh token; its `path` is replaced when the server rotates it.
        origins: What was found where, in words: `{"private key": "environment variable OKTA_CLIENT_PRIVATE_KEY"}`.
    """

    token: Secret | None = None
    client_id: str | None = None
    private_key: "PrivateKey | None" = None
    client_secret: Secret | None = None
    refresh_token: Secret | None = None
    origins: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


class SecretReader:
    """Reads secrets, and notes what is wrong with them.

    Args:
        environ: The environment.

    Attributes:
        problems: What was wrong, by the key that names the secret's place, below the source's section.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.problems: list[Problem] = []
        self._environ = environ
        self._keys: dict[tuple[str, str | None], PrivateKey] = {}
        self._refresh_files: dict[Path, str] = {}

    def read(self, auth: BearerAuth | OAuth2Auth | None, keys: Keys) -> Secrets:
        """The secrets that `auth` names; incomplete where `problems` grew.

        Args:
            auth: How the source proves who it is.
            keys: The path of that section.
        """
        if isinstance(auth, BearerAuth):
            token = self._secret("token", auth.token_env, auth.token_file, keys, _VISIBLE)
            return Secrets(token=token, origins=_origins({"token": token}))
        if isinstance(auth, OAuth2Auth):
            return self._read_oauth2(auth, keys)
        return Secrets()

    def _read_oauth2(self, auth: OAuth2Auth, keys: Keys) -> Secrets:
        client = self._secret("client_id", auth.client_id_env, auth.client_id_file, keys, _VISIBLE_OR_SPACE)
        secret = self._secret("client_secret", auth.client_secret_env, auth.client_secret_file, keys, _VISIBLE_OR_SPACE)
        refresh = self._secret(
            "refresh_token", auth.refresh_token_env, auth.refresh_token_file, keys, _VISIBLE_OR_SPACE
        )
        if auth.refresh_token_file is not None:
            self._check_own(auth.refresh_token_file, keys)
        pem = self._secret("client_private_key", auth.client_private_key_env, auth.client_private_key_file, keys, None)
        key = self._private_key(pem, auth.client_private_key_id, keys) if pem else None
        found = {"client ID": client, "private key": pem, "client secret": secret, "refresh token": refresh}
        return Secrets(
            client_id=auth.client_id or (client.value.get_secret_value() if client else None),
            private_key=key,
            client_secret=secret,
            refresh_token=refresh,
            origins=_origins(found, {"client ID": "the configuration"} if auth.client_id else {}),
        )

    def _secret(
        self, what: str, env: str | None, file: Path | None, keys: Keys, allowed: re.Pattern[str] | None
    ) -> Secret | None:
        """One secret, or None where it is not named, or can't be had (which is noted)."""
        if env is None and file is None:
            return None
        key = f"{what}_env" if file is None else f"{what}_file"
        origin = f"file {file}" if file else f"environment variable {env}"
        try:
            value = _read_file(file) if file else self._read_variable(env or "", what)
            if allowed:
                _check(value, what, origin if file or _is_name(env or "") else "its value", allowed)
        except ValueError as error:
            self.problems.append(Problem(str(error), (*keys, key)))
            return None
        return Secret(SecretStr(value), origin, file)

    def _read_variable(self, name: str, what: str) -> str:
        value = self._environ.get(name)
        if not _is_name(name) and not value:
            raise ValueError(
                "no environment variable of this name is set (the key takes a variable's NAME: if the "
                f"{what.replace('_', ' ')} itself stands here, move it into a variable, and name that)"
            )
        if value is None:
            raise ValueError(f"environment variable {name} is not set (export {name}=…)")
        value = value.rstrip("\r\n")
        if not value.strip():
            raise ValueError(f"environment variable {name} is empty (export {name}=…)")
        if _has_surrogate(value):
            raise ValueError(f"environment variable {name} is not UTF-8 (export it again)")
        return value

    def _check_own(self, file: Path, keys: Keys) -> None:
        """A refresh token may be replaced at any use, which only the source that used it learns in time."""
        name = str(keys[1])
        first = self._refresh_files.setdefault(file.resolve(), name)
        if first != name:
            self.problems.append(
                Problem(
                    f"sources '{first}' and '{name}' use one refresh token, and each use may replace it "
                    "(give each its own, from a sign-in of its own)",
                    (*keys, "refresh_token_file"),
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


def _read_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ValueError(f"file {path} does not exist (relative paths start at the configuration's folder)") from None
    except IsADirectoryError:
        raise ValueError(f"{path} is a directory (name the file in it)") from None
    except PermissionError:
        raise ValueError(f"no permission to read file {path} (look at its owner and mode)") from None
    except OSError as error:
        raise ValueError(f"file {path} can't be read: {error.strerror}") from None
    if len(data) > MAX_BYTES:
        raise ValueError(f"file {path} is larger than {MAX_BYTES:,} bytes (is it the right one?)")
    try:
        value = data.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError(f"file {path} is not text in UTF-8 (is it the right one?)") from None
    if not value.strip():
        raise ValueError(f"file {path} is empty")
    return value


def _check(value: str, what: str, origin: str, allowed: re.Pattern[str]) -> None:
    name = what.replace("_", " ")
    if value != value.strip():
        raise ValueError(f"the {name} in {origin} begins or ends with a space or a line break (remove it)")
    if any(ord(character) < 0x20 or ord(character) == 0x7F for character in value):
        raise ValueError(
            f"the {name} in {origin} holds a line break or a control character (one line, the {name} alone)"
        )
    if not allowed.fullmatch(value):
        hint = "without a word such as SSWS before it" if " " in value else "ASCII only: copy it again"
        raise ValueError(f"the {name} in {origin} holds a character that no {name} has (the {name} alone, {hint})")


def _is_name(text: str) -> bool:
    """Whether it looks like a variable's name, and not like a secret that was put where a name belongs."""
    return _UPPER_NAME.fullmatch(text) is not None


def _has_surrogate(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


def _origins(found: Mapping[str, Secret | None], more: Mapping[str, str] | None = None) -> Mapping[str, str]:
    origins = {name: secret.origin for name, secret in found.items() if secret is not None}
    return MappingProxyType({**(more or {}), **origins})
