"""What a commit writes down of a source, and how long it stays there.

The rule: of what was delivered, that is known which the source may be asked for again, from its checkpoint, by an
overlap or with a walk; the rest is forgotten. All of it happens within the transaction of a `Store`.
"""

import math
import sqlite3
from dataclasses import astuple, fields, replace

import msgspec

from hel.dedupe import KEY_BYTES
from hel.records import Batch, Checkpoint, kind_of

LATENESS_S = 3600.0
"""An event may be persisted this much later than the newest one before it and still be recognised in an overlap."""

COLUMNS = ", ".join(field.name for field in fields(Checkpoint))
"""Of a checkpoint, in the order of its fields."""


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


def forget(db: sqlite3.Connection, source: str) -> None:
    """Know nothing of a source any more."""
    for table in ("checkpoints", "delivered", "seen"):
        db.execute(f"DELETE FROM {table} WHERE source = ?", (source,))


def move(db: sqlite3.Connection, source: str, checkpoint: Checkpoint) -> None:
    """Let a source stand there."""
    db.execute(
        f"INSERT OR REPLACE INTO checkpoints (source, {COLUMNS}) VALUES (?{', ?' * len(fields(Checkpoint))})",
        (source, *astuple(checkpoint)),
    )


def add(db: sqlite3.Connection, batch: Batch, keep: Keep) -> None:
    """Write down what was delivered and where its source stands, and forget what is not needed any more."""
    source, checkpoint = batch.source, batch.checkpoint
    until_at = batch.until_at
    if until_at is None:
        until_at = 0.0 if checkpoint is None else _until_at(checkpoint)
    if checkpoint is not None:
        checkpoint = _go_on(db, source, checkpoint)
    if batch.is_new_ground:
        db.execute("DELETE FROM delivered WHERE source = ? AND (met = 1 OR beyond = 2)", (source,))
        db.execute("UPDATE delivered SET beyond = 1 WHERE source = ?", (source,))
    _insert(db, source, batch.keys, until_at, beyond=int(checkpoint is None))
    _insert(db, source, batch.met, until_at, beyond=1, met=1)
    if batch.ids and keep.ids:
        _remember(db, source, batch.ids, keep.ids)
    if checkpoint is not None:
        move(db, source, checkpoint)
        if not checkpoint.overlapping:
            _leave_ground(db, source, checkpoint, keep)
            _insert(db, source, batch.again, until_at, beyond=2)


def walked_until(checkpoint: Checkpoint) -> float | None:
    """Behind which watermark a walk meets nothing that was delivered up to now; None for a source that does not walk.

    An event may be newer than the watermark.
    """
    if checkpoint.watermark is None and checkpoint.walk_to is None:
        return None
    known = (checkpoint.watermark, checkpoint.walk_to, checkpoint.reached)
    return max(at for at in known if at is not None)


def _insert(db: sqlite3.Connection, source: str, keys: bytes, until_at: float, *, beyond: int, met: int = 0) -> None:
    if keys:
        db.execute(
            "INSERT INTO delivered (source, keys, met, beyond, until_at) VALUES (?, ?, ?, ?, ?)",
            (source, keys, met, beyond, until_at),
        )


def _remember(db: sqlite3.Connection, source: str, ids: bytes, capacity: int) -> None:
    (total,) = db.execute("SELECT max(total) FROM seen WHERE source = ?", (source,)).fetchone()
    total = (total or 0) + len(ids) // KEY_BYTES
    db.execute("INSERT INTO seen (source, ids, total) VALUES (?, ?, ?)", (source, ids, total))
    db.execute("DELETE FROM seen WHERE source = ? AND total <= ?", (source, total - capacity))


def _go_on(db: sqlite3.Connection, source: str, checkpoint: Checkpoint) -> Checkpoint:
    """The checkpoint with what only the state knows: how far it remembers.

    Rows of a watermark of another kind say nothing of how long they are needed: times and numbers don't mix.
    """
    stored = db.execute("SELECT question, known_from FROM checkpoints WHERE source = ?", (source,)).fetchone()
    if stored is None:
        return checkpoint
    question, known_from = stored
    if question and kind_of(question) != kind_of(checkpoint.question):
        db.execute("UPDATE delivered SET until_at = 0, beyond = max(beyond, 1) WHERE source = ? AND met = 0", (source,))
    return replace(checkpoint, known_from=known_from)


def _leave_ground(db: sqlite3.Connection, source: str, checkpoint: Checkpoint, keep: Keep) -> None:
    """Nothing but an overlap leads back to what was delivered; keep what one can reach."""
    db.execute("DELETE FROM delivered WHERE source = ? AND beyond > 0 AND (met = 1 OR beyond = 2)", (source,))
    if keep.walks:
        # A row keeps what its batch said, for each walk comes here; an adopted one said nothing.
        at, least = (walked_until(checkpoint) or checkpoint.updated_at), "iif(until_at = 0, ?, until_at)"
        reach = -math.inf if checkpoint.watermark is None else checkpoint.watermark - keep.overlap_s
    else:
        at, least = _until_at(checkpoint), "max(until_at, ?)"
        reach = min(checkpoint.newest_at or checkpoint.updated_at, checkpoint.updated_at) - keep.overlap_s
    db.execute(f"UPDATE delivered SET beyond = 0, until_at = {least} WHERE source = ? AND beyond > 0", (at, source))
    db.execute("DELETE FROM delivered WHERE source = ? AND until_at < ?", (source, reach))
    if math.isfinite(reach):
        db.execute(
            "UPDATE checkpoints SET known_from = max(coalesce(known_from, ?), ?) WHERE source = ?",
            (reach, reach, source),
        )


def _until_at(checkpoint: Checkpoint) -> float:
    """When no overlap can reach the lines of this moment: an overlap goes by the time of persistence.

    That lies between the newest event's own time and the time of collection, so the later one would be safe; but in
    a catch-up, where the two are days apart, it would keep every line.
    """
    if checkpoint.newest_at is None:
        return checkpoint.updated_at
    return min(checkpoint.updated_at, checkpoint.newest_at + LATENESS_S)
