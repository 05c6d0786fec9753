import asyncio
from collections import Counter
from collections.abc import Callable
from typing import TypeVar

import anyio
import pytest

from hel.errors import RefusedError, Trouble, UnreachableError
from hel.events import LineMaker
from hel.follower import Follower
from hel.memory import Memory
from hel.paging.place import Asking
from hel.paging.question import Question
from hel.poller import Poller
from hel.queue import BatchQueue, Room, Size
from hel.records import Batch, Checkpoint, Reply, Request
from hel.recovery import Recovery
from hel.schedule import Pace
from hel.tick import Tick
from tests.doubles import FakeClock, HeardLog, hand_over, link_pager
from tests.virtual_time import VirtualClock, VirtualLoop, run

pytestmark = pytest.mark.anyio

URL = "https://org.okta.com/api/v1/logs"
QUESTION = Question(Asking(URL), {}, None, "since")
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
    maker, pager = LineMaker(("source", "okta"), "/api/v1/logs"), link_pager(URL)
    follower = Follower(
        "okta", api, pager, maker, memory, recovery, None, Pace(60, 0, 10, 0, 3600), queue, FakeClock(), HeardLog()
    )
    await follower.tick()
    handed_over = await queue.take(None)
    with anyio.move_on_after(0.05) as waited:
        await follower.tick()
    assert waited.cancelled_caught
    assert not recalled, "what is handed over and not committed can't be recalled yet"
    queue.delivered(handed_over)
    api.asked = api.asked[:2]
    await follower.tick()
    assert recalled
    assert api.asked[-1].startswith(f"{URL}?")


class SlowApi:
    """A page a while after it is asked for, as often as there are pages: one event and the link to the next."""

    def __init__(self, takes_s: float, pages: int = 1000) -> None:
        self.takes_s = takes_s
        self.asked: list[str] = []
        self._pages = pages

    async def __call__(self, request: Request, read: Callable[[Reply], T], gate: Room) -> T:
        await gate.wait()
        self.asked.append(request.url)
        await asyncio.sleep(self.takes_s)
        number = int(request.query.get("after", "0"))
        body = b"[]" if number == self._pages else f'[{{"number":{number}}}]'.encode()
        return read(Reply(200, (("link", f'<{URL}?after={number + 1}>; rel="next"'),), body, 1_777_636_800.0))


PACE = Pace(60, 0, 1000, 0, tick_timeout_s=10)


def following(api: SlowApi, queue: BatchQueue, log: HeardLog, stands: Checkpoint | None = None) -> Follower:
    """A source whose ticks may take ten seconds."""
    maker, pager = LineMaker(("source", "okta"), "/api/v1/logs"), link_pager(URL)
    memory = Memory(stands or Checkpoint(QUESTION.digest), Counter())
    recovery = Recovery("okta", "resume", QUESTION, 600, Counter)
    return Follower("okta", api, pager, maker, memory, recovery, None, PACE, queue, VirtualClock(), log)


def polling(api: SlowApi, queue: BatchQueue, log: HeardLog, stands: Checkpoint | None = None) -> Poller:
    """The same, and its schedule."""
    return Poller("okta", following(api, queue, log, stands), PACE, VirtualClock(), log)


async def numbers(queue: BatchQueue) -> list[int]:
    """Of the events that wait, which are then delivered."""
    batches = await queue.take(None)
    queue.delivered(batches)
    return [int(line.split(b'"number":')[1].split(b"}")[0]) for batch in batches for line in batch.lines.splitlines()]


def test_a_tick_that_takes_too_long_ends_and_what_was_handed_over_before_counts() -> None:
    async def main() -> None:
        queue, api, log = BatchQueue(10_000, 100_000_000), SlowApi(3), HeardLog()
        poller = polling(api, queue, log)
        ended = await poller.attempt()
        assert asyncio.get_running_loop().time() == pytest.approx(10)
        assert isinstance(ended, UnreachableError)
        assert (ended.message, ended.trouble) == ("the tick was not done within 10 s", Trouble.TIMEOUT)
        assert "`resilience.tick_timeout_secs`" in ended.fix
        assert log.names[-1] == "tick.failed"
        assert await numbers(queue) == [0, 1, 2]
        api.takes_s = 0
        await poller.attempt()
        assert api.asked[3:5] == [f"{URL}?after=3"] * 2, "the page that was cut short is asked for again"
        assert (await numbers(queue))[0] == 3

    run(main)


