"""A request as it goes out: byte for byte as it is written, and without cookies."""

import re
from functools import lru_cache

from hel import __version__
from hel.records import MAX_URL, Request
from hel.transport.http import httpx


class _NoCookies(httpx.Cookies):
    """None is kept, and none is looked for, which takes longer than it seems."""

    def extract_cookies(self, response: httpx.Response) -> None:
        """Leave them where they are."""


class Client(httpx.AsyncClient):
    """A client without cookies: no API needs them of whoever signs each request, and a proxy's are none of ours."""

    _none = _NoCookies()

    @property  # type: ignore[misc]  # nobody sets them
    def cookies(self) -> httpx.Cookies:
        """None."""
        return self._none


_HEADERS = {"accept": "*/*", "accept-encoding": "gzip", "connection": "keep-alive", "user-agent": f"hel/{__version__}"}


def build(request: Request, connect_s: float, read_s: float) -> httpx.Request:
    """What the client's own `build_request` makes, at a third of its cost: nothing is guessed, or read twice.

    Args:
        request: What is asked.
        connect_s: How long the connection may take.
        read_s: How long it may be between two pieces, in either direction.

    Raises:
        InvalidURL, UnicodeError: Its URL or a header can't be sent.
    """
    url = _ExactURL(request.url)
    headers = _HEADERS | {name.lower(): value for name, value in request.headers.items()}
    if request.method != "GET" or request.content:
        headers["content-length"] = str(len(request.content or b""))
    timeout = httpx.Timeout(connect=connect_s, read=read_s, write=read_s, pool=None)
    built = httpx.Request(
        request.method,
        url,
        headers={"Host": url.netloc.decode("ascii"), **headers},
        stream=httpx.ByteStream(request.content or b""),
        extensions={"timeout": timeout.as_dict()},
    )
    built.url = url
    return built


class _ExactURL(httpx.URL):
    """A URL whose path and query go out as they are written; httpx would encode some characters of them anew.

    httpx's `target` extension does the same, but it also replaces what a proxy is asked for (httpcore 1.0.9).
    """

    def __init__(self, url: str) -> None:
        if len(url) > MAX_URL:
            raise httpx.InvalidURL("more than any server takes")
        before = _BEFORE_TARGET.match(url)
        super().__init__(_server(before[0]) if before else url)
        target = url[before.end() if before else 0 :].partition("#")[0]
        self._target = (target if target.startswith("/") else f"/{target}").encode("ascii")

    @property
    def raw_path(self) -> bytes:
        """The request's target (RFC 9112 §3.2.1)."""
        return self._target


_BEFORE_TARGET = re.compile("[^:]*://[^/?#]*")

_server = lru_cache(1024)(httpx.URL)
"""A URL without its target, read once for all that are asked of one origin."""
