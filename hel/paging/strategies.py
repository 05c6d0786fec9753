"""How an API says what comes next: one class a strategy. Each only names the next request; `pager` judges it.

A law: a request and its answer in, the next request out.
"""

from typing import Any, ClassVar, Protocol
from urllib.parse import urljoin, urlsplit

import msgspec
from msgspec.structs import replace

from hel.envelope import Envelope
from hel.errors import ReplyError
from hel.paging import link_header
from hel.paging.place import Asking, body_of, check_place, with_member, with_parameter
from hel.records import Reply, Request


class Answer(msgspec.Struct, frozen=True):
    """An answer, as far as paging looks at it.

    Attributes:
        reply: For its headers.
        envelope: For what its body says beside the events.
        count: How many events it holds.
    """

    reply: Reply
    envelope: Envelope
    count: int


class Strategy(Protocol):
    """One way of paging."""

    key: ClassVar[str]
    """The config's key that says where the next page is named; empty where nothing does."""

    counts: ClassVar[bool]
    """Whether the next page's number is Hel's own counting."""

    @property
    def page_size(self) -> int:
        """How many events make a full page; 0 where it is not known."""
        ...

    def is_first(self, request: Request) -> bool:
        """Whether it asks for the first page."""
        ...

    @property
    def paths(self) -> tuple[str | None, ...]:
        """Dotted paths of what it reads in the answer's body."""
        ...

    def names_next(self, answer: Answer) -> bool:
        """Whether what says where the next page is stands in the answer, be it empty."""
        ...

    def next(self, asking: Asking, request: Request, answer: Answer) -> Request | None:
        """What to ask for next; None where the API says that there is nothing more."""
        ...

    def says_more(self, answer: Answer) -> bool | None:
        """Whether the API says that there is more to be had now; None where it does not say."""
        ...


class NoPages(msgspec.Struct, frozen=True):
    """`strategy: none`: one page is all there is."""

    key: ClassVar[str] = ""
    counts: ClassVar[bool] = False

    @property
    def page_size(self) -> int:
        """It does not matter."""
        return 0

    def is_first(self, request: Request) -> bool:  # noqa: ARG002  # there is no other
        """It does."""
        return True

    def names_next(self, answer: Answer) -> bool:  # noqa: ARG002  # there is none
        """Nothing does."""
        return False

    @property
    def paths(self) -> tuple[str | None, ...]:
        """None."""
        return ()

    def next(self, asking: Asking, request: Request, answer: Answer) -> Request | None:  # noqa: ARG002  # there is none
        """Nothing."""
        return None

    def says_more(self, answer: Answer) -> bool | None:  # noqa: ARG002  # it says nothing
        """It does not say."""
        return None


class LinkHeader(NoPages, frozen=True):
    """`strategy: link_header`: the URL in the `Link` header (RFC 8288), byte for byte.

    Attributes:
        rel: The relation type to follow.
    """

    rel: str = "next"

    def next(self, asking: Asking, request: Request, answer: Answer) -> Request | None:
        """Where the link leads."""
        link = link_header.find(answer.reply.header_values("link"), self.rel)
        return None if link is None else _follow(asking, request, link)


class NextUrl(NoPages, frozen=True):
    """`strategy: next_url`: the URL in the body, byte for byte.

    Attributes:
        path: Where it stands, dotted.
    """

    path: str
    key: ClassVar[str] = "pagination.next_url_path"

    @property
    def paths(self) -> tuple[str | None, ...]:
        """Where the URL stands."""
        return (self.path,)

    def next(self, asking: Asking, request: Request, answer: Answer) -> Request | None:
        """Where the URL leads; an empty or absent one is the end."""
        url = answer.envelope.value(self.path)
        if url is None or url == "":
            return None
        if not isinstance(url, str):
            raise ReplyError(f"`{self.path}` in the answer is no URL", "check `pagination.next_url_path`")
        return _follow(asking, request, url)

    def names_next(self, answer: Answer) -> bool:
        """Whether there is a URL, or a place for one."""
        return answer.envelope.has(self.path)


