"""A request as the text that a checkpoint keeps, and whether it may be asked with a source's credential.

A GET is its URL, byte for byte; a POST is its URL, a space, and its JSON body. A law: text in, a Request out.
"""

import json
import re
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec
from msgspec.structs import replace

from hel.errors import ReplyError, Trouble
from hel.records import MAX_URL, Request, origin_of
from hel.telemetry.printable import printable
from hel.telemetry.redaction import repeats_secret

_HOST_AND_PORT = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{0,5})?")
"""What every reader of URLs reads alike: no user, nothing percent-encoded, and only a port behind the host."""

_BARRED = re.compile(r"[\x00-\x20\x7f\\]")
"""What a URL may not hold as it is, if all readers are to read it alike."""

_SURROGATE = re.compile("[\ud800-\udfff]")


class Asking(msgspec.Struct, frozen=True):
    """How one source asks: what all its requests have in common.

    Attributes:
        url: Its URL, which is home.
        method: `GET` or `POST`.
        headers: Sent with each request; no credential is among them.
        abroad: Other origins to which the API's links may lead.
    """

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = msgspec.field(default_factory=lambda: {"accept": "application/json"})
    abroad: tuple[str, ...] = ()

    def request(self, url: str, body: Mapping[str, Any] | None = None) -> Request:
        """One request; a POST has a JSON body, be it an empty object."""
        if self.method == "GET":
            return Request("GET", url, self.headers)
        content = json.dumps(dict(body or {}), separators=(",", ":"), ensure_ascii=False).encode()
        return Request(self.method, url, {**self.headers, "content-type": "application/json"}, content)

    def read(self, place: str, what: str) -> Request:
        """The request that a text stands for.

        Raises:
            ReplyError: It leads away, or is none.
        """
        url, _, text = place.partition(" ")
        stay_home(self.url, url, what, self._allowed())
        if self.method == "GET" and not text:
            return self.request(url)
        try:
            body = json.loads(text or "{}")
        except (ValueError, RecursionError):
            body = None
        if self.method == "GET" or not isinstance(body, dict):
            raise ReplyError(
                f"{what} is no {self.method} request: {printable(url)}", "it is made anew by `hel state reset`"
            )
        return self.request(url, body)

    def follow(self, url: str) -> Request:
        """The request for a link of the API's own.

        Raises:
            ReplyError: It leads away.
        """
        return self.request(stay_home(self.url, url, "the next link", self._allowed()))

    def _allowed(self) -> frozenset[str]:
        return frozenset(origin_of(one) for one in (self.url, *self.abroad))


def body_of(request: Request) -> dict[str, Any]:
    """A request's JSON body; empty where it has none."""
    return dict(json.loads(request.content)) if request.content else {}


def with_parameter(request: Request, name: str, value: str) -> Request:
    """The same request with one query parameter set; the others stand as they did, in their order."""
    parts = urlsplit(request.url)
    pairs = [(key, old) for key, old in parse_qsl(parts.query, keep_blank_values=True) if key != name]
    return replace(request, url=parts._replace(query=urlencode([*pairs, (name, value)])).geturl())


def with_member(request: Request, name: str, value: Any) -> Request:
    """The same request with one member of its JSON body set."""
    body = {**body_of(request), name: value}
    return replace(request, content=json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode())


def check_place(text: str, what: str) -> None:
    """See whether a link or cursor may be sent, kept and logged.

    Raises:
        ReplyError: It is longer than any, holds half of a surrogate pair, or repeats a secret.
    """
    if len(text) > MAX_URL:
        raise ReplyError(
            f"{what} is {len(text):,} characters long, more than any cursor",
            "look at what answers there, which may be a proxy; if it is right, report it",
            Trouble.ASTRAY,
        )
    if _SURROGATE.search(text):
        raise ReplyError(f"{what} holds half of a surrogate pair", "report it to the API's vendor", Trouble.ASTRAY)
    if repeats_secret(text):
        raise ReplyError(
            f"{what} holds a secret that Hel sent, which must not be kept",
            "report it to the API's vendor: what is stored and logged must not carry a credential",
            Trouble.ASTRAY,
        )


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
    check_place(url, what)
    try:
        parts = urlsplit(url)
        may_go = origin_of(url) in allowed and _HOST_AND_PORT.fullmatch(parts.netloc) is not None
    except ValueError:
        may_go = False
    if not may_go or not url.isascii() or _BARRED.search(url):
        raise ReplyError(
            f"{what} leads away from {origin_of(home)}, or is no URL: {printable(url.partition('?')[0])}",
            "nothing was sent there; if the org has moved, change `url` to its new domain; if the API's own links lead "
            "there, name that origin in `allowed_origins`",
            Trouble.ASTRAY,
        )
    return url
