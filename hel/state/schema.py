"""The state file's tables, their version, and what may be opened as one.

The rule: a file that is not ours, is damaged, or comes from a newer Hel is left exactly as it is.
"""

import os
import sqlite3
import stat
from pathlib import Path

from hel.errors import StateError

APPLICATION_ID = 0x48656C01
"""Marks a SQLite file as Hel's (https://www.sqlite.org/pragma.html#pragma_application_id)."""

MIGRATIONS = (
    """
    CREATE TABLE checkpoints (
        source TEXT PRIMARY KEY,
        question TEXT NOT NULL,
        resume TEXT,
        newest TEXT,
        newest_at REAL,
        finished INTEGER NOT NULL,
        overlapping INTEGER NOT NULL,
        events INTEGER NOT NULL,
        updated_at REAL NOT NULL
    );
    CREATE TABLE delivered (
        number INTEGER PRIMARY KEY,
        source TEXT NOT NULL,
        met INTEGER NOT NULL,
        beyond INTEGER NOT NULL,
        until_at REAL NOT NULL,
        keys BLOB NOT NULL
    );
    CREATE INDEX delivered_by_source ON delivered (source, until_at);
    CREATE INDEX delivered_ground ON delivered (source) WHERE beyond > 0;
    CREATE TABLE seen (
        number INTEGER PRIMARY KEY,
        source TEXT NOT NULL,
        total INTEGER NOT NULL,
        ids BLOB NOT NULL
    );
    CREATE INDEX seen_by_source ON seen (source, total);
    CREATE TABLE nonces (server TEXT PRIMARY KEY, nonce TEXT NOT NULL);
    CREATE TABLE outputs (
        path TEXT PRIMARY KEY,
        inode INTEGER NOT NULL,
        length INTEGER NOT NULL,
        tail TEXT NOT NULL
    );
    """,
    """
    ALTER TABLE checkpoints ADD COLUMN watermark REAL;
    ALTER TABLE checkpoints ADD COLUMN reached REAL;
    ALTER TABLE checkpoints ADD COLUMN known_from REAL;
    ALTER TABLE checkpoints ADD COLUMN walk_to REAL;
    """,
    """
    -- From here on digests of events may be others than BLAKE2b's, which a Hel of before would not know again.
    """,
)
"""What leads from each version to the next; the version is the number of steps taken.

`delivered`: packed 16-byte digests of events, in rows that differ by `beyond`. 0: behind the checkpoint, only an
overlap leads back there. 1: the source will be asked for them again. 2: the same for lines that stand under 0 as well.
`met` 1 takes digests back from those: they came again and were left out. `until_at`: when no overlap of this source can
reach them any more, epoch seconds.
`seen`: packed 16-byte digests of IDs, and how many IDs the source has had up to and with this row.
A blob stands last in its row, so that the columns before it are read without it.
"""

VERSION = len(MIGRATIONS)


def check_file(path: Path) -> None:
    """See whether there is a state file, or may be one, before anything is made or locked.

    SQLite itself would replay a foreign journal first.

    Raises:
        StateError: What is there is no state; it is left untouched.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise StateError(f"the state {path} is no regular file", "name a file in `global.state.path`")
        with path.open("rb") as file:
            head = file.read(16)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _closed(path, error.strerror or str(error)) from error
    if head and head != b"SQLite format 3\x00":
        raise _unusable(path, "it is no SQLite database")


def connect(path: Path, *, writable: bool) -> sqlite3.Connection:
    """Open a state file, make it where it is missing and `writable`, and bring it to this version.

    Raises:
        StateError: It is not ours, damaged, from a newer Hel, or can't be opened; it is left untouched.
    """
    check_file(path)
    try:
        if writable and not path.exists():
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?{_mode(path, writable=writable)}",
            uri=True,
            isolation_level=None,
            check_same_thread=False,  # the emitter's worker threads take turns
            timeout=0.5,  # who waits for it tries again, and can be stopped meanwhile
        )
        try:
            _check_ours(connection, path)
            if not writable and _is_older(connection):
                return _brought_up_to_date(connection)
            if writable:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")
                _migrate(connection)
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        is_damaged = error.sqlite_errorname.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT"))
        raise (_unusable if is_damaged else _closed)(path, str(error)) from error
    except OSError as error:
        raise _closed(path, error.strerror or str(error)) from error
    return connection


def _is_older(connection: sqlite3.Connection) -> bool:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return bool(version < VERSION)


def _brought_up_to_date(connection: sqlite3.Connection) -> sqlite3.Connection:
    """A copy in memory of a file of an older Hel, which a reader must leave as it is."""
    copy = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    try:
        connection.backup(copy)
        _migrate(copy)
    except BaseException:
        copy.close()
        raise
    connection.close()
    return copy


def _mode(path: Path, *, writable: bool) -> str:
    """How SQLite opens it (https://www.sqlite.org/uri.html). A reader makes files beside it, unless it may not."""
    if writable:
        return "mode=rw"
    is_at_rest = not path.with_name(f"{path.name}-wal").exists()
    return "mode=ro&immutable=1" if is_at_rest and not os.access(path.parent, os.W_OK) else "mode=ro"


def _check_ours(connection: sqlite3.Connection, path: Path) -> None:
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application_id != APPLICATION_ID and tables:
        raise _unusable(path, "it is another program's database")
    if version > VERSION:
        raise StateError(
            f"the state {path} is from a newer Hel (its version is {version}, this one knows up to {VERSION}); "
            "it was left untouched",
            "run the newer Hel; or there `hel state export > state.json`, and here, with another `global.state.path`, "
            "`hel state import < state.json`",
        )
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise _unusable(path, f"it is damaged: {verdict.splitlines()[-1]}")


def _migrate(connection: sqlite3.Connection) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == VERSION:
        return
    steps = "".join(MIGRATIONS[version:])
    connection.executescript(
        f"BEGIN IMMEDIATE; PRAGMA application_id = {APPLICATION_ID}; {steps} PRAGMA user_version = {VERSION}; COMMIT;"
    )


def _closed(path: Path, why: str) -> StateError:
    return StateError(
        f"the state {path} can't be opened: {why}",
        "run this as the user that runs Hel, and look at the owner, mode and free space of the file and its folder",
    )


def _unusable(path: Path, why: str) -> StateError:
    return StateError(
        f"the state {path} can't be used: {why}; it was left untouched",
        f"restore it from a backup; or move it away (mv {path.name} {path.name}.bad), then start anew with `hel run` "
        "or from an export with `hel state import < state.json`",
    )
