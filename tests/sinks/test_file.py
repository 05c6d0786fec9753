import os
import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest

from hel.config.models import OutputConfig, Rotation
from hel.errors import SinkError
from hel.records import Position
from hel.sinks.file import FileSink
from hel.sinks.opening import check_output, open_sink
from tests.doubles import FakeClock, HeardLog

NOON = 1_777_636_800.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.ndjson"


def opened(
    path: Path,
    rotate: Rotation | None = None,
    clock: FakeClock | None = None,
    log: HeardLog | None = None,
    mode: int = 0o600,
) -> FileSink:
    return FileSink(path, rotate, clock or FakeClock(NOON), log or HeardLog(), mode)


def permissions(path: Path) -> str:
    return oct(path.stat().st_mode & 0o7777)


@pytest.fixture
def umask() -> Iterator[Callable[[int], int]]:
    """Sets the process's umask; as it was afterwards."""
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


def test_lines_are_appended_and_the_position_says_how_far(path: Path) -> None:
    sink = opened(path)
    sink.put(b"one\n")
    sink.put(b"two\n")
    position = sink.flush()
    assert path.read_bytes() == b"one\ntwo\n"
    assert (position.path, position.length, position.inode) == (str(path), 8, path.stat().st_ino)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_committed_file_is_known_again_and_another_one_with_the_same_number_is_not(path: Path) -> None:
    sink = opened(path)
    sink.put(b"one\n" * 5000)
    position = sink.flush()
    sink.close()
    again = opened(path)
    assert again.committed(position)
    assert not again.committed(None)
    with path.open("r+b") as file:
        file.seek(position.length - 8)
        file.write(b"two\n")
    assert not again.committed(position)
    assert not again.committed(Position(position.path, position.inode, 1_000_000, position.tail))


def test_two_sinks_cannot_write_one_file(path: Path) -> None:
    first = opened(path)
    with pytest.raises(SinkError, match="another running Hel"):
        opened(path)
    first.close()
    opened(path)


def test_a_write_cut_short_goes_on_where_it_stopped_and_tears_nothing(path: Path) -> None:
    sink = opened(path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    lines = b"".join(b"%06d\n" % number for number in range(1000))
    sink.put(lines)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3500, hard))
    try:
        for _ in range(3):
            with pytest.raises(SinkError, match="File too large"):
                sink.flush()
        assert path.read_bytes() == lines[:3500]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert sink.flush().length == len(lines)
    assert path.read_bytes() == lines


