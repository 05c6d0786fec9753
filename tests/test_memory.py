from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hel.dedupe import SeenIds, event_key, id_key
from hel.errors import LineTooLongError
from hel.events import LineMaker
from hel.memory import Memory
from hel.records import Batch, Checkpoint, Page, Request, Skipped
from hel.sieve import LineLimit
from tests.lines import line

NOON = 1_777_636_800.0
NEXT = Request("GET", "https://org/next")
MAKER = LineMaker(("source", "okta"), "/x", key_field="uuid")


def event(uuid: str, published: str = "2026-05-01T12:00:00Z") -> bytes:
    return f'{{"uuid":"{uuid}","published":"{published}"}}'.encode()


def memory(
    *delivered: bytes,
    seen: SeenIds | bool = True,
    whole_ticks: bool = False,
    limit: LineLimit | None = None,
) -> Memory:
    ground = Counter(map(event_key, delivered))
    known = SeenIds(100) if seen is True else seen
    return Memory(Checkpoint("q"), ground, None if known is False else known, whole_ticks=whole_ticks, limit=limit)


def made(known: Memory, *events: bytes, last: bool = False, resume: str = "https://org/next") -> Batch:
    page = Page(list(events), None if last else NEXT, resume)
    return known.take("okta", page, MAKER, NOON + 60, last=last)


def uuids(batch: Batch) -> list[str]:
    return [line.split(b'"uuid":"')[1][:1].decode() for line in batch.lines.splitlines()]


def test_a_batch_holds_a_line_a_key_and_an_id_for_each_new_event() -> None:
    batch = made(memory(), event("a"), event("b"))
    assert uuids(batch) == ["a", "b"]
    assert batch.count == 2
    assert batch.keys == event_key(event("a")) + event_key(event("b"))
    assert batch.ids == id_key(b'"a"') + id_key(b'"b"')


def test_an_id_that_was_delivered_is_left_out_on_the_same_page_and_on_a_later_one() -> None:
    known = memory()
    assert uuids(made(known, event("a"), event("a"), event("b"))) == ["a", "b"]
    assert uuids(made(known, event("b"), event("c"))) == ["c"]


def test_numbers_and_strings_are_ids_and_differ() -> None:
    batch = made(memory(), b'{"uuid":1}', b'{"uuid":"1"}', b'{"uuid":1}', b'{"uuid":null}', b'{"uuid":null}', b"{}")
    assert batch.count == 5, "an event without an ID is never a duplicate"
    assert len(batch.ids) == 2 * 16


def test_without_dedupe_equal_events_are_all_delivered() -> None:
    assert made(memory(seen=False), event("a"), event("a")).count == 2


def test_lines_on_delivered_ground_are_left_out_as_often_as_they_were_delivered() -> None:
    known = memory(event("a"), event("a"), seen=False)
    batch = made(known, event("a"), event("b"), event("a"), event("a"))
    assert uuids(batch) == ["b", "a"]
    assert batch.met == event_key(event("a")) * 2


def test_what_is_met_again_is_remembered_by_its_id() -> None:
    known = memory(event("a"))
    batch = made(known, event("a"))
    assert (batch.count, batch.ids) == (0, id_key(b'"a"'))


def test_the_checkpoint_moves_behind_the_page() -> None:
    known = memory()
    checkpoint = made(known, event("a", "2026-05-01T11:00:00Z"), event("b", "2026-05-01T10:00:00Z")).checkpoint
    assert checkpoint is not None
    assert (checkpoint.resume, checkpoint.events) == ("https://org/next", 2)
    assert (checkpoint.newest, checkpoint.newest_at) == ("2026-05-01T11:00:00Z", NOON - 3600)
    assert known.checkpoint == checkpoint


def test_a_late_event_does_not_move_the_newest_time_back() -> None:
    known = memory()
    made(known, event("a", "2026-05-01T11:00:00Z"))
    checkpoint = made(known, event("b", "2026-05-01T10:00:00Z")).checkpoint
    assert checkpoint is not None
    assert checkpoint.newest == "2026-05-01T11:00:00Z"


def test_times_are_compared_as_times_and_not_as_text() -> None:
    known = memory()
    made(known, event("a", "2026-05-01T12:00:00Z"), event("b", "2026-05-01T13:30:00+02:00"))
    assert known.checkpoint.newest == "2026-05-01T12:00:00Z"


