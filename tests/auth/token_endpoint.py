"""A token server for tests: answers as it is told, and keeps what it was asked."""

import json
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from typing import Any, TypeVar
from urllib.parse import parse_qs

from hel.auth.credential import Hear
from hel.records import Reply, Request
from tests.virtual_time import VirtualClock

Answer = Callable[[Request], Reply]

T = TypeVar("T")


def answer(status: int, body: Any, *headers: tuple[str, str], skew_s: float = 0.0) -> Answer:
    """An answer of a server whose clock is off by this much."""

    def reply(_: Request) -> Reply:
        now = VirtualClock().now()
        dated = ("date", formatdate(now + skew_s, usegmt=True))
        return Reply(status, (dated, *headers), json.dumps(body).encode(), now)

    return reply


class TokenEndpoint:
    """Gives one answer after the other."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)
        self.asked: list[Request] = []

    async def tried(self, attempt: Callable[[], Awaitable[T]]) -> T:
        return await attempt()

    async def send(self, request: Request, hear: Hear) -> Reply:
        self.asked.append(request)
        reply = self._answers.pop(0)(request)
        hear(reply)
        return reply

    def form(self, number: int) -> dict[str, str]:
        content = self.asked[number].content or b""
        return {name: values[0] for name, values in parse_qs(content.decode(), strict_parsing=True).items()}
