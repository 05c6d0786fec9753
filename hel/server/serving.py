"""Serves under uvicorn in the program's own loop, on a socket that was opened early.

Early enough that a port that is taken ends the start, with its fix, and not the run.
"""

import errno
import logging
import socket
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import anyio
import uvicorn
from starlette.applications import Starlette

from hel import __version__
from hel.clock import Clock
from hel.errors import ConfigError
from hel.server.app import Control, Server
from hel.telemetry.log import Log, Taps
from hel.telemetry.metrics import Metrics

Job = Callable[[], Coroutine[Any, Any, None]]

MOST_CONNECTIONS = 100
"""More are answered with 503: a probe or a scrape is one, a person's browser a few."""

_GRACE_S = 1

for _name in ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi"):
    logging.getLogger(_name).disabled = True  # what is worth a line stands in Hel's own log


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
    return partial(_serve, Server(control, metrics.exposition, log).app(), listener, log)


async def _serve(app: Starlette, listener: socket.socket, log: Log) -> None:
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MOST_CONNECTIONS,
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
