import anyio
import pytest

from hel.queue import BatchQueue
from hel.records import Batch

pytestmark = pytest.mark.anyio


def batch(count: int = 1, size: int = 10) -> Batch:
    return Batch("okta", b"x" * size, count, b"", b"", b"", None)


async def test_batches_that_wait_are_taken_together_in_order() -> None:
    queue = BatchQueue(10, 1000)
    batches = [batch(1), batch(2), batch(3)]
    for each in batches:
        await queue.put(each)
    assert await queue.take(None) == batches


async def test_taking_stops_behind_the_batch_that_reaches_the_bound() -> None:
    queue = BatchQueue(10, 1000)
    for _ in range(3):
        await queue.put(batch(size=10))
    assert len(await queue.take(15)) == 2
    assert len(await queue.take(0)) == 1


@pytest.mark.parametrize("bounds", [(3, 1000), (1000, 30)])
async def test_a_put_waits_until_what_was_taken_is_delivered(bounds: tuple[int, int]) -> None:
    queue = BatchQueue(*bounds)
    for _ in range(3):
        await queue.put(batch(1, 10))
    taken = await queue.take(None)
    with anyio.move_on_after(0.02) as waited:
        await queue.put(batch(1, 10))
    assert waited.cancelled_caught, "taken is not delivered"
    await queue.delivered(taken)
    await queue.put(batch(1, 10))


async def test_one_batch_beyond_the_bounds_passes_alone() -> None:
    queue = BatchQueue(3, 30)
    await queue.put(batch(100, 1000))
    with anyio.move_on_after(0.02) as waited:
        await queue.put(batch(1, 1))
    assert waited.cancelled_caught
    await queue.delivered(await queue.take(None))
    await queue.put(batch(1, 1))


async def test_an_empty_batch_is_never_held_up_for_long() -> None:
    queue = BatchQueue(1, 10)
    await queue.put(batch(1, 10))
    await queue.put(batch(0, 0))
    assert len(await queue.take(None)) == 2


async def test_a_closed_queue_gives_out_what_it_holds_and_then_nothing() -> None:
    queue = BatchQueue(10, 1000)
    await queue.put(batch())
    await queue.close()
    assert len(await queue.take(None)) == 1
    assert await queue.take(None) == []


async def test_a_cancelled_put_leaves_no_trace() -> None:
    queue = BatchQueue(1, 1000)
    await queue.put(batch())
    with anyio.move_on_after(0.01):
        await queue.put(batch())
    await queue.delivered(await queue.take(None))
    await queue.put(batch())
    assert len(await queue.take(None)) == 1
