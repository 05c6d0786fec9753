"""The routes. Rule: a GET only answers; what makes Hel do something is a POST with the token, and is not there without.

Everything that is answered comes from two callables, so that the page, the JSON and the metrics can't differ.
"""

import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import anyio.to_thread
from msgspec.structs import asdict
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from hel.errors import HelError
from hel.server.page import page
from hel.telemetry.log import Log

_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


Exposition = Callable[[str], tuple[Callable[[], bytes], str]]
"""By the request's `Accept` header: what writes the metrics, and their content type."""


class Control(Protocol):
    """What the server asks."""

    @property
    def has_begun(self) -> bool:
        """Whether the sources run."""
        ...

    @property
    def token(self) -> str | None:
        """What those prove themselves with who may ask for more than answers."""
        ...

    def snapshot(self) -> dict[str, Any]:
        """How everything is."""
        ...

    def poll(self, name: str) -> bool:
        """Let a source's next tick start now; False where it is finished.

        Raises:
            KeyError: There is none of this name.
        """
        ...

    async def reload(self) -> Any:
        """Read the configuration again; what that changed, as a dataclass.

        Raises:
            HelError: It is not right; the old one goes on.
        """
        ...


class Server:
    """The answers.

    Args:
        control: What is asked.
        exposition: Writes the metrics.
        log: Told of who asked for something to be done.
    """

    def __init__(self, control: Control, exposition: Exposition, log: Log) -> None:
        self._control = control
        self._exposition = exposition
        self._log = log

    def app(self, names: Sequence[str]) -> Starlette:
        """The ASGI application.

        Args:
            names: By which it may be asked (the `Host` header); `*` for any.
        """
        routes = [
            Route("/", self._page),
            Route("/healthz", self._healthz),
            Route("/readyz", self._readyz),
            Route("/startupz", self._startupz),
            Route("/metrics", self._metrics),
            Route("/api/v1/sources", self._sources),
        ]
        if self._control.token is not None:
            routes += [
                Route("/api/v1/sources/{name}/poll", self._poll, methods=["POST"]),
                Route("/api/v1/reload", self._reload, methods=["POST"]),
                Route("/reload", self._reload, methods=["POST"]),
            ]
        hosts = Middleware(TrustedHostMiddleware, allowed_hosts=names, www_redirect=False)
        app = Starlette(routes=routes, middleware=[hosts], exception_handlers={Exception: self._crashed})
        app.router.redirect_slashes = False
        return app

    async def _crashed(self, request: Request, error: Exception) -> Response:
        """A fault of Hel's own: the sources go on."""
        fix = "please report it with this log; the sources go on"
        self._log.error("server.crashed", path=request.url.path, fix=fix, exc_info=error)
        return PlainTextResponse("a fault in Hel, see its log\n", 500, headers=_HEADERS)

    async def _page(self, _: Request) -> Response:
        text = await anyio.to_thread.run_sync(
            page, self._control.snapshot()
        )  # of a thousand sources, a tenth of a second
        return HTMLResponse(text, headers=_HEADERS)

    async def _healthz(self, _: Request) -> Response:
        """Alive: an answer is the proof that the loop turns."""
        return PlainTextResponse("ok\n", headers=_HEADERS)

    async def _readyz(self, _: Request) -> Response:
        because = self._control.snapshot()["because"]
        text = "".join(["not ready\n", *(f"- {reason}\n" for reason in because)]) if because else "ready\n"
        return PlainTextResponse(text, 503 if because else 200, headers=_HEADERS)

    async def _startupz(self, _: Request) -> Response:
        begun = self._control.has_begun
        return PlainTextResponse("started\n" if begun else "starting\n", 200 if begun else 503, headers=_HEADERS)

    async def _metrics(self, request: Request) -> Response:
        write, content_type = self._exposition(request.headers.get("accept", ""))
        text = await anyio.to_thread.run_sync(write)
        return Response(text, headers={**_HEADERS, "content-type": content_type})

    async def _sources(self, _: Request) -> Response:
        return await anyio.to_thread.run_sync(_answer, self._control.snapshot())

    async def _poll(self, request: Request) -> Response:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        name = request.path_params["name"]
        try:
            will = self._control.poll(name)
        except KeyError:
            names = [source["name"] for source in self._control.snapshot()["sources"]]
            return _answer({"error": f"there is no source {name!r}", "fix": f"the sources: {', '.join(names)}"}, 404)
        if not will:
            text = {"error": "the source is finished: its query was read to its end", "fix": "change its query, reload"}
            return _answer(text, 409)
        return _answer({"source": name, "poll": "now"}, 202)

    async def _reload(self, request: Request) -> Response:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        try:
            return _answer(asdict(await self._control.reload()))
        except HelError as error:
            text = "the configuration is refused, and the old one goes on"
            return _answer({"error": text, "problems": error.told}, 422)

    def _refusal(self, request: Request) -> Response | None:
        """Why this may not be asked; None where it may."""
        client = request.client.host if request.client else "unknown"
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        token = self._control.token or ""
        is_token = scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())
        if token and is_token:
            self._log.info("server.asked", path=request.url.path, client=client)
            return None
        self._log.info("audit.request_refused", path=request.url.path, client=client)
        text = {
            "error": "the token is missing or wrong",
            "fix": "Authorization: Bearer TOKEN, as global.server names it",
        }
        return _answer(text, 401, {"www-authenticate": "Bearer"})


def _answer(content: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    text = json.dumps(content, ensure_ascii=False)
    return Response(f"{text}\n", status, {**_HEADERS, **(headers or {})}, "application/json")
