"""The account of one tick of one source: what came, and where the source stands at its end."""

import msgspec

from hel.records import Batch, Checkpoint, Page
from hel.telemetry.log import Log


class Tick(msgspec.Struct):
    """The account of one tick.

    Attributes:
        pages: Read.
        events: Handed over.
        duplicates: Left out, because they had been delivered before.
        skipped: Left out, because their lines are too long.
        newest: The newest event of the source so far, as its own text.
        newest_at: The same in epoch seconds.
        resume: Where the next one starts; None for the beginning.
        took_s: From the start to the last page.
        behind: `max_pages` ended it, and there is more.
        finished: The source was finished, or is now.
        watermark: Before which all is delivered, for a source that goes by one.
        unnamed: The config's key of what no page had, though it says where the next one is; empty for none.
    """

    pages: int = 0
    events: int = 0
    duplicates: int = 0
    skipped: int = 0
    newest: str | None = None
    newest_at: float | None = None
    resume: str | None = None
    took_s: float = 0.0
    behind: bool = False
    finished: bool = False
    watermark: float | None = None
    unnamed: str = ""

    def add(self, page: Page, batch: Batch) -> None:
        """Count a page that was handed over."""
        self.pages += 1
        self.events += batch.count
        self.skipped += len(batch.skipped)
        self.duplicates += len(page.events) - batch.count - len(batch.skipped)

    def stand(self, checkpoint: Checkpoint) -> None:
        """Take over where the source stands at the end."""
        self.newest, self.newest_at = checkpoint.newest, checkpoint.newest_at
        self.resume, self.finished = checkpoint.resume, checkpoint.finished
        self.watermark = checkpoint.watermark


_LACKING = {
    "watermark.path": "no event has a value there that is written as `watermark.format` says: correct the two; until "
    "then each tick asks for the same events again and leaves out what was delivered",
    "dedupe.id_path": "no event has anything there: correct it; until then an event is known by its whole text alone",
    "transform.id_field": "no event has anything there: correct it; until then `meta` is empty",
    "transform.timestamp_field": "no event has a time that is known: name its field there, and `timestamp_format` "
    "where it is a number; until then `ts` is the time of collection",
}


def say_fetched(tick: Tick, page: Page, batch: Batch, took_s: float, log: Log) -> None:
    """Say of a page that was just counted what came with it."""
    log.debug(
        "page.fetched",
        number=tick.pages,
        events=len(page.events),
        new=batch.count,
        skipped=len(batch.skipped),
        duplicates=len(page.events) - batch.count - len(batch.skipped),
        took_s=round(took_s, 3),
    )


def say_finished(tick: Tick, log: Log) -> None:
    """Say what a tick came to; one that brought nothing is of use only when looking for a fault."""
    say = log.info if tick.events else log.debug
    say(
        "tick.finished",
        pages=tick.pages,
        events=tick.events,
        duplicates=tick.duplicates,
        newest=tick.newest,
        took_s=round(tick.took_s, 3),
        behind=tick.behind,
        finished=tick.finished,
    )


def say_behind(tick: Tick, log: Log) -> None:
    """Say that a tick ended before its end was reached, and what to do where that lasts."""
    log.warning(
        "source.behind",
        pages=tick.pages,
        fix="max_pages ended the tick and there is more, which the next ones collect; to catch up faster, set "
        "the page's size to the API's most (`limit` under query_params; Okta's is 1000), raise "
        "pagination.max_pages, or lower schedule.interval_secs",
    )


def say_lacking(key: str, log: Log) -> None:
    """Say that a key of the config names a field which no event has, and what follows."""
    log.warning("field.missing", key=key, fix=_LACKING[key])


def say_skipped(batch: Batch, log: Log) -> None:
    """Say of each event that was left out for its length which one it was."""
    for skipped in batch.skipped:
        log.warning(
            "line.skipped",
            bytes=skipped.bytes,
            ts=skipped.ts,
            id=skipped.id,
            fix="it is longer than `limits.max_line_bytes`, and `on_long_line: skip` leaves it out for good",
        )
