import gzip
import json
import time
import zlib
from collections.abc import Callable

import httpx
import pytest

from examples.okta_org import Fault
from examples.okta_org.order import from_text
from tests.journeys.workshop import until
from tests.okta_org.visitor import LOGS, TOKEN, Visitor, next_url, raw, releasing

Visit = Callable[..., Visitor]


def test_a_fault_happens_as_often_as_asked_after_those_it_skips(visitor: Visitor) -> None:
    visitor.org.fault(Fault(kind="status", status=502, skip=1, times=2))
    visitor.org.fault(Fault(kind="status", status=503, skip=1))
    assert [visitor.logs("limit=1").status_code for _ in range(5)] == [200, 502, 502, 503, 200]


def test_a_fault_concerns_its_path_only(visitor: Visitor) -> None:
    visitor.org.fault(Fault(kind="status", path=TOKEN))
    assert visitor.logs("limit=1").status_code == 200
    assert visitor.http.get(visitor.url(TOKEN)).status_code == 500


def test_a_fault_is_in_the_ledger_and_serves_no_events(visitor: Visitor) -> None:
    visitor.org.fault(Fault(kind="bad_json"))
    visitor.logs("limit=5")
    entry = visitor.org.ledger.requests[-1]
    assert (entry.status, entry.events, entry.note) == (200, 0, "fault: bad_json")
    assert visitor.org.ledger.served == []


def test_reset_ends_the_connection_by_a_reset_before_any_byte(visitor: Visitor) -> None:
    visitor.org.fault(Fault(kind="reset"))
    with pytest.raises(ConnectionResetError):
        raw(visitor)
    assert visitor.org.ledger.requests[-1].status == 0


def test_cut_ends_the_connection_in_the_middle_of_the_declared_body(visitor: Visitor) -> None:
    visitor.org.fault(Fault(kind="cut"))
    head, _, body = raw(visitor).partition(b"\r\n\r\n")
    declared = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
    assert len(body) == int(declared.split()[1]) // 2


@pytest.mark.parametrize("kind", ["reset", "cut"])
def test_a_lost_connection_looks_like_one_over_tls_too(visit: Visit, kind: str) -> None:
    visitor = visit(tls=True)
    visitor.org.fault(from_text(kind))
    with pytest.raises(httpx.TransportError):
        visitor.logs("limit=2")
    assert visitor.logs("limit=2").status_code == 200


def test_truncated_gzip_is_a_whole_message_around_half_of_a_stream(visitor: Visitor) -> None:
    visitor.org.fault(Fault(kind="truncated_gzip"))
    head, _, body = raw(visitor).partition(b"\r\n\r\n")
    assert f"content-length: {len(body)}".encode() in head.lower()
    inflater = zlib.decompressobj(31)
    inflater.decompress(body)
    assert not inflater.eof


def test_bodies_that_are_no_page_of_events(visitor: Visitor) -> None:
    for kind in ("bad_json", "not_a_list", "invalid_utf8", "html"):
        visitor.org.fault(from_text(kind))
    bad_json, not_a_list, invalid_utf8, html = (visitor.logs("limit=2") for _ in range(4))
    with pytest.raises(json.JSONDecodeError):
        json.loads(bad_json.content)
    assert not_a_list.json() == {"events": []}
    with pytest.raises(UnicodeDecodeError):
        invalid_utf8.content.decode()
    assert (html.status_code, html.headers["content-type"]) == (200, "text/html")


def test_stall_sends_the_headers_and_then_nothing_until_released(visitor: Visitor) -> None:
    visitor.org.fault(Fault(kind="stall"))
    with pytest.raises(httpx.ReadTimeout):
        visitor.http.get(visitor.url(LOGS), headers={"authorization": f"SSWS {visitor.org.api_token}"}, timeout=0.2)
    assert visitor.org.ledger.served == []
    visitor.org.fault(Fault(kind="stall"))
    with releasing(visitor.org):
        assert len(visitor.logs("limit=2").json()) == 2
    until(lambda: len(visitor.org.ledger.served) == 2)


