import gzip
import json
import tracemalloc
import zlib
from collections.abc import Callable
from contextlib import suppress

import httpx
import pytest

from examples.okta_org import FAULT_KINDS, Fault
from examples.okta_org.hostile_bodies import bomb
from examples.okta_org.order import from_text
from tests.okta_org.visitor import LOGS, TOKEN, Visitor, connected, next_url, parted, raw, releasing

Visit = Callable[..., Visitor]


def test_duplicate_keys_name_each_event_falsely_first(visit: Visit) -> None:
    visitor = visit(odd=True)
    visitor.org.fault(Fault(kind="duplicate_keys"))
    found: list[list[str]] = []

    def note(pairs: list[tuple[str, object]]) -> dict[str, object]:
        if names := [str(value) for name, value in pairs if name == "uuid"]:
            found.append(names)
        return dict(pairs)

    page = json.loads(visitor.logs("limit=7").content, object_pairs_hook=note)
    assert found == [["bogus", uuid] for uuid in visitor.org.log.uuids[:7]]
    assert [event["uuid"] for event in page] == visitor.org.ledger.served == visitor.org.log.uuids[:7]


def test_duplicate_keys_of_a_token_answer_leave_the_right_token_last(visit: Visit) -> None:
    visitor = visit(nonces=False)
    visitor.org.fault(Fault(kind="duplicate_keys", path=TOKEN))
    reply = visitor.ask_token()
    assert reply.text.startswith('{"access_token":"bogus",')
    assert visitor.logs_by_token(reply.json()["access_token"]).status_code == 200


def test_cut_json_is_whole_by_http_and_gzip_and_half_a_text(visitor: Visitor) -> None:
    right = parted(raw(visitor))[1]
    visitor.org.fault(Fault(kind="cut_json"))
    headers, body = parted(raw(visitor, more="accept-encoding: gzip\r\n"))
    assert (headers["content-encoding"], headers["content-length"]) == ("gzip", str(len(body)))
    text = gzip.decompress(body)
    assert right.startswith(text)
    assert len(right) // 2 - 3 <= len(text) <= len(right) // 2
    with pytest.raises(json.JSONDecodeError):
        json.loads(text.decode())


def test_a_bomb_is_small_on_the_wire_and_of_the_size_asked_for_inside(visitor: Visitor) -> None:
    visitor.org.fault(Fault(kind="bomb", size=5_000_000))
    headers, body = parted(raw(visitor))
    assert (headers["content-encoding"], headers["content-length"]) == ("gzip", str(len(body)))
    assert len(body) < 10_000
    inflater = zlib.decompressobj(31)
    text = inflater.decompress(body)
    assert (text[:2], len(text), inflater.eof) == (b"[ ", 5_000_000, True)


def test_a_bomb_is_made_in_less_memory_than_its_size() -> None:
    bomb.cache_clear()
    tracemalloc.start()
    try:
        bomb(30_000_000)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 5_000_000


def test_long_header_is_as_long_as_asked_for(visitor: Visitor) -> None:
    visitor.org.fault(Fault(kind="long_header", size=200_000))
    headers, body = parted(raw(visitor))
    assert headers["x-padding"] == "a" * 200_000
    assert len(json.loads(body)) == 2


def test_a_long_link_works_as_it_was_handed_out_and_only_so(visit: Visit) -> None:
    visitor = visit(cursor_bytes=100)
    visitor.org.fault(Fault(kind="long_link", size=30_000))
    long = next_url(visitor.logs("limit=2"))
    short, _, pad = long.partition("&pad=")
    assert pad == "a" * 30_000
    page = visitor.logs(long)
    assert [event["uuid"] for event in page.json()] == visitor.org.log.uuids[2:4]
    assert visitor.rules_broken() == []
    assert "pad=" not in next_url(page), "one link is long, not every one after it"
    visitor.logs(short)
    assert visitor.rules_broken() == ["a next link was not used byte for byte"]


def test_deep_json_is_as_deep_as_asked_for(visitor: Visitor) -> None:
    visitor.org.fault(Fault(kind="deep_json", size=3))
    visitor.org.fault(Fault(kind="deep_json", size=100_000))
    assert visitor.logs("limit=2").content == b'[{"a":{"a":{}}}]'
    deep = visitor.logs("limit=2").content
    assert deep.count(b"{") == deep.count(b"}") == 100_000
    with pytest.raises(RecursionError):
        json.loads(deep)


@pytest.mark.parametrize("kind", ["bomb", "endless", "deep_json"])
def test_a_flood_may_have_another_status(visitor: Visitor, kind: str) -> None:
    visitor.org.fault(from_text(f"{kind},status=503"))
    with connected(visitor) as connection:
        assert connection.recv(100).startswith(b"HTTP/1.1 503 ")


def test_echo_shows_the_log_requests_secrets_in_body_and_headers(visitor: Visitor) -> None:
    token, proof = visitor.token(), visitor.proof("GET", visitor.url(LOGS))
    visitor.org.fault(Fault(kind="echo", location="/login?from=logs"))
    reply = visitor.logs_by_token(token, proof=proof)
    assert reply.status_code == 400
    assert f"Authorization: DPoP {token}; DPoP: {proof};" in reply.json()["errorSummary"]
    assert reply.headers["www-authenticate"] == f'DPoP error="invalid_token", error_description="DPoP {token}"'
    assert reply.headers["location"] == f"/login?from=logs&authorization=DPoP%20{token}"


def test_echo_shows_a_token_requests_body_word_for_word(visitor: Visitor) -> None:
    visitor.org.fault(Fault(kind="echo", path=TOKEN, status=401))
    reply = visitor.ask_token()
    sent = reply.request.content.decode()
    assert "client_assertion=" in sent
    assert reply.status_code == 401
    assert "location" not in reply.headers
    assert reply.json()["errorSummary"].endswith(f"body: {sent}")
    assert reply.json()["error_description"] == reply.json()["errorSummary"]


@pytest.mark.parametrize("kind", FAULT_KINDS)
def test_every_fault_happens_to_a_token_endpoint_too(visit: Visit, kind: str) -> None:
    visitor = visit(nonces=False, tls=True)
    visitor.org.fault(from_text(f"{kind},path={TOKEN}"))
    with releasing(visitor.org), suppress(httpx.TransportError, httpx.DecodingError):
        visitor.ask_token()
    (entry,) = visitor.org.ledger.requests
    assert entry.path == TOKEN
    assert entry.note.startswith(f"fault: {kind}")
