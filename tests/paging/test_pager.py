import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from hel.errors import PagingLoopError, ReplyError
from hel.paging.pager import Ending, Pager
from hel.paging.place import Asking, stay_home
from hel.paging.strategies import NoPages
from hel.records import Checkpoint, Page, Reply, Request, origin_of
from tests.doubles import link_pager

HOME = "https://org.okta.com/api/v1/logs"
POLLING = f"{HOME}?since=2026-05-01T00%3A00%3A00Z&limit=2"
BOUNDED = f"{POLLING}&until=2026-05-02T00%3A00%3A00Z"
DESCENDING = f"{HOME}?sortOrder=DESCENDING&limit=2"


def reply(events: int, following: str | None) -> Reply:
    links = [("link", f'<{HOME}?limit=2>; rel="self"')]
    if following is not None:
        links.append(("link", f'<{following}>; rel="next"'))
    return Reply(200, tuple(links), b"[" + b",".join([b'{"a":1}'] * events) + b"]", 0.0)


def read(pager: Pager, events: int, following: str | None) -> Page:
    return pager.read(pager.first(None), reply(events, following))


def test_an_empty_polling_page_ends_the_tick_and_its_link_is_kept() -> None:
    """Lesson 1."""
    page = read(link_pager(POLLING), 0, f"{HOME}?after=edge")
    assert page == Page([], None, f"{HOME}?after=edge", finished=False)


def test_no_events_on_a_fresh_state_is_a_success() -> None:
    """Lesson 10: the link of the empty page may even be the question itself."""
    page = read(link_pager(POLLING), 0, POLLING)
    assert page == Page([], None, POLLING, finished=False)


def test_a_polling_page_with_events_is_followed() -> None:
    page = read(link_pager(POLLING), 2, f"{HOME}?after=x")
    assert page.next == Request("GET", f"{HOME}?after=x", {"accept": "application/json"})
    assert page.resume == f"{HOME}?after=x"


def test_a_short_polling_page_is_followed_unless_the_source_says_otherwise() -> None:
    following = f"{HOME}?after=x&limit=2"
    assert read(link_pager(POLLING), 1, following).next is not None
    page = read(link_pager(POLLING, end_on_short_page=True), 1, following)
    assert (page.next, page.resume, len(page.events)) == (None, following, 1)
    assert read(link_pager(POLLING, end_on_short_page=True), 2, following).next is not None


@pytest.mark.parametrize("question", [BOUNDED, DESCENDING], ids=["bounded", "descending"])
def test_a_bounded_query_goes_on_through_empty_pages_and_is_finished_only_without_a_link(question: str) -> None:
    pager = link_pager(question, end_on_short_page=True)
    empty = read(pager, 0, f"{HOME}?after=x")
    assert empty.next is not None
    assert not empty.finished
    last = pager.read(empty.next, reply(1, None))
    assert (last.next, last.finished) == (None, True)


def test_a_polling_page_without_a_link_ends_the_tick_and_is_asked_again() -> None:
    page = read(link_pager(POLLING), 1, None)
    assert list(map(bytes, page.events)) == [b'{"a":1}']
    assert replace(page, events=[]) == Page([], None, POLLING, finished=False, again=True)


def test_the_next_tick_starts_at_the_stored_link_byte_for_byte() -> None:
    link = f"{HOME}?after=a%2fB,c;d|e&limit=2"
    assert link_pager(POLLING).first(Checkpoint("q", resume=link)).url == link
    assert link_pager(POLLING).first(Checkpoint("q")).url == POLLING


@pytest.mark.parametrize("question", [POLLING, BOUNDED, DESCENDING])
def test_a_page_whose_link_leads_back_is_read_and_carries_what_is_wrong_without_its_query(question: str) -> None:
    pager = link_pager(question)
    first = read(pager, 2, f"{HOME}?after=x")
    assert first.next is not None
    second = pager.read(first.next, reply(1, f"{HOME}?after=y"))
    assert second.next is not None
    third = pager.read(second.next, reply(2, f"{HOME}?after=x"))
    assert (len(third.events), third.next, third.resume, third.again, third.finished) == (
        2, None, f"{HOME}?after=y", True, False,
    )  # fmt: skip
    assert isinstance(third.fault, PagingLoopError)
    assert "page 3's next link leads back to page 2 (/api/v1/logs; the two differ in after)" in third.fault.message
    assert "?" not in str(third.fault)


