import sqlite3
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs

from hel.dedupe import event_key
from hel.errors import StateError
from hel.records import Batch, Checkpoint, Position
from hel.state.keeping import Keep
from hel.state.schema import MIGRATIONS, VERSION
from hel.state.store import Store

NOON = 1_777_636_800.0
CHECKPOINT = Checkpoint("q", "https://org/next", "2026-05-01T12:00:00Z", NOON, events=2, updated_at=NOON + 5)


def keys(*names: str) -> bytes:
    return b"".join(event_key(name.encode()) for name in names)


def counted(*names: str) -> Counter[bytes]:
    return Counter(event_key(name.encode()) for name in names)


def batch(
    checkpoint: Checkpoint | None = CHECKPOINT, *, delivered: bytes = b"", ids: bytes = b"", met: bytes = b""
) -> Batch:
    return Batch("okta", b"", 0, delivered, ids, met, checkpoint)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "hel-state.db"


@pytest.fixture
def store(path: Path) -> Store:
    return Store(path, writable=True)


def test_a_commit_is_there_after_reopening(store: Store, path: Path) -> None:
    position = Position("/out", 2, 3, "tail")
    store.commit([batch()], {"https://org:443": "n1"}, [position])
    store.close()
    with Store(path, writable=False) as again:
        assert again.checkpoint("okta") == CHECKPOINT
        assert again.checkpoints() == {"okta": CHECKPOINT}
        assert again.nonces() == {"https://org:443": "n1"}
        assert again.position(Path("/out")) == position


def test_a_fresh_state_knows_nothing(store: Store) -> None:
    assert store.checkpoint("okta") is None
    assert store.checkpoints() == {}
    assert list(store.seen("okta")) == []
    assert store.reach("okta") == Counter()
    assert store.position(Path("/out")) is None


def test_the_file_is_for_its_owner_only(store: Store, path: Path) -> None:
    assert path.stat().st_mode & 0o777 == 0o600
    store.commit([batch()])
    for side in path.parent.iterdir():
        assert side.stat().st_mode & 0o077 == 0, side


def test_sources_do_not_see_each_other(store: Store) -> None:
    store.commit([batch(ids=keys("1"), delivered=keys("a"))], keeps={"okta": Keep(10)})
    assert store.checkpoint("github") is None
    assert list(store.seen("github")) == []
    assert store.reach("github") == Counter()


def test_ids_are_remembered_up_to_the_capacity_the_oldest_forgotten_first(store: Store) -> None:
    for number in range(7):
        store.commit([batch(ids=keys(f"{number}a", f"{number}b"))], keeps={"okta": Keep(4)})
    assert list(store.seen("okta")) == [event_key(name) for name in (b"5a", b"5b", b"6a", b"6b")]


def test_lines_before_a_moved_checkpoint_are_met_only_in_an_overlap(store: Store) -> None:
    store.commit([batch(delivered=keys("a", "b", "b"))])
    assert store.ground("okta") == Counter()
    assert store.reach("okta") == counted("a", "b", "b")


def test_lines_beyond_the_checkpoint_are_kept_until_it_passes_them(store: Store) -> None:
    store.commit([batch(None, delivered=keys("a")), batch(None, delivered=keys("b"))])
    assert store.ground("okta") == counted("a", "b")
    store.commit([batch()])
    assert store.ground("okta") == Counter()


def test_what_was_met_on_delivered_ground_is_not_expected_again_after_a_restart(store: Store) -> None:
    store.commit([batch(None, delivered=keys("a", "b", "b"))])
    store.commit([batch(replace(CHECKPOINT, overlapping=True), delivered=keys("new"), met=keys("a", "b"))])
    assert store.ground("okta") == counted("b")
    assert store.reach("okta") == counted("a", "b", "b", "new"), "starting over may meet all of them"
    store.commit([batch()])
    assert store.ground("okta") == Counter()
    assert store.reach("okta") == counted("a", "b", "b", "new")


def test_new_ground_is_all_that_an_overlap_can_reach(store: Store) -> None:
    store.commit([batch(delivered=keys("a", "b"))])
    assert store.ground("okta") == Counter()
    start = replace(CHECKPOINT, overlapping=True)
    store.commit([structs.replace(batch(start, delivered=keys("new"), met=keys("a")), is_new_ground=True)])
    assert store.ground("okta") == counted("b"), "neither what was met nor what is new"
    store.commit([structs.replace(batch(start, met=keys("b")), is_new_ground=True)])
    assert store.ground("okta") == counted("a", "new"), "it started over once more"


def test_every_commit_outlasts_a_power_loss(store: Store) -> None:
    assert store._db.execute("PRAGMA synchronous").fetchone() == (2,)  # noqa: SLF001  # FULL; there is no power to cut
    assert store._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)  # noqa: SLF001


