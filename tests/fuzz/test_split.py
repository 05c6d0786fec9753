"""Damaged and hostile pages: an event comes out byte for byte, or the page is refused; the standard library judges."""

import json
import tracemalloc
from dataclasses import dataclass
from typing import Any, NoReturn

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hel.errors import ReplyError
from hel.events import TIMESTAMP_FIELDS, LineMaker
from tests.lines import line as line_of
from tests.lines import split

PATHS = ("id", "id", "id", "a", "b", "a.b", "a.b.a", "ü", "published", "ts.a", "b.id")
NAMES = (
    '"id"', '"a"', '"b"', '"id"', '"a"', '"b"', '"id"', '"a"', '"b"', '"ü"', '"published"', '"timestamp"', '"ts"',
    '"created_at"', '"a.b"', '""', r'"i\\d"', r'"\""', r'"\u0069d"', r'"\u0061"', r'"\u00fc"', r'"\u00FC"',
    r'"t\u0073"', r'"\ud800"', r'"\ud83d\ude00"', '"\U0001f600"',
)  # fmt: skip
WHITES = st.sampled_from(
    [("", "", "")] * 3 + [("", " ", ""), ("\n", "", ""), ("\r\n", "  ", "\t"), (" \n ", "\n", "\n"), (" ", "", "\r")]
)
SCALARS = (
    '""', '"P"', '"2026-05-01T12:00:00.000Z"', r'"\""', r'"\\"', r'"\/\b\f\n\r\t"', r'"\u0000\u000a"', r'"\u00E9é"',
    r'"\ud800"', r'"\uDFFF x"', r'"\ud83d\ude00"', '"\u2028\x7f\U0001f600"', '" [{,:}] "', '"a  b"', r'"\\\" "',
    f'"{"x" * 65}"', "0", "-0", "1.0", "-1.50", "1E+2", "1e-400", "1e999", "0.1e1", "123456789012345678901234567890",
    "9" * 5000, "true", "false", "null", "null", "null", "null",
)  # fmt: skip
ODD = (
    b"[", b"]", b"{", b"}", b",", b":", b'"', b"\\", b'\\"', b"\\u", b"\\ud800", b"\\x", b"\\u12g4", b"NaN",
    b"Infinity", b"-", b"-Infinity", b"+1", b"01", b"1.", b".5", b"1e", b"0x1", b"tru", b"true", b"nulll", b"'",
    b"/* */", b"//\n", b"\n", b"\r", b"\x0b", b"\x0c", b"\x00", b"\x1f", b"\x7f", b"\xa0", b"\xc2\xa0",
    b"\xe2\x80\xa8", b"\xef\xbb\xbf", b"\xff", b"\xc0\x80", b"\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80",
    b"\xf0\x9f\x98", b",]", b"{},", b"[]", b'{"a":1}', b'"a":', b" ", b"\x1e",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Json:
    """A value in JSON's grammar: as it stands in the page, and without its insignificant white space."""

    text: str
    compact: str


def joined(parts: list[Json], ends: str, white: tuple[str, str, str]) -> Json:
    """An array or an object of these parts."""
    text = ",".join(f"{white[0]}{part.text}{white[1]}" for part in parts)
    return Json(f"{ends[0]}{text or white[0]}{ends[1]}", ends[0] + ",".join(part.compact for part in parts) + ends[1])


def member(name: str, value: Json, white: tuple[str, str, str]) -> Json:
    return Json(f"{name}{white[2]}:{white[1]}{value.text}", f"{name}:{value.compact}")


def objects(values: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    """Objects, whose names may come twice."""
    members = st.builds(member, st.sampled_from(NAMES), values, WHITES)
    return st.builds(joined, st.lists(members, max_size=3), st.just("{}"), WHITES)


def events_of(scalars: tuple[str, ...]) -> st.SearchStrategy[Json]:
    return objects(
        st.recursive(
            st.sampled_from(scalars).map(lambda text: Json(text, text)),
            lambda inner: (
                st.builds(joined, st.lists(inner, max_size=3), st.just("[]"), WHITES) | objects(inner) | objects(inner)
            ),
            max_leaves=5,
        )
    )


EVENTS = events_of(SCALARS)
NO_SCALARS = (
    "NaN", "Infinity", "-Infinity", "01", "1.", ".5", "+1", "-", "1e", "0x1", "tru", "nul", "True", "'a'", "a", "",
    r'"\x"', r'"\u12g4"', r'"\u12"', '"\n"', '"\t"', '"\x00"', '"', r'"\"', "[,]", "[1,]", "{,}", '{"a"}', '{"a":}',
    "{a:1}", "{1:1}", "[1 2]",
)  # fmt: skip
NEARLY_EVENTS = events_of(SCALARS * 2 + NO_SCALARS)
ENDS = (
    b"", b"", b"", b",]", b"]]", b"],", b"] x", b"}", b"]\x00", b",null]", b",{}", b",{}]", b" ]\n", b"]\xef\xbb\xbf",
    b"],[]",
)  # fmt: skip


def refuse(name: str) -> NoReturn:
    raise ValueError(name)


def strictly(text: bytes) -> Any:
    """A JSON text as the standard library reads it: numbers as their text, objects as their members in order."""
    return json.loads(
        text.decode(), parse_int=Number, parse_float=Number, parse_constant=refuse, object_pairs_hook=Members
    )


class Number(str):
    """A number's own text, which is no string's."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Number) and str(self) == str(other)


MISSING = object()


class Members(list[tuple[str, Any]]):
    """An object's members, in order, repeated ones included."""

    def at(self, path: str) -> Any:
        """The value at a dotted path, the last one of a repeated name; MISSING where there is none."""
        value: Any = self
        for name in path.split("."):
            value = dict(value).get(name, MISSING) if isinstance(value, Members) else MISSING
        return value


@given(st.lists(EVENTS, max_size=3), WHITES, st.booleans())
@settings(max_examples=200)
def test_each_event_of_a_page_is_its_own_text_and_loses_no_more_than_white_space(
    events: list[Json], white: tuple[str, str, str], marked: bool
) -> None:
    body = white[2] + joined(events, "[]", white).text + white[2]
    found = split(b"\xef\xbb\xbf" * marked + body.encode())
    assert found == [(event.compact if {"\n", "\r"} & set(event.text) else event.text).encode() for event in events]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A page, a few of its parts cut, repeated, moved or replaced."""
    page = joined(draw(st.lists(EVENTS | NEARLY_EVENTS, min_size=1, max_size=2)), "[]", draw(WHITES)).text.encode()
    page = page[:-1] + (draw(st.sampled_from(ENDS)) or page[-1:])
    for _ in range(draw(st.sampled_from([0, 0, 1, 1, 2]))):
        begin = draw(st.integers(0, len(page)))
        end = draw(st.integers(begin, min(len(page), begin + draw(st.sampled_from([0, 1, 3, 20])))))
        middle = draw(st.sampled_from([*ODD, b"", page[begin:end] * 2, page[end : end + 10], page[begin:end].upper()]))
        page = page[:begin] + middle + page[end:]
    return page


def standard(body: bytes) -> list[Any] | None:
    """The events of a page by the standard library; None where it is no array of objects."""
    try:
        page = strictly(body.removeprefix(b"\xef\xbb\xbf"))
    except ValueError:
        return None
    return page if type(page) is list and all(isinstance(event, Members) for event in page) else None


@given(damaged())
@settings(max_examples=300)
def test_a_damaged_page_is_split_exactly_where_the_standard_library_reads_one(body: bytes) -> None:
    expected = standard(body)
    try:
        found = split(body)
    except ReplyError:
        assert expected is None
        return
    assert [strictly(event) for event in found] == expected
    assert not any(b"\n" in event or b"\r" in event for event in found)
    assert standard(b"[" + b",".join(found) + b"]") == expected


NAMED = st.none() | st.sampled_from(PATHS)


@given(EVENTS, st.booleans(), NAMED, NAMED, NAMED)
@example(Json('{"id":null}', '{"id":null}'), False, None, None, "id")
@example(Json('{"id": [ ]}', '{"id":[]}'), True, "id", "id", "id")
@settings(max_examples=400)
def test_a_line_is_json_that_holds_the_events_text_and_what_the_standard_library_finds_in_it(
    event: Json, has_lone_surrogate: bool, stamp: str | None, shown: str | None, key: str | None
) -> None:
    more = '{"\\ud800":[]' + "," * (event.compact != "{}") if has_lone_surrogate else "{"
    (text,) = split(f"[{more}{event.text[1:]}]".encode())
    maker = LineMaker(("source", "s"), "/e", timestamp_field=stamp, id_field=shown, key_field=key)
    line = line_of(maker, text)
    members = strictly(text)
    record = dict(strictly(line.text))
    assert line.text.count(b"\n") == 1
    assert b',"event":' + text + b',"meta":{' in line.text
    assert record["event"] == members
    stamps = [found for name in (stamp, *TIMESTAMP_FIELDS) if name and type(found := members.at(name)) is str]
    assert record["ts"] == (stamps[0] if stamps else "1970-01-01T00:00:00.000Z")
    assert line.ts in {None, *stamps[:1]}
    identity = members.at(shown or key or "nothing.of.the.kind")
    assert record["meta"] == ([] if identity is MISSING else [("id", identity)])
    known = members.at(key) if key else MISSING
    assert (line.key is None) == (known in (MISSING, None))
    assert line.key is None or (strictly(line.key) == known and line.key in text)


OPENINGS = (b"[", b'{"a":', b'[{"a":', b'{"\\ud800":[', b' [\n{"ts" :', b'{"id":{"b":', b'[0,{"a":1,"b":')


def closing(opening: bytes) -> bytes:
    return b"".join({b"[": b"]", b"{": b"}"}[bytes([byte])] for byte in reversed(opening) if byte in b"[{")


def collect(body: bytes) -> int:
    """Split a page and make the lines of its first events; how many there are, or -1 where it is refused."""
    maker = LineMaker(("source", "s"), "/e", timestamp_field="ts.a", id_field="a.a.b", key_field="id.b")
    try:
        events = split(body)
        for event in events[:100]:
            line_of(maker, event)
        return len(events)
    except ReplyError as error:
        message = str(error)
    assert message.isprintable()
    assert len(message) < 1000
    return -1


@pytest.mark.timeout(300)
@pytest.mark.parametrize("opening", OPENINGS)
@pytest.mark.parametrize("head", [b"", b'[{"a":', b'[{"\\ud800":', b'[{},{"id":', b'[{"published":"\\udfff","ts":'])
def test_a_hundred_thousand_levels_are_refused_and_do_no_harm(head: bytes, opening: bytes) -> None:
    deep = head + opening * 100_000
    assert collect(deep) == -1
    assert collect(deep + b"0") == -1
    assert collect(deep + b"0" + closing(opening) * 100_000 + closing(head)) == -1


@given(st.integers(1, 3000), st.sampled_from(OPENINGS), st.sampled_from([b"[", b'[{"\\ud800":0},']))
@settings(max_examples=60)
def test_an_event_of_any_depth_becomes_a_line_or_is_refused(depth: int, opening: bytes, head: bytes) -> None:
    event = b'{"a":' + opening * depth + b"0" + closing(opening) * depth + b"}"
    count = collect(head + event + b"]")
    assert count in {-1, head.count(b"}") + 1}
    assert count > 0 or depth > 100


PARTS = (
    b" ", b"\n", b"\t \r\n", b"[", b"{", b"]", b"}", b",", b"[],", b"{},", b"{\n},", b'"', b'"a",', b'"a":',
    b'"a":1,', b"\\", b"\\\\", b'\\"', b"\\u0061", b"\\ud800", b"\\ud83d\\ude00", b"0", b"9", b"-", b"1e", b"0.",
    b"1,", b"null,", b"x", b"\xf0\x9f\x98\x80", b"\xef\xbb\xbf", b'" "', b'""', b'"\n', b"{[", b'{"',
)  # fmt: skip
ENDS_BY_HEAD = {
    b"": b"[]", b"[": b"{}]", b'[{"a":': b"0}]", b'[{"a":\n"': b'"}]', b'[{"a":"': b'"}]', b'[{"\\ud800":"': b'"}]',
    b'[{"\\ud800":\n[': b"0]}]", b'[{"\\ud800":': b"0}]",
}  # fmt: skip


@pytest.mark.timeout(300)
@pytest.mark.parametrize("head", ENDS_BY_HEAD)
def test_a_megabyte_of_one_part_over_and_over_takes_a_time_that_grows_with_its_size_alone(head: bytes) -> None:
    bodies = [head + part * (1_000_000 // len(part)) for part in PARTS]
    assert -1 in {collect(body) for body in bodies}
    assert max(collect(body + ENDS_BY_HEAD[head]) for body in bodies) >= (1 if head else 0)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("head", "part", "tail"),
    [
        (b'[{"a":\n"', b"x", b'"}]'),
        (b'[{"a":\n"', b"\\\\", b'"}]'),
        (b'[{"a":\n"', b"\\u0061", b'"}]'),
        (b'[{"\\ud800":\n"', b"\\n", b'"}]'),
        (b'[{"\\ud800":"', "😀".encode(), b'"}]'),
        (b'[{"\\ud800":[', b"[],", b"0]}]"),
        (b'[{"\\ud800":[', b"{},", b"0]}]"),
        (b"[", b"{\n},", b"{}]"),
        (b"[", b" \n", b"]"),
        (b'[{"\\ud800":"', b"x", b""),
    ],
)
def test_a_page_takes_at_most_forty_times_its_size_in_memory(head: bytes, part: bytes, tail: bytes) -> None:
    body = head + part * (300_000 // len(part)) + tail
    tracemalloc.start()
    try:
        collect(body)
        assert tracemalloc.get_traced_memory()[1] < 40 * len(body)
    finally:
        tracemalloc.stop()