def test_drip_sends_the_whole_body_in_pieces(visitor: Visitor) -> None:
    visitor.org.fault(Fault(kind="drip", piece=1000, seconds=0.01))
    started = time.monotonic()
    assert len(visitor.logs("limit=2").json()) == 2
    assert time.monotonic() - started >= 0.02


def test_delay_answers_later(visitor: Visitor) -> None:
    visitor.org.fault(Fault(kind="delay", seconds=0.1))
    started = time.monotonic()
    assert visitor.logs("limit=2").status_code == 200
    assert time.monotonic() - started >= 0.1


def test_redirect_and_next_lead_elsewhere(visitor: Visitor) -> None:
    visitor.org.fault(Fault(kind="redirect", location="https://evil.example.com/"))
    visitor.org.fault(Fault(kind="next", url="https://evil.example.com/api"))
    redirect, page = visitor.logs("limit=2"), visitor.logs("limit=2")
    assert (redirect.status_code, redirect.headers["location"]) == (302, "https://evil.example.com/")
    assert next_url(page) == "https://evil.example.com/api"
    assert len(page.headers.get_list("link")) == 2


def test_bearer_names_a_bound_token_bearer(visit: Visit) -> None:
    visitor = visit(nonces=False)
    visitor.org.fault(Fault(kind="bearer", path=TOKEN))
    assert visitor.ask_token().json()["token_type"] == "Bearer"


def test_a_429_to_order_is_no_fault_of_the_client(visitor: Visitor) -> None:
    visitor.org.fault(Fault(kind="status", status=429, seconds=5))
    visitor.org.fault(Fault(kind="concurrency_429"))
    before = visitor.org.now()
    reply, concurrency = visitor.logs("limit=1"), visitor.logs("limit=1")
    assert reply.headers["x-rate-limit-remaining"] == "0"
    assert before + 5 <= int(reply.headers["x-rate-limit-reset"]) < visitor.org.now() + 6
    assert [concurrency.headers[f"x-rate-limit-{name}"] for name in ("limit", "remaining")] == ["0", "0"]
    assert visitor.rules_broken() == []


def test_headers_are_overridden_repeated_and_taken_away(visitor: Visitor) -> None:
    headers: dict[str, str | list[str] | None] = {
        "X-Rate-Limit-Limit": ["1", "2"],
        "X-Rate-Limit-Remaining": "many",
        "X-Rate-Limit-Reset": None,
    }
    visitor.org.fault(Fault(kind="headers", headers=headers))
    reply = visitor.logs("limit=1")
    assert reply.headers.get_list("x-rate-limit-limit") == ["1", "2"]
    assert reply.headers["x-rate-limit-remaining"] == "many"
    assert "x-rate-limit-reset" not in reply.headers
    assert len(reply.json()) == 1


def test_a_fault_is_read_from_words() -> None:
    fault = from_text("status,status=503,times=2,seconds=1.5,header=Retry-After:7")
    assert fault == Fault(kind="status", status=503, times=2, seconds=1.5, headers={"Retry-After": "7"})
    assert from_text("raw,body=ä") == Fault(kind="raw", body="ä".encode())
    assert from_text("informational,count=3,size=7") == Fault(kind="informational", count=3, size=7)


@pytest.mark.parametrize("text", ["nonsense", "status,colour=red", "status,times=often"])
def test_words_that_are_no_fault_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="fault"):
        from_text(text)


@pytest.mark.parametrize(
    ("kind", "status"), [("informational", 101), ("informational", 200), ("status", 99), ("status", 600)]
)
def test_a_status_that_the_fault_cannot_have_is_refused(kind: str, status: int) -> None:
    with pytest.raises(ValueError, match=f"not {status}"):
        from_text(f"{kind},status={status}")


def test_bodies_are_compressed_only_for_who_asks(visitor: Visitor) -> None:
    compressed = raw(visitor, more="accept-encoding: gzip\r\n").partition(b"\r\n\r\n")[2]
    plain = raw(visitor).partition(b"\r\n\r\n")[2]
    assert gzip.decompress(compressed) == plain
