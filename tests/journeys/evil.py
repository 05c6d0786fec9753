"""A second, evil origin: it takes every connection and keeps what reaches it."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Evil:
    """Where it listens, and what came."""

    port: int
    connections: int = 0
    heard: bytearray = field(default_factory=bytearray)


@contextmanager
def evil_origin() -> Iterator[Evil]:
    """Listen until the block ends; whatever protocol is spoken, the first bytes give it away."""
    listener = socket.create_server(("127.0.0.1", 0))
    evil = Evil(listener.getsockname()[1])

    def listen() -> None:
        with contextlib.suppress(OSError):  # closed at the end
            while True:
                connection, _ = listener.accept()
                evil.connections += 1
                with connection:
                    connection.settimeout(5)
                    with contextlib.suppress(OSError):
                        evil.heard += connection.recv(65_536)

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    try:
        yield evil
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)
