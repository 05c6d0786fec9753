"""Turns the right answer into the one that a fault asks for. Rule: what never arrives whole counts no events."""

import gzip
import json
import math
from dataclasses import replace
from urllib.parse import quote

from examples.okta_org import hostile_bodies
from examples.okta_org.bodies import JSON, okta_error, status_error
from examples.okta_org.faults import Fault
from examples.okta_org.pages import NEXT
from examples.okta_org.rate_window import rate_headers
from examples.okta_org.records import Answer, Call

_CONCURRENCY_RESET_S = 60
_PAGE = b"<!doctype html><html><head><title>Sign in</title></head><body>Please sign in.</body></html>"
_SWITCH = (("connection", "upgrade"), ("upgrade", "websocket"))
"""What a 101 must say (RFC 9110 §15.2.2), whether or not it was asked for."""
_BODILESS = frozenset({204, 304})


def spoil(answer: Answer, fault: Fault, call: Call, now: float) -> Answer:
    """The answer with the fault in it; how it goes over the wire is not decided here.

    Args:
        answer: The right one, complete with its headers.
        fault: What goes wrong.
        call: The request.
        now: The org's clock, epoch seconds.
    """
    spoilt = _spoilt(answer, fault, call, now)
    note = f"fault: {fault.kind}" + (f" ({answer.note})" if answer.note else "")
    return replace(spoilt.setting(fault.header_pairs), note=note)


def _spoilt(answer: Answer, fault: Fault, call: Call, now: float) -> Answer:
    match fault.kind:
        case "status" | "concurrency_429" | "redirect" | "echo":
            return _other_answer(answer, fault, call, now)
        case "next" | "long_link" | "long_header":
            return _with_other_headers(answer, fault)
        case "reset" | "raw" | "cut" | "short_length" | "long_length":
            return _without_arrival(answer, fault, call)
        case "bomb" | "endless" | "deep_json":
            return _with_flood(answer, fault)
        case _:
            return _with_other_body(answer, fault)


def _other_answer(answer: Answer, fault: Fault, call: Call, now: float) -> Answer:
    match fault.kind:
        case "concurrency_429":
            reset_at = math.ceil(now + (fault.seconds or _CONCURRENCY_RESET_S))
            return _instead(answer, status_error(429)).setting(rate_headers(0, 0, reset_at))
        case "redirect":
            return _instead(answer, Answer(fault.status or 302, (("location", fault.location),)))
        case "echo":
            return _instead(answer, _echo(fault, call))
        case _:
            return _error(answer, fault, now)


def _with_other_headers(answer: Answer, fault: Fault) -> Answer:
    match fault.kind:
        case "next":
            kept = [pair for pair in answer.headers if pair[0] == "link" and not pair[1].endswith(NEXT)]
            return answer.setting([*kept, ("link", f"<{fault.url}{NEXT}")])
        case "long_link":
            pad = f"&pad={'a' * fault.size}"
            links = [value for name, value in answer.headers if name == "link"]
            return answer.setting(
                ("link", value.removesuffix(NEXT) + pad + NEXT if value.endswith(NEXT) else value) for value in links
            )
        case _:
            return answer.setting([("x-padding", "a" * fault.size)])


def _without_arrival(answer: Answer, fault: Fault, call: Call) -> Answer:
    """An answer that the connection's fault keeps from arriving; 0 where it is none at all."""
    match fault.kind:
        case "reset":
            return replace(answer, status=0, uuids=())
        case "raw":
            body = (fault.body or b"").replace(b"{authorization}", _sent(call, "authorization").encode("latin-1"))
            return replace(answer, status=0, body=body, uuids=())
        case _:
            return replace(answer, uuids=())


def _with_other_body(answer: Answer, fault: Fault) -> Answer:
    body, uuids = answer.body, answer.uuids
    match fault.kind:
        case "bearer":
            body = json.dumps(json.loads(body) | {"token_type": "Bearer"}).encode()
        case "duplicate_keys":
            body = hostile_bodies.duplicate_keys(body)
        case "html":
            answer = replace(answer, status=200).setting([("content-type", "text/html")])
            body, uuids = _PAGE if fault.body is None else fault.body, ()
        case "bad_json":
            body, uuids = body[:-1] + b"," + body[-1:], ()
        case "cut_json":
            body, uuids = hostile_bodies.cut_json(body), ()
        case "not_a_list":
            body, uuids = b'{"events":[]}', ()
        case "invalid_utf8":
            marked = body.replace(b'"displayName":"', b'"displayName":"\xff', 1)
            body, uuids = marked if marked != body else b'["\xff"]', ()
        case "truncated_gzip":
            answer = answer.setting([("content-encoding", "gzip")])
            whole = gzip.compress(body, 1)
            body, uuids = whole[: len(whole) // 2], ()
    return replace(answer, body=body, uuids=uuids)


def _with_flood(answer: Answer, fault: Fault) -> Answer:
    """A body that is too much, under the right answer's headers."""
    answer = replace(answer, status=fault.status or 200, uuids=()).setting([JSON])
    match fault.kind:
        case "bomb":
            bomb = hostile_bodies.bomb(fault.size)
            return replace(answer.setting([("content-encoding", "gzip")]), body=bomb)
        case "deep_json":
            return replace(answer, body=hostile_bodies.deep_json(fault.size))
        case _:
            # The rest never ends: whatever the last byte would have closed stays open.
            return replace(answer, body=answer.body[:-1])


def _error(answer: Answer, fault: Fault, now: float) -> Answer:
    status = fault.status or 500
    if status < 200:
        return _instead(answer, Answer(status, _SWITCH if status == 101 else (), fault.body or b""))
    error = status_error(status)
    if status in _BODILESS:
        error = Answer(status)
    elif fault.body is not None:
        error = replace(error, body=fault.body)
    spoilt = _instead(answer, error)
    if status != 429:
        return spoilt
    limit = next((value for name, value in answer.headers if name == "x-rate-limit-limit"), "0")
    return spoilt.setting(rate_headers(int(limit), 0, math.ceil(now + fault.seconds)))


def _echo(fault: Fault, call: Call) -> Answer:
    """An error that shows the client its own secrets, in Okta's members and in OAuth's (RFC 6749 §5.2)."""
    authorization, proof = _sent(call, "authorization"), _sent(call, "dpop")
    body = call.body.decode("utf-8", "replace")
    said = f"Authorization: {authorization}; DPoP: {proof}; body: {body}"
    error = okta_error(fault.status or 400, "E0000001", said)
    shown = json.loads(error.body)
    shown |= {"error": "invalid_request", "error_description": shown["errorSummary"]}
    headers = [("www-authenticate", f'DPoP error="invalid_token", error_description="{authorization}"')]
    if fault.location:
        sign = "&" if "?" in fault.location else "?"
        headers.append(("location", f"{fault.location}{sign}authorization={quote(authorization, safe='/+=')}"))
    return replace(error.setting(headers), body=json.dumps(shown).encode())


def _instead(answer: Answer, other: Answer) -> Answer:
    """Another answer, with the headers that every answer carries."""
    kept = [pair for pair in answer.headers if pair[0] == "date" or pair[0].startswith("x-")]
    types = [] if any(name == "content-type" for name, _ in other.headers) else [JSON]
    return other.adding([*types, *kept]) if other.body else other.adding(kept)


def _sent(call: Call, name: str) -> str:
    return ", ".join(call.values(name))
