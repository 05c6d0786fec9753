"""One HTTP request over the shared client: a Request out, a Reply back, or a failure in words.

No cookies, no redirects, no pool limit that sources could starve in. The URL goes out byte for byte. The body is
decompressed here, because httpx accepts a gzip body without its end.
"""

import asyncio
import socket
import ssl
import zlib
from http.cookiejar import DefaultCookiePolicy
from typing import Protocol
from urllib.parse import urlsplit

import httpx

from hel import __version__
from hel.clock import Clock
from hel.errors import ReplyError, UnreachableError
from hel.records import Reply, Request


class Transport(Protocol):
    """Sends one request and reads its answer to the end."""

    async def send(self, request: Request, timeout_s: float) -> Reply:
        """The answer, whatever its status.

        Raises:
            UnreachableError: There was none.
            ReplyError: Its body can't be decoded.
        """
        ...


class HttpTransport:
    """The shared `httpx.AsyncClient`.

    Args:
        clock: Dates the replies.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=90.0)
        self._client = httpx.AsyncClient(
            limits=limits,
            follow_redirects=False,
            timeout=None,
            headers={"user-agent": f"hel/{__version__}", "accept-encoding": "gzip"},
        )
        self._client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    async def send(self, request: Request, timeout_s: float) -> Reply:
        """Send and read to the end, within `timeout_s` as a whole."""
        started = self._clock.monotonic()
        try:
            async with asyncio.timeout(timeout_s):
                response = await self._client.send(self._build(request), stream=True)
                try:
                    body = await _read_body(response)
                finally:
                    await response.aclose()
        except TimeoutError:
            raise UnreachableError(
                f"no complete answer from {request.origin} within {timeout_s:g} s",
                "if the API is slow, raise `resilience.timeout_secs` or lower `limit`",
                kind="timeout",
            ) from None
        except httpx.HTTPError as error:
            raise explain_failure(error, request.origin) from error
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

    def _build(self, request: Request) -> httpx.Request:
        parts = urlsplit(request.url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return self._client.build_request(
            request.method,
            request.url,
            headers=dict(request.headers),
            content=request.content,
            extensions={"target": target.encode("ascii")},
        )


async def _read_body(response: httpx.Response) -> bytes:
    """The body, decoded (RFC 9110 §8.4); a compressed stream must have its end."""
    coding = response.headers.get("content-encoding", "identity").strip().lower()
    if coding in {"", "identity"}:
        return b"".join([chunk async for chunk in response.aiter_raw()])
    if coding not in {"gzip", "x-gzip"}:
        raise ReplyError(f"the answer is compressed as {coding!a}, which was not asked for")
    gunzip = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        parts = [gunzip.decompress(chunk) async for chunk in response.aiter_raw()]
    except zlib.error as error:
        raise ReplyError(f"the answer's gzip body is corrupt: {error}") from None
    if not gunzip.eof and any(parts):
        raise ReplyError("the answer's gzip body is cut off")
    return b"".join(parts)


def explain_failure(error: httpx.HTTPError, origin: str) -> UnreachableError:
    """What a failed request means, by the exception that started it."""
    causes = list(_causes(error))
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return UnreachableError(
            f"the name of {origin} can't be resolved",
            "check the domain in `url` (OKTA_DOMAIN is the domain alone, such as dev-12345.okta.com) and this "
            "machine's DNS",
            kind="dns",
        )
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return UnreachableError(
                f"the certificate of {origin} can't be trusted: {cause.verify_message}",
                "if a private CA signed it, name its file in SSL_CERT_FILE",
                kind="tls",
            )
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return UnreachableError(
            f"no TLS connection to {origin}: {causes[-1]}", "is that port an https one?", kind="connect"
        )
    if isinstance(error, httpx.ConnectError):
        return UnreachableError(
            f"no connection to {origin}: {causes[-1]}", "check the domain, proxy and firewall", kind="connect"
        )
    if isinstance(error, httpx.ProxyError):
        return UnreachableError(
            f"the proxy refused the way to {origin}: {error}",
            "check HTTPS_PROXY and NO_PROXY",
            kind="connect",
        )
    return UnreachableError(f"the connection to {origin} broke: {error or type(error).__name__}", kind="reset")


def _causes(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found
