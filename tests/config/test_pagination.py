"""How pages and walks are said in hel.yaml, and what is refused there."""

from collections.abc import Callable

import pytest

from hel import asking, assembly
from hel.config.load import Loaded
from hel.config.source import SourceConfig
from hel.paging.pager import Ending
from hel.paging.strategies import Cursor, LinkHeader, NextUrl, NoPages, Numbered, Strategy
from hel.paging.walk import Span

Problems = Callable[..., list[str]]
HEAD = "sources:\n  a:\n    url: https://api.example.com/audit\n"
MARK = "    watermark: {path: at, param: since"
WINDOW = "    window: {start_param: from, end_param: to"
CURSOR = "    pagination: {strategy: cursor, cursor_path: n, cursor_param: c}\n"


@pytest.fixture
def source(loaded: Callable[..., Loaded]) -> Callable[[str], SourceConfig]:
    return lambda text: loaded(HEAD + text).config.sources["a"]


Source = Callable[[str], SourceConfig]


@pytest.mark.parametrize(
    ("pagination", "strategy"),
    [
        ("{strategy: link_header, rel: more}", LinkHeader("more")),
        ("{strategy: next_url, next_url_path: links.next}", NextUrl("links.next")),
        (
            "{strategy: cursor, cursor_path: m.n, cursor_param: c, has_more_path: m.more, cursor_alone: true}",
            Cursor("m.n", "c", "m.more", alone=True),
        ),
        ("{strategy: page_offset}", Numbered("page", 1)),
        ("{strategy: page_offset, page_param: p, first_page: 0}", Numbered("p", 0)),
        ("{strategy: offset, offset_param: skip}", Numbered("skip", 0, by_events=True)),
    ],
)
def test_each_strategy_is_built_as_it_is_said(source: Source, pagination: str, strategy: Strategy) -> None:
    given = source(f"    pagination: {pagination}\n{MARK}}}\n")
    assert asking.strategy(given.pagination) == strategy


def test_the_default_is_the_link_header_and_none_is_one_page_a_tick(source: Source) -> None:
    assert asking.strategy(source("").pagination) == LinkHeader("next")
    none = source("    pagination: {strategy: none}\n")
    assert isinstance(asking.strategy(none.pagination), NoPages)
    assert assembly.pace(none).max_pages == 1
    assert assembly.pace(source(f"    pagination: {{strategy: none}}\n{WINDOW}}}\n")).max_pages == 100


