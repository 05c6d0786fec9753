"""One HTTP request over the shared client: a Request out, a Reply back, or a failure in words.

No cookies, no redirects, no pool limit that sources could starve in. The URL goes out byte for byte. The body is
decompressed here, because httpx hands out whole chunks whatever their size and accepts a gzip body without its end.
"""

import asyncio
import re
import socket
import ssl
import zlib
from http.cookiejar import DefaultCookiePolicy
from typing import Protocol

import httpx

from hel import __version__
from hel.clock import Clock
from hel.errors import ConfigError, RefusedError, ReplyError, SourceError, UnreachableError
from hel.records import Reply, Request
from hel.telemetry.printable import printable


class Transport(Protocol):
    """Sends one request and reads its answer to the end."""

    async def send(self, request: Request, timeout_s: float) -> Reply:
        """The answer, whatever its status.

        Raises:
            UnreachableError: There was none, or a success whose body did not come whole.
            RefusedError: It can't be sent as it is.
            ReplyError: A success whose body is too large or can't be decoded.
        """
        ...


class HttpTransport:
    """The shared `httpx.AsyncClient`.

    Args:
        clock: Dates the replies.
        max_response_bytes: A body larger than this, once decompressed, is refused while it is read.

    Raises:
        ConfigError: The environment names a CA file or a proxy that can't be used.
    """

    def __init__(self, clock: Clock, max_response_bytes: int = 64 * 1024 * 1024) -> None:
        self._clock = clock
        self._max_response_bytes = max_response_bytes
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=90.0)
        try:
            self._client = httpx.AsyncClient(
                limits=limits,
                follow_redirects=False,
                timeout=None,  # noqa: S113  # `send` limits each request as a whole
                headers={"user-agent": f"hel/{__version__}", "accept-encoding": "gzip"},
            )
        except OSError as error:
            raise ConfigError(
                f"the CA certificates can't be loaded: {error.strerror or error}",
                "SSL_CERT_FILE must name a readable file of PEM certificates, SSL_CERT_DIR a folder of them",
            ) from error
        except (ValueError, ImportError, httpx.InvalidURL):
            raise ConfigError(
                "the environment names a proxy that can't be used",
                "HTTPS_PROXY, HTTP_PROXY and ALL_PROXY take http://host:port, NO_PROXY a list of hosts",
            ) from None
        self._client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    async def send(self, request: Request, timeout_s: float) -> Reply:
        """Send and read to the end, within `timeout_s` as a whole.

        A refusal is a refusal even where its body can't be had: its status and headers say enough.
        """
        started = self._clock.monotonic()
        response, body = None, b""
        try:
            async with asyncio.timeout(timeout_s):
                response = await self._client.send(self._build(request), stream=True)
                try:
                    body = await _read_body(response, self._max_response_bytes)
                finally:
                    await response.aclose()
        except TimeoutError:
            if response is None or response.is_success:
                raise UnreachableError(
                    f"no complete answer from {request.origin} within {timeout_s:g} s",
                    "if the API is slow, raise `resilience.timeout_secs` or lower `limit`",
                    kind="timeout",
                ) from None
        except (httpx.LocalProtocolError, httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError):
            raise _unsendable(request.origin) from None  # the cause quotes the header, which may be a secret
        except httpx.HTTPError as error:
            if response is None or response.is_success:
                raise explain_failure(error, request.origin) from error
        except SourceError as error:
            if response is None or response.is_success:
                error.locate(request.place, _AGAIN_FIX)
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

    def _build(self, request: Request) -> httpx.Request:
        built = self._client.build_request(
            request.method, request.url, headers=dict(request.headers), content=request.content
        )
        built.url = _ExactURL(request.url)
        return built


_AGAIN_FIX = "nothing to do unless it lasts: Hel asks again by itself; then look at what stands between it and the API"


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


async def _read_body(response: httpx.Response, max_bytes: int) -> bytes:
    """The body, decoded (RFC 9110 §8.4)."""
    coding = response.headers.get("content-encoding", "").strip().lower()
    if coding not in {"", "identity", "gzip", "x-gzip"}:
        raise ReplyError(f"the answer is compressed as {printable(coding)}, which was not asked for")
    gunzip = _Gunzip() if "gzip" in coding else None
    parts: list[bytes] = []
    left = max_bytes
    async for chunk in response.aiter_raw():
        part = gunzip.feed(chunk, left + 1) if gunzip else chunk
        left -= len(part)
        if left < 0:
            raise ReplyError(f"the answer is larger than {max_bytes / 1024 / 1024:g} MiB", "lower `limit`")
        parts.append(part)
    if gunzip:
        gunzip.finish()
    return b"".join(parts)


class _Gunzip:
    """A gzip stream (RFC 1952), one member after the other, each with its end."""

    def __init__(self) -> None:
        self._member: zlib._Decompress | None = None

    def feed(self, data: bytes, max_bytes: int) -> bytes:
        """What this much of the stream decompresses to, `max_bytes` at most: a bomb costs no more."""
        parts: list[bytes] = []
        while data and max_bytes > 0:
            member = self._member or zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
            try:
                parts.append(member.decompress(data, max_bytes))
            except zlib.error as error:
                raise UnreachableError(f"the answer's gzip body is corrupt: {error}", kind="reset") from None
            max_bytes -= len(parts[-1])
            self._member, data = (None, member.unused_data) if member.eof else (member, member.unconsumed_tail)
        return b"".join(parts)

    def finish(self) -> None:
        """The stream is over: a member without its end has lost a part on the way."""
        if self._member is not None:
            raise UnreachableError("the answer's gzip body is cut off", kind="reset")


def _unsendable(origin: str) -> RefusedError:
    return RefusedError(
        f"the request to {origin} can't be sent: its URL or one of its headers holds what HTTP does not allow",
        "look for a line break, a space at an end or a letter outside ASCII in the token and the URL",
    )


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
    if isinstance(error, httpx.ProxyError):
        return UnreachableError(
            f"the proxy refused the way to {origin}: {printable(str(error))}",
            "check HTTPS_PROXY and NO_PROXY",
            kind="connect",
        )
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        return UnreachableError(
            f"no connection to {origin}: {causes[-1]}", "check the domain, proxy and firewall", kind="connect"
        )
    said = printable(str(error)) or type(error).__name__
    return UnreachableError(f"the connection to {origin} broke: {said}", _AGAIN_FIX, kind="reset")


def _causes(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found
