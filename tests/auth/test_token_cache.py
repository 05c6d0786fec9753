import asyncio

import pytest
from pydantic import SecretStr

from hel.auth.token_cache import Token, TokenCache
from hel.errors import AuthError
from tests.doubles import HeardLog
from tests.virtual_time import VirtualClock, run


class Mint:
    """Makes tokens t1, t2, … each after a while, or fails as it is told to."""

    def __init__(self, lifetime_s: float | None = 3600, takes_s: float = 1) -> None:
        self.lifetime_s = lifetime_s
        self.takes_s = takes_s
        self.count = 0
        self.failing = False
        self.ended = 0

    async def __call__(self) -> Token:
        self.count += 1
        try:
            await asyncio.sleep(self.takes_s)
        finally:
            self.ended += 1
        if self.failing:
            raise AuthError("refused")
        return Token(SecretStr(f"t{self.count}"), "DPoP", self.lifetime_s)


def test_however_many_wait_there_is_one_mint_per_token_life() -> None:
    """Lesson 21."""

    async def main() -> None:
        cache = TokenCache(mint := Mint(), VirtualClock(), HeardLog())
        tokens = await asyncio.gather(*(cache.get() for _ in range(50)))
        assert {token.value.get_secret_value() for token in tokens} == {"t1"}
        await asyncio.sleep(3200)
        assert (await cache.get()).value.get_secret_value() == "t1"
        assert mint.count == 1

    run(main)


@pytest.mark.parametrize(("lifetime_s", "renewed_at_s"), [(3600, 3300), (60, 54), (None, 3300)])
def test_a_token_is_renewed_before_it_expires(lifetime_s: float | None, renewed_at_s: float) -> None:
    async def main() -> None:
        cache = TokenCache(Mint(lifetime_s, takes_s=0), VirtualClock(), HeardLog())
        await cache.get()
        await asyncio.sleep(renewed_at_s - 0.5)
        assert (await cache.get()).value.get_secret_value() == "t1"
        await asyncio.sleep(1)
        assert (await cache.get()).value.get_secret_value() == "t1", "nobody waits while it is good"
        await asyncio.sleep(0.1)
        assert (await cache.get()).value.get_secret_value() == "t2"

    run(main)


def test_a_token_server_that_is_slow_holds_nobody_up_while_the_old_token_is_good() -> None:
    async def main() -> None:
        cache = TokenCache(mint := Mint(takes_s=0), VirtualClock(), HeardLog())
        await cache.get()
        mint.takes_s = 200
        await asyncio.sleep(3301)
        started = asyncio.get_running_loop().time()
        assert [(await cache.get()).value.get_secret_value() for _ in range(3)] == ["t1"] * 3
        assert asyncio.get_running_loop().time() == started
        await asyncio.sleep(201)
        assert (await cache.get()).value.get_secret_value() == "t2"
        assert mint.count == 2

    run(main)


def test_a_renewal_that_fails_lets_the_old_token_live_to_its_end_without_a_storm() -> None:
    async def main() -> None:
        cache = TokenCache(mint := Mint(takes_s=0), VirtualClock(), log := HeardLog())
        await cache.get()
        mint.failing = True
        await asyncio.sleep(3300)
        for _ in range(290):
            assert (await cache.get()).value.get_secret_value() == "t1"
            await asyncio.sleep(1)
        assert 5 <= mint.count <= 12
        assert log.names == ["token.not_renewed"] * (mint.count - 1)
        await asyncio.sleep(11)
        with pytest.raises(AuthError):
            await cache.get()
        mint.failing = False
        assert (await cache.get()).value.get_secret_value() != "t1"

    run(main)


def test_every_waiter_gets_the_failure_and_the_next_one_mints_anew() -> None:
    async def main() -> None:
        cache = TokenCache(mint := Mint(), VirtualClock(), HeardLog())
        mint.failing = True
        ends = await asyncio.gather(*(cache.get() for _ in range(3)), return_exceptions=True)
        assert [type(end) for end in ends] == [AuthError] * 3
        mint.failing = False
        assert (await cache.get()).value.get_secret_value() == "t2"

    run(main)


def test_the_cancellation_of_one_waiter_does_not_end_the_refresh_of_the_others() -> None:
    async def main() -> None:
        cache = TokenCache(mint := Mint(), VirtualClock(), HeardLog())
        first, second = asyncio.create_task(cache.get()), asyncio.create_task(cache.get())
        await asyncio.sleep(0.5)
        first.cancel()
        assert (await second).value.get_secret_value() == "t1"
        assert first.cancelled()
        assert mint.count == 1

    run(main)


def test_a_refresh_whose_every_waiter_was_cancelled_serves_the_next_one() -> None:
    async def main() -> None:
        cache = TokenCache(mint := Mint(), VirtualClock(), HeardLog())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(cache.get(), 0.5)
        assert (await cache.get()).value.get_secret_value() == "t1"
        assert mint.count == 1

    run(main)


def test_closing_ends_a_refresh_that_is_under_way() -> None:
    async def main() -> None:
        cache = TokenCache(mint := Mint(takes_s=1e6), VirtualClock(), HeardLog())
        waiter = asyncio.create_task(cache.get())
        await asyncio.sleep(1)
        await asyncio.wait_for(cache.aclose(), 1)
        assert (mint.count, mint.ended) == (1, 1)
        with pytest.raises(asyncio.CancelledError):
            await waiter
        await cache.aclose()

    run(main)


@pytest.mark.parametrize(("takes_s", "ended_by_itself"), [(1.5, True), (1e6, False)])
def test_a_refresh_may_be_given_a_moment_to_end_by_itself(takes_s: float, ended_by_itself: bool) -> None:
    async def main() -> None:
        cache = TokenCache(Mint(takes_s=takes_s), VirtualClock(), HeardLog())
        waiter = asyncio.create_task(cache.get())
        await asyncio.sleep(0.5)
        await asyncio.wait_for(cache.aclose(grace_s=2), 3)
        await asyncio.wait([waiter])
        assert waiter.cancelled() is not ended_by_itself

    run(main)


def test_only_the_token_that_was_refused_is_dropped() -> None:
    async def main() -> None:
        cache = TokenCache(mint := Mint(takes_s=0), VirtualClock(), HeardLog())
        await cache.get()
        cache.drop("another")
        assert (await cache.get()).value.get_secret_value() == "t1"
        cache.drop("t1")
        assert (await cache.get()).value.get_secret_value() == "t2"
        cache.drop("t1")
        assert (await cache.get()).value.get_secret_value() == "t2"
        assert mint.count == 2

    run(main)


def test_a_refused_token_is_not_used_again_when_no_new_one_can_be_had() -> None:
    async def main() -> None:
        cache = TokenCache(mint := Mint(takes_s=0), VirtualClock(), HeardLog())
        await cache.get()
        cache.drop("t1")
        mint.failing = True
        with pytest.raises(AuthError):
            await cache.get()

    run(main)


def test_no_repr_shows_a_token() -> None:
    assert "hush" not in repr(Token(SecretStr("hush"), "DPoP", 3600))
