"""The client on real sockets."""

import asyncio
import contextlib
import gzip
import random
import socket
import ssl
import threading
import zlib
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import anyio.to_thread
import pytest
import trustme
from isal import isal_zlib
from pydantic import SecretStr

from hel.clock import SystemClock
from hel.config.certificates import Tls
from hel.errors import ConfigError, RefusedError, ReplyError, SourceError, UnreachableError
from hel.records import Reply, Request
from hel.telemetry.redaction import redacted
from hel.transport.client import Bounds, HttpTransport, Transports
from tests.doubles import FakeClock

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
CUT_OFF = gzip.compress(b'[{"a":1}]' * 500)[:-9]


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*PROXIES, *(name.lower() for name in PROXIES), "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)


class Server:
    """A socket that answers each request with fixed bytes, and keeps the heads it was sent."""

    def __init__(self, answer: bytes | Handler, tls: ssl.SSLContext | None = None) -> None:
        self._answer = answer
        self._tls = tls
        self._tasks: set[asyncio.Task[None]] = set()
        self.heads: list[str] = []
        self.port = 0

    @property
    def connections(self) -> int:
        return len(self._tasks)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode("latin-1"))
                if not isinstance(self._answer, bytes):
                    return await self._answer(reader, writer)
                writer.write(self._answer)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            return None  # the client hung up
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._tasks.add(asyncio.ensure_future(self._serve(reader, writer)))

        server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=self._tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await server.wait_closed()


@contextlib.asynccontextmanager
async def client(tls: Tls = Tls()) -> AsyncIterator[HttpTransport]:  # noqa: B008  # frozen
    transport = HttpTransport(SystemClock(), tls)
    try:
        yield transport
    finally:
        await transport.aclose()


def within(total_s: float, max_bytes: int = 1_000_000) -> Bounds:
    return Bounds(total_s, connect_s=10, read_s=30, max_bytes=max_bytes)


