"""The state: read at the start, then written only by commits that follow delivery.

One commit is one transaction and one fsync, however many batches it carries (SQLite: WAL, `synchronous=FULL`).
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, Self

from hel.dedupe import KEY_BYTES, split_keys
from hel.errors import StateError
from hel.records import Batch, Checkpoint, Position
from hel.state.schema import connect

LATENESS_S = 3600.0
"""An event may be persisted this much later than the newest one before it and still be recognised in an overlap."""

_CHECKPOINT = "question, resume, newest, newest_at, finished, overlapping, events, updated_at"


@dataclass(frozen=True, slots=True)
class Keep:
    """How much of what it delivered a source wants remembered.

    Attributes:
        ids: How many IDs; 0 for none.
        overlap_s: How far it goes back when its cursor no longer serves.
    """

    ids: int = 0
    overlap_s: float = 600.0


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
        rows = self._read(f"SELECT source, {_CHECKPOINT} FROM checkpoints ORDER BY source")
        return {row[0]: _checkpoint(row[1:]) for row in rows}

    def checkpoint(self, source: str) -> Checkpoint | None:
        """Where this source stands, or None before its first commit."""
        rows = self._read(f"SELECT {_CHECKPOINT} FROM checkpoints WHERE source = ?", source)
        return next(map(_checkpoint, rows), None)

    def seen(self, source: str) -> Iterator[bytes]:
        """The remembered ID keys of this source, oldest first."""
        for (ids,) in self._read("SELECT ids FROM seen WHERE source = ? ORDER BY number", source):
            yield from split_keys(ids)

    def delivered(self, source: str, *, beyond: bool) -> Counter[bytes]:
        """How often each line was delivered that this source may meet again.

        Args:
            source: The source's name.
            beyond: Only what it will certainly be asked for again; otherwise all that an overlap can reach.
        """
        counts: Counter[bytes] = Counter()
        query = f"SELECT keys, met FROM delivered WHERE source = ? AND beyond IN {'(1, 2)' if beyond else '(0, 1)'}"
        for keys, met in self._read(query, source):
            (counts.subtract if met else counts.update)(split_keys(keys))
        return +counts

    def nonces(self) -> dict[str, str]:
        """The newest DPoP nonce by token URL or API origin."""
        return dict(self._read("SELECT server, nonce FROM nonces"))

    def position(self, path: Path) -> Position | None:
        """How far this output file was written, or None."""
        rows = self._read("SELECT path, device, inode, length, tail FROM outputs WHERE path = ?", str(path))
        return next((Position(*row) for row in rows), None)

    def commit(
        self,
        batches: Iterable[Batch],
        nonces: Mapping[str, str] | None = None,
        position: Position | None = None,
        keeps: Mapping[str, Keep] | None = None,
    ) -> None:
        """Make what was delivered count, all of it or nothing.

        Args:
            batches: Written, flushed and, for a file, fsynced.
            nonces: Learned since the last commit.
            position: How far the output file is written now.
            keeps: How much of it is remembered, by source.

        Raises:
            StateError: Nothing of it was committed; the same call may be made again.
        """
        with self._writing():
            for batch in batches:
                self._add(batch, (keeps or {}).get(batch.source, Keep()))
            self._db.executemany("INSERT OR REPLACE INTO nonces VALUES (?, ?)", (nonces or {}).items())
            if position is not None:
                self._db.execute(
                    "INSERT OR REPLACE INTO outputs VALUES (?, ?, ?, ?, ?)",
                    (position.path, position.device, position.inode, position.length, position.tail),
                )

    def reset(self, source: str) -> bool:
        """Forget all about a source; False if nothing was known."""
        with self._writing():
            gone = 0
            for table in ("checkpoints", "delivered", "seen"):
                gone += self._db.execute(f"DELETE FROM {table} WHERE source = ?", (source,)).rowcount
        return gone > 0

    def put(self, source: str, checkpoint: Checkpoint) -> None:
        """Set a source's checkpoint by hand."""
        self.commit([Batch(source, b"", 0, b"", b"", b"", checkpoint)])

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

    def _add(self, batch: Batch, keep: Keep) -> None:
        source, checkpoint = batch.source, batch.checkpoint
        until_at = 0.0 if checkpoint is None else _until_at(checkpoint)
        for keys, met in ((batch.keys, 0), (batch.met, 1)):
            if keys:
                self._db.execute(
                    "INSERT INTO delivered (source, keys, met, beyond, until_at) VALUES (?, ?, ?, ?, ?)",
                    (source, keys, met, checkpoint is None, until_at),
                )
        if batch.ids and keep.ids:
            self._remember(source, batch.ids, keep.ids)
        if checkpoint is not None:
            self._move(batch, checkpoint, until_at, keep.overlap_s)

    def _remember(self, source: str, ids: bytes, capacity: int) -> None:
        (total,) = self._db.execute("SELECT max(total) FROM seen WHERE source = ?", (source,)).fetchone()
        total = (total or 0) + len(ids) // KEY_BYTES
        self._db.execute("INSERT INTO seen (source, ids, total) VALUES (?, ?, ?)", (source, ids, total))
        self._db.execute("DELETE FROM seen WHERE source = ? AND total <= ?", (source, total - capacity))

    def _move(self, batch: Batch, checkpoint: Checkpoint, until_at: float, overlap_s: float) -> None:
        """Set the checkpoint; once it has left delivered ground, only what an overlap can reach is kept."""
        source, again = batch.source, batch.again
        self._db.execute(
            f"INSERT OR REPLACE INTO checkpoints (source, {_CHECKPOINT}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                source,
                checkpoint.question,
                checkpoint.resume,
                checkpoint.newest,
                checkpoint.newest_at,
                checkpoint.finished,
                checkpoint.overlapping,
                checkpoint.events,
                checkpoint.updated_at,
            ),
        )
        if checkpoint.overlapping:
            return
        reach = (checkpoint.newest_at or checkpoint.updated_at) - overlap_s
        self._db.execute(
            "UPDATE delivered SET beyond = 0, until_at = max(until_at, ?) WHERE source = ? AND beyond = 1",
            (until_at, source),
        )
        self._db.execute(
            "DELETE FROM delivered WHERE source = ? AND (until_at < ? OR met = 1 OR beyond = 2)", (source, reach)
        )
        if again:
            self._db.execute(
                "INSERT INTO delivered (source, keys, met, beyond, until_at) VALUES (?, ?, 0, 2, ?)",
                (source, again, until_at),
            )

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


def _until_at(checkpoint: Checkpoint) -> float:
    """When no overlap can reach the lines of this moment: an overlap goes by the time of persistence.

    That lies between the newest event's own time and the time of collection, so the later one would be safe; but in
    a catch-up, where the two are days apart, it would keep every line.
    """
    if checkpoint.newest_at is None:
        return checkpoint.updated_at
    return min(checkpoint.updated_at, checkpoint.newest_at + LATENESS_S)


def _checkpoint(row: tuple[Any, ...]) -> Checkpoint:
    question, resume, newest, newest_at, finished, overlapping, events, updated_at = row
    return Checkpoint(question, resume, newest, newest_at, bool(finished), bool(overlapping), events, updated_at)
