"""One HTTP request over a shared client: a Request out, a Reply back, or a failure in words.

No cookies, no redirects, no pool limit that sources could starve in. The URL goes out byte for byte. Who is trusted is
a client's own (`tls`), so sources with the same TLS settings share one, and the others have one apart.
"""

import ssl
from collections.abc import Awaitable, Callable, Collection
from functools import partial
from typing import Protocol
from urllib.parse import urlsplit

import anyio
import msgspec

from hel.clock import Clock
from hel.config.certificates import Tls
from hel.config.fields import is_plain_http
from hel.deadline import Deadline
from hel.errors import SourceError
from hel.policy.diagnosis import MAX_REFUSAL
from hel.records import Reply, Request
from hel.transport.body import read_body
from hel.transport.environment import BAD_PROXY, check_proxies, context_of
from hel.transport.failures import AGAIN_FIX, explain_failure, timed_out, unsendable
from hel.transport.http import httpx
from hel.transport.outgoing import Client, build
from hel.transport.pools import KEEP_S, Pools


class Bounds(msgspec.Struct, frozen=True):
    """How long one request may take, and how much its answer may be.

    Attributes:
        total_s: From connecting to the last byte.
        connect_s: For the connection, TLS included.
        read_s: Between two pieces of the answer.
        max_bytes: Of the body, decompressed.
    """

    total_s: float
    connect_s: float
    read_s: float
    max_bytes: int


_UNPACKING = 4
"""Answers that are unpacked at once; the others wait, for a processor has no more than that to give."""

Begins = Callable[[], Awaitable[None]]


async def at_once() -> None:
    """There is room for any answer."""


class Transport(Protocol):
    """Sends one request and reads its answer to the end."""

    async def send(self, request: Request, bounds: Bounds, begins: Begins = at_once) -> Reply:
        """The answer, whatever its status.

        Args:
            request: What is asked.
            bounds: How long it may take, and how much it may be.
            begins: Awaited when the answer has begun, before its body is read; its time does not count.

        Raises:
            UnreachableError: There was none, or a success whose body did not come whole.
            RefusedError: It can't be sent as it is.
            ReplyError: A success whose body is too large or can't be decoded.
        """
        ...


class Transports:
    """A client for each way of using TLS, made when it is first asked for.

    Args:
        clock: Dates the replies.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._clients: dict[Tls, HttpTransport] = {}

    def of(self, tls: Tls, *urls: str) -> Transport:
        """The client that uses TLS in this way.

        Args:
            tls: The way.
            urls: Some of what it will be asked for, of each origin one: what they need is loaded now, and not later.

        Raises:
            ConfigError: The environment names a CA file or a proxy that can't be used.
        """
        if tls not in self._clients:
            self._clients[tls] = HttpTransport(self._clock, tls)
        for url in urls:
            self._clients[tls].prepare(url)
        return self._clients[tls]

    async def keep(self, used: Collection[Tls]) -> None:
        """Close the connections of the clients that are not among these."""
        unused = [self._clients.pop(tls) for tls in self._clients.keys() - used]
        for client in unused:
            await client.aclose()

    async def tidy(self) -> None:
        """Close the connections that were not used for a while."""
        for client in list(self._clients.values()):
            await client.tidy()

    async def aclose(self) -> None:
        """Close the connections."""
        await self.keep(())


class HttpTransport:
    """An `httpx.AsyncClient` for each origin, with one TLS context for all.

    Args:
        clock: Dates the replies.
        tls: Who is trusted, and who we are.

    Raises:
        ConfigError: The environment names a proxy that can't be used.
    """

    def __init__(self, clock: Clock, tls: Tls = Tls()) -> None:  # noqa: B008  # frozen
        self._clock = clock
        self._tls = tls
        self._context: ssl.SSLContext | None = None
        self._pools = Pools(clock)
        self._unpacking = anyio.CapacityLimiter(_UNPACKING)  # not of the threads that files may hang in
        check_proxies()

    def prepare(self, url: str) -> None:
        """Load what it takes to ask for this, the CA certificates of https above all: a tenth of a start.

        Raises:
            ConfigError: The environment names a CA file or a proxy that can't be used.
        """
        if _may_be_proxied(url) and self._context is None:
            self._make(url)

    async def send(self, request: Request, bounds: Bounds, begins: Begins = at_once) -> Reply:
        """Send and read to the end, within the bounds.

        A refusal is a refusal even where its body can't be had: its status and headers say enough.
        """
        started = self._clock.monotonic()
        response, body = None, b""
        deadline, make = Deadline(bounds.total_s), partial(self._make, request.url)
        try:
            with self._pools.using(request.origin, make) as client:
                async with deadline.running():
                    response = await client.send(build(request, bounds.connect_s, bounds.read_s), stream=True)
                    try:
                        with deadline.paused():
                            await begins()
                        coding = response.headers.get("content-encoding", "")
                        most = bounds.max_bytes if response.is_success else min(bounds.max_bytes, MAX_REFUSAL)
                        body = await read_body(response.aiter_raw(), coding, most, self._unpacking)
                    finally:
                        await response.aclose()
        except TimeoutError:
            if response is None or response.is_success:
                raise timed_out(request.origin, bounds.total_s) from None
        except (httpx.LocalProtocolError, httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError):
            raise unsendable(request.origin) from None  # the cause quotes the header, which may be a secret
        except (httpx.HTTPError, ssl.SSLError) as error:  # httpcore 1.0.9 lets an alert behind the handshake through
            if response is None or response.is_success:
                raise explain_failure(error, request.origin) from error
        except SourceError as error:
            if response is None or response.is_success:
                error.locate(request.place, AGAIN_FIX)
                raise
        return Reply(
            status=response.status_code,
            headers=tuple((name.lower(), value) for name, value in response.headers.multi_items()),
            body=body,
            received_at=self._clock.now(),
            took_s=self._clock.monotonic() - started,
        )

    async def tidy(self) -> None:
        """Close the connections that were not used for a while."""
        await self._pools.tidy()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._pools.aclose()

    def _make(self, url: str) -> httpx.AsyncClient:
        """A client for the origin of this."""
        if not _may_be_proxied(url):
            return _client(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), by_environment=False)
        if self._context is None:
            self._context = context_of(self._tls)
        try:
            return _client(self._context, by_environment=True)
        except (ValueError, ImportError, httpx.InvalidURL):
            raise BAD_PROXY from None


def _may_be_proxied(url: str) -> bool:
    """Plain http to this machine goes through no proxy: it would carry the credential elsewhere in the clear."""
    return urlsplit(url).scheme != "http" or is_plain_http(url)


def _client(context: ssl.SSLContext, *, by_environment: bool) -> httpx.AsyncClient:
    return Client(
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=KEEP_S),
        verify=context,
        trust_env=by_environment,
        follow_redirects=False,
    )
