"""A connection with a request on it. Rule: what HTTP forbids is done to the bytes, behind the library's back."""

import asyncio
import socket
import struct
from collections.abc import Callable, Iterable
from contextlib import suppress
from http import HTTPStatus

from starlette.requests import Request
from starlette.types import Send

_POLL_S = 0.01
_FLOOD = b" " * 65536


class Line:
    """The connection of one request.

    Args:
        request: The request, read to its end.
        send: Sends by HTTP, as uvicorn does.
        releases: How often those who wait were told to go on.
    """

    def __init__(self, request: Request, send: Send, releases: Callable[[], int]) -> None:
        self._request = request
        self._send = send
        self._releases = releases
        self._transport: asyncio.Transport = request.state.transport

    async def start(self, status: int, headers: Iterable[tuple[str, str]], length: int | None) -> None:
        """Send the head of an answer; a body of no length is chunked."""
        pairs = [*headers] if length is None else [*headers, ("content-length", str(length))]
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs]
        await self._send({"type": "http.response.start", "status": status, "headers": raw})

    async def send(self, body: bytes) -> None:
        """Send a piece of the body."""
        await self._send({"type": "http.response.body", "body": body, "more_body": True})

    async def end(self, body: bytes = b"") -> None:
        """Send the last piece of the body."""
        await self._send({"type": "http.response.body", "body": body})

    def write(self, data: bytes) -> None:
        """Put bytes on the connection that HTTP's state machine doesn't see."""
        self._transport.write(data)

    async def wait(self, seconds: float) -> bool:
        """Wait, unless released; False where the client has gone."""
        releases, loop = self._releases(), asyncio.get_running_loop()
        until = loop.time() + seconds
        while loop.time() < until and self._releases() == releases:
            if await self._request.is_disconnected():
                return False
            await asyncio.sleep(min(_POLL_S, max(0.0, until - loop.time())))
        return True

    async def flood(self) -> None:
        """Send spaces as fast as the client takes them, until it has gone or this is released; then hang up."""
        releases = self._releases()
        while self._releases() == releases and not await self._request.is_disconnected():
            # A client that takes nothing must not keep a release waiting. A send waits before it writes, not after.
            with suppress(TimeoutError):
                async with asyncio.timeout(_POLL_S):
                    await self.send(_FLOOD)
        self._transport.abort()
        await self._gone()

    async def close(self) -> None:
        """Close the connection once all is sent, whatever HTTP still waits for."""
        self._transport.close()
        await self._gone()

    async def reset(self) -> None:
        """A TCP reset: closing with nothing to linger for (SO_LINGER, socket(7))."""
        connection: socket.socket = self._transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()
        await self._gone()

    async def _gone(self) -> None:
        """Wait for the loss of the connection; before that, uvicorn takes an answer without an end for a bug."""
        while (await self._request.receive())["type"] != "http.disconnect":
            pass


def head(status: int, headers: Iterable[tuple[str, str]]) -> bytes:
    """The head of an answer, up to and with its empty line (RFC 9112 §2.1)."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    lines = [f"HTTP/1.1 {status} {phrase}", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")