@pytest.mark.parametrize("strategy", ["page_offset", "offset"])
def test_the_size_of_a_page_is_sent_with_each_by_post_as_a_number(source: Source, strategy: str) -> None:
    pagination = f"    pagination: {{strategy: {strategy}, limit_param: size, limit: 50}}\n{MARK}}}\n"
    assert asking.question(source(pagination)).parameters == {"size": "50"}
    posted = asking.question(source(f"{pagination}    method: POST\n    body: {{a: 1}}\n"))
    assert (posted.parameters, posted.body) == ({}, {"size": 50, "a": 1})


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        (CURSOR, "sources.a.pagination", "lasting: true"),
        ("    pagination: {strategy: link_header, lasting: false}\n", "sources.a.pagination", "lasting: true"),
        ("    pagination: {strategy: next_url, next_url_path: n}\n", "sources.a.pagination", "lasting: true"),
        ("    pagination: {strategy: page_offset}\n", "sources.a.pagination", "'watermark' or 'window'"),
        ("    pagination: {strategy: offset}\n", "sources.a.pagination", "'watermark' or 'window'"),
        (f"{MARK}}}\n{WINDOW}}}\n", "sources.a.window", "keep the one"),
        (f"{CURSOR.replace('}', ', lasting: true}')}{MARK}}}\n", "sources.a.pagination.lasting", "keep one of the two"),
        ("    body: {a: 1}\n", "sources.a.body", "method: POST"),
        (f"{MARK}, template: since}}\n", "sources.a.watermark.template", "one '{}'"),
        (f"{MARK}, template: '{{}} {{}}'}}\n", "sources.a.watermark.template", "one '{}'"),
        (f"{MARK}, template: '{{0}}'}}\n", "sources.a.watermark.template", "one '{}'"),
        (f"{MARK}, template: '{{x.__class__}}{{}}'}}\n", "sources.a.watermark.template", "one '{}'"),
        (f"{MARK}, overlap_secs: -1}}\n", "sources.a.watermark.overlap_secs", ""),
        (f"{MARK}, format: iso}}\n", "sources.a.watermark.format", ""),
        (f"{WINDOW}, format: number}}\n", "sources.a.window.format", ""),
        (f"{WINDOW}, max_secs: 0.5, overlap_secs: 0, lag_secs: 1}}\n", "sources.a.window.max_secs", "at least 10"),
        (f"{WINDOW}, max_secs: 600}}\n", "sources.a.window.max_secs", "must be less than 'max_secs'"),
        (f"{WINDOW}, overlap_secs: 86400}}\n", "sources.a.window.overlap_secs", "must be less than 'max_secs'"),
        ("    window: {start_param: at, end_param: at}\n", "sources.a.window.end_param", "takes the start already"),
        (f"{MARK}}}\n    query_params: {{since: x}}\n", "sources.a.query_params.since", "into 'template'"),
        (f"{WINDOW}}}\n    query_params: {{to: x}}\n", "sources.a.query_params.to", "'window.end_param' sends"),
        (
            f"    pagination: {{strategy: page_offset, page_param: since}}\n{MARK}}}\n",
            "sources.a.pagination.page_param",
            "one of the two would be lost",
        ),
        (
            f"    pagination: {{strategy: page_offset}}\n{MARK}}}\n    query_params: {{page: '3'}}\n",
            "sources.a.query_params.page",
            "'pagination.page_param' sends",
        ),
        (
            "    method: POST\n    body: {start: x}\n    from_param: start\n",
            "sources.a.body.start",
            "'from_param' sends",
        ),
        (
            (
                f"    pagination: {{strategy: next_url, next_url_path: n, end_on: short_page}}\n{MARK}}}\n"
                "    query_params: {limit: 5}\n"
            ),
            "sources.a.pagination.end_on",
            "before its end",
        ),
        ("    headers: {X-A: 'ü'}\n", "sources.a.headers.X-A", "printable ASCII"),
        ("    headers: {X-A: a, x-a: b}\n", "sources.a.headers.x-a", "there already"),
        ("    headers: {TE: trailers}\n", "sources.a.headers.TE", "sends this header itself"),
        ("    events_path: $.items\n", "sources.a.events_path", "without '$.'"),
        ("    events_path: 'items[0]'\n", "sources.a.events_path", "without '$.'"),
        (
            "    from_format: '%Y-%m-%d %H:%m:%S'\n",
            "sources.a.from_format",
            "which day",
        ),
        (f"{WINDOW}}}\n    from: yesterday\n", "sources.a.from", "a time such as"),
        (f"{MARK}, param_format: '%d %q'}}\n", "sources.a.watermark.param_format", "strftime"),
        (f"{MARK}, param_format: number}}\n", "sources.a.watermark.param_format", "nor a time as a number"),
        (f"{MARK}}}\n    from_format: epoch\n", "sources.a.from_format", "'watermark' says"),
        ("    from: ''\n    from_param: since\n", "sources.a.from", "it is empty"),
        ("    from: yesterday\n    from_param: s\n    from_format: '%Y-%m-%d'\n", "sources.a.from", "a time such as"),
        ("    from_format: seconds\n", "sources.a.from_format", "expected rfc3339, epoch, epoch_ms, or a pattern"),
        ("    from_format: '%H:%M'\n", "sources.a.from_format", "which day"),
        ("    transform: {timestamp_format: epoch}\n", "sources.a.transform.timestamp_format", "'timestamp_field'"),
        (
            "    pagination: {strategy: link_header, end_on: short_page}\n",
            "sources.a.pagination.end_on",
            "add 'limit' to 'query_params'",
        ),
        (
            f"    pagination: {{strategy: page_offset, end_on: short_page}}\n{MARK}}}\n",
            "sources.a.pagination.end_on",
            "add 'per_page' to",
        ),
        (
            "    headers: {x-api-key: a}\n    auth: {type: api_key, key_env: K}\n",
            "sources.a.headers.x-api-key",
            "keep one",
        ),
        (f"{MARK}, format: number}}\n    from: 2026-01-01\n", "sources.a.from", "a number"),
        (f"{MARK}}}\n    from: 2026-01-01\n    from_param: start\n", "sources.a.from_param", "sent as 'since'"),
        (
            f"{MARK}}}\n    from: 2026-01-01\n    query_params: {{since: x}}\n",
            "sources.a.query_params.since",
            "'watermark.param'",
        ),
    ],
)
def test_what_would_lose_events_or_ask_in_vain_is_refused(
    problems: Problems, text: str, place: str, words: str
) -> None:
    found = problems(HEAD + text, {"K": "a-key"})
    assert len(found) == 1, found
    assert f" {place}: " in found[0]
    assert words in found[0]