def test_an_event_of_the_future_is_remembered_until_then_for_any_start_before_it_meets_it_again() -> None:
    batch = made(memory(), event("a"), event("b", "2026-05-01T13:00:00Z"))
    assert batch.until_at == NOON + 3600
    assert made(memory(), event("a")).until_at is None


def test_of_two_newest_times_the_first_ones_text_stays() -> None:
    known = memory()
    made(known, event("a", "2026-05-01T12:00:00Z"))
    made(known, event("b", "2026-05-01T14:00:00+02:00"))
    assert known.checkpoint.newest == "2026-05-01T12:00:00Z"


def test_an_event_is_of_the_future_only_where_it_is_so_by_the_apis_clock_too() -> None:
    known = memory()
    later = event("b", "2026-05-01T13:00:00Z")
    known.take("okta", Page([event("a"), later], NEXT, None, as_of=NOON + 7200), MAKER, NOON + 60, last=False)
    assert known.checkpoint.newest == "2026-05-01T13:00:00Z"


def test_delivered_ground_ends_with_the_tick_that_catches_up() -> None:
    known = memory(event("a"), event("z"))
    first = made(known, event("a")).checkpoint
    last = made(known, last=True).checkpoint
    assert first is not None
    assert last is not None
    assert (first.overlapping, last.overlapping) == (True, False)
    assert made(known, event("z")).count == 1, "the same line is new ground now"


def test_a_page_that_is_asked_for_again_yields_only_what_was_added_to_it() -> None:
    known = memory(seen=False)

    def page(*events: bytes) -> Batch:
        return known.take("okta", Page(list(events), None, None, again=True), MAKER, NOON, last=True)

    assert page(event("a"), event("a"), event("b")).count == 3
    assert uuids(page(event("a"), event("a"), event("b"), event("c"))) == ["c"]
    batch = page(event("b"), event("c"), event("a"), event("d"))
    assert uuids(batch) == ["d"]
    assert batch.again == b"".join(event_key(event(name)) for name in "bcad")
    assert batch.checkpoint is not None
    assert not batch.checkpoint.overlapping


def test_whole_ticks_move_the_checkpoint_with_the_last_page_only() -> None:
    known = memory(whole_ticks=True)
    assert made(known, event("a"), resume="2").checkpoint is None
    last = made(known, event("b"), last=True, resume="3").checkpoint
    assert last is not None
    assert (last.resume, last.events) == ("3", 2)


def test_a_page_in_the_middle_of_a_whole_tick_tells_the_state_of_nothing_but_its_lines() -> None:
    known = memory(event("a"), event("z"), seen=False, whole_ticks=True)
    known.start_over(Checkpoint("q"), Counter(map(event_key, (event("a"), event("z")))))
    middle = made(known, event("a"), event("b"))
    assert (uuids(middle), middle.met, middle.again, middle.is_new_ground) == (["b"], b"", b"", False)
    last = made(known, event("z"), event("c"), last=True)
    assert (uuids(last), last.met, last.again, last.is_new_ground) == (["c"], event_key(event("z")), b"", False)


def test_the_first_page_on_new_ground_says_so_and_what_it_met_until_the_last_one_closes_it() -> None:
    known = memory(seen=False)
    known.start_over(Checkpoint("q"), Counter(map(event_key, (event("a"), event("z")))))
    first, second = made(known, event("a"), event("b")), made(known, event("c"))
    assert (first.met, first.again, first.is_new_ground) == (event_key(event("a")), b"", True)
    assert (second.met, second.again, second.is_new_ground) == (b"", b"", False)


def test_a_whole_tick_that_ended_early_is_made_again_and_doubles_nothing() -> None:
    known = memory(seen=False, whole_ticks=True)
    made(known, resume="1", last=True)
    for _ in range(2):
        known.begin_tick()
        assert known.checkpoint.resume == "1"
        made(known, event("a"), event("b"), resume="2")
    known.begin_tick()
    batch = made(known, event("a"), event("b"), event("c"), resume="2")
    assert uuids(batch) == ["c"]
    end = made(known, event("d"), last=True, resume="3")
    assert uuids(end) == ["d"]
    assert end.checkpoint is not None
    assert (end.checkpoint.events, end.checkpoint.overlapping) == (4, False)
    known.begin_tick()
    assert known.checkpoint.resume == "3"


