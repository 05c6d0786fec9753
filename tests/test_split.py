"""A page is split and read in one pass where it is written as APIs write it, and as exactly by the other way."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples.okta_org.samples import Samples
from hel import json_text
from hel.peek import Peek, Rows
from hel.split import items

PATHS = ("published", "uuid", "a.b", "a")


def in_one_pass(page: bytes) -> bool:
    """Whether it was split in one pass; either way it is what the other way makes of it."""
    peek = Peek(PATHS)
    expected, found = json_text.items(page), items(page, peek)
    assert list(map(bytes, found)) == list(map(bytes, expected))
    for path in PATHS:
        assert peek.columns(found)(path) == peek.columns(expected)(path)
    return isinstance(found, Rows)


def test_a_page_of_oktas_is_split_and_read_in_one_pass() -> None:
    samples = Samples(0)
    events = [samples.make(1_777_593_600.0 + number)[1] for number in range(50)]
    assert in_one_pass(b"[" + b",".join(events) + b"]")


@pytest.mark.parametrize(
    "page",
    [
        b'[{"x":1}]',
        b'[{"x":1},{"x":2,"published":"P"},{"x":""}]',
        b'[{"a":{"b":1}},{"a":{"c":[1]},"uuid":null},{"a":7}]',  # a field that is looked for is the first
        b'[{"x":[{"x":1},{"x":2}],"y":{"x":3}},{"x":4}]',  # the same seam inside an event
        b'[{"x":"},{\\"x\\":"},{"x":"}]"}]',
        b'[{"\xc3\xa9":1},{"\xc3\xa9":2}] \t',
    ],
)
def test_a_page_whose_events_begin_alike_is_split_in_one_pass(page: bytes) -> None:
    assert in_one_pass(page)


@pytest.mark.parametrize(
    "page",
    [
        b"[]",
        b"[{}]",
        b' [{"x":1}]',
        b'[ {"x":1}]',
        b'[{ "x":1}]',
        b'[{"x" :1}]',
        b'[{"x":1}, {"x":2}]',
        b'[{"x":1},{ "x":2}]',
        b'[{"x":1},{"x": 2}]',
        b'[{"x":1},\n{"x":2}]',
        b'[{"x":1},{"y":2}]',
        b'[{"x":1},{"y":2,"x":3}]',
        b'[{"x":1},{}]',
        b'[{"x":1,"x":2}]',
        b'[{"x":1},{"x":{"x":1},"x":2},{"x":3}]',
        b'[{"x":1},{"y":[{"x":0},{"x":1}],"x":2}]',
        b'[{"\\u0078":1},{"x":2}]',
        b'[{"":1},{"":2}]',
        b'[{"x":"\\ud800"},{"x":2}]',
    ],
)
def test_any_other_page_is_split_the_other_way(page: bytes) -> None:
    assert not in_one_pass(page)


NAMES = st.sampled_from(["a", "b", "x", "published", '"', "},{"])
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.integers() | st.sampled_from(["", "],[", '"},{"x":', "\\", "é"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
EVENTS = st.lists(st.tuples(NAMES, VALUES), max_size=4)


def written(members: list[tuple[str, Any]], **style: Any) -> str:
    """An object with these members in this order, repeated ones included."""
    texts = (
        f"{json.dumps(name, **style)}:{json.dumps(value, separators=(',', ':'), **style)}" for name, value in members
    )
    return "{" + ",".join(texts) + "}"


@given(st.lists(EVENTS, max_size=5), st.sampled_from(["", "x", "a", "published"]), st.booleans())
def test_whatever_its_events_hold_a_page_is_split_where_they_end(
    events: list[list[tuple[str, Any]]], first: str, escaped: bool
) -> None:
    alike = [[(first, 0), *event] if first else event for event in events]
    texts = [written(event, ensure_ascii=escaped).encode() for event in alike]
    page = b"[" + b",".join(texts) + b"]"
    in_one_pass(page)
    assert list(map(bytes, items(page, Peek(PATHS)))) == texts