def test_from_travels_as_the_watermark_or_the_windows_start_does(source: Source) -> None:
    for text, param in ((f"{MARK}}}\n", "since"), (f"{WINDOW}}}\n", "from")):
        given = source(f"{text}    from: 2026-01-01T00:00:00Z\n")
        assert given.from_param == param
        walks = asking.walks(given)
        assert walks is not None
        start = walks.begin(asking.question(given).starting_point(None), 1_777_636_800.0)
        assert start is not None
        assert start.resume is not None
        assert f"?{param}=2026-01-01T00%3A00%3A00Z" in start.resume.replace("&", "?")


@pytest.mark.parametrize(
    ("text", "memory_walks", "keeps", "overlap"),
    [
        (f"{MARK}, overlap_secs: 30}}\n", "time", True, 30),
        (f"{MARK}, format: number}}\n", "number", True, 600),
        (f"{WINDOW}, overlap_secs: 5}}\n", "window", True, 5),
        ("", None, False, 600),
    ],
)
def test_what_is_remembered_goes_by_the_walk(
    source: Source, text: str, memory_walks: str | None, keeps: bool, overlap: float
) -> None:
    given = source(text)
    assert assembly._walks_by(given) == memory_walks  # noqa: SLF001  # what the memory is told
    kept = assembly.keep(given)
    assert kept.walks is keeps
    assert overlap + keeps <= kept.overlap_s <= overlap + 60, "its start is written in whole seconds"


def test_a_window_says_how_long_and_how_late(source: Source) -> None:
    walks = asking.walks(source(f"{WINDOW}, max_secs: 600, overlap_secs: 60, lag_secs: 7, format: epoch}}\n"))
    assert walks is not None
    assert (walks.span, walks.form, walks.overlap) == (Span("to", 600, 7), "epoch", 60)


def test_a_walk_ends_otherwise_than_a_tick_that_polls(source: Source) -> None:
    endings = {
        f"{CURSOR}{MARK}}}\n": Ending.WALK,
        CURSOR.replace("}", ", lasting: true}"): Ending.POLLING,
        "    pagination: {strategy: none}\n": Ending.REPEATED,
        f"    pagination: {{strategy: none}}\n{WINDOW}}}\n": Ending.WALK,
        "    query_params: {until: 2026-01-01}\n": Ending.BOUNDED,
    }
    for text, ending in endings.items():
        assert asking.pager(source(text))._ending is ending  # noqa: SLF001  # it has no other face
