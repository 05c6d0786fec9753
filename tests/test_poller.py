from collections import Counter
from collections.abc import Callable
from typing import TypeVar

import anyio
import pytest

from hel.errors import RefusedError
from hel.events import LineMaker
from hel.memory import Memory
from hel.paging.pager import LinkHeaderPager
from hel.paging.question import Question
from hel.poller import Pace, Poller
from hel.queue import BatchQueue, Room
from hel.records import Checkpoint, Reply, Request
from hel.recovery import Recovery
from tests.doubles import FakeClock, HeardLog

pytestmark = pytest.mark.anyio

URL = "https://org.okta.com/api/v1/logs"
QUESTION = Question(URL, {}, None, "since")
T = TypeVar("T")


class Api:
    """One event behind the beginning; refuses its own cursor the second time."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def __call__(self, request: Request, read: Callable[[Reply], T], gate: Room) -> T:
        await gate.wait()
        self.asked.append(request.url)
        if len(self.asked) == 3:
            raise RefusedError("refused", "", 400)
        body = b'[{"published":"2026-05-01T12:00:00Z"}]' if "after" not in request.url else b"[]"
        return read(Reply(200, (("link", f'<{URL}?after=x>; rel="next"'),), body, 1_777_636_800.0))


async def test_a_start_over_recalls_what_was_delivered_only_when_all_of_it_is_committed() -> None:
    queue, api, recalled = BatchQueue(10_000, 100_000_000), Api(), list[bool]()

    def recall() -> Counter[bytes]:
        recalled.append(True)
        return Counter()

    memory = Memory(Checkpoint(QUESTION.digest), Counter())
    recovery = Recovery("okta", "resume", QUESTION, 600, recall)
    maker, pager = LineMaker(("source", "okta"), "/api/v1/logs"), LinkHeaderPager(URL)
    poller = Poller(
        "okta", api, pager, maker, memory, recovery, Pace(60, 0, 10, 0, 3600), queue, FakeClock(), HeardLog()
    )
    await poller.tick()
    handed_over = await queue.take(None)
    with anyio.move_on_after(0.05) as waited:
        await poller.tick()
    assert waited.cancelled_caught
    assert not recalled, "what is handed over and not committed can't be recalled yet"
    queue.delivered(handed_over)
    api.asked = api.asked[:2]
    await poller.tick()
    assert recalled
    assert api.asked[-1].startswith(f"{URL}?")
