"""What each strategy asks next, by GET and by POST, and what it makes of odd answers."""

import json
from typing import Any

import pytest

from hel.envelope import Envelope
from hel.errors import PagingLoopError, ReplyError
from hel.paging.pager import Ending, Events, Pager
from hel.paging.place import Asking, body_of
from hel.paging.strategies import Answer, Cursor, LinkHeader, NextUrl, NoPages, Numbered, Strategy
from hel.records import MAX_URL, Checkpoint, Page, Reply, Request
from hel.telemetry.redaction import conceal

URL = "https://api.example.com/audit"
GET = Asking(URL)
POST = Asking(URL, "POST")
ASKED = GET.request(f"{URL}?filter=a+b&since=5")
POSTED = POST.request(f"{URL}?v=2", {"filter": "a b", "since": 5})
CURSOR = Cursor("meta.next", "after")


def answer(said: Any, count: int = 1, link: str | None = None) -> Answer:
    body = json.dumps({"items": [{"n": number} for number in range(count)]} | said).encode()
    reply = Reply(200, () if link is None else (("link", link),), body, 0.0)
    return Answer(reply, Envelope(body), count)


def following(strategy: Strategy, said: Any, request: Request = ASKED, count: int = 1) -> Request | None:
    return strategy.next(GET if request.method == "GET" else POST, request, answer(said, count))


def test_by_get_a_cursor_goes_into_the_query_and_filters_stay() -> None:
    found = following(CURSOR, {"meta": {"next": "a/b c=&"}})
    assert found is not None
    assert found.query == {"filter": "a b", "since": "5", "after": "a/b c=&"}
    again = following(CURSOR, {"meta": {"next": "y"}}, found)
    assert again is not None
    assert again.query == {"filter": "a b", "since": "5", "after": "y"}


def test_by_post_a_cursor_goes_into_the_body_and_filters_stay() -> None:
    found = following(CURSOR, {"meta": {"next": "x"}}, POSTED)
    assert found is not None
    assert found.url == POSTED.url
    assert body_of(found) == {"filter": "a b", "since": 5, "after": "x"}


def test_a_cursor_alone_takes_the_place_of_all_else() -> None:
    alone = Cursor("meta.next", "after", alone=True)
    by_get, by_post = (following(alone, {"meta": {"next": "x"}}, request) for request in (ASKED, POSTED))
    assert by_get is not None
    assert by_post is not None
    assert by_get.url == f"{URL}?after=x"
    assert (by_post.url, body_of(by_post)) == (f"{URL}?v=2", {"after": "x"})


@pytest.mark.parametrize("cursor", ["", None, False, True, {}, [], 0])
def test_what_is_no_cursor_is_the_end(cursor: Any) -> None:
    assert following(CURSOR, {"meta": {"next": cursor}}) is None
    assert following(CURSOR, {}) is None
    assert following(CURSOR, {"meta": "text"}) is None


@pytest.mark.parametrize(("cursor", "text"), [(7, "7"), (-1, "-1"), (10**30, "1" + "0" * 30), (1.5, "1.5")])
def test_a_number_is_a_cursor_and_stays_one_in_a_body(cursor: Any, text: str) -> None:
    by_get, by_post = (following(CURSOR, {"meta": {"next": cursor}}, request) for request in (ASKED, POSTED))
    assert by_get is not None
    assert by_post is not None
    assert by_get.query["after"] == text
    assert body_of(by_post)["after"] == cursor


@pytest.mark.parametrize("request_", [ASKED, POSTED])
def test_a_cursor_that_no_request_can_carry_is_an_error(request_: Request) -> None:
    with pytest.raises(ReplyError, match="surrogate"):
        following(CURSOR, {"meta": {"next": "\ud800"}}, request_)
    number = Answer(Reply(200, (), b"", 0.0), Envelope(b'{"meta":{"next":' + b"9" * 5000 + b"}}"), 1)
    with pytest.raises(ReplyError, match="longer than any"):
        CURSOR.next(GET, request_, number)


def test_a_cursor_longer_than_any_url_is_an_error_before_it_is_stored() -> None:
    with pytest.raises(ReplyError, match="characters long"):
        following(CURSOR, {"meta": {"next": "x" * MAX_URL}})


