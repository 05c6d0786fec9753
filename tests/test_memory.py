from collections import Counter

from hel.dedupe import SeenIds, key_of
from hel.events import LineMaker
from hel.memory import Memory
from hel.records import Batch, Checkpoint, Page, Request

NOON = 1_777_636_800.0
NEXT = Request("GET", "https://org/next")
MAKER = LineMaker(("source", "okta"), "/x", key_field="uuid")


def event(uuid: str, published: str = "2026-05-01T12:00:00Z") -> bytes:
    return f'{{"uuid":"{uuid}","published":"{published}"}}'.encode()


def memory(*delivered: bytes, seen: bool = True, whole_ticks: bool = False) -> Memory:
    ground = Counter(map(key_of, delivered))
    return Memory(Checkpoint("q"), ground, SeenIds(100) if seen else None, whole_ticks=whole_ticks)


def made(known: Memory, *events: bytes, last: bool = False, resume: str = "https://org/next") -> Batch:
    page = Page(list(events), None if last else NEXT, resume)
    return known.take("okta", page, MAKER, NOON + 60, last=last)


def uuids(batch: Batch) -> list[str]:
    return [line.split(b'"uuid":"')[1][:1].decode() for line in batch.lines.splitlines()]


def test_a_batch_holds_a_line_a_key_and_an_id_for_each_new_event() -> None:
    batch = made(memory(), event("a"), event("b"))
    assert uuids(batch) == ["a", "b"]
    assert batch.count == 2
    assert batch.keys == key_of(event("a")) + key_of(event("b"))
    assert batch.ids == key_of(b'"a"') + key_of(b'"b"')


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
    assert batch.met == key_of(event("a")) * 2


def test_what_is_met_again_is_remembered_by_its_id() -> None:
    known = memory(event("a"))
    batch = made(known, event("a"))
    assert (batch.count, batch.ids) == (0, key_of(b'"a"'))


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
    assert batch.again == b"".join(key_of(event(name)) for name in "bcad")
    assert batch.checkpoint is not None
    assert not batch.checkpoint.overlapping


def test_whole_ticks_move_the_checkpoint_with_the_last_page_only() -> None:
    known = memory(whole_ticks=True)
    assert made(known, event("a"), resume="2").checkpoint is None
    last = made(known, event("b"), last=True, resume="3").checkpoint
    assert last is not None
    assert (last.resume, last.events) == ("3", 2)


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
    known.start_over(Checkpoint("q", "elsewhere", overlapping=True), Counter(map(key_of, (event("a"), event("b")))))
    assert uuids(made(known, event("b"), event("c"), event("a"))) == ["c"]
