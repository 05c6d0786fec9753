import json
from contextlib import ExitStack, suppress
from http import HTTPStatus
from threading import Event

import httpx
import pytest

from examples.okta_org import Fault, Org, running
from examples.okta_org.line import Line
from examples.okta_org.order import from_text
from tests.okta_org.visitor import Visitor, connected, log_request, parted, raw, rest


@pytest.fixture
def flooded(monkeypatch: pytest.MonkeyPatch) -> Event:
    """Is set when an endless answer has come to its end by itself."""
    ended, flood = Event(), Line.flood

    async def flood_then_tell(line: Line) -> None:
        await flood(line)
        ended.set()

    monkeypatch.setattr(Line, "flood", flood_then_tell)
    return ended


@pytest.mark.parametrize("status", [100, 102, 103, 199])
def test_informational_answers_stand_before_the_right_one(visitor: Visitor, status: int) -> None:
    visitor.org.fault(Fault(kind="informational", status=0 if status == 103 else status, count=2))
    first, second, right = raw(visitor).split(b"HTTP/1.1 ")[1:]
    phrase = "" if status == 199 else HTTPStatus(status).phrase
    assert first == second
    assert first.startswith(f"{status} {phrase}\r\nlink: ".encode())
    assert first.endswith(b"\r\n\r\n")
    assert right.startswith(b"200 OK\r\n")
    assert visitor.org.ledger.served == visitor.org.log.uuids[:2]


def test_informational_answers_are_no_obstacle_for_a_client(visitor: Visitor) -> None:
    visitor.org.fault(Fault(kind="informational", count=3))
    assert [visitor.logs("limit=2").status_code for _ in range(2)] == [200, 200]


def test_switching_protocols_is_the_last_answer_of_its_connection(visitor: Visitor) -> None:
    visitor.org.fault(Fault(kind="status", status=101))
    answer = raw(visitor)
    assert answer.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
    headers, body = parted(answer)
    assert (headers["connection"], body) == ("upgrade", b"")
    assert visitor.org.ledger.requests[-1].status == 101


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_that_can_have_no_body_has_none(visitor: Visitor, status: int) -> None:
    visitor.org.fault(Fault(kind="status", status=status))
    reply = visitor.logs("limit=2")
    assert (reply.status_code, reply.content) == (status, b"")


def test_short_length_lets_the_rest_of_the_body_follow_on_an_open_connection(visitor: Visitor) -> None:
    visitor.org.fault(Fault(kind="short_length"))
    with connected(visitor, more="") as connection:
        connection.sendall(log_request(visitor, "connection: close\r\n"))
        spoilt, right = rest(connection).split(b"HTTP/1.1 200 OK\r\n")[1:]
    headers, body = parted(b"\r\n" + spoilt)
    assert int(headers["content-length"]) == len(body) // 2
    assert body == parted(b"\r\n" + right)[1]
    assert visitor.org.ledger.served == visitor.org.log.uuids[:2], "the spoilt page counts no events"


def test_long_length_promises_more_than_the_whole_body(visitor: Visitor) -> None:
    visitor.org.fault(Fault(kind="long_length"))
    headers, body = parted(raw(visitor))
    assert int(headers["content-length"]) == len(body) + 1
    assert len(json.loads(body)) == 2
    assert visitor.org.ledger.served == []


def test_an_endless_body_ends_when_the_client_hangs_up(visitor: Visitor, flooded: Event) -> None:
    visitor.org.fault(Fault(kind="endless"))
    with connected(visitor) as connection:
        received = connection.recv(65536)
        while len(received) < 2_000_000:
            received += connection.recv(65536)
        assert not flooded.is_set()
    headers, body = parted(received)
    assert received.startswith(b"HTTP/1.1 200 OK\r\n")
    assert headers["transfer-encoding"] == "chunked"
    assert b'[{"actor"' in body[:100]
    assert flooded.wait(10)


def test_an_endless_body_ends_with_a_release_though_nobody_reads_it(visitor: Visitor, flooded: Event) -> None:
    visitor.org.fault(Fault(kind="endless"))
    with connected(visitor) as connection:
        received = connection.recv(65536)
        while b" " * 1000 not in received:
            received += connection.recv(65536)
        visitor.org.release()
        assert flooded.wait(10)
        with suppress(ConnectionResetError):
            received += rest(connection)
    assert b"\r\n0\r\n\r\n" not in received, "the body has no end"


def test_an_org_stops_in_the_middle_of_an_endless_body(flooded: Event) -> None:
    org = Org(events=2)
    org.fault(Fault(kind="endless"))
    with ExitStack() as kept:
        with running(org, tls=False) as server:
            visitor = Visitor(server)
            kept.callback(visitor.http.close)
            connection = kept.enter_context(connected(visitor))
            received = connection.recv(65536)
            while b" " * 1000 not in received:
                received += connection.recv(65536)
        assert flooded.is_set(), "it was not cut off by force"


def test_raw_is_what_stands_on_the_wire_with_the_credential_filled_in(visitor: Visitor) -> None:
    visitor.org.fault(Fault(kind="raw", body=b"\x00\xff {authorization}\r\nx"))
    assert raw(visitor) == f"\x00\xff SSWS {visitor.org.api_token}\r\nx".encode("latin-1")
    visitor.org.fault(from_text("raw,body=HTTP/9 {authorization}"))
    with pytest.raises(httpx.RemoteProtocolError):
        visitor.logs("limit=2")
    assert [entry.status for entry in visitor.org.ledger.requests] == [0, 0]