@pytest.mark.parametrize(("more", "said"), [(True, True), (False, False), (None, None), ({}, None)])
def test_only_a_boolean_says_whether_there_is_more(more: Any, said: bool | None) -> None:
    strategy = Cursor("meta.next", "after", "more")
    assert strategy.says_more(answer({"more": more})) is said
    assert CURSOR.says_more(answer({"more": more})) is None


@pytest.mark.parametrize("more", ["true", 1, 0, [1]])
def test_what_is_no_boolean_does_not_pass_for_one(more: Any) -> None:
    with pytest.raises(ReplyError, match="`more`"):
        Cursor("meta.next", "after", "more").says_more(answer({"more": more}))


@pytest.mark.parametrize("value", [["x"], {"a": 1}])
def test_an_array_or_object_is_neither_a_cursor_nor_a_url_nor_the_end(value: Any) -> None:
    for strategy in (CURSOR, NextUrl("meta.next")):
        with pytest.raises(ReplyError, match="not a text or number"):
            following(strategy, {"meta": {"next": value}})


@pytest.mark.parametrize("text", [b"1e999", b"1714521600.123400"])
def test_a_number_that_would_not_be_sent_as_it_came_is_an_error(text: bytes) -> None:
    number = Answer(Reply(200, (), b"", 0.0), Envelope(b'{"meta":{"next":' + text + b"}}"), 1)
    with pytest.raises(ReplyError, match="can't be sent as it came"):
        CURSOR.next(GET, ASKED, number)


@pytest.mark.parametrize("request_", [ASKED, POSTED])
def test_a_cursor_that_repeats_a_secret_is_not_kept(request_: Request) -> None:
    conceal("TopSecretKey-0123456789")
    with pytest.raises(ReplyError, match="holds a secret") as raised:
        following(CURSOR, {"meta": {"next": "x-TopSecretKey-0123456789"}}, request_)
    assert "TopSecretKey-0123456789" not in str(raised.value)


def test_a_post_keeps_its_body_where_a_link_leads_on() -> None:
    for strategy, body in ((NextUrl("links.next"), {"links": {"next": "?p=2"}}), (LinkHeader(), {})):
        reply = Reply(200, (("link", '<?p=2>; rel="next"'),), json.dumps(body).encode(), 0.0)
        found = strategy.next(POST, POSTED, Answer(reply, Envelope(reply.body), 1))
        assert found is not None
        assert (found.query, found.content) == ({"p": "2"}, POSTED.content)


def test_more_without_a_cursor_is_an_error_for_the_rest_would_be_lost() -> None:
    strategy = Cursor("meta.nxt", "after", "more")
    with pytest.raises(ReplyError) as raised:
        following(strategy, {"meta": {"next": "x"}, "more": True})
    assert "`meta.nxt`" in raised.value.message
    assert following(strategy, {"more": False}) is None


@pytest.mark.parametrize(
    ("url", "leads_to"),
    [
        (f"{URL}?after=a%2fB,c", f"{URL}?after=a%2fB,c"),
        ("/other?x=1", "https://api.example.com/other?x=1"),
        ("?x=1", f"{URL}?x=1"),
    ],
)
def test_a_url_in_the_body_is_followed_as_it_stands_and_a_relative_one_from_its_page(url: str, leads_to: str) -> None:
    found = following(NextUrl("links.next"), {"links": {"next": url}})
    assert found is not None
    assert found.url == leads_to


@pytest.mark.parametrize("url", ["", None, {}, []])
def test_no_url_is_the_end(url: Any) -> None:
    assert following(NextUrl("links.next"), {"links": {"next": url}}) is None


@pytest.mark.parametrize("url", [7, True, "https://evil.example/", "http://[", "javascript:x", "\ud800"])
def test_what_is_no_url_of_the_api_is_an_error(url: Any) -> None:
    with pytest.raises(ReplyError):
        following(NextUrl("links.next"), {"links": {"next": url}})


def test_a_link_of_the_wanted_relation_is_followed() -> None:
    links = f'<{URL}?before=>; rel="prev", <{URL}?after=x>; rel="next"'
    found = LinkHeader().next(GET, ASKED, answer({}, link=links))
    assert found is not None
    assert found.url == f"{URL}?after=x"
    assert LinkHeader("last").next(GET, ASKED, answer({}, link=links)) is None


