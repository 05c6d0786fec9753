import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hel.paging.link_header import Link, find, parse

TARGETS = st.text(st.sampled_from(string.ascii_letters + string.digits + "%/:?&=,;-._~\"'"), max_size=80)
RELATIONS = st.sampled_from(["self", "next", "prev", "last"])


def link(target: str, *relations: str) -> Link:
    return Link(target, frozenset(relations))


@pytest.mark.parametrize(
    ("value", "links"),
    [
        (
            '<http://example.com/TheBook/chapter2>; rel="previous"; title="previous chapter"',
            [link("http://example.com/TheBook/chapter2", "previous")],
        ),
        ('</>; rel="http://example.net/foo"', [link("/", "http://example.net/foo")]),
        ('</terms>; rel="copyright"; anchor="#foo"', [link("/terms", "copyright")]),
        (
            (
                "</TheBook/chapter2>; rel=\"previous\"; title*=UTF-8'de'letztes%20Kapitel, "
                "</TheBook/chapter4>; rel=\"next\"; title*=UTF-8'de'n%c3%a4chstes%20Kapitel"
            ),
            [link("/TheBook/chapter2", "previous"), link("/TheBook/chapter4", "next")],
        ),
        (
            '<http://example.org/>; rel="start http://example.net/relation/other"',
            [link("http://example.org/", "start", "http://example.net/relation/other")],
        ),
        (
            '<https://example.org/>; rel="start", <https://example.org/index>; rel="index"',
            [link("https://example.org/", "start"), link("https://example.org/index", "index")],
        ),
    ],
)
def test_the_examples_of_rfc_8288_section_3_5_are_read(value: str, links: list[Link]) -> None:
    assert list(parse([value])) == links


def test_commas_and_semicolons_inside_a_target_belong_to_it() -> None:
    """Lesson 29."""
    url = "https://org.okta.com/api/v1/logs?filter=a,b;c&q=%2C%3B&after=1;2,3"
    assert find([f'<{url}>; rel="next"'], "next") == url


def test_several_headers_and_one_joined_header_say_the_same() -> None:
    """Lesson 29: Okta sends two, a proxy may join them."""
    both = ['<https://o/logs?limit=1>; rel="self"', '<https://o/logs?after=x,y>; rel="next"']
    assert find(both, "next") == find([", ".join(both)], "next") == "https://o/logs?after=x,y"


def test_a_cursor_of_eight_kibibytes_is_kept_byte_for_byte() -> None:
    """Lesson 29."""
    url = "https://o/logs?after=" + "aB%2f%2F+_-" * 800
    assert find([f'<{url}>; rel="next"'], "next") == url


@pytest.mark.parametrize(
    "value",
    [
        "<u>;rel=next",
        '<u> ; rel = "next"',
        '<u>; REL="NEXT"',
        '<u>; title="a, b; rel=\\"self\\"" ; rel="next"',
        '<u>; rel="prev next"',
        '<u>; flag; rel="next"',
        '<x>; rel="self",, <u>; rel="next"',
        '<u>; rel="next"; rel="self"',
    ],
)
def test_every_way_to_write_the_relation_is_understood(value: str) -> None:
    assert find([value], "next") == "u"


@pytest.mark.parametrize(
    "value", ["", "u; rel=next", "<u", "<u>", '<u>; rel="nextish"', '<u>; rel="self"; rel="next"', "<u>; title=next"]
)
def test_what_names_no_such_relation_is_none(value: str) -> None:
    assert find([value], "next") is None


def test_a_broken_header_does_not_hide_the_next_one() -> None:
    assert find(["<broken", '<u>; rel="next"'], "next") == "u"


@given(st.lists(st.tuples(TARGETS, RELATIONS), max_size=6), st.booleans())
def test_what_is_written_by_the_grammar_is_read_back(links: list[tuple[str, str]], joined: bool) -> None:
    values = [f'<{target}>; title="a, <b>"; rel="{relation}"' for target, relation in links]
    read = parse([", ".join(values)] if joined else values)
    assert list(read) == [link(target, relation) for target, relation in links]


@given(st.lists(st.text(), max_size=3))
def test_no_header_makes_it_fail(values: list[str]) -> None:
    for found in parse(values):
        assert any(found.target in value for value in values)


def test_a_hostile_header_is_read_in_no_time() -> None:
    for value in (
        "<u>" + ";" * 60_000,
        "<" * 60_000,
        '<u>; rel="' + "\\" * 60_000,
        " ," * 60_000,
        "<u>" + "; a" * 30_000,
    ):
        assert find([value], "next") is None
