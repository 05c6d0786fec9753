"""Puts an answer on the wire, whole or broken. Rule: a fault of the connection is one of bytes, not of a library."""

import asyncio
import gzip
from collections.abc import Callable
from functools import lru_cache

from starlette.requests import Request
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from examples.okta_org.faults import Fault
from examples.okta_org.line import Line, head
from examples.okta_org.records import Answer

_GZIP_FROM_BYTES = 500
_EARLY_HINTS = 103
_FIRST_FINAL = 200
_INTERIM_HEADERS = (("link", '</early.css>; rel="preload"'),)
"""As RFC 8297 §2 has them; a `Link` that a client must not take for the page's."""


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
        line = Line(request, send, self._releases)
        answer, fault = self._answer, self._fault
        accepted = request.headers.get("accept-encoding", "")
        if fault is None:
            await _send_whole(line, answer, accepted)
            return
        match fault.kind:
            case "reset":
                await line.reset()
            case "raw":
                line.write(answer.body)
                await line.close()
            case _ if answer.status < _FIRST_FINAL:
                line.write(head(answer.status, answer.headers) + answer.body)
                await line.close()
            case "endless":
                await line.start(answer.status, answer.headers, None)
                await line.send(answer.body)
                await line.flood()
            case "delay":
                await line.wait(fault.seconds)
                await _send_whole(line, answer, accepted)
            case "informational":
                line.write(head(fault.status or _EARLY_HINTS, _INTERIM_HEADERS) * fault.count)
                await _send_whole(line, answer, accepted)
            case "cut" | "long_length" | "short_length":
                await _send_misdeclared(line, answer, accepted, fault)
            case "stall" | "drip":
                await self._send_slowly(line, accepted, fault)
            case _:
                await _send_whole(line, answer, accepted)

    async def _send_slowly(self, line: Line, accepted: str, fault: Fault) -> None:
        headers, body = _encoded(self._answer, accepted)
        await line.start(self._answer.status, headers, len(body))
        piece = fault.piece if fault.kind == "drip" else len(body) or 1
        # The headers are out; a client that gives up during a wait ends this.
        for start in range(0, len(body), piece):
            if not await line.wait(fault.seconds or (float("inf") if fault.kind == "stall" else 0)):
                return
            await line.send(body[start : start + piece])
        await line.end()
        self._arrived()


async def _send_whole(line: Line, answer: Answer, accepted: str) -> None:
    headers, body = _encoded(answer, accepted)
    await line.start(answer.status, headers, len(body))
    await line.end(body)


async def _send_misdeclared(line: Line, answer: Answer, accepted: str, fault: Fault) -> None:
    """A body that is not as long as its Content-Length says."""
    headers, body = _encoded(answer, accepted)
    half = len(body) // 2
    match fault.kind:
        case "cut":
            await line.start(answer.status, headers, len(body))
            await line.send(body[:half])
            await line.close()
        case "long_length":
            await line.start(answer.status, headers, len(body) + 1)
            await line.send(body)
            await line.close()
        case _:
            await line.start(answer.status, headers, half)
            await line.send(body[:half])
            line.write(body[half:])
            await line.end()


def _encoded(answer: Answer, accepted: str) -> tuple[list[tuple[str, str]], bytes]:
    """The headers and the body as they go out: compressed for who asks, from a certain length on."""
    headers, body = list(answer.headers), answer.body
    if (
        "gzip" in accepted.lower()
        and len(body) >= _GZIP_FROM_BYTES
        and not any(name == "content-encoding" for name, _ in headers)
    ):
        body = _compressed(body)
        headers.append(("content-encoding", "gzip"))
    return headers, body


@lru_cache(maxsize=16)
def _compressed(body: bytes) -> bytes:
    return gzip.compress(body, compresslevel=1, mtime=0)
