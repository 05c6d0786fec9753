"""The kinds of `auth` that ask a token server for what they send: OAuth 2.0's grants. Only the places of secrets."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import Field

from hel.config.fields import EnvName, Flag, Label, LocatedPath, Scope, Text, TokenUrl
from hel.config.secret_places import SecretPlaces, is_named, misplaced
from hel.config.section import Conflict

OKTA_TOKEN_PATH = "/oauth2/v1/token"  # noqa: S105  # a path
"""Of Okta's org server, which refuses an empty scope."""

_OWN_PARAMS = {
    "grant_type": "Hel chooses the grant itself (remove it)",
    "scope": "Hel sends the scopes itself (name them in 'scopes')",
    "audience": "Hel sends the audience itself (name it in 'audience', beside this key)",
    "client_id": "Hel sends the client ID itself (name it in 'client_id', beside this key)",
    "client_assertion": "Hel signs the assertion itself (remove it)",
    "client_assertion_type": "Hel signs the assertion itself (remove it)",
    "client_secret": misplaced("client_secret"),
    "refresh_token": misplaced("refresh_token"),
}
"""What `extra_params` may not hold, and what to do instead."""


class OAuth2Auth(SecretPlaces):
    """OAuth 2.0 (RFC 6749): client credentials by private key or secret, or a refresh token; DPoP on demand."""

    literals: ClassVar[Mapping[str, str]] = {
        name: name for name in ("client_private_key", "client_secret", "refresh_token")
    }

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
    client_auth: Literal["basic", "post"] = Field(
        "basic",
        description="How the client secret is sent: in the Authorization header, or in the body for servers that want "
        "it there (RFC 6749 §2.3.1).",
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
    audience: Label | None = Field(
        None, description="The API that the token is for, where the server wants to be told (Auth0 does)."
    )
    extra_params: dict[Label, Text] = Field(
        default_factory=dict, description="More parameters of the token request, where the server wants some."
    )
    dpop: Flag = Field(
        default=False, description="Bind tokens to a key and prove it on every request (DPoP, RFC 9449)."
    )

    @classmethod
    def conflicts(cls, given: Mapping[str, Any]) -> Iterator[Conflict]:
        """One client ID, one way to authenticate the client, and nothing that the server would refuse."""
        has_id = given.get("client_id") is not None
        if has_id and is_named(given, "client_id"):
            yield ("client_id",), "the client ID is given twice (keep one of client_id, client_id_env, _file)"
        if not has_id and not is_named(given, "client_id"):
            yield (), "no client ID is named (add 'client_id_env: NAME', 'client_id_file' or 'client_id')"
        yield from _proof_of_client(given, cls.literals.keys() & set(given))
        extra = given.get("extra_params")
        for name in extra if isinstance(extra, Mapping) else ():
            if name in _OWN_PARAMS:
                yield ("extra_params", name), _OWN_PARAMS[name]


def _proof_of_client(given: Mapping[str, Any], literal: set[str]) -> Iterator[Conflict]:
    key, secret = is_named(given, "client_private_key"), is_named(given, "client_secret")
    refresh = is_named(given, "refresh_token")
    if key and secret:
        yield (), "both a private key and a client secret are named (keep the one that the app uses)"
    if not (key or secret or refresh or literal):
        yield (
            (),
            (
                "nothing proves the client (add 'client_private_key_env' or '_file' for Okta's org server, "
                "or 'client_secret_env' or '_file' for a custom one and for most others)"
            ),
        )
    if key and not refresh and given.get("scopes") in (None, [], ()) and _is_oktas(given.get("token_url")):
        where = ("scopes",) if "scopes" in given else ()
        yield where, 'Okta refuses an empty scope (add scopes: ["okta.logs.read"])'
    if given.get("client_private_key_id") is not None and not key and "client_private_key" not in literal:
        yield ("client_private_key_id",), "there is a key's ID but no key (add 'client_private_key_file')"
    if given.get("client_auth") is not None and not secret and "client_secret" not in literal:
        yield ("client_auth",), "there is no client secret to send so (add 'client_secret_env', or remove the key)"


def _is_oktas(token_url: Any) -> bool:
    try:
        return isinstance(token_url, str) and urlsplit(token_url).path.rstrip("/") == OKTA_TOKEN_PATH
    except ValueError:
        return False


class GoogleServiceAccountAuth(SecretPlaces):
    """A service account of Google's: a JWT signed with its key is exchanged for a token (RFC 7523 §2.1)."""

    literals: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("credentials", "credentials_json", "private_key", "key"), "credentials"
    )

    type: Literal["google_service_account"] = Field(
        description="A token for a service account of Google's, by its own key."
    )
    credentials_env: EnvName | None = Field(
        None, description="The environment variable that holds the service account's key, the JSON itself."
    )
    credentials_file: LocatedPath | None = Field(
        None,
        description="The file of the service account's key, JSON as Google's console hands it out; wins over "
        "`credentials_env`.",
    )
    subject: Label | None = Field(
        None,
        description="The e-mail address of the user for whom the service account acts, by domain-wide delegation: for "
        "Google Workspace an administrator.",
    )
    scopes: tuple[Scope, ...] = Field(
        description="The scopes to ask for, as URLs.", json_schema_extra={"minItems": 1}
    )  # not `min_length`: pydantic does not count what is not known
    token_url: TokenUrl | None = Field(
        None,
        description="Where tokens are asked for; default: the key's own `token_uri`, else "
        "`https://oauth2.googleapis.com/token`.",
    )

    @classmethod
    def conflicts(cls, given: Mapping[str, Any]) -> Iterator[Conflict]:
        """The key must come from somewhere, and be good for something."""
        if not is_named(given, "credentials") and not cls.literals.keys() & set(given):
            yield (), "no service account's key is named (add 'credentials_file: PATH' or 'credentials_env: NAME')"
        if given.get("scopes") in ([], ()):
            yield ("scopes",), "no scope is named (Google's are URLs, such as https://www.googleapis.com/auth/…)"