def test_starting_over_leaves_out_what_the_state_says_was_delivered() -> None:
    known = memory(seen=False)
    made(known, event("a"), event("b"))
    known.start_over(Checkpoint("q", "elsewhere", overlapping=True), Counter(map(event_key, (event("a"), event("b")))))
    assert uuids(made(known, event("b"), event("c"), event("a"))) == ["c"]


def long_event(uuid: str, pad: int = 500) -> bytes:
    return f'{{"uuid":"{uuid}","published":"2026-05-01T12:00:00Z","pad":"{"x" * pad}"}}'.encode()


def length(event: bytes) -> int:
    return len(line(MAKER, event, NOON).text)


FAIL, SKIP = LineLimit(300, skips=False), LineLimit(300, skips=True)


def test_a_line_of_just_the_longest_length_passes_and_one_byte_more_does_not() -> None:
    most = length(long_event("a", 400))
    for skips in (True, False):
        assert made(memory(limit=LineLimit(most, skips=skips)), long_event("a", 400)).count == 1
    batch = made(memory(limit=LineLimit(most - 1, skips=True)), long_event("a", 400))
    assert (batch.count, batch.skipped[0].bytes) == (0, most)
    with pytest.raises(LineTooLongError):
        made(memory(limit=LineLimit(most - 1, skips=False)), long_event("a", 400))


def test_a_line_that_is_too_long_is_named_by_its_length_its_time_and_the_bound() -> None:
    with pytest.raises(LineTooLongError) as caught:
        made(memory(limit=LineLimit(1000, skips=False)), event("a"), long_event("b", 2000))
    size = f"{length(long_event('b', 2000)):,}"
    assert caught.value.message == (
        f"an event's line is {size} bytes long, more than the 1,000 of `limits.max_line_bytes` "
        "(its time: 2026-05-01T12:00:00Z)"
    )
    assert "`limits.on_long_line: skip`" in caught.value.fix
    assert not caught.value.counts, "it is no failure of the API"


@pytest.mark.parametrize("dedupes", [True, False])
def test_where_a_long_line_fails_nothing_of_its_page_is_taken_and_with_a_higher_bound_all_of_it_comes_once(
    dedupes: bool,
) -> None:
    seen = SeenIds(100) if dedupes else False
    known = memory(event("z"), seen=seen, limit=FAIL)
    made(known, event("y"))
    stood = known.checkpoint
    page = [event("z"), event("a"), long_event("b"), event("c")]
    for _ in range(2):
        with pytest.raises(LineTooLongError):
            made(known, *page, last=True)
        assert known.checkpoint == stood
        known.begin_tick()
    raised = memory(event("z"), seen=seen, limit=LineLimit(10_000, skips=False))
    assert uuids(made(raised, *page)) == ["a", "b", "c"]


def test_in_whole_ticks_a_long_line_on_a_later_page_lets_the_tick_be_made_again_without_a_double() -> None:
    known = memory(seen=False, whole_ticks=True, limit=FAIL)
    for new in (["a"], []):
        known.begin_tick()
        assert known.checkpoint.resume is None
        assert uuids(made(known, event("a"), resume="2")) == new
        with pytest.raises(LineTooLongError):
            made(known, long_event("b"), last=True, resume="3")


def test_after_a_long_line_failed_the_same_memory_takes_a_page_without_it_as_if_nothing_had_been() -> None:
    known = memory(event("z"), limit=FAIL)
    with pytest.raises(LineTooLongError):
        made(known, event("z"), event("a"), long_event("b"))
    batch = made(known, event("z"), event("a"))
    assert (uuids(batch), batch.met) == (["a"], event_key(event("z")))


def test_a_long_line_that_was_delivered_before_does_not_fail() -> None:
    """The bound was lowered, or the event lies on ground that an overlap meets again."""
    by_ground = memory(long_event("a"), seen=False, limit=FAIL)
    assert uuids(made(by_ground, long_event("a"), event("b"))) == ["b"]
    by_id = memory(seen=SeenIds(100, [id_key(b'"a"')]), limit=FAIL)
    assert uuids(made(by_id, long_event("a"), event("b"))) == ["b"]
    twice = memory(long_event("a"), limit=FAIL)
    assert uuids(made(twice, long_event("a"), long_event("a"), event("b"))) == ["b"], "its second copy is known by then"