def test_a_page_that_is_asked_for_again_is_expected_again_and_counts_once_in_an_overlap(store: Store) -> None:
    for number in range(3):
        again = keys("a", "b", "c")
        delivered = again if number == 0 else b""
        store.commit([structs.replace(batch(delivered=delivered, met=b"" if delivered else again), again=again)])
        assert store.ground("okta") == counted("a", "b", "c")
        assert store.reach("okta") == counted("a", "b", "c")
    store.commit([batch()])
    assert store.ground("okta") == Counter()


def test_lines_that_no_overlap_can_reach_are_forgotten(store: Store) -> None:
    store.commit([batch(delivered=keys("old"))])
    later = replace(CHECKPOINT, newest_at=NOON + 600 + 6, updated_at=NOON + 600 + 7)
    store.commit([batch(later, delivered=keys("new"))])
    assert store.reach("okta") == counted("new")


def test_a_late_event_of_an_idle_org_is_remembered_by_when_it_came(store: Store) -> None:
    came = replace(CHECKPOINT, updated_at=NOON + 1800)  # half an hour after the newest event's own time
    store.commit([batch(came, delivered=keys("late"))])
    store.commit([batch(replace(CHECKPOINT, newest_at=NOON + 1900, updated_at=NOON + 1901))])
    assert store.reach("okta") == counted("late")


def test_a_failed_commit_leaves_nothing_behind_and_can_be_made_again(store: Store, path: Path) -> None:
    blocker = sqlite3.connect(path)
    blocker.execute("BEGIN IMMEDIATE")
    store._db.execute("PRAGMA busy_timeout = 1")  # noqa: SLF001  # ten seconds are too long for a test
    with pytest.raises(StateError, match="database is locked"):
        store.commit([batch()])
    blocker.rollback()
    assert store.checkpoint("okta") is None
    store.commit([batch()])
    assert store.checkpoint("okta") == CHECKPOINT


def test_reset_forgets_everything_of_one_source(store: Store) -> None:
    store.commit([batch(delivered=keys("a"), ids=keys("1")), Batch("other", b"", 0, b"", b"", b"", CHECKPOINT)])
    store.reset("okta")
    assert store.checkpoints() == {"other": CHECKPOINT}
    assert store.reach("okta") == Counter()


def test_reading_beside_a_writer_neither_waits_nor_writes(store: Store, path: Path) -> None:
    store.commit([batch()])
    with Store(path, writable=False) as reader:
        assert reader.checkpoint("okta") == CHECKPOINT
        with pytest.raises(StateError, match="readonly"):
            reader.commit([batch()])


@pytest.mark.parametrize("content", [b"{}", b"SQLite format 2\x00" + bytes(100), b"\x00" * 4096, b"x" * 5000])
def test_a_file_that_is_no_sqlite_database_is_left_untouched_and_the_way_on_is_named(
    path: Path, content: bytes
) -> None:
    path.write_bytes(content)
    with pytest.raises(StateError) as error:
        Store(path, writable=True)
    assert "left untouched" in error.value.message
    assert f"mv {path.name} {path.name}.bad" in error.value.fix
    assert "hel state import" in error.value.fix
    assert path.read_bytes() == content
    assert list(path.parent.iterdir()) == [path]


def test_another_programs_database_is_left_untouched(path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE bookmarks (url)")
    other.close()
    content = path.read_bytes()
    with pytest.raises(StateError, match="another program's"):
        Store(path, writable=True)
    assert path.read_bytes() == content


def test_a_newer_state_is_left_untouched_and_the_commands_to_go_on_are_named(store: Store, path: Path) -> None:
    store.close()
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {VERSION + 1}")
    db.close()
    content = path.read_bytes()
    with pytest.raises(StateError, match="newer Hel") as error:
        Store(path, writable=True)
    assert "hel state export > state.json" in error.value.fix
    assert path.read_bytes() == content


def test_a_damaged_state_is_left_untouched(store: Store, path: Path) -> None:
    for number in range(200):
        store.commit([Batch(f"s{number}", b"", 0, bytes(1600), b"", b"", None)])
    store.close()
    damaged = bytearray(path.read_bytes())
    damaged[4096 * 3 : 4096 * 6] = b"\xff" * (4096 * 3)
    path.write_bytes(damaged)
    with pytest.raises(StateError, match="left untouched"):
        Store(path, writable=True)
    assert path.read_bytes() == bytes(damaged)


def test_an_empty_file_becomes_a_state(path: Path) -> None:
    path.touch()
    with Store(path, writable=True) as store:
        assert store.checkpoints() == {}


def test_every_version_migrates_forward_and_keeps_what_it_holds(path: Path) -> None:
    with Store(path, writable=True) as store:
        store.commit([batch()])
    with Store(path, writable=True) as again:
        assert again.checkpoint("okta") == CHECKPOINT
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
    db.close()
