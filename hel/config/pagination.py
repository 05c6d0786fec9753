"""How pages follow each other, and where the next tick begins when the API has no lasting cursor."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from hel.config.fields import Count, Dotted, Flag, Label, MarkFormat, SecondsOrZero
from hel.config.section import Conflict, Section, wrong

_MAX_PAGES = "The most pages in one tick; the next tick goes on from there."
EndOn = Literal["short_page", "empty_page"]
_SHORT_PAGE = (
    "What also ends a tick: a page with fewer events than asked for (`limit`, here or as a parameter), or one without "
    "any; for an API that always names a next page."
)
_LASTS = (
    "Whether the last cursor may be asked again at any later time, so that the next tick starts there; "
    "if not, say in `watermark` or `window` where it starts."
)


DEFAULT_PARAMS: Mapping[str, Mapping[str, str]] = {
    "page_offset": {"page_param": "page", "limit_param": "per_page"},
    "offset": {"offset_param": "offset", "limit_param": "limit"},
}
"""What the strategies call their parameters where nobody says it."""


class LinkHeaderPagination(Section):
    """Pages by the Link header (RFC 8288)."""

    strategy: Literal["link_header"] = Field(description="Follow the URL in the Link header.")
    rel: Label = Field("next", description="The relation of the link to follow.")
    lasting: Flag | None = Field(
        None,
        description="Whether the last link may be asked again at any later time, as Okta's and Auth0's; if not, say in "
        "`watermark` or `window` where the next tick starts.",
    )
    max_pages: Count = Field(100, description=_MAX_PAGES)
    end_on: EndOn | None = Field(None, description=_SHORT_PAGE)


class NextUrlPagination(Section):
    """Pages by a URL in the body."""

    strategy: Literal["next_url"] = Field(description="Follow the URL in the body.")
    next_url_path: Dotted = Field(description="Dotted path to that URL, for example `links.next`.")
    lasting: Flag = Field(default=False, description=_LASTS)
    max_pages: Count = Field(100, description=_MAX_PAGES)
    end_on: EndOn | None = Field(None, description=_SHORT_PAGE)


class CursorPagination(Section):
    """Pages by an opaque text in the body."""

    strategy: Literal["cursor"] = Field(description="Send the cursor in the body back with the next request.")
    cursor_path: Dotted = Field(description="Dotted path to the cursor, for example `nextPageToken`.")
    cursor_param: Label = Field(description="The query parameter that takes it; by POST, the member of the body.")
    cursor_alone: Flag = Field(
        default=False, description="It takes the place of all other parameters, or members of the body."
    )
    has_more_path: Dotted | None = Field(
        None, description="Dotted path to a boolean that says whether there is more; default: a cursor says so."
    )
    lasting: Flag = Field(default=False, description=_LASTS)
    max_pages: Count = Field(100, description=_MAX_PAGES)
    end_on: EndOn | None = Field(None, description=_SHORT_PAGE)


class PageOffsetPagination(Section):
    """Pages by their number."""

    strategy: Literal["page_offset"] = Field(description="Count pages, until one is empty.")
    page_param: Label = Field("page", description="The parameter that takes the page's number.")
    first_page: Annotated[int, Field(ge=0, le=1)] = Field(1, description="The number of the first page.")
    limit_param: Label = Field("per_page", description="The parameter that takes the page's size.")
    limit: Count | None = Field(None, description="The page's size; default: the API's.")
    max_pages: Count = Field(100, description=_MAX_PAGES)
    end_on: EndOn | None = Field(None, description=_SHORT_PAGE)


class OffsetPagination(Section):
    """Pages by how many events lie before them."""

    strategy: Literal["offset"] = Field(description="Count events, until a page is empty.")
    offset_param: Label = Field("offset", description="The parameter that takes the number of events to pass over.")
    limit_param: Label = Field("limit", description="The parameter that takes the page's size.")
    limit: Count | None = Field(None, description="The page's size; default: the API's.")
    max_pages: Count = Field(100, description=_MAX_PAGES)
    end_on: EndOn | None = Field(None, description=_SHORT_PAGE)


class NoPagination(Section):
    """One request a tick."""

    strategy: Literal["none"] = Field(description="One page is all there is.")


Pagination = Annotated[
    LinkHeaderPagination
    | NextUrlPagination
    | CursorPagination
    | PageOffsetPagination
    | OffsetPagination
    | NoPagination,
    Field(discriminator="strategy"),
]

ValueFormat = Literal["rfc3339", "epoch", "epoch_ms", "number"]
_FORMAT = (
    "How its values are written: RFC 3339 in UTC, seconds or milliseconds since 1970, or a number that grows with each "
    "event."
)


def _check_template(text: str) -> str:
    try:
        made = text.format("x")
    except (ValueError, IndexError, KeyError, AttributeError):
        made = ""
    if text.count("{}") != 1 or made != text.replace("{}", "x"):
        raise wrong("expected one '{}' where the value goes, such as 'created:>={}'")
    return text


class Watermark(Section):
    """Each tick starts a little before the newest event of the last complete one."""

    path: Dotted = Field(description="Dotted path to the value in the event, for example `created_at`.")
    param: Label = Field(description="The parameter that takes it, or by POST the member of the body: `since`, …")
    format: ValueFormat = Field("rfc3339", description=_FORMAT)
    param_format: MarkFormat | None = Field(
        None,
        description="How the parameter takes it, where that is not how events write it: also a pattern such as "
        "`%Y-%m-%d %H:%M:%S`, in UTC; default: `format`.",
    )
    template: Annotated[str, AfterValidator(_check_template)] = Field(
        "{}", description="What stands around the value, `{}`, for example `created:>={}`."
    )
    overlap_secs: SecondsOrZero = Field(
        600,
        description="How far before it a tick starts, for events that arrive late; what was delivered there is left "
        "out. With `format: number` it is a number.",
    )

    @classmethod
    def conflicts(cls, given: Mapping[str, Any]) -> Iterator[Conflict]:
        """A number is no time."""
        asked, written = given.get("param_format"), given.get("format") or "rfc3339"
        if isinstance(asked, str) and isinstance(written, str) and (asked == "number") != (written == "number"):
            yield ("param_format",), "a number can't be written as a time, nor a time as a number (see 'format')"


class Window(Section):
    """Each tick asks for one span of time after the other, both ends named."""

    start_param: Label = Field(description="The parameter that takes the start.")
    end_param: Label = Field(description="The parameter that takes the end.")
    format: Literal["rfc3339", "epoch", "epoch_ms"] = Field("rfc3339", description="How both are written, as above.")
    max_secs: Annotated[float, Field(ge=10, le=604_800, allow_inf_nan=False)] = Field(
        86_400, description="The longest span that is asked for at once."
    )
    lag_secs: SecondsOrZero = Field(0, description="How long ago the end is at least: younger events may be missing.")
    overlap_secs: SecondsOrZero = Field(
        600,
        description="How far before the last span's end the next one starts, for events that arrive late; part of "
        "`max_secs`.",
    )

    @classmethod
    def conflicts(cls, given: Mapping[str, Any]) -> Iterator[Conflict]:
        """Two ends, and a span that reaches beyond its overlap."""
        start, end = given.get("start_param"), given.get("end_param")
        if isinstance(start, str) and start == end:
            yield ("end_param",), "this parameter takes the start already (name the one that takes the end)"
        most, overlap = (
            _number(given.get(key), default) for key, default in (("max_secs", 86_400), ("overlap_secs", 600))
        )
        if most is not None and most >= 10 and overlap is not None and overlap > most - 2:
            key = "overlap_secs" if given.get("overlap_secs") is not None else "max_secs"
            yield (key,), "each span would end where the last one did ('overlap_secs' must be less than 'max_secs')"


def _number(value: Any, default: float) -> float | None:
    """A key's number; None where it is none, which is said elsewhere."""
    if value is None:
        return default
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def page_size_param(pagination: Section) -> Mapping[str, int]:
    """What a strategy sends with each request besides its number."""
    if isinstance(pagination, PageOffsetPagination | OffsetPagination) and pagination.limit is not None:
        return {pagination.limit_param: pagination.limit}
    return {}
