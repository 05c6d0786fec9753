"""Puts an answer on the wire, whole or broken. Rule: a fault of the connection is one of bytes, not of a library."""

import asyncio
import gzip
import socket
import struct
from collections.abc import Callable
from functools import lru_cache

from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from examples.okta_org.faults import Fault
from examples.okta_org.records import Answer

_GZIP_FROM_BYTES = 500
_POLL_S = 0.01


class OrgProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, which lets a request get at its connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}

    def shutdown(self) -> None:
        """Don't wait for the TLS good-bye of a client that is idle, maybe in this very thread."""
        super().shutdown()
        if self.transport.is_closing():
            self.transport.abort()


class Delivery:
    """One answer on its way: an ASGI response.

    Args:
        answer: The answer, spoilt where a fault asks for that.
        fault: What is to happen on the way.
        releases: How often stalled answers were told to go on.
        arrived: Called when a slow answer has gone out whole.
    """

    def __init__(
        self, answer: Answer, fault: Fault | None, releases: Callable[[], int], arrived: Callable[[], None]
    ) -> None:
        self._answer = answer
        self._fault = fault
        self._releases = releases
        self._arrived = arrived

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        request = Request(scope, receive)
        kind = self._fault.kind if self._fault is not None else ""
        if kind == "reset":
            await _reset(request)
            return
        if self._fault is not None and kind == "delay":
            await self._wait(request, self._fault.seconds)
        headers, body = _encoded(self._answer, request.headers.get("accept-encoding", ""))
        await send(_start(self._answer.status, headers))
        if kind == "cut":
            await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
            request.state.transport.close()
            await _gone(request)
        elif self._fault is not None and kind in {"stall", "drip"}:
            await self._send_slowly(request, body, send, self._fault)
        else:
            await send({"type": "http.response.body", "body": body})

    async def _send_slowly(self, request: Request, body: bytes, send: Send, fault: Fault) -> None:
        piece = fault.piece if fault.kind == "drip" else len(body) or 1
        # The headers are out; a client that gives up during a wait ends this.
        for start in range(0, len(body), piece):
            if not await self._wait(request, fault.seconds or (float("inf") if fault.kind == "stall" else 0)):
                return
            await send({"type": "http.response.body", "body": body[start : start + piece], "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        self._arrived()

    async def _wait(self, request: Request, seconds: float) -> bool:
        """Wait, unless released; False where the client has gone."""
        releases, loop = self._releases(), asyncio.get_running_loop()
        until = loop.time() + seconds
        while loop.time() < until and self._releases() == releases:
            if await request.is_disconnected():
                return False
            await asyncio.sleep(min(_POLL_S, max(0.0, until - loop.time())))
        return True


def _start(status: int, headers: list[tuple[str, str]]) -> Message:
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    return {"type": "http.response.start", "status": status, "headers": raw}


def _encoded(answer: Answer, accepted: str) -> tuple[list[tuple[str, str]], bytes]:
    headers, body = list(answer.headers), answer.body
    if (
        "gzip" in accepted.lower()
        and len(body) >= _GZIP_FROM_BYTES
        and not any(name == "content-encoding" for name, _ in headers)
    ):
        body = _compressed(body)
        headers.append(("content-encoding", "gzip"))
    return [*headers, ("content-length", str(len(body)))], body


@lru_cache(maxsize=16)
def _compressed(body: bytes) -> bytes:
    return gzip.compress(body, compresslevel=1, mtime=0)


async def _reset(request: Request) -> None:
    """A TCP reset instead of an answer: closing with nothing to linger for (SO_LINGER, socket(7))."""
    transport: asyncio.Transport = request.state.transport
    connection: socket.socket = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    await _gone(request)


async def _gone(request: Request) -> None:
    """Wait for the loss of the connection; uvicorn takes a response that was never finished for a bug before that."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
