"""From a source's section of the config to what it asks: its question, its pages, its walks."""

from collections.abc import Callable

from msgspec import structs

from hel import okta
from hel.config.pagination import (
    CursorPagination,
    LinkHeaderPagination,
    NextUrlPagination,
    NoPagination,
    OffsetPagination,
    PageOffsetPagination,
    Pagination,
    page_size_param,
)
from hel.config.source import SourceConfig
from hel.envelope import Envelope
from hel.paging.pager import Ending, Events, Pager
from hel.paging.place import Asking
from hel.paging.question import Question
from hel.paging.strategies import Cursor, LinkHeader, NextUrl, NoPages, Numbered, Strategy
from hel.paging.walk import Span, Walks
from hel.peek import Peek
from hel.records import BY_TIME, Text
from hel.timestamps import written_start


def question(source: SourceConfig) -> Question:
    """What this source asks."""
    headers = {"accept": "application/json", **{name.lower(): value for name, value in source.headers.items()}}
    asking = Asking(source.url, source.method, headers, source.allowed_origins)
    pages = source.pagination
    size = page_size_param(pages)
    is_get = source.method == "GET"
    form = start_format(source)
    return Question(
        asking,
        {**({name: str(number) for name, number in size.items()} if is_get else {}), **source.query_params},
        source.from_ if source.from_ is None or form is None else written_start(source.from_, form),
        source.from_param,
        follows_links=not isinstance(pages, NoPagination),
        body=source.body if is_get else {**size, **source.body},
        start_format=form,
        pages_by=_pages_by(source),
        goes_by=_goes_by(source),
    )


def start_format(source: SourceConfig) -> str | None:
    """How the API takes a start time; None for RFC 3339, and for `from` as it is written."""
    if (mark := source.watermark) is not None:
        return mark.param_format or mark.format
    return source.from_format if source.window is None else source.window.format


def _pages_by(source: SourceConfig) -> str:
    """What its stored places are good for, so that they are not taken for others."""
    pages = source.pagination
    strategy = "" if isinstance(pages, LinkHeaderPagination | NoPagination) else pages.strategy
    return strategy if source.window is None else f"{strategy} window"


def _goes_by(source: SourceConfig) -> str:
    """What its watermark is, so that a stored one is not taken for another kind."""
    if (mark := source.watermark) is not None:
        return f"number:{mark.path}" if mark.format == "number" else BY_TIME
    return "" if source.window is None else BY_TIME


def pager(source: SourceConfig, peek: Peek | None = None) -> Pager:
    """How its pages follow each other, and what is read of their events on the way."""
    asked = question(source)
    pages = source.pagination
    ending = Ending.BOUNDED if asked.has_end else Ending.POLLING
    if walks(source) is not None:
        ending = Ending.WALK
    elif isinstance(pages, NoPagination):
        ending = Ending.REPEATED
    where, full_page = place_of_events(source), _full_page(pages, asked)
    return Pager(asked.asking, asked.first, strategy(pages), ending, where, full_page, peek)


def _full_page(pages: Pagination, asked: Question) -> int:
    """How many events a page must have so that it does not end a tick; 0 where none ends it for that."""
    end_on = getattr(pages, "end_on", None)
    if end_on != "short_page":
        return 1 if end_on == "empty_page" else 0
    given = {**asked.body, **asked.parameters}
    limit = str(getattr(pages, "limit", None) or given.get(getattr(pages, "limit_param", "limit"), ""))
    return int(limit) if limit.isdecimal() else 0


def strategy(pages: Pagination) -> Strategy:
    """How the API says what comes next."""
    match pages:
        case LinkHeaderPagination():
            return LinkHeader(pages.rel)
        case NextUrlPagination():
            return NextUrl(pages.next_url_path)
        case CursorPagination():
            return Cursor(pages.cursor_path, pages.cursor_param, pages.has_more_path, alone=pages.cursor_alone)
        case PageOffsetPagination():
            return Numbered(pages.page_param, pages.first_page, size=pages.limit or 0)
        case OffsetPagination():
            return Numbered(pages.offset_param, 0, by_events=True, size=pages.limit or 0)
        case NoPagination():
            return NoPages()


def walks(source: SourceConfig) -> Walks | None:
    """Where its ticks begin, where its cursor does not last."""
    if (mark := source.watermark) is not None:
        asked = structs.replace(question(source), start_param=mark.param)
        return Walks(asked, mark.param_format or mark.format, mark.overlap_secs, mark.template)
    if (window := source.window) is not None:
        asked = structs.replace(question(source), start_param=window.start_param)
        span = Span(window.end_param, window.max_secs, window.lag_secs)
        return Walks(asked, window.format, window.overlap_secs, span=span)
    return None


def place_of_events(source: SourceConfig) -> Events:
    """Where its events stand in an answer."""
    return Events(source.events_path, source.events_may_be_missing, is_bare=okta.is_log(source.url))


def split(source: SourceConfig) -> Callable[[bytes], list[Text]]:
    """How the events are found in an answer."""
    where = place_of_events(source)
    return lambda body: where.of(Envelope(body))
