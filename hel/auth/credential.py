"""What the exchange asks of a credential, whichever kind it is."""

from base64 import b64encode
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Protocol, TypeVar

from pydantic import SecretStr

from hel.records import Reply, Request
from hel.telemetry.redaction import conceal

T = TypeVar("T")

Hear = Callable[[Reply], None]
"""Told of every answer, before it is judged: a refusal for load may carry a nonce, too."""


class Server(Protocol):
    """A token server, as a credential asks it."""

    async def tried(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Attempt until it succeeds or the attempts are used up.

        Raises:
            SourceError: What the last attempt failed by.
        """
        ...

    async def send(self, request: Request, hear: Hear) -> Reply:
        """Send one request of an attempt; its answer, unless another attempt may bring another one."""
        ...


class Renewal(StrEnum):
    """Why a 401 is worth one more send."""

    NONCE = "nonce"
    TOKEN = "token"  # noqa: S105  # a reason's name
    CLOCK = "clock"
    GRANT = "grant"
    SECRET = "secret"  # noqa: S105  # as above


class Credential(Protocol):
    """Signs each send afresh."""

    async def ready(self) -> None:
        """Have what signing needs, so that it need not wait for it then.

        Raises:
            SourceError: It can't be had.
        """
        ...

    def is_ready(self) -> bool:
        """Whether it has it, still."""
        ...

    async def sign(self, request: Request) -> dict[str, str]:
        """The headers that authorise this one send."""
        ...

    def learn(self, signed: Request, reply: Reply) -> Renewal | None:
        """Take from any answer what the next send needs: a nonce, the server's clock.

        Args:
            signed: The request as it was sent, with the headers of `sign`.
            reply: Its answer.

        Returns:
            After a 401, what was renewed so that one more send may succeed; else None.
        """
        ...

    async def reread(self) -> bool:
        """After a 401 that nothing else mends: whether its secret is another one by now in its file."""
        ...

    async def aclose(self) -> None:
        """End what is under way."""
        ...


class NoCredential:
    """An API that asks for none."""

    async def ready(self) -> None:
        """Nothing is needed."""

    def is_ready(self) -> bool:
        """Always."""
        return True

    async def sign(self, request: Request) -> dict[str, str]:  # noqa: ARG002  # nothing depends on the request
        """No headers."""
        return {}

    def learn(self, signed: Request, reply: Reply) -> Renewal | None:  # noqa: ARG002  # nothing to learn from it
        """Nothing to learn, nothing to renew."""
        return None

    async def reread(self) -> bool:
        """Never: it knows of no file."""
        return False

    async def aclose(self) -> None:
        """Nothing under way."""


class BearerCredential(NoCredential):
    """A static token behind a prefix: `Bearer` (RFC 6750 §2.1), or Okta's `SSWS`.

    Args:
        token: The secret.
        prefix: What stands before it; may be empty.
    """

    def __init__(self, token: SecretStr, prefix: str) -> None:
        self._token = token
        self._prefix = f"{prefix} " if prefix else ""

    async def sign(self, request: Request) -> dict[str, str]:  # noqa: ARG002  # the same for every request
        """The `Authorization` header."""
        return {"authorization": f"{self._prefix}{self._token.get_secret_value()}"}


class ApiKeyCredential(NoCredential):
    """A static key in a header of the API's choice.

    Args:
        key: The secret.
        header: The header's name.
        prefix: What stands before the key; may be empty.
    """

    def __init__(self, key: SecretStr, header: str, prefix: str) -> None:
        self._key = key
        self._header = header.lower()
        self._prefix = f"{prefix} " if prefix else ""

    async def sign(self, request: Request) -> dict[str, str]:  # noqa: ARG002  # the same for every request
        """The header with the key."""
        return {self._header: f"{self._prefix}{self._key.get_secret_value()}"}


class BasicCredential(NoCredential):
    """User name and password (RFC 7617 §2), in UTF-8: an API whose names are ASCII can't tell it from another one.

    Args:
        username: Without ':'; a secret where the API takes its key so.
        password: May be empty.
    """

    def __init__(self, username: SecretStr, password: SecretStr) -> None:
        pair = b64encode(f"{username.get_secret_value()}:{password.get_secret_value()}".encode()).decode()
        conceal(pair, for_good=True)
        self._pair = SecretStr(pair)

    async def sign(self, request: Request) -> dict[str, str]:  # noqa: ARG002  # the same for every request
        """The `Authorization` header."""
        return {"authorization": f"Basic {self._pair.get_secret_value()}"}
