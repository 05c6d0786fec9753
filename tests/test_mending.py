import anyio
import pytest

from hel.mending import Mended, await_line
from hel.queue import BatchQueue
from hel.records import Batch
from tests.doubles import hand_over

pytestmark = pytest.mark.anyio


def batch(*lines: bytes, source: str = "okta") -> Batch:
    return Batch(source, b"".join(lines), len(lines), b"", b"", b"", None)


async def test_the_torn_line_is_written_first_and_the_order_of_the_checkpoints_stays() -> None:
    queue = BatchQueue(100, 10_000)
    batches = [batch(b"five\n", source="other"), batch(b"one\n", b"two\n", b"three\n")]
    for each in batches:
        await hand_over(queue, each)
    mended = await await_line(queue, b"tw")
    assert mended == Mended(batches, [b"two\n", b"five\n", b"one\nthree\n"], came=True)


async def test_the_first_line_of_a_batch_may_be_the_torn_one() -> None:
    queue = BatchQueue(100, 10_000)
    await hand_over(queue, batch(b"one\n", b"two\n"))
    assert (await await_line(queue, b"one")).texts == [b"one\n", b"two\n"]


async def test_bytes_in_the_middle_of_a_line_are_not_its_beginning() -> None:
    queue = BatchQueue(100, 10_000)
    await hand_over(queue, batch(b"one two\n"))
    queue.close()
    assert await await_line(queue, b"two") == Mended([batch(b"one two\n")], [b"one two\n"], came=False)


async def test_a_line_that_comes_later_is_waited_for() -> None:
    queue = BatchQueue(100, 10_000)
    await hand_over(queue, batch(b"one\n"))

    async def later() -> None:
        await anyio.sleep(0.02)
        await hand_over(queue, batch(b"two\n"))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(later)
        mended = await await_line(queue, b"two")
    assert mended == Mended([batch(b"one\n"), batch(b"two\n")], [b"two\n", b"one\n", b""], came=True)


async def test_what_does_not_come_in_time_is_given_up_and_what_came_is_kept() -> None:
    queue = BatchQueue(100, 10_000)
    await hand_over(queue, batch(b"one\n"))
    mended = await await_line(queue, b"two", within_s=0.5)
    assert mended == Mended([batch(b"one\n")], [b"one\n"], came=False)
