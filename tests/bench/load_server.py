"""The API under load: Okta's System Log as bytes that are ready to be sent, so that serving costs next to nothing.

Run as `python -m tests.bench.load_server PAGES`; it writes its port when it is ready, and ends with its stdin. It also
takes what is posted to it, as the end of Grove's HTTP output, and orders, such as `/.bench/look?log=pages-30`.
"""

import asyncio
import json
import re
import sys
from collections.abc import Callable
from http.client import HTTPConnection
from typing import Any
from urllib.parse import parse_qsl, urlencode

from tests.bench import pages
from tests.bench.logs import GrowingLog, Logs

TARGET = re.compile(rb"\S+ (\S+) HTTP/1\.1\r\n")
AFTER = re.compile(rb"[?&]after=([0-9]+)")
_TOKEN = re.compile(rb"\r\nauthorization: \S+ (\S+)\r\n", re.IGNORECASE)
HOST = re.compile(rb"\r\nhost: (\S+)\r\n", re.IGNORECASE)
_LENGTH = re.compile(rb"\r\ncontent-length: ([0-9]+)\r\n", re.IGNORECASE)

_PAGE = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n%s"
    b'Link: <%s%d>; rel="self"\r\nLink: <%s%d>; rel="next"\r\nContent-Length: %d\r\n\r\n'
)
_TAKEN = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"


class Connection(asyncio.Protocol):
    """One client's connection: requests one after the other.

    Args:
        answer: Answers a request, its head and its body; with nothing where it hangs.
    """

    def __init__(self, answer: Callable[[bytes, bytes], list[bytes]]) -> None:
        self._answer = answer
        self._received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._received[: end + 2])
            length = _LENGTH.search(head)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self._received) < whole:
                return
            body = bytes(self._received[end + 4 : whole])
            del self._received[:whole]
            self._transport.writelines(self._answer(head, body))


class Api:
    """What is answered.

    Args:
        logs: What there is to be read.
    """

    def __init__(self, logs: Logs) -> None:
        self._logs = logs
        self._posted = 0

    def answer(self, head: bytes, body: bytes) -> list[bytes]:
        """The answer to a request."""
        target = TARGET.match(head)
        assert target is not None, head
        if head.startswith(b"POST"):
            self._posted += len(body.splitlines())
            return [_TAKEN % (2, b"{}")]
        if target[1].startswith(b"/.bench/"):
            told = json.dumps(self._obey(target[1].decode())).encode()
            return [_TAKEN % (len(told), told)]
        return self._read(head, target[1])

    def _read(self, head: bytes, target: bytes) -> list[bytes]:
        token, after, host = _TOKEN.search(head), AFTER.search(target), HOST.search(head)
        assert token is not None, head
        assert host is not None, head
        if (log := self._logs.named(token[1].decode())) is None:
            return []
        number = int(after[1]) if after else 0
        encoding, body = log.page(number)
        at = b"http://%s/api/v1/logs?limit=1000&after=" % host[1]
        return [_PAGE % (encoding, at, number, at, min(number + 1, log.end), len(body)), body]

    def _obey(self, target: str) -> dict[str, Any]:
        order, _, query = target.partition("?")
        given = dict(parse_qsl(query))
        if order == "/.bench/gaps":
            return self._logs.gaps(given["kind"])
        log = self._logs.named(given["log"])
        assert log is not None
        if order == "/.bench/grow":
            assert isinstance(log, GrowingLog)
            log.grow(int(given["real"]), int(given["small"]))
        return {"asked": log.asked, "caught_up": log.caught_up, "posted": self._posted}


def order(port: int, what: str, **given: Any) -> dict[str, Any]:
    """Send an order to a load server.

    Args:
        port: The server's.
        what: `look` and `grow` answer how often a log was asked and its end reached, and the lines posted so far;
            `gaps` the seconds between requests, of each log of a kind, since it was last asked.
        given: The log or the kind, and how many pages of which sort to grow by.
    """
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", f"/.bench/{what}?{urlencode(given)}")
        found: dict[str, Any] = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    return found


async def serve(count: int) -> None:
    """Serve until nobody holds the other end of stdin any more."""
    api = Api(Logs(pages.make(count)))
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(api.answer), "127.0.0.1", 0, backlog=1000)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
