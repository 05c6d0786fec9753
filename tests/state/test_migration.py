"""A state file that the first Hel wrote is taken over as it is."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from hel.dedupe import event_key
from hel.records import Batch, Checkpoint
from hel.state.keeping import Keep
from hel.state.schema import APPLICATION_ID, MIGRATIONS, VERSION
from hel.state.store import Store

STOOD = Checkpoint("q", "https://org/next", "2026-05-01T12:00:00Z", 1_777_636_800.0, events=2, updated_at=1e9)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A file of version 1, with a checkpoint, two lines and an ID."""
    path = tmp_path / "hel-state.db"
    db = sqlite3.connect(path)
    db.executescript(f"PRAGMA application_id = {APPLICATION_ID}; {MIGRATIONS[0]} PRAGMA user_version = 1;")
    db.execute(
        "INSERT INTO checkpoints VALUES ('okta', 'q', 'https://org/next', '2026-05-01T12:00:00Z', 1777636800.0, 0, 0, "
        "2, 1e9)"
    )
    keys = event_key(b"a") + event_key(b"b")
    db.execute("INSERT INTO delivered (source, met, beyond, until_at, keys) VALUES ('okta', 0, 0, 2e9, ?)", (keys,))
    db.execute("INSERT INTO seen (source, total, ids) VALUES ('okta', 1, ?)", (event_key(b"1"),))
    db.execute("INSERT INTO nonces VALUES ('https://org:443', 'n')")
    db.commit()
    db.close()
    return path


@pytest.mark.parametrize("writable", [True, False])
def test_a_file_of_version_1_keeps_all_that_it_knows(old: Path, writable: bool) -> None:
    with Store(old, writable=writable) as store:
        assert store.checkpoints() == {"okta": STOOD}
        assert store.reach("okta") == {event_key(b"a"): 1, event_key(b"b"): 1}
        assert list(store.seen("okta")) == [event_key(b"1")]
        assert store.nonces() == {"https://org:443": "n"}


def test_opened_for_commits_it_becomes_this_version_and_takes_a_watermark(old: Path) -> None:
    walked = replace(STOOD, resume=None, watermark=5.5, walk_to=7.0)
    with Store(old, writable=True) as store:
        store.commit([Batch("okta", b"", 0, b"", b"", b"", walked)], keeps={"okta": Keep()})
    with Store(old, writable=True) as store:
        assert store.checkpoint("okta") == walked
    assert version_of(old) == VERSION


def test_a_reader_leaves_it_as_it_is(old: Path) -> None:
    before = old.read_bytes()
    with Store(old, writable=False) as store:
        assert store.checkpoint("okta") == STOOD
    assert old.read_bytes() == before
    assert version_of(old) == 1


def version_of(path: Path) -> int:
    db = sqlite3.connect(path)
    (version,) = db.execute("PRAGMA user_version").fetchone()
    db.close()
    return int(version)
