"""Turns the right answer into the one that a fault asks for. Rule: what never arrives whole counts no events."""

import gzip
import json
import math
from dataclasses import replace

from examples.okta_org.bodies import JSON, status_error
from examples.okta_org.faults import Fault
from examples.okta_org.rate_window import rate_headers
from examples.okta_org.records import Answer

_CONCURRENCY_RESET_S = 60
_PAGE = b"<!doctype html><html><head><title>Sign in</title></head><body>Please sign in.</body></html>"


def spoil(answer: Answer, fault: Fault, now: float) -> Answer:
    """The answer with the fault in it; how it goes over the wire is not decided here.

    Args:
        answer: The right one, complete with its headers.
        fault: What goes wrong.
        now: The org's clock, epoch seconds.
    """
    spoilt = _spoilt(answer, fault, now)
    note = f"fault: {fault.kind}" + (f" ({answer.note})" if answer.note else "")
    return replace(spoilt.setting(fault.header_pairs), note=note)


def _spoilt(answer: Answer, fault: Fault, now: float) -> Answer:
    match fault.kind:
        case "status":
            return _error(answer, fault, now)
        case "concurrency_429":
            reset_at = math.ceil(now + (fault.seconds or _CONCURRENCY_RESET_S))
            return _instead(answer, status_error(429)).setting(rate_headers(0, 0, reset_at))
        case "redirect":
            return _instead(answer, Answer(fault.status or 302, (("location", fault.location),)))
        case "next":
            kept = [value for name, value in answer.headers if name == "link" and 'rel="next"' not in value]
            return answer.setting([*(("link", value) for value in kept), ("link", f'<{fault.url}>; rel="next"')])
        case "reset" | "cut":
            return replace(answer, status=0 if fault.kind == "reset" else answer.status, uuids=())
        case _:
            return _with_other_body(answer, fault)


def _with_other_body(answer: Answer, fault: Fault) -> Answer:
    body, uuids = answer.body, answer.uuids
    match fault.kind:
        case "bearer":
            body = json.dumps(json.loads(body) | {"token_type": "Bearer"}).encode()
        case "html":
            answer = replace(answer, status=200).setting([("content-type", "text/html")])
            body, uuids = _PAGE if fault.body is None else fault.body, ()
        case "bad_json":
            body, uuids = body[:-1] + b"," + body[-1:], ()
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


def _error(answer: Answer, fault: Fault, now: float) -> Answer:
    error = status_error(fault.status or 500)
    if fault.body is not None:
        error = replace(error, body=fault.body)
    spoilt = _instead(answer, error)
    if error.status != 429:
        return spoilt
    limit = next((value for name, value in answer.headers if name == "x-rate-limit-limit"), "0")
    return spoilt.setting(rate_headers(int(limit), 0, math.ceil(now + fault.seconds)))


def _instead(answer: Answer, other: Answer) -> Answer:
    """Another answer, with the headers that every answer carries."""
    kept = [pair for pair in answer.headers if pair[0] == "date" or pair[0].startswith("x-")]
    types = [] if any(name == "content-type" for name, _ in other.headers) else [JSON]
    return other.adding([*types, *kept]) if other.body else other.adding(kept)
