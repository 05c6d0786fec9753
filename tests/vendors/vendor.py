"""What the simulated vendors have in common: a history, an account of requests, and what a test makes them do.

Each serves plain http on a port of this machine, in a thread; Hel sends a credential there as it does by https.
"""

import asyncio
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import parse_qsl

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request.

    Attributes:
        at: When it came, epoch seconds.
        path: Its path.
        query: Its query's parameters.
        body: Its JSON body.
        status: How it was answered.
    """

    at: float
    path: str
    query: Mapping[str, str]
    body: Mapping[str, Any]
    status: int


@dataclass
class Vendor:
    """A vendor's API; each vendor is a subclass.

    Attributes:
        held: Events in the order in which they came to be seen.
        asked: Every request, in order.
        granted: Every request for a token, in order; its form is its body.
        violations: What a client did against the documentation.
        hold_after: After so many pages it lets requests wait, until this is None.
        limits_left: So many requests are refused for the rate limit.
        refuses_cursors: A request with a cursor is refused, as if it were too old.
        origin: Where it is served.
    """

    name: ClassVar[str]
    """The stem of its example's file."""

    api_variable: ClassVar[str]
    """The variable that takes the place of the vendor's URL."""

    token_path: ClassVar[str] = ""
    """Where it gives out tokens; empty where it gives none."""

    held: list[Event] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    granted: list[Asked] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    hold_after: int | None = None
    limits_left: int = 0
    refuses_cursors: bool = False
    origin: str = ""

    @property
    def pages(self) -> list[Asked]:
        """The requests that got a page."""
        return [one for one in self.asked if one.status == 200]

    def happen(self, count: int, at: float, spread_s: float = 0.0) -> None:
        """Let events be seen from now on, the last of them dated `at`, the first `spread_s` before it."""
        step = spread_s / max(count - 1, 1)
        first = len(self.held)
        made = [self.event(first + number, at - spread_s + number * step) for number in range(count)]
        self.held = self.held + made  # the server's thread reads one list or the other

    def environment(self) -> dict[str, str]:
        """The variables that its example needs, apart from the URL."""
        raise NotImplementedError

    def event(self, number: int, at: float) -> Event:
        """An event in the vendor's form, as of epoch seconds."""
        raise NotImplementedError

    def routes(self) -> list[str]:
        """The paths that it answers."""
        raise NotImplementedError

    def is_known(self, request: Request) -> bool:
        """Whether the credential is right."""
        raise NotImplementedError

    def stranger(self) -> Response:
        """How it refuses a wrong credential."""
        return JSONResponse({"message": "Bad credentials"}, 401)

    def limited(self, request: Request) -> Response:
        """How it refuses for the rate limit."""
        raise NotImplementedError

    def page(self, request: Request, body: Mapping[str, Any]) -> Response:
        """Its answer to a request that may be answered."""
        raise NotImplementedError

    def grant(self, request: Request, form: Mapping[str, str]) -> Response:
        """Its answer to a request for a token."""
        raise NotImplementedError

    def wanted(self) -> "Counter[str]":
        """Each event that a client has to have, as text, and how often."""
        return Counter(map(as_text, self.held))

    def app(self, methods: list[str]) -> Starlette:
        """The API."""
        routes = [Route(path, self._answer, methods=methods) for path in self.routes()]
        if self.token_path:
            routes.append(Route(self.token_path, self._give, methods=["POST"]))
        return Starlette(routes=routes)

    async def _give(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
        reply = self.grant(request, form)
        self.granted.append(Asked(time.time(), request.url.path, dict(request.query_params), form, reply.status_code))
        return reply

    async def _answer(self, request: Request) -> Response:
        while self.hold_after is not None and len(self.pages) >= self.hold_after:  # noqa: ASYNC110  # a test's thread lets go
            await asyncio.sleep(0.005)
        text = await request.body()
        body = json.loads(text) if text else {}
        reply = self._judge(request, body)
        self.asked.append(Asked(time.time(), request.url.path, dict(request.query_params), body, reply.status_code))
        return reply

    def _judge(self, request: Request, body: Mapping[str, Any]) -> Response:
        if not self.is_known(request):
            return self.stranger()
        if self.limits_left:
            self.limits_left -= 1
            return self.limited(request)
        return self.page(request, body)

    def against(self, what: str, status: int = 400) -> Response:
        """Note what a client may not do, and refuse it."""
        self.violations.append(what)
        return JSONResponse({"message": what}, status)


def as_text(event: Event) -> str:
    """An event as one text, to be counted."""
    return json.dumps(event, sort_keys=True)


class _Server(uvicorn.Server):
    """uvicorn's server, which says when it is ready."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def main_loop(self) -> None:
        self.ready.set()
        while not self.should_exit:  # noqa: ASYNC110  # a test's thread sets it
            await asyncio.sleep(0.01)


@contextmanager
def serving(vendor: Vendor) -> Iterator[str]:
    """Serve a vendor until the block ends; its origin."""
    config = uvicorn.Config(
        vendor.app(["GET", "POST"]),
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=1,
        h11_max_incomplete_event_size=262_144,
    )
    listener = socket.create_server(("127.0.0.1", 0))
    vendor.origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
    server = _Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    try:
        assert server.ready.wait(30), "the simulator did not start"
        yield vendor.origin
    finally:
        vendor.hold_after = None
        server.should_exit = True
        thread.join()
