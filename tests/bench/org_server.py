"""Thousands of Okta orgs in one process, each at its own address of this machine, by TLS, with its own tokens.

Run as `python -m tests.bench.org_server COUNT FOLDER`: it writes its CA to `FOLDER/ca.pem`, then says its port, and
ends with its stdin. A token costs a proof that holds the nonce (DPoP, RFC 9449 §8), as Okta wants it; signatures are
not looked at: to check them is the server's work, not Hel's. A log has something new at each tick, or never.
"""

import asyncio
import base64
import json
import re
import socket
import ssl
import sys
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any

import trustme

from examples.okta_org.samples import Samples
from tests.bench.load_server import AFTER, HOST, TARGET, Connection
from tests.bench.pages import compressed

EVENTS = 5
"""New at each tick, in an org that is small."""

_NAMES = 40
"""Addresses in one certificate: one for all would be longer than any server's."""

_COUNT = b"/.bench/asked"
_PROOF = re.compile(rb"\r\ndpop: [^.]+\.([^.]+)\.", re.IGNORECASE)
_SIGNED_IN = re.compile(rb"\r\nauthorization: DPoP token-of-(\S+)\r\n", re.IGNORECASE)
_BY_TOKEN = re.compile(rb"\r\nauthorization: SSWS ", re.IGNORECASE)

_ANSWER = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n"
_PAGE = b'Content-Encoding: gzip\r\nLink: <%s%d>; rel="self"\r\nLink: <%s%d>; rel="next"\r\n'
_NONCE = b"DPoP-Nonce: nonce-of-%s\r\n"
_NO_NONCE = b'{"error":"use_dpop_nonce","error_description":"Authorization server requires nonce in DPoP proof."}'
_NOT_SIGNED_IN = b'{"errorCode":"E0000011","errorSummary":"Invalid token provided"}'
_TOKEN = b'{"token_type":"DPoP","expires_in":3600,"access_token":"token-of-%s","scope":"okta.logs.read"}'

_SAMPLES = Samples(1)
_SOME = compressed([_SAMPLES.make(1_777_593_600.0 + at)[1] for at in range(EVENTS)])
_NONE = compressed([])


def address(number: int) -> str:
    """The address of an org: another one for each."""
    return f"127.{1 + number // 62_500}.{number // 250 % 250}.{number % 250 + 1}"


_asked: set[bytes] = set()
"""The orgs whose log was read."""


def answer(head: bytes, _: bytes) -> list[bytes]:
    """The answer to a request; which org is asked, the request says."""
    target, host = TARGET.match(head), HOST.search(head)
    assert target is not None, head
    assert host is not None, head
    if head.startswith(b"POST"):
        return _token(head, host[1])
    if target[1] == _COUNT:
        return _answered(b"200 OK", b"", b"%d" % len(_asked))
    signed_in = _SIGNED_IN.search(head)
    if not _BY_TOKEN.search(head) and (signed_in is None or signed_in[1] != host[1]):
        return _answered(b"401 Unauthorized", b"", _NOT_SIGNED_IN)
    _asked.add(host[1])
    after = AFTER.search(target[1])
    number = int(after[1]) if after else 0
    at = b"https://%s/api/v1/logs?limit=1000&after=" % host[1]
    # Every second page is empty, so that a tick reads what is new and then the end; who has a fixed token is idle.
    body = _SOME if signed_in and number % 2 == 0 else _NONE
    return _answered(b"200 OK", _PAGE % (at, number, at, number + 1), body)


def _token(head: bytes, host: bytes) -> list[bytes]:
    proof = _PROOF.search(head)
    assert proof is not None, head
    claims = json.loads(base64.urlsafe_b64decode(proof[1] + b"=="))
    nonce = _NONCE % host
    if claims.get("nonce") != f"nonce-of-{host.decode()}":
        return _answered(b"400 Bad Request", nonce, _NO_NONCE)
    return _answered(b"200 OK", nonce, _TOKEN % host)


def _answered(status: bytes, headers: bytes, body: bytes) -> list[bytes]:
    return [_ANSWER % (status, headers, len(body)), body]


def contexts(count: int, ca: trustme.CA) -> dict[str, ssl.SSLContext]:
    """The certificate of each org's address."""
    found = {}
    for first in range(0, count, _NAMES):
        addresses = [address(number) for number in range(first, min(first + _NAMES, count))]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ca.issue_cert(*addresses).configure_cert(context)
        found.update(dict.fromkeys(addresses, context))
    return found


def asked(port: int, ca: Path) -> int:
    """How many orgs of this server had their log read."""
    connection = HTTPSConnection(address(0), port, timeout=60, context=ssl.create_default_context(cafile=str(ca)))
    try:
        connection.request("GET", _COUNT.decode())
        return int(connection.getresponse().read())
    finally:
        connection.close()


async def serve(count: int, folder: Path) -> None:
    """Serve until nobody holds the other end of stdin any more."""
    ca = trustme.CA()
    by_address = contexts(count, ca)
    ca.cert_pem.write_to_path(str(folder / "ca.pem"))
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo")  # all of its addresses, and no other
        listener.bind(("", 0))
        listener.listen(4096)
        listener.setblocking(False)
        sys.stdout.write(f"{listener.getsockname()[1]}\n")
        sys.stdout.flush()
        accepting = asyncio.create_task(_accept(listener, by_address))
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        accepting.cancel()


async def _accept(listener: socket.socket, by_address: dict[str, ssl.SSLContext]) -> None:
    loop = asyncio.get_running_loop()
    greeting: set[asyncio.Task[Any]] = set()

    def greeted(task: asyncio.Task[Any]) -> None:
        """Who gave up meanwhile, the client tells."""
        greeting.discard(task)
        if not task.cancelled():
            task.exception()

    while True:
        connection, _ = await loop.sock_accept(listener)
        context = by_address[connection.getsockname()[0]]
        task = loop.create_task(loop.connect_accepted_socket(lambda: Connection(answer), connection, ssl=context))
        greeting.add(task)
        task.add_done_callback(greeted)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2])))
