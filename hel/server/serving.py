"""Serves under uvicorn in the program's own loop, on a socket that was opened early.

Early enough that a port that is taken ends the start, with its fix, and not the run.
"""

import asyncio
import errno
import logging
import socket
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import anyio
import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from hel import __version__
from hel.clock import Clock
from hel.errors import ConfigError
from hel.server.app import Control, Server
from hel.telemetry.log import Log, Taps
from hel.telemetry.metrics import Metrics

Job = Callable[[], Coroutine[Any, Any, None]]

MOST_CONNECTIONS = 100
"""A further one is closed at once: a probe or a scrape is one, a person's browser a few."""

IDLE_S, LONGEST_S = 5.0, 60.0
"""How long a connection may stand without a request under way, and at all: who says nothing may keep nobody out."""

_GRACE_S = 1

for _name in ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi"):
    logging.getLogger(_name).disabled = True  # what is worth a line stands in Hel's own log


class _Bounded(H11Protocol):
    """uvicorn's HTTP/1.1, which by itself waits for a request for ever."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Take it, unless there are too many."""
        super().connection_made(transport)
        self._ends_at = self.loop.time() + LONGEST_S
        self._timer = self.loop.call_later(IDLE_S, self._look)
        if len(self.connections) > MOST_CONNECTIONS:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        self._timer.cancel()
        super().connection_lost(exc)

    def _look(self) -> None:
        """Close what has nothing under way, once all of its answer is read, and end what lasts too long."""
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request
        is_busy = cycle is not None and not cycle.response_complete
        if self.loop.time() >= self._ends_at:
            self.transport.abort()
            return
        if not is_busy:
            self.transport.close()
        self._timer = self.loop.call_later(IDLE_S, self._look)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there.

    Raises:
        ConfigError: It can't.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(MOST_CONNECTIONS)
    except OSError as error:
        listener.close()
        fix = {
            errno.EADDRINUSE: "another process listens there; give `global.server.port` a free one, or 0 for any",
            errno.EADDRNOTAVAIL: "`global.server.host` takes an address of this machine: 127.0.0.1, or 0.0.0.0 for all",
            errno.EACCES: "a port below 1024 needs a privilege; give `global.server.port` a higher one",
        }.get(error.errno or 0, "look at `global.server.host` and `global.server.port`")
        raise ConfigError(f"the server can't listen on {host} port {port}: {error.strerror or error}", fix) from error
    listener.setblocking(False)
    return listener


def url_of(listener: socket.socket) -> str:
    """Where it listens, as a browser on this machine wants it."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def server(control: Control, listener: socket.socket, taps: Taps, clock: Clock, log: Log) -> Job:
    """What answers on a socket until it is cancelled; it counts from now on what the log says.

    Args:
        control: What it asks.
        listener: Where it answers.
        taps: Of the log.
        clock: The machine's clock.
        log: The program's log.
    """
    metrics = Metrics(__version__, control.snapshot, clock)
    taps.add(metrics.hear)
    return partial(_serve, Server(control, metrics.exposition, log).app(_names_of(listener)), listener, log)


def _names_of(listener: socket.socket) -> list[str]:
    """By which names it may be asked: what is for this machine alone by no other, so that no web page gets there.

    (A page may let its name point to 127.0.0.1, DNS rebinding, and read what is answered.)
    """
    host = listener.getsockname()[0]
    return [host, "localhost"] if host.startswith("127.") else ["*"]


async def _serve(app: Starlette, listener: socket.socket, log: Log) -> None:
    config = uvicorn.Config(
        app,
        http=_Bounded,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_GRACE_S,
    )
    served = uvicorn.Server(config)
    config.load()
    served.lifespan = config.lifespan_class(config)
    await served.startup(sockets=[listener])  # its own `serve` would take the signals, and wake up ten times a second
    log.info("server.listening", url=url_of(listener))
    try:
        await anyio.sleep_forever()
    finally:
        with anyio.CancelScope(shield=True):
            await served.shutdown(sockets=[listener])
