"""The server of `hel run`: where it listens, and who may ask it to do something."""

from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field

from hel.config.fields import EnvName, Flag, LocatedPath
from hel.config.secret_places import SecretPlaces, is_named
from hel.config.section import Conflict, wrong


def _check_host(host: str) -> str:
    if host == "localhost":
        return "127.0.0.1"
    try:
        return str(ip_address(host.strip("[]")))
    except ValueError:
        raise wrong("expected an IP address: 127.0.0.1 for this machine alone, 0.0.0.0 for all that reach it") from None


class ServerConfig(SecretPlaces):
    """Health, metrics and a status page over HTTP."""

    literals: ClassVar[Mapping[str, str]] = {"token": "token"}

    enabled: Flag = Field(False, description="Whether there is one; `hel run --once` has none.")
    host: Annotated[str, AfterValidator(_check_host)] = Field(
        "127.0.0.1", description="The address to listen on; `0.0.0.0` in a container."
    )
    port: Annotated[int, Field(ge=0, le=65_535)] = Field(
        8080, description="The port to listen on; 0 for a free one, which the log names."
    )
    token_env: EnvName | None = Field(
        None,
        description="The environment variable that holds the token for `POST`; without a token nothing can be asked "
        "for but answers.",
    )
    token_file: LocatedPath | None = Field(None, description="The file that holds it; wins over `token_env`.")

    @classmethod
    def conflicts(cls, given: Mapping[str, Any]) -> Iterator[Conflict]:
        """A token without a server protects nothing."""
        if is_named(given, "token") and given.get("enabled") in (None, False, "false", "False", "FALSE"):
            yield ("enabled",), "a token is named, and there is no server (add 'enabled: true')"
