import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import anyio
import anyio.lowlevel
import pytest

from hel.queue import PROMPT_S, BatchQueue, Room, Size
from hel.records import Batch
from tests.doubles import hand_over
from tests.virtual_time import run

pytestmark = pytest.mark.anyio


def batch(count: int = 1, size: int = 10, source: str = "okta") -> Batch:
    return Batch(source, b"x" * size, count, b"", b"", b"", None)


async def test_batches_that_wait_are_taken_together_in_order() -> None:
    queue = BatchQueue(10, 1000)
    batches = [batch(1), batch(2), batch(3)]
    for each in batches:
        await hand_over(queue, each)
    assert await queue.take(None) == batches


async def test_taking_stops_behind_the_batch_that_reaches_the_bound() -> None:
    queue = BatchQueue(10, 1000)
    for _ in range(3):
        await hand_over(queue, batch(size=10))
    assert len(await queue.take(15)) == 2
    assert len(await queue.take(0)) == 1


@pytest.mark.parametrize("bounds", [(3, 1000), (1000, 30)])
async def test_room_is_waited_for_until_what_was_taken_is_delivered(bounds: tuple[int, int]) -> None:
    queue = BatchQueue(*bounds)
    for _ in range(3):
        await hand_over(queue, batch(1, 10))
    taken = await queue.take(None)
    with anyio.move_on_after(0.02) as waited:
        await hand_over(queue, batch(1, 10))
    assert waited.cancelled_caught, "taken is not delivered"
    queue.delivered(taken)
    await hand_over(queue, batch(1, 10))


@asynccontextmanager
async def held(queue: BatchQueue, size: Size) -> AsyncIterator[Room]:
    with queue.room(size) as room:
        await room.wait()
        yield room


async def test_room_is_held_before_the_page_comes_and_given_back_where_it_does_not() -> None:
    queue = BatchQueue(10, 100)
    async with held(queue, Size(1, 60)):
        with anyio.move_on_after(0.02) as waited:
            async with held(queue, Size(1, 60)):
                pass
        assert waited.cancelled_caught
    with pytest.raises(ValueError, match="no page"):
        async with held(queue, Size(1, 60)):
            raise ValueError("no page")
    async with held(queue, Size(1, 60)):
        pass


async def test_room_that_is_given_back_for_a_while_is_there_for_others() -> None:
    queue = BatchQueue(10, 100)
    async with held(queue, Size(1, 60)) as room:
        room.give_back()
        room.give_back()
        async with held(queue, Size(1, 60)):
            pass
        await room.wait()
        await room.wait()
        with anyio.move_on_after(0.02) as waited:
            async with held(queue, Size(1, 60)):
                pass
        assert waited.cancelled_caught


async def test_a_page_takes_the_room_that_it_needs_and_not_what_was_expected() -> None:
    queue = BatchQueue(10, 100)
    async with held(queue, Size(10, 100)) as room:
        room.put(batch(1, 10))
        async with held(queue, Size(9, 90)):
            pass


async def test_one_page_beyond_the_bounds_passes_alone() -> None:
    queue = BatchQueue(3, 30)
    await hand_over(queue, batch(100, 1000))
    with anyio.move_on_after(0.02) as waited:
        await hand_over(queue, batch(1, 1))
    assert waited.cancelled_caught
    queue.delivered(await queue.take(None))
    await hand_over(queue, batch(1, 1))


def test_who_waits_for_an_answer_for_long_lends_the_room_and_has_it_again_when_the_answer_begins() -> None:
    async def main() -> None:
        queue = BatchQueue(10, 100)
        async with held(queue, Size(6, 60)) as hanging:
            async with held(queue, Size(6, 60)) as prompt:
                assert asyncio.get_running_loop().time() == pytest.approx(PROMPT_S)
                await prompt.begin()
                with anyio.move_on_after(100) as waited:
                    await hanging.begin()
                assert waited.cancelled_caught, "an answer that has begun keeps its room"
                prompt.put(batch(2, 40))
            await hanging.begin()
            with anyio.move_on_after(100) as waited:
                await hand_over(queue, batch(6, 60))
            assert waited.cancelled_caught, "it has its room again"

    run(main)


def test_no_room_is_lent_while_it_is_the_output_that_is_waited_for() -> None:
    async def main() -> None:
        queue = BatchQueue(10, 100)
        await hand_over(queue, batch(1, 51))
        async with held(queue, Size(1, 40)):
            with anyio.move_on_after(1000) as waited:
                await hand_over(queue, batch(1, 40))
            assert waited.cancelled_caught
            queue.delivered(await queue.take(None))
            await hand_over(queue, batch(1, 40))

    run(main)


