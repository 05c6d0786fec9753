"""Reads a reply as a page: its events, what to ask now (`next`), and where the next tick starts (`resume`).

The rules that every strategy shares live here: a `next` stays on the scheme, host and port of its source, and no
page is asked for twice in one tick. The events of a page whose `next` breaks the second rule are good all the same:
the page carries what is wrong, to be raised once they are handed over.
"""

import re
from collections.abc import Collection, Iterable
from typing import Protocol
from urllib.parse import parse_qsl, urljoin, urlsplit

from hel import events
from hel.errors import PagingLoopError, ReplyError, Trouble
from hel.paging import link_header
from hel.paging.question import is_descending, until_of
from hel.records import Checkpoint, Page, Reply, Request, origin_of
from hel.telemetry.printable import printable
from hel.telemetry.redaction import repeats_secret


class Pager(Protocol):
    """What one tick of one source asks, page by page."""

    def first(self, checkpoint: Checkpoint | None) -> Request:
        """The tick's first request."""
        ...

    def read(self, request: Request, reply: Reply) -> Page:
        """The page that a reply to this request is."""
        ...


class SinglePage:
    """`strategy: none`: one request a tick, and every tick asks the same."""

    def __init__(self, url: str) -> None:
        self._url = url

    def first(self, checkpoint: Checkpoint | None) -> Request:  # noqa: ARG002  # it has no place to resume from
        """The question itself."""
        return Request("GET", self._url, _ACCEPT)

    def read(self, request: Request, reply: Reply) -> Page:  # noqa: ARG002  # one page needs no request to go by
        """The only page."""
        return Page(events.split(reply.body), None, None, again=True)


class LinkHeaderPager:
    """`strategy: link_header`: the API's own link says what comes next, and is followed byte for byte.

    A polling query (no `until`, ascending) ends its tick at an empty page whose link is then kept: Okta always sends
    one, "ask again later" (https://developer.okta.com/docs/reference/api/system-log/). A bounded or descending query
    may have short or empty pages in its middle; only a missing link ends it, and then the source is finished.

    Args:
        url: The question, parameters included.
        rel: The relation type to follow.
        end_on_short_page: A page shorter than the `limit` in its own URL ends a polling tick, too.
        abroad: Other origins to which a link may lead.
    """

    def __init__(
        self, url: str, rel: str = "next", *, end_on_short_page: bool = False, abroad: Iterable[str] = ()
    ) -> None:
        self._url = url
        self._allowed = frozenset(origin_of(one) for one in (url, *abroad))
        self._rel = rel
        self._end_on_short_page = end_on_short_page
        parameters = parse_qsl(urlsplit(url).query)
        self._bounded = until_of(parameters) is not None or is_descending(parameters)
        self._asked: list[str] = []

    def first(self, checkpoint: Checkpoint | None) -> Request:
        """The stored link, or the question itself."""
        url = self._url
        if checkpoint is not None and checkpoint.resume is not None:
            url = self._stay(checkpoint.resume, "the stored cursor")
        self._asked = [url]
        return Request("GET", url, _ACCEPT)

    def read(self, request: Request, reply: Reply) -> Page:
        """Split the body and follow the link."""
        found = events.split(reply.body)
        link = link_header.find(reply.header_values("link"), self._rel)
        if link is None:
            return Page(found, None, request.url, finished=self._bounded, again=not self._bounded)
        url = self._stay(_absolute(request.url, link), "the next link")
        if not self._bounded and (not found or self._short(request, len(found))):
            return Page(found, None, url)
        if url in self._asked:
            return Page(found, None, request.url, again=True, fault=self._loop(request, url))
        self._asked.append(url)
        return Page(found, Request("GET", url, _ACCEPT), url)

    def _stay(self, url: str, what: str) -> str:
        return stay_home(self._url, url, what, self._allowed)

    def _loop(self, request: Request, url: str) -> PagingLoopError:
        """What to say of a link to a page that was asked for: its query stays out of it."""
        this, that = len(self._asked), self._asked.index(url) + 1
        whither = "itself" if this == that else f"page {that}"
        asked, again = request.query, Request("GET", url).query
        names = sorted(name for name in asked.keys() | again.keys() if asked.get(name) != again.get(name))
        how = f"; the two differ in {', '.join(map(printable, names))}" if names else ""
        return PagingLoopError(
            f"page {this}'s next link leads back to {whither} ({printable(request.path)}{how})",
            "report it to the API's vendor; the events of the page were taken, and the next tick asks for it again",
        )

    def _short(self, request: Request, count: int) -> bool:
        limit = request.query.get("limit", "")
        return self._end_on_short_page and _LIMIT.fullmatch(limit) is not None and count < int(limit)


_LIMIT = re.compile(r"[0-9]{1,9}")


def _absolute(base: str, link: str) -> str:
    """A link that names its scheme as it stands, any other read against the page it came with (RFC 3986 §5)."""
    try:
        parts = urlsplit(link)
        return link if parts.scheme else urljoin(base, link)
    except ValueError:
        return link  # no URL at all: `stay_home` says so


def stay_home(home: str, url: str, what: str, allowed: Collection[str]) -> str:
    """The URL, if it may be asked with this source's credential.

    Args:
        home: The source's own URL.
        url: Where to go.
        what: What leads there.
        allowed: The origins at which it may be.

    Raises:
        ReplyError: It is malformed or very long, names a user, or leads to another scheme, host or port.
    """
    if len(url) > MAX_URL:
        raise ReplyError(
            f"{what} is {len(url):,} characters long, more than any cursor",
            "look at what answers there, which may be a proxy; if it is right, report it",
            Trouble.ASTRAY,
        )
    if repeats_secret(url):
        raise ReplyError(
            f"{what} holds a secret that Hel sent, which must not be kept",
            "report it to the API's vendor: a link that is stored and logged must not carry a credential",
            Trouble.ASTRAY,
        )
    try:
        parts = urlsplit(url)
        may_go = origin_of(url) in allowed and _HOST_AND_PORT.fullmatch(parts.netloc) is not None
    except ValueError:
        may_go = False
    if not may_go or not url.isascii() or any(character <= " " or character in "\x7f\\" for character in url):
        raise ReplyError(
            f"{what} leads away from {origin_of(home)}, or is no URL: {printable(url.partition('?')[0])}",
            "nothing was sent there; if the org has moved, change `url` to its new domain; if the API's own links lead "
            "there, name that origin in `allowed_origins`",
            Trouble.ASTRAY,
        )
    return url


_HOST_AND_PORT = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{0,5})?")
"""What every reader of URLs reads alike: no user, nothing percent-encoded, and only a port behind the host."""

MAX_URL = 65_536
"""Characters; eight times the longest cursor that was seen."""

_ACCEPT = {"accept": "application/json"}
