"""How a source proves who it is, each kind a section. Secrets stand elsewhere; here are only their places.

Here are the kinds that send the same with every request; `oauth` has those that ask a server for a token first.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field

from hel.config.fields import EnvName, HeaderName, LocatedPath, Prefix
from hel.config.oauth import GoogleServiceAccountAuth, OAuth2Auth
from hel.config.secret_places import SecretPlaces, is_named
from hel.config.section import Conflict, wrong

__all__ = ["AnyAuth", "ApiKeyAuth", "Auth", "BasicAuth", "BearerAuth", "GoogleServiceAccountAuth", "OAuth2Auth"]

OF_CREDENTIALS = frozenset({"authorization", "proxy-authorization", "dpop", "cookie"})
"""Headers that carry one."""

OF_HTTP = frozenset(
    {"accept", "accept-encoding", "connection", "content-encoding", "content-length", "content-type", "expect"}
    | {"host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "user-agent"}
)
"""Headers that say how a message is to be read, or that Hel sends for itself."""

_USERNAME = re.compile(r"[^\x00-\x1f\x7f:\ud800-\udfff]{0,256}")


def _check_key_header(name: str) -> str:
    if name.lower() in OF_HTTP | {"dpop"}:
        raise wrong("this header can't hold a key (name the one that the API's documentation does)")
    return name


def _check_username(name: str) -> str:
    if not _USERNAME.fullmatch(name):
        raise wrong("expected at most 256 characters without ':' and control characters (RFC 7617 §2)")
    return name


class BearerAuth(SecretPlaces):
    """A token that is sent as it is, after a word of the API's choice (Okta's is SSWS)."""

    literals: ClassVar[Mapping[str, str]] = {"token": "token", "api_token": "token"}

    type: Literal["bearer"] = Field(description="A fixed token in the Authorization header.")
    token_env: EnvName | None = Field(None, description="The environment variable that holds the token.")
    token_file: LocatedPath | None = Field(None, description="The file that holds the token; wins over `token_env`.")
    prefix: Prefix = Field(
        "Bearer", description="The word before the token in the Authorization header; Okta's is `SSWS`."
    )

    @classmethod
    def conflicts(cls, given: Mapping[str, Any]) -> Iterator[Conflict]:
        """The token must come from somewhere."""
        if not is_named(given, "token") and not cls.literals.keys() & set(given):
            yield (), "no token is named (add 'token_env: NAME' or 'token_file: PATH')"


DEFAULT_KEY_HEADER = "X-Api-Key"


class ApiKeyAuth(SecretPlaces):
    """A key that is sent as it is, in a header of the API's choice."""

    literals: ClassVar[Mapping[str, str]] = {"key": "key", "api_key": "key", "token": "key", "value": "key"}

    type: Literal["api_key"] = Field(description="A fixed key in a header of the API's choice.")
    header: Annotated[HeaderName, AfterValidator(_check_key_header)] = Field(
        DEFAULT_KEY_HEADER, description="The header that takes the key."
    )
    key_env: EnvName | None = Field(None, description="The environment variable that holds the key.")
    key_file: LocatedPath | None = Field(None, description="The file that holds the key; wins over `key_env`.")
    prefix: Prefix = Field("", description="The word before the key, where the API wants one.")

    @classmethod
    def conflicts(cls, given: Mapping[str, Any]) -> Iterator[Conflict]:
        """The key must come from somewhere."""
        if not is_named(given, "key") and not cls.literals.keys() & set(given):
            yield (), "no key is named (add 'key_env: NAME' or 'key_file: PATH')"


class BasicAuth(SecretPlaces):
    """HTTP Basic (RFC 7617): user name and password, or a key as user name and an empty password."""

    literals: ClassVar[Mapping[str, str]] = {"password": "password"}

    type: Literal["basic"] = Field(description="User name and password in the Authorization header (RFC 7617).")
    username: Annotated[str, AfterValidator(_check_username)] | None = Field(
        None, description="The user name, where it is no secret."
    )
    username_env: EnvName | None = Field(
        None,
        description="The environment variable that holds the user name, which is then a secret: for APIs that take "
        "their key as user name, most of them without a password.",
    )
    username_file: LocatedPath | None = Field(
        None, description="The file that holds the user name, a secret as well; wins over `username_env`."
    )
    password_env: EnvName | None = Field(
        None,
        description="The environment variable that holds the password; without this and `password_file` it is empty, "
        "and the user name is the secret.",
    )
    password_file: LocatedPath | None = Field(
        None, description="The file that holds the password; wins over `password_env`."
    )

    @classmethod
    def conflicts(cls, given: Mapping[str, Any]) -> Iterator[Conflict]:
        """One user name, and a secret among the two."""
        is_plain, is_elsewhere = given.get("username") is not None, is_named(given, "username")
        if is_plain and is_elsewhere:
            yield ("username",), "the user name is given twice (keep one of username, username_env, _file)"
        if not is_plain and not is_elsewhere:
            yield (
                (),
                "no user name is named (add 'username: NAME', or 'username_env: NAME' where it is the API's key)",
            )
        if is_plain and not is_elsewhere and not is_named(given, "password") and "password" not in given:
            yield (
                (),
                (
                    "no password is named (add 'password_env: NAME' or 'password_file: PATH'; where the API takes its "
                    "key as user name, 'username_env' or 'username_file' instead of 'username')"
                ),
            )


AnyAuth = BearerAuth | ApiKeyAuth | BasicAuth | OAuth2Auth | GoogleServiceAccountAuth
Auth = Annotated[AnyAuth, Field(discriminator="type")]