def http(status: int, body: bytes = b"", *headers: str, length: int | None = None) -> bytes:
    lines = [f"HTTP/1.1 {status} x", f"Content-Length: {len(body) if length is None else length}", *headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def sending(
    server: Server, path: str = "/logs", timeout_s: float = 20, max_bytes: int = 1_000_000, **request: Any
) -> Reply:
    """What one request to this server brings."""

    async def main() -> Reply:
        async with server.listening() as origin, client() as transport:
            return await transport.send(Request("GET", origin + path, **request), within(timeout_s, max_bytes))

    return asyncio.run(main())


def zipped(body: bytes, status: int = 200) -> Server:
    return Server(http(status, body, "Content-Encoding: gzip"))


def test_the_url_goes_out_byte_for_byte() -> None:
    """Lesson 29, and lesson 14's percent-encoding."""
    for path in (
        "/api/v1/logs?after=a%2fB%2F,c;d&q=it's|{x}[0]\"<>^`\\&e=%zz",
        "/a%2fb/%7Euser/../x//y?",
        "/logs?after=" + "aB%2f+_-" * 1000,
    ):
        server = Server(http(200, b"[]"))
        sending(server, path)
        assert server.heads[0].split("\r\n")[0] == f"GET {path} HTTP/1.1"
        assert f"\r\nHost: 127.0.0.1:{server.port}\r\n" in server.heads[0]


def test_a_fragment_stays_at_home_and_an_empty_path_is_a_slash() -> None:
    for path, target in (("/logs?a#b?c", "/logs?a"), ("?q=1", "/?q=1"), ("", "/")):
        server = Server(http(200, b"[]"))
        sending(server, path)
        assert server.heads[0].startswith(f"GET {target} HTTP/1.1\r\n")


def test_gzip_is_asked_for_and_the_body_and_every_header_come_back() -> None:
    server = Server(http(200, b"[1]", 'Link: <a>; rel="self"', 'Link: <b>; rel="next"', "X-Rate-Limit-Limit: 60"))
    reply = sending(server, headers={"accept": "application/json", "authorization": "SSWS x"})
    head = server.heads[0].lower()
    for line in ("accept: application/json", "accept-encoding: gzip", "authorization: ssws x"):
        assert head.count(f"\r\n{line}\r\n") == 1
    assert head.count("\r\naccept:") == 1
    assert (reply.status, reply.body) == (200, b"[1]")
    assert reply.header_values("link") == ['<a>; rel="self"', '<b>; rel="next"']
    assert reply.header("x-rate-limit-limit") == "60"


def test_a_body_is_sent_with_its_length() -> None:
    server = Server(http(200))
    asyncio.run(posting(server))
    assert "content-length: 3\r\n" in server.heads[0].lower()


async def posting(server: Server) -> None:
    async with server.listening() as origin, client() as transport:
        await transport.send(Request("POST", f"{origin}/token", {}, b"a=b"), within(20))


def test_a_redirect_is_not_followed_and_a_cookie_is_not_kept() -> None:
    """Lesson 28: no credential goes where the redirect leads."""

    async def main() -> list[str]:
        server = Server(http(302, b"", "Location: /elsewhere", "Set-Cookie: sid=1; Path=/"))
        async with server.listening() as origin, client() as transport:
            for _ in range(2):
                assert (await transport.send(Request("GET", f"{origin}/logs"), within(20))).status == 302
            (pool,) = transport._pools._pools.values()  # noqa: SLF001  # what is kept is seen nowhere else
            assert not list(pool.client.cookies.jar)
        assert server.connections == 1
        return server.heads

    heads = asyncio.run(main())
    assert len(heads) == 2
    assert not any("cookie" in head.lower() or "elsewhere" in head for head in heads)


@pytest.fixture(params=[zlib, isal_zlib], ids=["zlib", "isal"])
def unpacker(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python's own, and the one that is used where it is installed."""
    monkeypatch.setattr("hel.transport.body._zlib", request.param)


@pytest.mark.usefixtures("unpacker")
@pytest.mark.parametrize(
    "body", [gzip.compress(b"[1,2]"), gzip.compress(b"[1") + gzip.compress(b",2]")], ids=["one member", "two members"]
)
def test_a_gzip_body_is_unpacked(body: bytes) -> None:
    assert sending(zipped(body)).body == b"[1,2]"


def test_an_empty_body_that_is_called_gzip_is_empty() -> None:
    assert sending(zipped(b"")).body == b""


@pytest.mark.usefixtures("unpacker")
@pytest.mark.parametrize("size", [0, 1, 1_048_575, 1_048_576, 1_048_577, 3_000_000])
@pytest.mark.parametrize("level", [0, 9])
def test_a_gzip_body_of_any_size_is_unpacked_to_its_last_byte(size: int, level: int) -> None:
    raw = random.Random(size).randbytes(4096) * (size // 4096 + 1)  # noqa: S311  # sample data
    assert sending(zipped(gzip.compress(raw[:size], level)), max_bytes=size).body == raw[:size]


@pytest.mark.usefixtures("unpacker")
@pytest.mark.parametrize(
    ("body", "words"),
    [
        (CUT_OFF, "cut off"),
        (gzip.compress(b"[]")[:10], "cut off"),
        (b"[]" * 9, "corrupt"),
        (gzip.compress(b"[]") + b"garbage, much of it", "corrupt"),
        (gzip.compress(b"[]" * 99)[:-8] + b"\0" * 8, "corrupt"),
    ],
    ids=["tail missing", "head only", "not gzip", "garbage behind", "wrong checksum"],
)
def test_a_gzip_body_that_is_not_whole_is_no_answer(body: bytes, words: str) -> None:
    """Lesson 8."""
    with pytest.raises(UnreachableError) as caught:
        sending(zipped(body))
    assert words in str(caught.value)
    assert caught.value.trouble == "cut"


@pytest.mark.usefixtures("unpacker")
def test_a_gzip_bomb_is_refused_at_the_limit() -> None:
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(b"\0" * 1_000_000) for _ in range(200)) + packer.flush()
    with pytest.raises(ReplyError) as caught:
        sending(zipped(bomb))
    assert "larger than" in str(caught.value)


@pytest.mark.usefixtures("unpacker")
def test_gzip_of_nothing_very_often_is_nothing() -> None:
    assert sending(zipped(gzip.compress(b"") * 30_000 + gzip.compress(b"[]"))).body == b"[]"


def test_a_large_body_is_unpacked_while_all_of_the_shared_threads_hang() -> None:
    body = random.Random(1).randbytes(700_000)  # noqa: S311  # sample data

    async def main() -> bytes:
        threads = anyio.to_thread.current_default_thread_limiter()
        for _ in range(int(threads.total_tokens)):
            threads.acquire_on_behalf_of_nowait(object())
        async with zipped(gzip.compress(body)).listening() as origin, client() as transport:
            return (await transport.send(Request("GET", f"{origin}/logs"), within(20))).body

    assert asyncio.run(main()) == body


def test_a_body_over_the_limit_is_refused_and_one_at_the_limit_is_not() -> None:
    assert len(sending(Server(http(200, b"x" * 1_000_000))).body) == 1_000_000
    assert len(sending(zipped(gzip.compress(b"x" * 1_000_000))).body) == 1_000_000
    for server in (Server(http(200, b"x" * 1_000_001)), zipped(gzip.compress(b"x" * 1_000_001))):
        with pytest.raises(ReplyError):
            sending(server)


def test_a_coding_that_was_not_asked_for_is_refused() -> None:
    with pytest.raises(ReplyError) as caught:
        sending(Server(http(200, b"x", "Content-Encoding: br")))
    assert "compressed as br" in str(caught.value)


@pytest.mark.parametrize("status", [401, 429, 503])
def test_a_refusal_is_a_refusal_even_where_its_body_cant_be_had(status: int) -> None:
    for server in (
        Server(http(status, b"x", "Content-Encoding: br", "Retry-After: 7")),
        Server(http(status, CUT_OFF, "Content-Encoding: gzip", "Retry-After: 7")),
        Server(closing(http(status, b"half", "Retry-After: 7", length=99))),
    ):
        reply = sending(server)
        assert (reply.status, reply.body, reply.header("retry-after")) == (status, b"", "7")


def closing(data: bytes) -> Handler:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()

    return answer


@pytest.mark.parametrize(
    ("data", "trouble"),
    [
        (b"", "reset"),
        (b"HTTP/1.1 200 OK\r\nCont", "reset"),
        (http(200, b"half", length=99), "cut"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nha", "cut"),
        (b"\x1b[31mno\r\n\r\n", "reset"),
    ],
)
def test_a_connection_that_breaks_is_no_answer(data: bytes, trouble: str) -> None:
    with pytest.raises(UnreachableError) as caught:
        sending(Server(closing(data)))
    assert caught.value.trouble == trouble
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("head", "every_s"), [(b"", 9), (http(200, b"[", length=9999), 9), (http(200, b"[", length=9999), 0.02)],
    ids=["no answer", "stalled body", "slow drip"],
)  # fmt: skip
def test_a_stalled_body_and_a_slow_drip_both_time_out_and_the_connection_is_closed(head: bytes, every_s: float) -> None:
    """Lesson 25."""

    async def main() -> None:
        gone = asyncio.Event()
        async with Server(stalling(head, every_s, gone)).listening() as origin, client() as transport:
            with pytest.raises(UnreachableError) as caught:
                await transport.send(Request("GET", f"{origin}/logs"), within(0.3))
            assert (caught.value.trouble, "within 0.3 s" in str(caught.value)) == ("timeout", True)
            await asyncio.wait_for(gone.wait(), 10)

    asyncio.run(main())


def test_what_the_body_is_for_may_be_waited_for_before_it_is_read_and_for_longer_than_the_request_may_take() -> None:
    async def main() -> tuple[Reply, list[bool]]:
        asked = list[bool]()

        async def begins() -> None:
            asked.append(True)
            await asyncio.sleep(0.8)

        async with Server(http(200, b"[1]")).listening() as origin, client() as transport:
            return await transport.send(Request("GET", f"{origin}/logs"), within(0.5), begins), asked

    reply, asked = asyncio.run(main())
    assert (reply.body, asked) == (b"[1]", [True])


def test_each_origin_has_connections_of_its_own_and_those_that_are_long_unused_are_closed() -> None:
    async def main() -> None:
        clock = FakeClock()
        transport, one, other = HttpTransport(clock), Server(http(200, b"[]")), Server(http(200, b"[]"))
        async with one.listening() as first, other.listening() as second:
            for origin in (first, second, first):
                await transport.send(Request("GET", f"{origin}/logs"), within(20))
            clock.at += 91
            await transport.send(Request("GET", f"{second}/logs"), within(20))
            await transport.tidy()
            for origin in (first, second):
                await transport.send(Request("GET", f"{origin}/logs"), within(20))
            await transport.aclose()
        assert (one.connections, other.connections) == (2, 1)

    asyncio.run(main())


def stalling(head: bytes, every_s: float, gone: asyncio.Event) -> Handler:
    """Sends a head, then a byte now and then, until the client hangs up."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        hung_up = asyncio.ensure_future(reader.read())
        while not (await asyncio.wait([hung_up], timeout=every_s))[0]:
            writer.write(b" ")
        gone.set()

    return answer


def test_a_cancelled_request_closes_its_connection_and_the_next_one_is_served() -> None:
    async def main() -> None:
        asked, gone = asyncio.Event(), asyncio.Event()

        async def stall(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked.set()
            await stalling(b"", 9, gone)(reader, writer)

        stalled, well = Server(stall), Server(http(200, b"[]"))
        async with stalled.listening() as bad, well.listening() as good, client() as transport:
            task = asyncio.create_task(transport.send(Request("GET", f"{bad}/logs"), within(60)))
            await asyncio.wait_for(asked.wait(), 10)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.wait_for(gone.wait(), 10)
            assert (await transport.send(Request("GET", f"{good}/logs"), within(20))).body == b"[]"

    asyncio.run(main())


def test_nobody_listening_and_an_unknown_name_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    async def send(url: str) -> UnreachableError:
        async with client() as transport:
            with pytest.raises(UnreachableError) as caught:
                await transport.send(Request("GET", url), within(20))
        return caught.value

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        refused = asyncio.run(send(f"http://127.0.0.1:{free.getsockname()[1]}/logs?after=mark"))
    assert refused.trouble == "connect"
    assert "mark" not in str(refused)

    def unknown(*_: Any, **__: Any) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    nameless = asyncio.run(send("https://no-such-org.okta.com/logs"))
    assert nameless.trouble == "dns"
    assert "OKTA_DOMAIN" in nameless.fix


@pytest.mark.parametrize("headers", [{"authorization": "SSWS hush\nx: y"}, {"authorization": "SSWS hüsh"}])
def test_a_header_that_cant_be_sent_is_refused_without_its_value(headers: dict[str, str]) -> None:
    with pytest.raises(RefusedError) as caught:
        sending(server := Server(http(200)), headers=headers)
    assert not any(word in repr(caught.value) + str(caught.value) for word in ("hush", "hüsh"))
    assert caught.value.__suppress_context__
    assert server.heads == []


def test_a_url_too_long_for_the_client_is_refused() -> None:
    with pytest.raises(RefusedError):
        sending(Server(http(200)), "/logs?after=" + "x" * 70_000)


def tls(*names: str) -> tuple[trustme.CA, ssl.SSLContext]:
    ca, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(*names).configure_cert(context)
    return ca, context


def trust(ca: trustme.CA, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ca.cert_pem.write_to_path(str(folder / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "ca.pem"))


def test_a_private_ca_is_trusted_by_ssl_cert_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ca, context = tls("127.0.0.1")
    trust(ca, tmp_path, monkeypatch)
    assert sending(Server(http(200, b"[]"), context)).body == b"[]"


def test_a_stranger_and_another_name_are_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for ca, context in (tls("127.0.0.1"), tls("other.example")):
        server = Server(http(200), context)
        with pytest.raises(UnreachableError) as caught:
            sending(server)
        assert caught.value.trouble == "certificate"
        assert server.heads == []
        trust(ca, tmp_path, monkeypatch)


def test_a_ca_file_that_cant_be_used_is_a_config_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").touch()
    for name in ("missing", "empty"):
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / name))
        with pytest.raises(ConfigError) as caught:
            HttpTransport(SystemClock()).prepare("https://org.invalid/")
        assert "SSL_CERT_FILE" in str(caught.value)


def test_a_proxy_that_cant_be_used_is_a_config_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "gopher://user:hush@127.0.0.1")
    with pytest.raises(ConfigError) as caught:
        HttpTransport(SystemClock()).prepare("https://org.invalid/")
    assert "HTTPS_PROXY" in str(caught.value)
    assert "hush" not in str(caught.value)


def test_a_plain_request_goes_to_the_proxy_whole_and_byte_for_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> str:
        proxy = Server(http(200, b"[]"))
        async with proxy.listening() as address:
            monkeypatch.setenv("HTTP_PROXY", address)
            async with client() as transport:
                await transport.send(Request("GET", "http://org.invalid/logs?after=a%2fb|c"), within(20))
        return proxy.heads[0]

    head = asyncio.run(main())
    assert head.startswith("GET http://org.invalid/logs?after=a%2fb|c HTTP/1.1\r\n")
    assert "\r\nHost: org.invalid\r\n" in head


def test_a_tls_request_asks_the_proxy_for_a_tunnel_to_its_host_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> tuple[str, UnreachableError]:
        proxy = Server(http(407))
        async with proxy.listening() as address:
            monkeypatch.setenv("HTTPS_PROXY", address)
            asked = Request("GET", "https://org.invalid/logs?after=x", {"authorization": "SSWS x"})
            async with client() as transport:
                with pytest.raises(UnreachableError) as caught:
                    await transport.send(asked, within(20))
        return proxy.heads[0], caught.value

    head, error = asyncio.run(main())
    assert head.startswith("CONNECT org.invalid:443 HTTP/1.1\r\n")
    assert "authorization" not in head.lower()
    assert "proxy refused" in str(error)


def test_no_proxy_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert sending(Server(http(200, b"[]"))).body == b"[]"


def failing(url: str, bounds: Bounds, tls: Tls = Tls()) -> SourceError:  # noqa: B008  # frozen
    """What a request ends by."""

    async def main() -> SourceError:
        async with client(tls) as transport:
            with pytest.raises(SourceError) as caught:
                await transport.send(Request("GET", f"{url}/logs"), bounds)
        return caught.value

    return asyncio.run(main())


def test_a_connection_that_is_not_made_in_time_is_no_answer() -> None:
    """The kernel takes the connection, and nobody answers its handshake: TLS belongs to connecting."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        error = failing(
            f"https://127.0.0.1:{silent.getsockname()[1]}", Bounds(30, connect_s=0.2, read_s=30, max_bytes=9)
        )
    assert isinstance(error, UnreachableError)
    assert error.trouble == "timeout"
    assert error.message.startswith("no connection to https://127.0.0.1:")
    assert "`resilience.connect_timeout_secs`" in error.fix


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nCont", http(200, b"half", length=99)])
def test_a_pause_that_is_too_long_between_two_pieces_of_an_answer_is_its_end(head: bytes) -> None:
    async def main() -> UnreachableError:
        gone = asyncio.Event()
        async with Server(stalling(head, 60, gone)).listening() as origin, client() as transport:
            with pytest.raises(UnreachableError) as caught:
                await transport.send(
                    Request("GET", f"{origin}/logs"), Bounds(60, connect_s=30, read_s=0.2, max_bytes=99)
                )
            await asyncio.wait_for(gone.wait(), 30)
        return caught.value

    error = asyncio.run(main())
    assert error.trouble == "timeout"
    assert error.message.startswith("nothing came from http://127.0.0.1:")
    assert "`resilience.read_timeout_secs`" in error.fix


@pytest.mark.parametrize(
    "head", [b"X: " + b"y" * 400_000 + b"\r\n", b"X: y\r\n" * 60_000], ids=["one long line", "many lines"]
)
def test_a_head_without_end_is_refused(head: bytes) -> None:
    with pytest.raises(ReplyError) as caught:
        sending(Server(closing(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n")))
    assert caught.value.trouble == "too_large"
    assert "larger than 100 KiB" in caught.value.message


HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </next>; rel=next\r\n\r\n"


def test_answers_before_the_answer_are_passed_over() -> None:
    for hints in (HINTS * 20, b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 199 x\r\n\r\n" + HINTS):
        reply = sending(Server(hints + http(200, b"[1]")))
        assert (reply.status, reply.body, reply.header("link")) == (200, b"[1]", None)


def test_answers_before_the_answer_without_end_end_with_the_requests_time() -> None:
    async def hinting(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(HINTS)
            await writer.drain()
            await asyncio.sleep(0.01)

    with pytest.raises(UnreachableError) as caught:
        sending(Server(hinting), timeout_s=0.4)
    assert (caught.value.trouble, "within 0.4 s" in caught.value.message) == ("timeout", True)


def test_a_switch_of_protocols_that_nobody_asked_for_is_said_to_be_one() -> None:
    with pytest.raises(UnreachableError) as caught:
        sending(Server(closing(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n")))
    assert caught.value.trouble == "reset"
    assert "it answered 101" in caught.value.message


def test_what_stands_behind_a_body_is_no_part_of_it_and_in_no_message() -> None:
    async def main() -> tuple[list[Reply], UnreachableError]:
        server, replies = Server(http(200, b"[1]") + b'[{"name":"hush"}]'), []
        async with server.listening() as origin, client() as transport:
            request = Request("GET", f"{origin}/logs")
            replies.append(await transport.send(request, within(20)))
            with pytest.raises(UnreachableError) as caught:  # the connection's next answer would begin with it
                await transport.send(request, within(20))
            replies.append(await transport.send(request, within(20)))
        assert server.connections == 2
        return replies, caught.value

    replies, error = asyncio.run(main())
    assert [reply.body for reply in replies] == [b"[1]"] * 2
    assert error.trouble == "reset"
    assert "hush" not in str(error)


@pytest.mark.parametrize("words", [b"too long", b"buffer limit", b"complete message body chunked"])
def test_what_a_server_says_does_not_decide_what_its_failure_is_taken_for(words: bytes) -> None:
    with pytest.raises(UnreachableError) as caught:
        sending(Server(closing(b"HTTP " + words + b"\r\n\r\n")))
    assert caught.value.trouble == "reset"
    assert words.decode() not in str(caught.value)


class Authority:
    """A CA, and what it vouches for."""

    def __init__(self) -> None:
        self._ca = trustme.CA()
        self.pem = self._ca.cert_pem.bytes().decode()

    def server(
        self, *names: str, asks: "Authority | None" = None, days: tuple[datetime | None, datetime | None] = (None, None)
    ) -> ssl.SSLContext:
        """A server's side; one that `asks` wants a client certificate that this CA vouches for."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert(*(names or ("127.0.0.1",)), not_before=days[0], not_after=days[1]).configure_cert(context)
        if asks is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(cadata=asks.pem)
        return context

    def client(self) -> tuple[SecretStr, SecretStr]:
        """A client's certificate and key."""
        leaf = self._ca.issue_cert("hel@example.com")
        chain = "".join(blob.bytes().decode() for blob in leaf.cert_chain_pems)
        return SecretStr(chain), SecretStr(leaf.private_key_pem.bytes().decode())


@contextlib.contextmanager
def blunt(context: ssl.SSLContext) -> Iterator[str]:
    """A TLS server by OpenSSL alone: asyncio's own closes without the alert that says why it will not have us."""

    def answer(connection: ssl.SSLSocket) -> None:
        try:
            connection.do_handshake()
            connection.recv(65_536)
            connection.sendall(http(200, b"[]"))
        except ssl.SSLError:  # the alert is sent; a close before the request is read would overtake it
            with socket.socket(fileno=connection.detach()) as refused:
                refused.shutdown(socket.SHUT_WR)
                while refused.recv(65_536):
                    pass

    def serve() -> None:
        raw, _ = listener.accept()
        raw.settimeout(30)
        with contextlib.suppress(OSError), context.wrap_socket(raw, True, do_handshake_on_connect=False) as connection:
            answer(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"
        thread.join(30)
        assert not thread.is_alive()


def secured(context: ssl.SSLContext, tls: Tls) -> Reply:
    async def main() -> Reply:
        async with Server(http(200, b"[]"), context).listening() as origin, client(tls) as transport:
            return await transport.send(Request("GET", f"{origin}/logs"), within(20))

    return asyncio.run(main())


VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_client_certificate_opens_a_server_that_asks_for_one(version: ssl.TLSVersion) -> None:
    ca, clients = Authority(), Authority()
    context = ca.server(asks=clients)
    context.maximum_version = version
    cert, key = clients.client()
    apart, in_one = Tls(ca.pem, cert=cert, key=key), SecretStr(cert.get_secret_value() + key.get_secret_value())
    for tls in (apart, Tls(ca.pem, cert=in_one)):
        assert secured(context, tls).body == b"[]"


@pytest.mark.parametrize("version", VERSIONS)
def test_without_a_client_certificate_that_the_server_trusts_the_error_names_the_key_to_set(
    version: ssl.TLSVersion,
) -> None:
    ca, clients, strangers = Authority(), Authority(), Authority()
    cert, key = strangers.client()
    for tls in (Tls(ca.pem), Tls(ca.pem, cert=cert, key=key)):
        context = ca.server(asks=clients)
        context.maximum_version = version
        with blunt(context) as origin:
            error = failing(origin, within(20), tls)
        assert isinstance(error, UnreachableError), error
        assert error.trouble == "tls", error
        assert "`tls.client_cert_file`" in error.fix


def test_a_server_that_is_too_old_for_the_configured_version_is_told_from_other_failures() -> None:
    ca = Authority()
    context = ca.server()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with blunt(context) as origin:
        error = failing(origin, within(20), Tls(ca.pem, min_version="1.3"))
    assert isinstance(error, UnreachableError)
    assert error.trouble == "tls"
    assert "`tls.min_version`" in error.fix
    assert secured(context, Tls(ca.pem)).status == 200
    assert secured(ca.server(), Tls(ca.pem, min_version="1.3")).status == 200


def test_a_ca_of_ones_own_is_trusted_besides_the_usual_ones_or_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual, own = Authority(), Authority()
    (tmp_path / "usual.pem").write_text(usual.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "usual.pem"))
    for authority in (usual, own):
        assert secured(authority.server(), Tls(own.pem)).status == 200
    assert secured(own.server(), Tls(own.pem, ca_only=True)).status == 200
    for tls, server in ((Tls(own.pem, ca_only=True), usual), (Tls(), own)):
        with pytest.raises(UnreachableError) as caught:
            secured(server.server(), tls)
        assert caught.value.trouble == "certificate"
        assert "`tls.ca_file`" in caught.value.fix


OVER = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2021, 1, 1, tzinfo=UTC))
TO_COME = (datetime(2090, 1, 1, tzinfo=UTC), datetime(2091, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("names", "days", "words", "fix"),
    [
        ((), OVER, "expired", "needs a new certificate"),
        ((), TO_COME, "not yet valid", "this machine's clock"),
        (("other.example",), (None, None), "mismatch", "check the domain"),
        (("127.0.0.2",), (None, None), "mismatch", "check the domain"),
    ],
)
@pytest.mark.parametrize("ca_only", [True, False])
def test_a_certificate_that_is_out_of_date_or_anothers_is_not_trusted(
    names: tuple[str, ...], days: tuple[datetime | None, datetime | None], words: str, fix: str, ca_only: bool
) -> None:
    ca = Authority()
    with pytest.raises(UnreachableError) as caught:
        secured(ca.server(*names, days=days), Tls(ca.pem, ca_only=ca_only))
    assert caught.value.trouble == "certificate"
    assert words in caught.value.message
    assert fix in caught.value.fix


def test_ways_of_using_tls_that_are_equal_share_a_client_and_its_connections_and_others_have_one_apart() -> None:
    cert, key = Authority().client()
    ways = [Tls(), Tls(min_version="1.3"), Tls(cert=cert, key=key), Tls(cert=cert, key=key, min_version="1.3")]
    again = [Tls(), Tls(min_version="1.3"), Tls(None, False, SecretStr(cert.get_secret_value()), key)]

    async def main() -> list[int]:
        transports, counts = Transports(SystemClock()), []
        async with (server := Server(http(200, b"[]"))).listening() as origin:
            for tls in (*ways, *again, *ways):
                await transports.of(tls).send(Request("GET", f"{origin}/logs"), within(20))
                counts.append(server.connections)
            await transports.aclose()
        assert len({id(transports.of(tls)) for tls in (*ways, *again)}) == len(ways)
        return counts

    assert asyncio.run(main()) == [1, 2, 3, 4, *[4] * 7]


@pytest.mark.parametrize("listed", ["127.0.0.1", "example.com, 127.0.0.1", "*"])
def test_no_proxy_sends_a_tls_request_straight_to_its_host(listed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ca = Authority()
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", listed)
    assert secured(ca.server(), Tls(ca.pem)).body == b"[]"


def test_a_host_that_no_proxy_does_not_name_goes_through_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    ca = Authority()
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.2,example.com")
    with pytest.raises(UnreachableError) as caught:
        secured(ca.server(), Tls(ca.pem))
    assert caught.value.trouble == "connect"


@pytest.mark.parametrize("written", ["hush-hush", "hush%40hush", "hush:hush", "h%C3%BCsh-h%C3%BCsh", "h%75sh-hush"])
def test_a_proxys_password_is_in_no_error_however_the_proxy_repeats_it(
    written: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a proxy says is shown, as a person reads it: through the register of what must not be."""
    heard: list[str] = []

    async def repeat(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        basic = proxy.heads[-1].partition("Basic ")[2].partition("\r\n")[0]
        heard.append(basic)
        writer.write(f"HTTP/1.1 407 no {basic} {written}\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()

    proxy = Server(repeat)

    async def main() -> list[str]:
        said = []
        async with proxy.listening() as address:
            for where in (address, "http://127.0.0.1:9"):
                monkeypatch.setenv("HTTPS_PROXY", where.replace("//", f"//user:{written}@"))
                async with client() as transport:
                    with pytest.raises(UnreachableError) as caught:
                        await transport.send(Request("GET", "https://org.invalid/logs"), within(20))
                said.append(redacted(f"{caught.value} {caught.value!r}"))
        return said

    refused, nobody = asyncio.run(main())
    password = unquote(written)
    assert heard == [b64encode(f"user:{password}".encode()).decode()], "the proxy was sent it"
    assert "407 no *** ***" in refused
    assert "proxy" in nobody or "no connection" in nobody
    for text in (refused, nobody, redacted(f"it was {password}")):
        assert not any(secret in text for secret in (written, password, *heard))