class Cursor(NoPages, frozen=True):
    """`strategy: cursor`: an opaque text in the body, sent back in the query or, by POST, in the body.

    Attributes:
        path: Where it stands, dotted.
        param: The parameter, or member of the body, that takes it.
        has_more_path: Where a boolean says whether there is more; None where none does.
        alone: It takes the place of all other parameters, or members.
    """

    path: str
    param: str
    has_more_path: str | None = None
    alone: bool = False
    key: ClassVar[str] = "pagination.cursor_path"

    @property
    def paths(self) -> tuple[str | None, ...]:
        """Where the cursor and the boolean stand."""
        return (self.path, self.has_more_path)

    def next(self, asking: Asking, request: Request, answer: Answer) -> Request | None:
        """The same request with the cursor; an empty or absent one is the end, unless the API says that there is more.

        Raises:
            ReplyError: It can't be sent, or is missing.
        """
        cursor = answer.envelope.value(self.path)
        if cursor is None or cursor in ("", 0) or isinstance(cursor, bool):  # some count, and end with 0
            if self.says_more(answer):
                raise ReplyError(
                    f"the answer says at `{self.has_more_path}` that there is more, but has no cursor at `{self.path}`",
                    "check `pagination.cursor_path`",
                )
            return None
        if isinstance(cursor, float) and not answer.envelope.is_written(self.path, repr(cursor)):
            raise ReplyError(
                f"the cursor at `{self.path}` is a number that can't be sent as it came",
                "check `pagination.cursor_path`; if it is right, report it",
            )
        check_place(str(cursor), f"the cursor at `{self.path}`")
        if asking.method == "GET":
            bare = asking.request(request.url.partition("?")[0]) if self.alone else request
            return asking.follow(with_parameter(bare, self.param, str(cursor)).url)
        bare = asking.request(request.url) if self.alone else request
        return with_member(bare, self.param, cursor)

    def names_next(self, answer: Answer) -> bool:
        """Whether there is a cursor, or a place for one."""
        return answer.envelope.has(self.path)

    def says_more(self, answer: Answer) -> bool | None:
        """What the API's own boolean says."""
        more = answer.envelope.value(self.has_more_path) if self.has_more_path else None
        if more is None or isinstance(more, bool):
            return more
        raise ReplyError(
            f"`{self.has_more_path}` in the answer is neither true nor false",
            "check `pagination.has_more_path`, or leave it out: then a cursor says whether there is more",
        )


class Numbered(NoPages, frozen=True):
    """`strategy: page_offset` and `offset`: a number that grows from page to page, until one is empty.

    Attributes:
        param: The parameter, or member of the body, that takes it.
        first: The number of the first page, or 0 for an offset.
        by_events: It counts events, not pages.
        size: How many events make a full page; 0 where it is not known.
    """

    param: str
    first: int
    by_events: bool = False
    size: int = 0
    counts: ClassVar[bool] = True

    @property
    def page_size(self) -> int:
        """As it was configured."""
        return self.size

    def is_first(self, request: Request) -> bool:
        """Whether it asks for the first page."""
        return str(self._number(request)) == str(self.first)

    def _number(self, request: Request) -> Any:
        asked = request.query if request.method == "GET" else body_of(request)
        return asked.get(self.param, self.first)

    def next(self, asking: Asking, request: Request, answer: Answer) -> Request | None:
        """The next number; an empty page is the end."""
        if not answer.count:
            return None
        is_get = asking.method == "GET"
        try:
            number = int(self._number(request)) + (answer.count if self.by_events else 1)
        except (TypeError, ValueError):
            raise ReplyError(
                f"`{self.param}` in the request is no number",
                f"take `{self.param}` out of `query_params` or `body`, or the stored place away: `hel state reset`",
            ) from None
        return with_parameter(request, self.param, str(number)) if is_get else with_member(request, self.param, number)


def _follow(asking: Asking, request: Request, link: str) -> Request:
    """The request for a link of the API's own: it takes the place of the query; a POST keeps its body."""
    check_place(link, "the next link")
    return replace(request, url=asking.follow(absolute(request.url, link)).url)


def absolute(base: str, link: str) -> str:
    """A link that names its scheme as it stands, any other read against the page it came with (RFC 3986 §5)."""
    try:
        parts = urlsplit(link)
        return link if parts.scheme else urljoin(base, link)
    except ValueError:
        return link  # no URL at all: `stay_home` says so
