"""One HTTP request over a shared client: a Request out, a Reply back, or a failure in words.

No cookies, no redirects, no pool limit that sources could starve in. The URL goes out byte for byte. Who is trusted is
a client's own (`tls`), so sources with the same TLS settings share one, and the others have one apart.
"""

import asyncio
import os
import re
import ssl
from base64 import b64encode
from collections.abc import Collection
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import Protocol
from urllib.parse import unquote, urlsplit

import httpx

from hel import __version__
from hel.clock import Clock
from hel.config.certificates import Tls
from hel.config.fields import is_plain_http
from hel.errors import ConfigError, SourceError
from hel.policy.diagnosis import MAX_REFUSAL
from hel.records import Reply, Request
from hel.telemetry.redaction import conceal
from hel.transport.body import read_body
from hel.transport.failures import AGAIN_FIX, explain_failure, timed_out, unsendable


@dataclass(frozen=True, slots=True)
class Bounds:
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


class Transport(Protocol):
    """Sends one request and reads its answer to the end."""

    async def send(self, request: Request, bounds: Bounds) -> Reply:
        """The answer, whatever its status.

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

    def of(self, tls: Tls) -> Transport:
        """The client that uses TLS in this way.

        Raises:
            ConfigError: The environment names a CA file or a proxy that can't be used.
        """
        if tls not in self._clients:
            self._clients[tls] = HttpTransport(self._clock, tls)
        return self._clients[tls]

    async def keep(self, used: Collection[Tls]) -> None:
        """Close the connections of the clients that are not among these."""
        unused = [self._clients.pop(tls) for tls in self._clients.keys() - used]
        for client in unused:
            await client.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self.keep(())


class HttpTransport:
    """The shared `httpx.AsyncClient`.

    Args:
        clock: Dates the replies.
        tls: Who is trusted, and who we are.

    Raises:
        ConfigError: The environment names a CA file or a proxy that can't be used.
    """

    def __init__(self, clock: Clock, tls: Tls = Tls()) -> None:  # noqa: B008  # frozen
        self._clock = clock
        _check_proxies()
        try:
            self._client = _client(_context(tls), by_environment=True)
        except (ValueError, ImportError, httpx.InvalidURL):
            raise _BAD_PROXY from None
        self._direct: httpx.AsyncClient | None = None

    async def send(self, request: Request, bounds: Bounds) -> Reply:
        """Send and read to the end, within the bounds.

        A refusal is a refusal even where its body can't be had: its status and headers say enough.
        """
        started = self._clock.monotonic()
        response, body = None, b""
        try:
            async with asyncio.timeout(bounds.total_s):
                client = self._client_for(request.url)
                response = await client.send(_build(client, request, bounds), stream=True)
                try:
                    coding = response.headers.get("content-encoding", "")
                    most = bounds.max_bytes if response.is_success else min(bounds.max_bytes, MAX_REFUSAL)
                    body = await read_body(response.aiter_raw(), coding, most)
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

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()
        if self._direct is not None:
            await self._direct.aclose()

    def _client_for(self, url: str) -> httpx.AsyncClient:
        """Plain http to this machine goes through no proxy: it would carry the credential elsewhere in the clear."""
        if urlsplit(url).scheme != "http" or is_plain_http(url):
            return self._client
        if self._direct is None:
            self._direct = _client(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), by_environment=False)
        return self._direct


def _client(context: ssl.SSLContext, *, by_environment: bool) -> httpx.AsyncClient:
    client = httpx.AsyncClient(
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=90.0),
        verify=context,
        trust_env=by_environment,
        follow_redirects=False,
        headers={"user-agent": f"hel/{__version__}", "accept-encoding": "gzip"},
    )
    client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return client


def _build(client: httpx.AsyncClient, request: Request, bounds: Bounds) -> httpx.Request:
    built = client.build_request(
        request.method,
        request.url,
        headers=dict(request.headers),
        content=request.content,
        timeout=httpx.Timeout(connect=bounds.connect_s, read=bounds.read_s, write=bounds.read_s, pool=None),
    )
    built.url = _ExactURL(request.url)
    return built


_BAD_PROXY = ConfigError(
    "the environment names a proxy that can't be used",
    "HTTPS_PROXY, HTTP_PROXY and ALL_PROXY take http://host:port, NO_PROXY a list of hosts",
)


class _ExactURL(httpx.URL):
    """A URL whose path and query go out as they are written; httpx would encode some characters of them anew.

    httpx's `target` extension does the same, but it also replaces what a proxy is asked for (httpcore 1.0.9).
    """

    def __init__(self, url: str) -> None:
        super().__init__(url)
        target = re.sub("^[^:]*://[^/?#]*", "", url).partition("#")[0]
        self._target = (target if target.startswith("/") else f"/{target}").encode("ascii")

    @property
    def raw_path(self) -> bytes:
        """The request's target (RFC 9112 §3.2.1)."""
        return self._target


def _context(tls: Tls) -> ssl.SSLContext:
    """Who is trusted: the CAs of certifi or of the environment, and those that `tls` names, or these alone."""
    if tls.ca_only:
        return tls.onto(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    try:
        context = httpx.create_ssl_context()
    except OSError as error:
        raise ConfigError(
            f"the CA certificates can't be loaded: {error.strerror or error}",
            "SSL_CERT_FILE must name a readable file of PEM certificates, SSL_CERT_DIR a folder of them",
        ) from error
    return tls.onto(context)


def _check_proxies() -> None:
    """See whether the environment's proxies have ports that exist, and hide their passwords.

    A proxy's error must not show the password that the environment gives for it, nor the header made of it.

    Raises:
        ConfigError: One has not.
    """
    for name, value in os.environ.items():
        if name.lower() not in {"http_proxy", "https_proxy", "all_proxy"}:
            continue
        try:
            urlsplit(value if "://" in value else f"//{value}").port  # noqa: B018  # it raises
        except ValueError:
            raise _BAD_PROXY from None
        user, _, written = value.rpartition("@")[0].rpartition("//")[2].partition(":")
        if written:
            password = unquote(written)
            basic = b64encode(f"{unquote(user)}:{password}".encode(errors="surrogateescape")).decode()
            for secret in (written, password, basic):
                conceal(secret, for_good=True)
