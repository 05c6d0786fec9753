"""The Starlette application over an org. Rule: every request is answered by the org and entered in its ledger."""

from dataclasses import replace

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

from examples.okta_org import control
from examples.okta_org.org import Org
from examples.okta_org.records import Call
from examples.okta_org.spoil import spoil
from examples.okta_org.wire import Delivery

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_SLOW = {"stall", "drip"}


def make_app(org: Org) -> Starlette:
    """The application that serves this org."""

    async def serve(request: Request) -> Delivery:
        call = await _call(request, org)
        answer = org.answer(call)
        fault = org.faults.take(call.raw_path)
        if fault is not None:
            answer = spoil(answer, fault, call, org.now())
        org.note(call, answer)
        slow = fault is not None and fault.kind in _SLOW
        org.ledger.enter(call, replace(answer, uuids=()) if slow else answer)
        return Delivery(answer, fault, lambda: org.releases, lambda: org.ledger.add_served(answer.uuids))

    return Starlette(routes=[*control.routes(org), Route("/{path:path}", serve, methods=_METHODS)])


async def _call(request: Request, org: Org) -> Call:
    headers: dict[str, list[str]] = {}
    for name, value in request.headers.items():
        headers.setdefault(name, []).append(value)
    return Call(
        org.ledger.number(),
        org.now(),
        request.method,
        request.url.scheme,
        request.headers.get("host", ""),
        request.scope["raw_path"].decode("ascii"),
        request.scope["query_string"].decode("latin-1"),
        headers,
        await request.body(),
    )
