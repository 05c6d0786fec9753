"""What the load server serves."""

import gzip
import json
from typing import Any

from tests.bench.logs import GrowingLog, Logs
from tests.bench.pages import EVENTS_PER_PAGE, compressed

PAGE = compressed([b'{"uuid":"11111111-0000-4000-8000-000000000001","published":"x"}'])


def events(page: tuple[bytes, bytes]) -> list[dict[str, Any]]:
    encoding, body = page
    found: list[dict[str, Any]] = json.loads(gzip.decompress(body) if encoding else body)
    return found


def test_the_credential_says_how_long_a_log_is() -> None:
    logs = Logs([PAGE])
    short, endless = logs.named("pages-1.7"), logs.named("endless")
    assert short is not None
    assert endless is not None
    assert [len(events(short.page(number))) for number in (0, 1, 1)] == [1, 0, 0]
    assert (short.asked, short.caught_up) == (3, 2)
    assert len(events(endless.page(1_000_000))) == 1
    assert logs.named("hangs.3") is None


def test_a_log_that_grows_never_repeats_an_event() -> None:
    log = GrowingLog([PAGE])
    log.grow(real=1, small=2)
    log.grow(real=1, small=0)
    found = [event["uuid"] for number in range(4) for event in events(log.page(number))]
    assert len(set(found)) == len(found) == 2 + 2 * EVENTS_PER_PAGE
    assert events(log.page(4)) == []


def test_a_log_that_grows_has_a_day_of_ten_million_events() -> None:
    log = GrowingLog([PAGE])
    log.grow(real=1, small=1)
    log.grow(real=1, small=9_997)
    assert [events(log.page(number))[-1]["published"] for number in (0, 1, 2, 9_999)] == [
        "2026-05-01T00:00:00.000Z",
        "2026-05-01T00:00:08.640Z",
        "2026-05-01T00:00:17.280Z",
        "2026-05-01T23:59:51.360Z",
    ]