def test_a_long_line_fails_though_one_like_it_was_delivered_if_this_one_was_not() -> None:
    """Two equal events are two; the one that is new is neither dropped nor skipped."""
    known = memory(long_event("a"), seen=False, limit=FAIL)
    with pytest.raises(LineTooLongError):
        made(known, long_event("a"), long_event("a"))
    assert made(known, long_event("a")).met == event_key(long_event("a"))


def test_skipping_leaves_a_long_line_out_and_says_how_long_it_is_and_which_one() -> None:
    batch = made(memory(limit=SKIP), event("a"), long_event("b"), event("c"), b'{"pad":"' + b"x" * 500 + b'"}')
    assert uuids(batch) == ["a", "c"]
    assert batch.keys == event_key(event("a")) + event_key(event("c"))
    assert batch.skipped == (
        Skipped(length(long_event("b")), "2026-05-01T12:00:00Z", '"b"'),
        Skipped(length(b'{"pad":"' + b"x" * 500 + b'"}'), None, None),
    )
    assert batch.checkpoint is not None
    assert batch.checkpoint.events == 2


def test_an_id_without_end_is_not_said_whole() -> None:
    """A hostile event would else be written to the log instead of to the output."""
    (skipped,) = made(memory(limit=SKIP), long_event("b" * 100_000)).skipped
    assert skipped.bytes > 100_000
    assert skipped.id is not None
    assert len(skipped.id) < 1000


@pytest.mark.parametrize("seen", [True, False])
def test_a_long_line_of_a_page_that_is_asked_for_again_is_skipped_once(seen: bool) -> None:
    known = memory(seen=seen, limit=SKIP)

    def page(*events: bytes) -> Batch:
        return known.take("okta", Page(list(events), None, None, again=True), MAKER, NOON, last=True)

    first = page(event("a"), long_event("b"))
    assert (uuids(first), len(first.skipped)) == (["a"], 1)
    again = page(event("a"), long_event("b"), event("c"), long_event("d"))
    assert uuids(again) == ["c"]
    assert [skipped.id for skipped in again.skipped] == ['"d"']
    assert page(event("a"), long_event("b"), event("c"), long_event("d")).skipped == ()


def test_a_long_line_that_was_delivered_before_is_not_said_to_be_skipped() -> None:
    batch = made(memory(long_event("a"), seen=False, limit=SKIP), long_event("a"), event("b"))
    assert (uuids(batch), batch.skipped, batch.met) == (["b"], (), event_key(long_event("a")))


EVENTS = st.sampled_from([event(name) for name in "ab"] + [long_event(name) for name in "abc"] + [b"{}", b'{"x":1}'])


@given(st.lists(EVENTS, max_size=4), st.lists(EVENTS, max_size=8), st.booleans())
def test_without_skipping_a_page_fails_as_a_whole_or_every_new_event_of_it_is_delivered(
    delivered: list[bytes], page: list[bytes], seen: bool
) -> None:
    unlimited, limited = memory(*delivered, seen=seen), memory(*delivered, seen=seen, limit=FAIL)
    expected = made(unlimited, *page)
    too_long = any(len(line) > FAIL.max_bytes for line in expected.lines.splitlines(keepends=True))
    if too_long:
        with pytest.raises(LineTooLongError):
            made(limited, *page)
    else:
        assert made(limited, *page) == expected


@given(st.lists(EVENTS, max_size=4), st.lists(EVENTS, max_size=8), st.booleans())
def test_skipping_leaves_out_the_long_lines_and_nothing_else(
    delivered: list[bytes], page: list[bytes], seen: bool
) -> None:
    expected = made(memory(*delivered, seen=seen), *page)
    batch = made(memory(*delivered, seen=seen, limit=SKIP), *page)
    lines = expected.lines.splitlines(keepends=True)
    assert batch.lines.splitlines(keepends=True) == [line for line in lines if len(line) <= SKIP.max_bytes]
    assert [skipped.bytes for skipped in batch.skipped] == [len(line) for line in lines if len(line) > SKIP.max_bytes]
    assert (batch.met, batch.ids) == (expected.met, expected.ids)
