import asyncio
from collections.abc import Awaitable, Callable

import pytest

from hel.deadline import Deadline
from tests.virtual_time import run


async def ends_after(deadline: Deadline, work: Callable[[], Awaitable[None]]) -> float:
    """When the time was over, by the loop's clock."""
    with pytest.raises(TimeoutError):
        async with deadline.running():
            await work()
    return round(asyncio.get_running_loop().time(), 3)


def test_what_takes_too_long_is_cancelled_when_the_time_is_over() -> None:
    assert run(lambda: ends_after(Deadline(5), lambda: asyncio.sleep(60))) == 5


def test_what_is_done_in_time_is_left_alone_and_so_is_what_follows_it() -> None:
    async def main() -> None:
        async with Deadline(5).running():
            await asyncio.sleep(4.9)
        await asyncio.sleep(60)

    run(main)


def test_time_that_others_cost_is_not_counted_and_the_rest_is() -> None:
    deadline = Deadline(5)

    async def work() -> None:
        for _ in range(2):
            await asyncio.sleep(2)
            with deadline.paused():
                await asyncio.sleep(1000)
        await asyncio.sleep(60)

    assert run(lambda: ends_after(deadline, work)) == 2005


def test_a_pause_within_a_pause_is_one_pause() -> None:
    deadline = Deadline(5)

    async def work() -> None:
        with deadline.paused():
            with deadline.paused():
                await asyncio.sleep(100)
            await asyncio.sleep(100)
        await asyncio.sleep(60)

    assert run(lambda: ends_after(deadline, work)) == 205


def test_a_pause_that_fails_lets_the_time_go_on() -> None:
    deadline = Deadline(5)

    async def wait_in_vain() -> None:
        with deadline.paused():
            await asyncio.sleep(100)
            raise KeyError

    async def work() -> None:
        with pytest.raises(KeyError):
            await wait_in_vain()
        await asyncio.sleep(60)

    assert run(lambda: ends_after(deadline, work)) == 105


def test_a_pause_that_begins_when_the_time_is_over_ends_with_it() -> None:
    deadline = Deadline(5)

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            with deadline.paused():
                await asyncio.sleep(100)

    assert run(lambda: ends_after(deadline, work)) == 105


def test_each_run_has_the_whole_time_and_a_pause_outside_of_one_is_none() -> None:
    async def main() -> list[float]:
        deadline = Deadline(5)
        ends = []
        for _ in range(2):
            with deadline.paused():
                await asyncio.sleep(1)
            ends.append(await ends_after(deadline, lambda: asyncio.sleep(60)))
        async with deadline.running():
            await asyncio.sleep(4.9)
        with deadline.paused():
            await asyncio.sleep(1)
        return ends

    assert run(main) == [6, 12]


def test_a_cancellation_from_elsewhere_is_no_timeout_even_in_a_pause() -> None:
    async def main() -> bool:
        deadline = Deadline(5)

        async def work() -> None:
            async with deadline.running():
                with deadline.paused():
                    await asyncio.sleep(100)

        task = asyncio.create_task(work())
        await asyncio.sleep(50)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert run(main)
