import asyncio

import pytest

from hel.records import Reply, Request
from hel.transport.client import Bounds
from hel.transport.turns import LONGEST_S, InTurn, Turns
from tests.virtual_time import run

ASK = Request("POST", "https://org.okta.com/oauth2/v1/token")
BOUNDS = Bounds(30, 10, 10, 1000)


class Wire:
    """Each answer takes as long as its number says; one below 0 is none."""

    def __init__(self, *takes_s: float) -> None:
        self.takes_s = list(takes_s)
        self.begun: list[float] = []

    async def send(self, request: Request, bounds: Bounds, *_: object) -> Reply:
        assert (request, bounds) == (ASK, BOUNDS)
        self.begun.append(round(asyncio.get_running_loop().time(), 3))
        takes_s = self.takes_s.pop(0)
        await asyncio.sleep(abs(takes_s))
        if takes_s < 0:
            raise OSError("no answer")
        return Reply(200, (), b"", 0.0)


async def sent(wire: Wire, turns: Turns) -> list[float]:
    way = InTurn(wire, turns)
    answers = [takes_s > 0 for takes_s in wire.takes_s]
    ended = await asyncio.gather(*(way.send(ASK, BOUNDS) for _ in answers), return_exceptions=True)
    assert [isinstance(each, Reply) for each in ended] == answers
    return wire.begun


def test_so_many_have_their_turn_at_once_and_the_next_ones_as_these_end() -> None:
    assert run(lambda: sent(Wire(0.2, -0.3, 0.4, 0.1, 0.1), Turns(2))) == [0, 0, 0.2, 0.3, 0.4]


def test_a_turn_that_takes_long_is_over_for_the_others_and_counts_once() -> None:
    assert run(lambda: sent(Wire(100, 100, 0.5, 0.5, 0.5), Turns(2))) == [0, 0, LONGEST_S, LONGEST_S, LONGEST_S + 0.5]


@pytest.mark.parametrize("takes_s", [0.5, 50])
def test_a_turn_that_is_cancelled_is_given_back_once(takes_s: float) -> None:
    async def main() -> list[float]:
        turns, wire = Turns(1), Wire(takes_s, 0.5, 0.5, 0.5)
        way = InTurn(wire, turns)
        cancelled = asyncio.create_task(way.send(ASK, BOUNDS))
        await asyncio.sleep(takes_s - 0.25)
        cancelled.cancel()
        return (await sent(wire, turns))[1:]

    after = takes_s - 0.25
    assert run(main) == [after, after + 0.5, after + 1]
