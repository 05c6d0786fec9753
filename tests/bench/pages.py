"""What the load server serves: pages of real-sized events, gzip-compressed once, before anything is measured."""

import gzip
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor

from examples.okta_org.samples import Samples

EVENTS_PER_PAGE = 1000
"""Okta's largest page."""

FIRST_AT = 1_777_593_600.0  # 2026-05-01T00:00:00Z


def make(count: int) -> list[bytes]:
    """So many pages, each the gzip-compressed JSON array of its events; the same ones each time."""
    with ProcessPoolExecutor() as workers:
        return list(workers.map(_page, range(count)))


def compressed(events: Sequence[bytes]) -> bytes:
    """A page of these events, as a server sends it."""
    return packed(b"[" + b",".join(events) + b"]")


def packed(text: bytes) -> bytes:
    """A body, as a server sends it."""
    return gzip.compress(text, 6, mtime=0)


def _page(number: int) -> bytes:
    samples = Samples(number)
    start = FIRST_AT + number * EVENTS_PER_PAGE
    return compressed([samples.make(start + at)[1] for at in range(EVENTS_PER_PAGE)])