def test_a_source_whose_room_was_lent_hands_over_its_page_all_the_same_and_owes_nothing() -> None:
    async def main() -> None:
        queue = BatchQueue(1, 100)
        async with held(queue, Size(1, 1)) as hanging:
            async with held(queue, Size(1, 1)):
                pass
            hanging.put(batch(1, 1))
        with anyio.move_on_after(1000) as waited:
            await hand_over(queue, batch(1, 1))
        assert waited.cancelled_caught
        queue.delivered(await queue.take(None))
        await hand_over(queue, batch(1, 1))

    run(main)


def test_an_answer_that_has_begun_goes_before_those_that_were_not_asked_for_yet() -> None:
    async def main() -> list[str]:
        queue, order = BatchQueue(1, 100), list[str]()

        async def ask(name: str) -> None:
            async with held(queue, Size(1, 1)) as room:
                await room.begin()
                order.append(name)
                await asyncio.sleep(PROMPT_S)

        async with anyio.create_task_group() as tasks, held(queue, Size(1, 1)) as hanging:
            for number in range(5):
                tasks.start_soon(ask, f"asks {number}")
            await asyncio.sleep(PROMPT_S * 1.5)  # the first of them has the room that was lent
            await hanging.begin()
            order.append("had begun")
        return order

    assert run(main)[:2] == ["asks 0", "had begun"]


async def test_answers_that_have_begun_are_overtaken_by_nobody_between_their_turns() -> None:
    queue, order, one = BatchQueue(2, 100), list[str](), Size(1, 1)

    async def take(name: str, *, has_begun: bool) -> None:
        await queue.take_room(one, has_begun=has_begun)
        order.append(name)

    await queue.take_room(one + one)
    async with anyio.create_task_group() as tasks:
        for number in range(2):
            tasks.start_soon(partial(take, f"had begun {number}", has_begun=True))
        await anyio.wait_all_tasks_blocked()
        queue.give_back(one + one)
        tasks.start_soon(partial(take, "asks", has_begun=False))
        await anyio.wait_all_tasks_blocked()
        queue.give_back(one)
    assert order == ["had begun 0", "had begun 1", "asks"]


async def test_who_waits_for_room_is_served_in_turn() -> None:
    queue, order = BatchQueue(1, 100), list[int]()

    async def wait(number: int) -> None:
        async with held(queue, Size(1, 1)):
            order.append(number)
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as tasks, held(queue, Size(1, 1)):
        for number in range(5):
            tasks.start_soon(wait, number)
            await anyio.lowlevel.checkpoint()
    assert order == [0, 1, 2, 3, 4]


async def test_a_source_is_settled_when_all_of_its_own_is_delivered() -> None:
    queue = BatchQueue(10, 1000)
    await queue.settled("okta")
    await hand_over(queue, batch())
    await hand_over(queue, batch(source="other"))
    with anyio.move_on_after(0.02) as waited:
        await queue.settled("okta")
    assert waited.cancelled_caught
    okta, other = await queue.take(None)
    queue.delivered([okta])
    await queue.settled("okta")
    assert other.source == "other"


async def test_a_closed_queue_gives_out_what_it_holds_and_then_nothing() -> None:
    queue = BatchQueue(10, 1000)
    await hand_over(queue, batch())
    queue.close()
    assert len(await queue.take(None)) == 1
    assert await queue.take(None) == []


async def test_a_cancelled_wait_for_room_leaves_no_trace() -> None:
    queue = BatchQueue(1, 1000)
    await hand_over(queue, batch())
    with anyio.move_on_after(0.01):
        await hand_over(queue, batch())
    queue.delivered(await queue.take(None))
    await hand_over(queue, batch())
    assert len(await queue.take(None)) == 1


async def test_what_gathers_is_waited_for_until_it_is_much_or_bars_the_way_or_is_all() -> None:
    queue = BatchQueue(2, 1000)
    await hand_over(queue, batch(size=10))
    with anyio.move_on_after(0.02) as waited:
        await queue.gathered(20)
    assert waited.cancelled_caught
    await hand_over(queue, batch(size=10))
    with anyio.fail_after(20):
        await queue.gathered(20)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(hand_over, queue, batch(size=10))
            await queue.gathered(1000)
            queue.delivered(await queue.take(None))
        queue.close()
        await queue.gathered(1000)
