from collections.abc import Callable
from pathlib import Path

import pytest

from hel.dedupe import event_key
from hel.records import Position
from hel.sinks.adoption import adopt, unclaimed
from hel.sinks.file import FileSink
from tests.doubles import FakeClock, HeardLog


def line(event: str, source: str = "okta") -> bytes:
    return f'{{"ts":"2026-05-01T12:00:00Z","source":"{source}","endpoint":"/x","event":{event},"meta":{{}}}}\n'.encode()


def identify(event: bytes) -> bytes | None:
    return event_key(b"id of " + event)


SOURCES: dict[tuple[str, str], tuple[str, Callable[[bytes], bytes | None]]] = {
    ("source", "okta"): ("okta-audit", identify),
    ("source", "github"): ("github", lambda _: None),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.ndjson"


def committed(path: Path, lines: bytes) -> Position:
    sink = FileSink(path, None, FakeClock(), HeardLog())
    sink.put(lines)
    position = sink.flush()
    sink.close()
    return position


def reopened(path: Path) -> FileSink:
    return FileSink(path, None, FakeClock(), HeardLog())


def test_whole_lines_beyond_the_committed_length_stay_and_count_as_delivered(path: Path) -> None:
    known = committed(path, line('{"n":1}'))
    beyond = line('{"n":2}') + line('{"g":1}', "github") + line('{"n":"\\ud800 ,\\"event\\":"}')
    path.write_bytes(path.read_bytes() + beyond)
    okta, github = adopt(reopened(path), known, SOURCES)
    assert (okta.source, okta.count, okta.checkpoint) == ("okta-audit", 2, None)
    events = (b'{"n":2}', b'{"n":"\\ud800 ,\\"event\\":"}')
    assert okta.keys == b"".join(map(event_key, events))
    assert okta.ids == b"".join(event_key(b"id of " + event) for event in events)
    assert (github.source, github.keys, github.ids) == ("github", event_key(b'{"g":1}'), b"")
    assert path.read_bytes() == line('{"n":1}') + beyond


@pytest.mark.parametrize("junk", [b"\0" * 512, b"\0" * 512 + b"\n" + line("{}"), b"junk", b'{"n":1}'])
def test_what_hel_did_not_write_is_cut_behind_the_last_whole_line(path: Path, junk: bytes) -> None:
    known = committed(path, line('{"n":1}'))
    path.write_bytes(path.read_bytes() + line('{"n":2}') + junk)
    (okta,) = adopt(reopened(path), known, SOURCES)
    assert okta.keys == event_key(b'{"n":2}')
    assert path.read_bytes() == line('{"n":1}') + line('{"n":2}')


@pytest.mark.parametrize(
    "event",
    ["[" * 3000 + "]" * 3000, "9" * 5000, '{"a":{},"meta":{}}', '{"a":",\\"meta\\":{"}'],
    ids=["deep", "long number", "meta inside", "meta in a string"],
)
def test_a_whole_line_is_adopted_whatever_its_event_holds(path: Path, event: str) -> None:
    known = committed(path, line('{"n":1}'))
    whole = path.read_bytes() + line(event) + b"a line of somebody else\n" + line('{"n":2}')
    path.write_bytes(whole)
    (okta,) = adopt(reopened(path), known, SOURCES)
    assert okta.keys == event_key(event.encode()) + event_key(b'{"n":2}')
    assert path.read_bytes() == whole


@pytest.mark.parametrize("torn", [b"{", b'{"ts":"2026', line('{"n":3}')[:-1]])
@pytest.mark.parametrize("zeros", [b"", b"\0" * 512])
def test_a_torn_line_stands_until_it_can_be_completed_and_zeros_behind_it_are_cut(
    path: Path, torn: bytes, zeros: bytes
) -> None:
    known = committed(path, line('{"n":1}'))
    path.write_bytes(path.read_bytes() + line('{"n":2}') + torn + zeros)
    sink = reopened(path)
    adopt(sink, known, SOURCES)
    assert sink.torn == torn
    assert path.read_bytes() == line('{"n":1}') + line('{"n":2}') + torn
    sink.mend()
    assert sink.torn == b""
    assert path.read_bytes() == line('{"n":1}') + line('{"n":2}')


def test_a_torn_line_is_completed_in_place_without_the_file_ever_shrinking(path: Path) -> None:
    known = committed(path, line('{"n":1}'))
    path.write_bytes(path.read_bytes() + line('{"n":2}')[:40])
    sink = reopened(path)
    adopt(sink, known, SOURCES)
    sizes = [path.stat().st_size]
    sink.put(line('{"n":2}'))
    sink.flush()
    assert path.read_bytes() == line('{"n":1}') + line('{"n":2}')
    assert path.stat().st_size > sizes[0]


def test_a_line_of_a_source_that_does_not_run_now_stays_and_waits_under_its_label(path: Path) -> None:
    known = committed(path, b"")
    path.write_bytes(line("{}", "gone"))
    (gone,) = adopt(reopened(path), known, SOURCES)
    assert (gone.source, gone.keys, gone.ids) == (unclaimed(("source", "gone")), event_key(b"{}"), b"")
    assert path.read_bytes() == line("{}", "gone")


def test_a_file_that_the_state_does_not_know_keeps_its_lines_and_its_torn_one_stands(path: Path) -> None:
    torn = line('{"n":"' + "x" * 200_000 + '"}')[:-3]
    path.write_bytes(line('{"n":1}') + torn)
    sink = reopened(path)
    assert adopt(sink, None, SOURCES) == []
    assert sink.torn == torn
    sink.mend()
    assert path.read_bytes() == line('{"n":1}')


def test_a_strangers_unfinished_line_is_ended_and_not_cut(path: Path) -> None:
    path.write_bytes(b"notes of somebody")
    sink = reopened(path)
    adopt(sink, None, SOURCES)
    sink.put(line("{}"))
    sink.flush()
    assert path.read_bytes() == b"notes of somebody\n" + line("{}")


def test_lines_go_on_behind_what_was_adopted(path: Path) -> None:
    known = committed(path, line('{"n":1}'))
    path.write_bytes(path.read_bytes() + line('{"n":2}') + b'{"ts')
    sink = reopened(path)
    adopt(sink, known, SOURCES)
    sink.put(line('{"n":3}'))
    sink.flush()
    assert path.read_bytes() == line('{"n":1}') + line('{"n":2}') + line('{"n":3}')
