import httpx
import pytest

from hel.transport.pools import KEEP_S, Pools
from tests.doubles import FakeClock

pytestmark = pytest.mark.anyio


async def test_each_origin_has_a_client_of_its_own_which_is_closed_once_nobody_used_it_for_a_while() -> None:
    clock = FakeClock()
    pools = Pools(clock)
    with pools.using("https://a.example", httpx.AsyncClient) as first:
        pass
    with pools.using("https://b.example", httpx.AsyncClient) as second, pools.using("https://a.example", fail) as same:
        assert second is not first
        assert same is first
        clock.at += 10 * KEEP_S
        await pools.tidy()
        assert (first.is_closed, second.is_closed) == (False, False), "a request is under way"
    clock.at += KEEP_S - 1
    await pools.tidy()
    with pools.using("https://b.example", fail):
        pass
    clock.at += 2
    await pools.tidy()
    assert (first.is_closed, second.is_closed) == (True, False)
    with pools.using("https://a.example", httpx.AsyncClient) as new:
        assert new is not first
    await pools.aclose()
    assert new.is_closed
    assert second.is_closed


def fail() -> httpx.AsyncClient:
    raise AssertionError("there is one")
