"""Orders to the org itself, over HTTP: for people who try a pipeline. Rule: they are not entered in the ledger.

`POST /.org/events?n=5`, `POST /.org/faults?kind=status&status=503`, `GET /.org/ledger`.
"""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from examples.okta_org import order
from examples.okta_org.org import Org


def routes(org: Org) -> list[Route]:
    """What an org obeys."""

    async def events(request: Request) -> Response:
        return JSONResponse({"uuids": org.log.append(int(request.query_params.get("n", "1")))})

    async def faults(request: Request) -> Response:
        org.fault(order.from_words(request.query_params))
        return Response(status_code=204)

    async def ledger(_: Request) -> Response:
        book = org.ledger
        return JSONResponse(
            {"requests": len(book.requests), "events": len(book.served), "violations": list(book.violations)}
        )

    return [
        Route("/.org/events", _understood(events), methods=["POST"]),
        Route("/.org/faults", _understood(faults), methods=["POST"]),
        Route("/.org/ledger", ledger, methods=["GET"]),
    ]


_Act = Callable[[Request], Awaitable[Response]]


def _understood(act: _Act) -> _Act:
    async def obey(request: Request) -> Response:
        try:
            return await act(request)
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 400)

    return obey