def test_a_link_to_its_own_page_is_a_loop_too() -> None:
    page = read(link_pager(BOUNDED), 1, BOUNDED)
    assert page.fault is not None
    assert "page 1's next link leads back to itself (/api/v1/logs)" in page.fault.message


def test_the_same_page_may_be_asked_for_in_the_next_tick() -> None:
    pager = link_pager(POLLING)
    for _ in range(2):
        assert read(pager, 2, f"{HOME}?after=x").next is not None


def test_a_relative_link_is_read_against_its_page_and_an_absolute_one_is_left_alone() -> None:
    relative = read(link_pager(POLLING), 1, "/api/v1/logs?after=x&back=https://elsewhere/")
    assert relative.resume == f"{HOME}?after=x&back=https://elsewhere/"
    odd = f"{HOME}/../logs//?after=x"
    assert read(link_pager(POLLING), 1, odd).resume == odd


HOSTILE = [
    "https://evil.example/api/v1/logs?after=x",
    "https://org.okta.com.evil.example/api/v1/logs",
    "https://org.okta.com@evil.example/api/v1/logs",
    "https://user:secret@org.okta.com/api/v1/logs",
    "https://@org.okta.com/api/v1/logs",
    "https://org.okta.com:8443/api/v1/logs",
    "https://org.okta.com:99999/api/v1/logs",
    "http://org.okta.com/api/v1/logs",
    "ftp://org.okta.com/api/v1/logs",
    "//evil.example/api/v1/logs",
    "https://org.okta.com\\@evil.example/",
    "https://org.okta.com\\.evil.example/",
    "https://evil.example\\@org.okta.com/",
    "https://org%2eokta.com/api/v1/logs",
    "https://org.okta.com/api\r\nx: y",
    "https://org.okta.com/a b",
    "https://org.okta.com/ü",
    "https://оrg.okta.com/",  # noqa: RUF001  # a Cyrillic o, which is the point
    "https://[org.okta.com/",
    "https://",
    "javascript:alert(1)",
]


@pytest.mark.parametrize("url", HOSTILE)
def test_a_link_to_another_host_port_scheme_or_with_a_user_is_refused(url: str) -> None:
    """Lesson 28."""
    with pytest.raises(ReplyError) as caught:
        read(link_pager(POLLING), 1, url)
    assert "nothing was sent there" in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("url", HOSTILE)
def test_a_stored_cursor_is_checked_again_when_it_is_used(url: str) -> None:
    with pytest.raises(ReplyError) as caught:
        link_pager(POLLING).first(Checkpoint("q", resume=url))
    assert "the stored cursor" in str(caught.value)


def test_a_refused_links_query_is_not_shown() -> None:
    with pytest.raises(ReplyError) as caught:
        stay_home(HOME, "https://evil.example/x?after=mark", "the next link", {origin_of(HOME)})
    assert "mark" not in str(caught.value)


@given(st.text())
def test_whatever_a_link_says_only_home_is_asked(link: str) -> None:
    try:
        page = read(link_pager(POLLING), 1, link)
    except ReplyError:
        return
    assert page.resume is not None
    assert page.resume.startswith("https://org.okta.com/") or page.resume.lower().startswith("https://org.okta.com")


def test_one_page_is_all_of_a_source_without_pagination() -> None:
    pager = Pager(Asking(HOME), Asking(HOME).request(POLLING), NoPages(), Ending.REPEATED)
    request = pager.first(Checkpoint("q", resume=f"{HOME}?after=x"))
    assert request.url == POLLING
    page = pager.read(request, reply(2, f"{HOME}?after=x"))
    assert list(map(bytes, page.events)) == [b'{"a":1}'] * 2
    assert replace(page, events=[]) == Page([], None, None, again=True)