@pytest.mark.parametrize(("first", "second"), [(1, "2"), (0, "1")])
def test_pages_are_counted_until_one_is_empty(first: int, second: str) -> None:
    strategy = Numbered("page", first)
    found = following(strategy, {}, count=3)
    assert found is not None
    assert found.query == {"filter": "a b", "since": "5", "page": second}
    third = following(strategy, {}, found, count=1)
    assert third is not None
    assert int(third.query["page"]) == int(second) + 1
    assert following(strategy, {}, third, count=0) is None


def test_an_offset_grows_by_the_events_that_came_and_is_a_number_in_a_body() -> None:
    strategy = Numbered("offset", 0, by_events=True)
    found = following(strategy, {}, POSTED, count=3)
    assert found is not None
    assert body_of(found) == {"filter": "a b", "since": 5, "offset": 3}
    again = following(strategy, {}, found, count=2)
    assert again is not None
    assert body_of(again)["offset"] == 5


@pytest.mark.parametrize("number", ["x", "", None, []])
def test_a_number_that_is_none_is_an_error_that_names_it(number: Any) -> None:
    strategy = Numbered("page", 1)
    for request in (GET.request(f"{URL}?page={number}"), POST.request(URL, {"page": number})):
        with pytest.raises(ReplyError, match="`page`"):
            following(strategy, {}, request)


def test_without_pages_there_is_no_next() -> None:
    assert following(NoPages(), {"next": "x"}) is None
    assert NoPages().says_more(answer({})) is None


def paged(ending: Ending, strategy: Strategy = CURSOR, full_page: int = 0) -> Pager:
    return Pager(GET, ASKED, strategy, ending, Events("items"), full_page)


def read(pager: Pager, said: Any, count: int = 1, request: Request | None = None) -> Page:
    return pager.read(request or pager.first(None), answer(said, count).reply)


SAYS_MORE = Cursor("meta.next", "after", "more")


@pytest.mark.parametrize("ending", list(Ending))
def test_an_empty_page_is_not_the_end_where_the_api_says_that_there_is_more(ending: Ending) -> None:
    page = read(paged(ending, SAYS_MORE, full_page=2), {"meta": {"next": "x"}, "more": True}, count=0)
    assert page.next is not None
    assert page.resume == page.next.written


def test_a_cursor_behind_the_last_page_is_kept_where_it_lasts_and_not_in_a_walk() -> None:
    said = {"meta": {"next": "x"}, "more": False}
    lasting = read(paged(Ending.POLLING, SAYS_MORE), said)
    assert (lasting.next, lasting.resume) == (None, f"{URL}?filter=a+b&since=5&after=x")
    walk = read(paged(Ending.WALK, SAYS_MORE), said)
    assert (walk.next, walk.resume) == (None, None)


def test_an_empty_page_without_a_word_on_more_ends_a_tick_and_not_a_walk() -> None:
    assert read(paged(Ending.POLLING), {"meta": {"next": "x"}}, count=0).next is None
    assert read(paged(Ending.WALK), {"meta": {"next": "x"}}, count=0).next is not None
    assert read(paged(Ending.WALK, full_page=2), {"meta": {"next": "x"}}).next is None


def test_a_cursor_that_comes_again_is_a_loop_and_its_events_are_good() -> None:
    pager = paged(Ending.POLLING)
    first = read(pager, {"meta": {"next": "x"}})
    second = read(pager, {"meta": {"next": "x"}}, 2, first.next)
    assert isinstance(second.fault, PagingLoopError)
    assert (len(second.events), second.next, second.again) == (2, None, True)
    assert first.next is not None
    assert second.resume == first.next.written


def test_a_loop_in_a_walk_starts_it_over() -> None:
    pager = paged(Ending.WALK)
    first = read(pager, {"meta": {"next": "x"}})
    second = read(pager, {"meta": {"next": "x"}}, 2, first.next)
    assert isinstance(second.fault, PagingLoopError)
    assert (second.next, second.resume, second.again) == (None, None, False)


def test_the_next_tick_starts_at_the_stored_place_by_post_too() -> None:
    pager = Pager(POST, POSTED, CURSOR, Ending.POLLING)
    page = read(pager, {"meta": {"next": "x"}})
    assert page.next is not None
    assert pager.first(Checkpoint("q", page.resume)) == page.next
