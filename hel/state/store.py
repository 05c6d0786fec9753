"""The state: read at the start, then written only by commits that follow delivery.

One commit is one transaction and one fsync, however many batches it carries (SQLite: WAL, `synchronous=FULL`).
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple, replace
from pathlib import Path
from threading import Lock
from typing import Any, Self

from hel.dedupe import split_keys
from hel.errors import StateError
from hel.records import Batch, Checkpoint, Position
from hel.state import keeping
from hel.state.keeping import COLUMNS, Keep
from hel.state.schema import connect


class Store:
    """One state file; one thread at a time is let in.

    Args:
        path: The SQLite file.
        writable: Opened for commits (the caller holds the `StateLock`); otherwise read beside a running Hel.

    Raises:
        StateError: It can't be used; it is left untouched.
    """

    def __init__(self, path: Path, *, writable: bool) -> None:
        self.path = path
        self._db = connect(path, writable=writable)
        self._turn = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def checkpoints(self) -> dict[str, Checkpoint]:
        """Where each source stands, by name."""
        rows = self._read(f"SELECT source, {COLUMNS} FROM checkpoints ORDER BY source")
        return {row[0]: _checkpoint(row[1:]) for row in rows}

    def checkpoint(self, source: str) -> Checkpoint | None:
        """Where this source stands, or None before its first commit."""
        rows = self._read(f"SELECT {COLUMNS} FROM checkpoints WHERE source = ?", source)
        return next(map(_checkpoint, rows), None)

    def seen(self, source: str) -> Iterator[bytes]:
        """The remembered ID keys of this source, oldest first."""
        for (ids,) in self._read("SELECT ids FROM seen WHERE source = ? ORDER BY number", source):
            yield from split_keys(ids)

    def ground(self, source: str) -> Counter[bytes]:
        """How often each line was delivered that this source will be asked for again behind its checkpoint."""
        counts: Counter[bytes] = Counter()
        for keys, met in self._read("SELECT keys, met FROM delivered WHERE source = ? AND beyond > 0", source):
            (counts.subtract if met else counts.update)(split_keys(keys))
        return +counts

    def reach(self, source: str) -> Counter[bytes]:
        """How often each line was delivered that this source may be asked for again when it starts over."""
        counts: Counter[bytes] = Counter()
        for (keys,) in self._read("SELECT keys FROM delivered WHERE source = ? AND beyond < 2 AND met = 0", source):
            counts.update(split_keys(keys))
        return counts

    def nonces(self) -> dict[str, str]:
        """The newest DPoP nonce by token URL or API origin."""
        return dict(self._read("SELECT server, nonce FROM nonces"))

    def sources(self) -> list[str]:
        """Every source of which anything is known."""
        query = "SELECT source FROM checkpoints UNION SELECT source FROM delivered UNION SELECT source FROM seen"
        return sorted(source for (source,) in self._read(query))

    def positions(self) -> list[Position]:
        """How far each output file was written."""
        return [Position(*row) for row in self._read("SELECT path, inode, length, tail FROM outputs")]

    def position(self, path: Path) -> Position | None:
        """How far this output file was written, or None."""
        rows = self._read("SELECT path, inode, length, tail FROM outputs WHERE path = ?", str(path))
        return next((Position(*row) for row in rows), None)

    def commit(
        self,
        batches: Iterable[Batch],
        nonces: Mapping[str, str] | None = None,
        positions: Iterable[Position] = (),
        keeps: Mapping[str, Keep] | None = None,
        forget: Iterable[str] = (),
    ) -> None:
        """Make what was delivered count, all of it or nothing.

        Args:
            batches: Written, flushed and, for a file, fsynced.
            nonces: Learned since the last commit.
            positions: How far output files are written now.
            keeps: How much of it is remembered, by source.
            forget: Sources of which everything is forgotten first.

        Raises:
            StateError: Nothing of it was committed; the same call may be made again.
        """
        with self._writing():
            for source in forget:
                keeping.forget(self._db, source)
            for batch in batches:
                keeping.add(self._db, batch, (keeps or {}).get(batch.source, Keep()))
            self._db.executemany("INSERT OR REPLACE INTO nonces VALUES (?, ?)", (nonces or {}).items())
            self._db.executemany("INSERT OR REPLACE INTO outputs VALUES (?, ?, ?, ?)", map(astuple, positions))

    def reset(self, source: str) -> None:
        """Forget all about a source."""
        self.commit([], forget=[source])

    def claim(self, names: Mapping[str, str]) -> None:
        """Let sources take over what was recorded under other names.

        Args:
            names: The source's name by the other one.
        """
        others = {name for (name,) in self._read("SELECT DISTINCT source FROM delivered")} & names.keys()
        if others:
            with self._writing():
                for other in others:
                    self._db.execute("UPDATE delivered SET source = ? WHERE source = ?", (names[other], other))

    def put(self, source: str, checkpoint: Checkpoint) -> None:
        """Set a source's checkpoint by hand; what it has delivered stays on record as it is."""
        with self._writing():
            keeping.move(self._db, source, checkpoint)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One transaction: all of it or nothing."""
        try:
            with self._turn:
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    yield
                    self._db.execute("COMMIT")
                except BaseException:
                    if self._db.in_transaction:
                        self._db.execute("ROLLBACK")
                    raise
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def _read(self, query: str, *arguments: object) -> list[tuple[Any, ...]]:
        try:
            with self._turn:
                return self._db.execute(query, arguments).fetchall()
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def _failed(self, error: sqlite3.Error) -> StateError:
        return StateError(
            f"the state {self.path} can't be read or written: {error}", "check the disk's space and health"
        )


def _checkpoint(row: tuple[Any, ...]) -> Checkpoint:
    found = Checkpoint(*row)
    return replace(found, finished=bool(found.finished), overlapping=bool(found.overlapping))
