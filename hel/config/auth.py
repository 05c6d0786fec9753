"""How a source proves who it is: a bearer token, or OAuth 2.0. Secrets stand elsewhere; here are only their places."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from hel.config.fields import EnvName, Flag, Label, LocatedPath, Prefix, Scope, TokenUrl
from hel.config.section import Conflict, Section

_LITERAL = {"client_private_key", "client_secret", "refresh_token"}


def _misplaced(key: str) -> str:
    names = f"'{key.removeprefix('api_')}_env' or '{key.removeprefix('api_')}_file'"
    return f"a secret must not stand in the configuration (move it to a variable or file, named by {names})"


def _given(given: Mapping[str, Any], secret: str) -> bool:
    return given.get(f"{secret}_env") is not None or given.get(f"{secret}_file") is not None


class BearerAuth(Section):
    """A token that is sent as it is, after a word of the API's choice (Okta's is SSWS)."""

    type: Literal["bearer"] = Field(description="A fixed token in the Authorization header.")
    token_env: EnvName | None = Field(None, description="The environment variable that holds the token.")
    token_file: LocatedPath | None = Field(None, description="The file that holds the token; wins over `token_env`.")
    prefix: Prefix = Field(
        "Bearer", description="The word before the token in the Authorization header; Okta's is `SSWS`."
    )

    @classmethod
    def unknown_key(cls, key: str) -> str:
        """A literal token has no place in the file."""
        return _misplaced(key) if key in {"token", "api_token"} else super().unknown_key(key)

    @classmethod
    def conflicts(cls, given: Mapping[str, Any]) -> Iterator[Conflict]:
        """The token must come from somewhere."""
        if not _given(given, "token") and not {"token", "api_token"} & set(given):
            yield (), "no token is named (add 'token_env: NAME' or 'token_file: PATH')"


class OAuth2Auth(Section):
    """OAuth 2.0 (RFC 6749): client credentials by private key or secret, or a refresh token; DPoP on demand."""

    type: Literal["oauth2"] = Field(description="OAuth 2.0: client credentials, or a refresh token where one is named.")
    token_url: TokenUrl = Field(
        description="Where tokens are asked for; for Okta's own API `https://DOMAIN/oauth2/v1/token`."
    )
    client_id: Label | None = Field(None, description="The client ID, which is no secret.")
    client_id_env: EnvName | None = Field(None, description="The environment variable that holds the client ID.")
    client_id_file: LocatedPath | None = Field(
        None, description="The file that holds the client ID; wins over `client_id_env`."
    )
    client_private_key_env: EnvName | None = Field(
        None, description="The environment variable that holds the private key (PEM or JWK; RSA or EC)."
    )
    client_private_key_file: LocatedPath | None = Field(
        None, description="The file that holds the private key; wins over `client_private_key_env`."
    )
    client_private_key_id: Label | None = Field(
        None, description="The key's ID (`kid`), needed where the app has more than one key."
    )
    client_secret_env: EnvName | None = Field(
        None, description="The environment variable that holds the client secret."
    )
    client_secret_file: LocatedPath | None = Field(
        None, description="The file that holds the client secret; wins over `client_secret_env`."
    )
    refresh_token_env: EnvName | None = Field(
        None, description="The environment variable that holds a refresh token; a rotated one can't be kept."
    )
    refresh_token_file: LocatedPath | None = Field(
        None,
        description="The file that holds a refresh token, replaced when the server rotates it; "
        "wins over `refresh_token_env`.",
    )
    scopes: tuple[Scope, ...] = Field((), description="The scopes to ask for; Okta's log needs `okta.logs.read`.")
    dpop: Flag = Field(
        default=False, description="Bind tokens to a key and prove it on every request (DPoP, RFC 9449)."
    )

    @classmethod
    def unknown_key(cls, key: str) -> str:
        """A literal secret has no place in the file."""
        return _misplaced(key) if key in _LITERAL else super().unknown_key(key)

    @classmethod
    def conflicts(cls, given: Mapping[str, Any]) -> Iterator[Conflict]:
        """One client ID, one way to authenticate the client, and a scope where the server refuses none."""
        has_id = given.get("client_id") is not None
        if has_id and _given(given, "client_id"):
            yield ("client_id",), "the client ID is given twice (keep one of client_id, client_id_env, _file)"
        if not has_id and not _given(given, "client_id"):
            yield (), "no client ID is named (add 'client_id_env: NAME', 'client_id_file' or 'client_id')"
        yield from _proof_of_client(given)


def _proof_of_client(given: Mapping[str, Any]) -> Iterator[Conflict]:
    literal = _LITERAL & set(given)
    key, secret = _given(given, "client_private_key"), _given(given, "client_secret")
    refresh = _given(given, "refresh_token")
    if key and secret:
        yield (), "both a private key and a client secret are named (keep the one that the app uses)"
    if not (key or secret or refresh or literal):
        yield (
            (),
            (
                "nothing proves the client (add 'client_private_key_env' or '_file' for Okta's org server, "
                "or 'client_secret_env' or '_file' for a custom one)"
            ),
        )
    if key and not refresh and given.get("scopes") in (None, [], ()):
        where = ("scopes",) if "scopes" in given else ()
        yield where, 'Okta refuses an empty scope (add scopes: ["okta.logs.read"])'
    if given.get("client_private_key_id") is not None and not key and "client_private_key" not in literal:
        yield ("client_private_key_id",), "there is a key's ID but no key (add 'client_private_key_file')"


Auth = Annotated[BearerAuth | OAuth2Auth, Field(discriminator="type")]
