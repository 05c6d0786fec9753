"""What the exchange asks of a credential, whichever kind it is."""

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Protocol

from hel.records import Reply, Request

Send = Callable[[Request], Awaitable[Reply]]
"""Sends one request to a token server and returns its reply."""


class Renewal(StrEnum):
    """Why a 401 is worth one more send."""

    NONCE = "nonce"
    TOKEN = "token"  # noqa: S105  # a reason's name
    CLOCK = "clock"


class Credential(Protocol):
    """Signs each send afresh."""

    async def sign(self, request: Request) -> dict[str, str]:
        """The headers that authorise this one send."""
        ...

    def learn(self, request: Request, reply: Reply) -> None:
        """Take from any reply what the next send needs: a nonce, the server's clock."""
        ...

    def renew(self, request: Request, reply: Reply) -> Renewal | None:
        """Judge a 401: what was renewed so that one more send may succeed, or None."""
        ...

    async def aclose(self) -> None:
        """End what is under way."""
        ...


class NoCredential:
    """An API that asks for none."""

    async def sign(self, request: Request) -> dict[str, str]:  # noqa: ARG002  # nothing depends on the request
        """No headers."""
        return {}

    def learn(self, request: Request, reply: Reply) -> None:
        """Nothing to learn."""

    def renew(self, request: Request, reply: Reply) -> Renewal | None:  # noqa: ARG002  # nothing to renew
        """Nothing to renew."""
        return None

    async def aclose(self) -> None:
        """Nothing under way."""


class BearerCredential(NoCredential):
    """A static token behind a prefix: `Bearer` (RFC 6750 §2.1), or Okta's `SSWS`.

    Args:
        token: The secret.
        prefix: What stands before it.
    """

    def __init__(self, token: str, prefix: str) -> None:
        self._authorization = f"{prefix} {token}"

    async def sign(self, request: Request) -> dict[str, str]:  # noqa: ARG002  # the same for every request
        """The `Authorization` header."""
        return {"authorization": self._authorization}