def test_an_endless_row_of_quick_pages_ends_with_the_ticks_time() -> None:
    async def main() -> int:
        queue, api = BatchQueue(10_000, 100_000_000), SlowApi(0.5)
        assert isinstance(await polling(api, queue, HeardLog()).attempt(), UnreachableError)
        return len(await numbers(queue))

    assert 18 <= run(main) <= 20


def test_time_spent_waiting_for_the_output_does_not_count_and_the_rest_of_the_tick_does() -> None:
    async def main() -> None:
        queue, api, log = BatchQueue(1, 100_000_000), SlowApi(1.9, pages=4), HeardLog()
        task = asyncio.create_task(polling(api, queue, log).attempt())
        taken: list[int] = []
        for _ in range(4):
            await asyncio.sleep(1000)
            taken += await numbers(queue)
        ended = await task
        assert isinstance(ended, Tick), ended
        assert (ended.events, ended.pages) == (4, 5)
        assert taken == [0, 1, 2, 3]
        assert asyncio.get_running_loop().time() > 4000

    run(main)


def test_a_tick_whose_pages_alone_take_too_long_ends_though_it_waited_for_the_output_in_between() -> None:
    async def main() -> float:
        queue, api = BatchQueue(1, 100_000_000), SlowApi(4)
        task = asyncio.create_task(polling(api, queue, HeardLog()).attempt())
        for _ in range(2):
            await asyncio.sleep(1000)
            await numbers(queue)
        assert isinstance(await task, UnreachableError)
        return asyncio.get_running_loop().time()

    assert run(main) == pytest.approx(2002), "4 s before each wait and the 2 s that were left"


def test_a_tick_that_ended_by_its_time_leaves_no_room_taken() -> None:
    async def main() -> None:
        queue = BatchQueue(1000, 100_000_000)
        poller = polling(SlowApi(60), queue, HeardLog())
        assert isinstance(await poller.attempt(), UnreachableError)
        async with asyncio.timeout(1):
            await queue.take_room(Size(1000, 1))

    run(main)


def test_a_tick_says_how_long_after_its_due_time_it_starts_and_one_that_was_asked_for_or_overran_is_not_late() -> None:
    async def main() -> list[float]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        log, api = HeardLog(), SlowApi(0, pages=0)
        poller = polling(api, BatchQueue(10_000, 100_000_000), log)
        running = asyncio.create_task(poller.run())
        loop.call_at(59.9, loop.be_busy, 0.4)
        await asyncio.sleep(90)
        api.takes_s = 9
        poller.poke()
        await asyncio.sleep(1)
        loop.call_later(5, loop.be_busy, 70)
        await asyncio.sleep(120)
        running.cancel()
        return [fields["late_s"] for _, event, fields in log.heard if event == "tick.started"]

    assert run(main) == [0, 0.3, 0, 0]


def test_waiting_for_what_was_handed_over_before_a_start_over_does_not_count() -> None:
    async def main() -> None:
        queue, log = BatchQueue(10_000, 100_000_000), HeardLog()
        await hand_over(queue, Batch("okta", b"{}\n", 1, b"", b"", b"", None))
        of_another_question = Checkpoint("other", f"{URL}?after=9", "2026-05-01T12:00:00Z", 1_777_636_800.0)
        task = asyncio.create_task(polling(SlowApi(1), queue, log, of_another_question).attempt())
        await asyncio.sleep(5000)
        assert log.names == ["question.changed"], "it neither went on nor failed"
        task.cancel()
        await asyncio.wait([task])

    run(main)


def test_a_tick_that_is_asked_for_starts_at_once_or_behind_the_one_under_way_and_is_one() -> None:
    async def main() -> list[float]:
        queue, api = BatchQueue(10_000, 100_000_000), SlowApi(0, pages=0)
        follower, starts = following(api, queue, HeardLog()), list[float]()
        tick = follower.tick

        async def slow_tick() -> Tick:
            starts.append(asyncio.get_running_loop().time())
            ended = await tick()
            await asyncio.sleep(5)
            return ended

        follower.tick = slow_tick  # type: ignore[method-assign]
        poller = Poller("okta", follower, PACE, VirtualClock(), HeardLog())
        running = asyncio.create_task(poller.run())
        await asyncio.sleep(20)
        assert poller.poke()
        await asyncio.sleep(2)
        assert poller.poke()
        assert poller.poke()
        await asyncio.sleep(70)
        running.cancel()
        return starts

    assert run(main) == [0, 20, 25, 85]