def test_a_failed_fsync_writes_the_same_bytes_again_at_the_same_place(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = opened(path)
    sink.put(b"one\n")
    sink.flush()

    def failing(_: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", failing)
        sink.put(b"two\n")
        with pytest.raises(SinkError, match="Input/output error"):
            sink.flush()
    path.write_bytes(b"one\n\0\0\0\0")  # the kernel has dropped the pages that it could not write
    assert sink.flush().length == 8
    assert path.read_bytes() == b"one\ntwo\n"


def test_a_file_that_somebody_moved_away_is_begun_anew(path: Path) -> None:
    log = HeardLog()
    sink = opened(path, log=log)
    sink.put(b"one\n")
    sink.flush()
    path.rename(path.with_name("events.1"))
    sink.put(b"two\n")
    begun = sink.renew()
    assert begun is not None
    assert (begun.length, begun.inode) == (0, path.stat().st_ino)
    assert sink.flush().length == 4
    assert path.read_bytes() == b"two\n"
    assert log.names == ["output.moved_away"]


def test_lines_that_went_to_a_file_while_it_was_removed_are_written_to_the_new_one(path: Path) -> None:
    sink = opened(path)
    sink.put(b"one\n")
    path.unlink()
    with pytest.raises(SinkError, match="removed it"):
        sink.flush()
    sink.renew()
    sink.flush()
    assert path.read_bytes() == b"one\n"


def test_lines_that_went_to_a_file_while_it_was_moved_away_are_in_that_one_and_not_in_the_next(path: Path) -> None:
    sink = opened(path)
    sink.put(b"one\n")
    path.rename(path.with_name("events.1"))
    sink.flush()
    sink.renew()
    sink.put(b"two\n")
    sink.flush()
    assert (path.with_name("events.1").read_bytes(), path.read_bytes()) == (b"one\n", b"two\n")


def test_a_file_that_was_cut_below_what_was_committed_is_said(path: Path) -> None:
    sink = opened(path)
    sink.put(b"one\ntwo\n")
    position = sink.flush()
    sink.close()
    os.truncate(path, 4)
    log = HeardLog()
    assert not opened(path, log=log).committed(position)
    assert log.names == ["output.changed_by_another"]


def test_making_and_renaming_a_file_outlasts_a_power_loss(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []

    def watched(fd: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{fd}").readlink()))

    monkeypatch.setattr(os, "fsync", watched)
    sink = opened(path, Rotation("size", 4))
    assert synced == [str(path.parent)]
    sink.put(b"one\n")
    sink.flush()
    sink.renew()
    assert synced == [str(path.parent), str(path), str(path.parent), str(path.parent)]


def test_a_file_that_somebody_truncated_goes_on_at_its_new_end(path: Path) -> None:
    log = HeardLog()
    sink = opened(path, log=log)
    sink.put(b"one\n")
    sink.flush()
    os.truncate(path, 0)
    sink.put(b"two\n")
    assert sink.flush().length == 4
    assert path.read_bytes() == b"two\n"
    assert log.names == ["output.changed_by_another"]


def test_lines_that_somebody_appended_are_not_written_over(path: Path) -> None:
    log = HeardLog()
    sink = opened(path, log=log)
    sink.put(b"one\n")
    sink.flush()
    with path.open("ab") as other:
        other.write(b"theirs\n")
    sink.put(b"two\n")
    sink.flush()
    assert path.read_bytes() == b"one\ntheirs\ntwo\n"
    assert log.names == ["output.changed_by_another"]


def test_rotation_by_size_renames_between_lines_and_never_overwrites(path: Path) -> None:
    sink = opened(path, Rotation("size", 8))
    begun = []
    for text in (b"one\n", b"two\n", b"six\n", b"ten\n", b"end\n"):
        begun.append(sink.renew())
        sink.put(text)
        sink.flush()
    names = sorted(name.name for name in path.parent.iterdir())
    assert names == ["events.ndjson", "events.ndjson.20260501T120000Z", "events.ndjson.20260501T120000Z-001"]
    assert [path.with_name(name).read_bytes() for name in names] == [b"end\n", b"one\ntwo\n", b"six\nten\n"]
    assert [position and position.length for position in begun] == [None, None, 0, None, 0]


def test_room_says_how_much_goes_into_the_file(path: Path) -> None:
    sink = opened(path, Rotation("size", 8))
    assert sink.room() == 8
    sink.put(b"one\n")
    sink.flush()
    assert sink.room() == 4
    assert opened(path.with_name("other")).room() is None


def test_daily_rotation_goes_by_the_day_of_the_lines_in_utc(path: Path) -> None:
    clock = FakeClock(NOON)
    sink = opened(path, Rotation("daily"), clock)
    sink.put(b"one\n")
    sink.flush()
    assert sink.renew() is None
    clock.at += 43_200
    assert sink.renew() is not None
    sink.put(b"two\n")
    sink.flush()
    assert sink.renew() is None
    assert path.with_name("events.ndjson.20260502T000000Z").read_bytes() == b"one\n"


def test_daily_rotation_remembers_across_a_restart_on_which_day_the_file_was_written(path: Path) -> None:
    path.write_bytes(b"yesterday\n")
    os.utime(path, (NOON - 86_400, NOON - 86_400))
    sink = opened(path, Rotation("daily"))
    assert sink.renew() is not None
    assert path.read_bytes() == b""


def test_an_empty_file_is_not_rotated(path: Path) -> None:
    clock = FakeClock(NOON)
    sink = opened(path, Rotation("daily"), clock)
    clock.at += 86_400
    assert sink.renew() is None


def test_a_half_written_batch_is_not_rotated_in_its_middle(path: Path) -> None:
    sink = opened(path, Rotation("size", 4))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    sink.put(b"one\n")
    sink.flush()
    sink.renew()
    sink.put(b"two\nsix\n")
    resource.setrlimit(resource.RLIMIT_FSIZE, (6, hard))
    try:
        with pytest.raises(SinkError):
            sink.flush()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert sink.renew() is None
    sink.flush()
    assert path.read_bytes() == b"two\nsix\n"


def test_a_vanished_folder_is_an_error_that_heals(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    folder.mkdir()
    sink = opened(folder / "events.ndjson")
    sink.put(b"one\n")
    (folder / "events.ndjson").unlink()
    folder.rmdir()
    for _ in range(2):
        with pytest.raises(SinkError, match="No such file"):
            sink.renew()
    folder.mkdir()
    sink.renew()
    sink.flush()
    assert (folder / "events.ndjson").read_bytes() == b"one\n"


def test_more_pieces_than_one_call_takes_are_all_written(path: Path) -> None:
    sink = opened(path)
    for number in range(3000):
        sink.put(b"%d\n" % number)
    sink.flush()
    assert path.read_bytes() == b"".join(b"%d\n" % number for number in range(3000))


def test_an_output_that_cannot_be_opened_is_named_with_its_fix(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="nowhere") as error:
        opened(tmp_path / "nowhere" / "events.ndjson")
    assert "folder" in error.value.fix


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o027, 0o077, 0o177])
@pytest.mark.parametrize("mode", [0o600, 0o640])
def test_a_new_file_has_the_mode_that_is_asked_for_whatever_the_umask(
    path: Path, umask: Callable[[int], int], mask: int, mode: int
) -> None:
    umask(mask)
    sink = opened(path, mode=mode)
    assert permissions(path) == oct(mode)
    sink.put(b"one\n")
    sink.flush()
    assert permissions(path) == oct(mode)


@pytest.mark.parametrize("mask", [0o000, 0o077])
def test_without_a_word_a_file_is_its_owners_alone(path: Path, umask: Callable[[int], int], mask: int) -> None:
    umask(mask)
    FileSink(path, None, FakeClock(NOON), HeardLog())
    assert permissions(path) == oct(0o600)


@pytest.mark.parametrize(
    ("before", "mode", "after"),
    [
        (0o600, 0o640, 0o640),
        (0o620, 0o640, 0o660),
        (0o604, 0o640, 0o644),
        (0o640, 0o640, 0o640),
        (0o644, 0o640, 0o644),
        (0o664, 0o640, 0o664),
        (0o666, 0o640, 0o666),
        (0o2640, 0o640, 0o2640),
        (0o600, 0o600, 0o600),
        (0o640, 0o600, 0o640),
        (0o644, 0o600, 0o644),
        (0o666, 0o600, 0o666),
    ],
)
def test_a_file_that_is_there_is_widened_and_never_narrowed(path: Path, before: int, mode: int, after: int) -> None:
    path.write_bytes(b"one\n")
    path.chmod(before)
    sink = opened(path, mode=mode)
    sink.put(b"two\n")
    sink.flush()
    assert permissions(path) == oct(after)
    assert path.read_bytes() == b"one\ntwo\n"


@pytest.mark.parametrize("mode", [0o600, 0o640])
@pytest.mark.parametrize("mask", [0o000, 0o077])
def test_each_file_of_a_rotation_has_the_mode_of_the_first(
    path: Path, umask: Callable[[int], int], mask: int, mode: int
) -> None:
    umask(mask)
    sink = opened(path, Rotation("size", 4), mode=mode)
    for text in (b"one\n", b"two\n", b"six\n"):
        sink.put(text)
        sink.flush()
        sink.renew()
    assert {name.name: permissions(name) for name in path.parent.iterdir()} == {
        "events.ndjson": oct(mode),
        "events.ndjson.20260501T120000Z": oct(mode),
        "events.ndjson.20260501T120000Z-001": oct(mode),
        "events.ndjson.20260501T120000Z-002": oct(mode),
    }


def test_a_file_that_was_wide_open_leaves_a_new_one_that_is_not(path: Path) -> None:
    path.write_bytes(b"one\n")
    path.chmod(0o666)
    sink = opened(path, Rotation("size", 4), mode=0o640)
    sink.renew()
    assert permissions(path) == oct(0o640)
    assert permissions(path.with_name("events.ndjson.20260501T120000Z")) == oct(0o666)


def test_a_file_begun_anew_where_somebody_moved_the_old_one_away_has_the_mode_too(path: Path) -> None:
    sink = opened(path, mode=0o640)
    path.rename(path.with_name("events.1"))
    assert sink.renew() is not None
    assert permissions(path) == oct(0o640)


def test_to_look_whether_an_output_can_be_opened_changes_no_mode(path: Path) -> None:
    path.write_bytes(b"one\n")
    path.chmod(0o600)
    check_output(OutputConfig(path=path, mode="0640"))
    assert permissions(path) == oct(0o600)


@pytest.mark.parametrize(("mode", "given"), [("0600", 0o600), ("0640", 0o640)])
def test_an_output_of_the_configuration_is_opened_with_its_mode(
    path: Path, mode: Literal["0600", "0640"], given: int
) -> None:
    open_sink(OutputConfig(path=path, mode=mode), FakeClock(NOON), HeardLog()).close()
    assert permissions(path) == oct(given)
