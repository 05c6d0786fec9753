"""What is valid and yet not wise: advice for a person, none of it an error."""

from collections.abc import Iterator

from hel.config.pagination import OffsetPagination, PageOffsetPagination
from hel.config.problems import Problem
from hel.config.source import SourceConfig


def advice(name: str, source: SourceConfig) -> Iterator[Problem]:
    """What its user would want to know before the first event."""
    here = ("sources", name)
    if isinstance(source.pagination, PageOffsetPagination | OffsetPagination) and source.dedupe is None:
        yield Problem(
            "numbers of pages shift when an event comes between two of them, and what moves to the next page comes "
            "twice (add 'dedupe' with the 'id_path' of the event's ID)",
            (*here, "pagination"),
        )
    mark, window = source.watermark, source.window
    if mark is not None and mark.overlap_secs == 0 and mark.format != "number":
        yield Problem(_LATE, (*here, "watermark", "overlap_secs"))
    if window is not None and window.overlap_secs == 0 and window.lag_secs == 0:
        yield Problem(_LATE, (*here, "window", "overlap_secs"))
    if mark is not None and mark.format.startswith("epoch") and source.transform.timestamp_field is None:
        yield Problem(
            "the event's time is a number there, and `ts` is made of texts alone: lines may carry the time of "
            f"collection (add 'transform: {{timestamp_field: {mark.path}, timestamp_format: {mark.format}}}')",
            (*here, "watermark", "format"),
        )


_LATE = "an event that the API shows later than it is dated is lost (leave the key out for ten minutes, or raise it)"
