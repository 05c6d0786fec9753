"""The state: read at the start, then written only by commits that follow delivery.

One commit is one transaction and one fsync, however many batches it carries (SQLite: WAL, `synchronous=FULL`).
"""

import math
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple, fields, replace
from pathlib import Path
from threading import Lock
from typing import Any, Self

import msgspec

from hel.dedupe import KEY_BYTES, split_keys
from hel.errors import StateError
from hel.records import Batch, Checkpoint, Position, kind_of
from hel.state.schema import connect

LATENESS_S = 3600.0
"""An event may be persisted this much later than the newest one before it and still be recognised in an overlap."""

_CHECKPOINT = ", ".join(field.name for field in fields(Checkpoint))


class Keep(msgspec.Struct, frozen=True):
    """How much of what it delivered a source wants remembered.

    Attributes:
        ids: How many IDs; 0 for none.
        overlap_s: How far it goes back when its cursor no longer serves, or with each walk.
        walks: It goes back from its watermark, with each walk.
    """

    ids: int = 0
    overlap_s: float = 600.0
    walks: bool = False


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
                self._forget(source)
            for batch in batches:
                self._add(batch, (keeps or {}).get(batch.source, Keep()))
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
            self._move(source, checkpoint)

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

    def _forget(self, source: str) -> None:
        for table in ("checkpoints", "delivered", "seen"):
            self._db.execute(f"DELETE FROM {table} WHERE source = ?", (source,))

    def _add(self, batch: Batch, keep: Keep) -> None:
        source, checkpoint = batch.source, batch.checkpoint
        until_at = batch.until_at
        if until_at is None:
            until_at = 0.0 if checkpoint is None else _until_at(checkpoint)
        if checkpoint is not None:
            checkpoint = self._go_on(source, checkpoint)
        if batch.is_new_ground:
            self._db.execute("DELETE FROM delivered WHERE source = ? AND (met = 1 OR beyond = 2)", (source,))
            self._db.execute("UPDATE delivered SET beyond = 1 WHERE source = ?", (source,))
        self._insert(source, batch.keys, until_at, beyond=int(checkpoint is None))
        self._insert(source, batch.met, until_at, beyond=1, met=1)
        if batch.ids and keep.ids:
            self._remember(source, batch.ids, keep.ids)
        if checkpoint is not None:
            self._move(source, checkpoint)
            if not checkpoint.overlapping:
                self._leave_ground(source, checkpoint, keep)
                self._insert(source, batch.again, until_at, beyond=2)

    def _insert(self, source: str, keys: bytes, until_at: float, *, beyond: int, met: int = 0) -> None:
        if keys:
            self._db.execute(
                "INSERT INTO delivered (source, keys, met, beyond, until_at) VALUES (?, ?, ?, ?, ?)",
                (source, keys, met, beyond, until_at),
            )

    def _remember(self, source: str, ids: bytes, capacity: int) -> None:
        (total,) = self._db.execute("SELECT max(total) FROM seen WHERE source = ?", (source,)).fetchone()
        total = (total or 0) + len(ids) // KEY_BYTES
        self._db.execute("INSERT INTO seen (source, ids, total) VALUES (?, ?, ?)", (source, ids, total))
        self._db.execute("DELETE FROM seen WHERE source = ? AND total <= ?", (source, total - capacity))

    def _go_on(self, source: str, checkpoint: Checkpoint) -> Checkpoint:
        """The checkpoint with what only the state knows: how far it remembers.

        Rows of a watermark of another kind say nothing of how long they are needed: times and numbers don't mix.
        """
        stored = self._db.execute("SELECT question, known_from FROM checkpoints WHERE source = ?", (source,)).fetchone()
        if stored is None:
            return checkpoint
        question, known_from = stored
        if question and kind_of(question) != kind_of(checkpoint.question):
            self._db.execute(
                "UPDATE delivered SET until_at = 0, beyond = max(beyond, 1) WHERE source = ? AND met = 0", (source,)
            )
        return replace(checkpoint, known_from=known_from)

    def _move(self, source: str, checkpoint: Checkpoint) -> None:
        self._db.execute(
            f"INSERT OR REPLACE INTO checkpoints (source, {_CHECKPOINT}) VALUES (?{', ?' * len(fields(Checkpoint))})",
            (source, *astuple(checkpoint)),
        )

    def _leave_ground(self, source: str, checkpoint: Checkpoint, keep: Keep) -> None:
        """Nothing but an overlap leads back to what was delivered; keep what one can reach."""
        self._db.execute("DELETE FROM delivered WHERE source = ? AND beyond > 0 AND (met = 1 OR beyond = 2)", (source,))
        if keep.walks:
            # A row keeps what its batch said, for each walk comes here; an adopted one said nothing.
            at, least = (walked_until(checkpoint) or checkpoint.updated_at), "iif(until_at = 0, ?, until_at)"
            reach = -math.inf if checkpoint.watermark is None else checkpoint.watermark - keep.overlap_s
        else:
            at, least = _until_at(checkpoint), "max(until_at, ?)"
            reach = min(checkpoint.newest_at or checkpoint.updated_at, checkpoint.updated_at) - keep.overlap_s
        self._db.execute(
            f"UPDATE delivered SET beyond = 0, until_at = {least} WHERE source = ? AND beyond > 0", (at, source)
        )
        self._db.execute("DELETE FROM delivered WHERE source = ? AND until_at < ?", (source, reach))
        if math.isfinite(reach):
            self._db.execute(
                "UPDATE checkpoints SET known_from = max(coalesce(known_from, ?), ?) WHERE source = ?",
                (reach, reach, source),
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


def walked_until(checkpoint: Checkpoint) -> float | None:
    """Behind which watermark a walk meets nothing that was delivered up to now; None for a source that does not walk.

    An event may be newer than the watermark.
    """
    if checkpoint.watermark is None and checkpoint.walk_to is None:
        return None
    known = (checkpoint.watermark, checkpoint.walk_to, checkpoint.reached)
    return max(at for at in known if at is not None)


def _checkpoint(row: tuple[Any, ...]) -> Checkpoint:
    found = Checkpoint(*row)
    return replace(found, finished=bool(found.finished), overlapping=bool(found.overlapping))
