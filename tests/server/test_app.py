"""The answers of the server, asked without a socket."""

import json
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from hel.server.app import Server
from tests.doubles import HeardLog

pytestmark = pytest.mark.anyio


@dataclass
class Reloaded:
    added: list[str]


class Control:
    """One that is asked."""

    token: str | None = "a-token-of-its-own"
    has_begun = True
    fails = False

    def snapshot(self) -> dict[str, Any]:
        if self.fails:
            raise KeyError("sources")
        return {"because": [], "sources": [{"name": "okta"}]}

    def poll(self, name: str) -> bool:
        return {"okta": True, "done": False}[name]

    async def reload(self) -> Reloaded:
        return Reloaded(["new"])


class Bench:
    def __init__(self) -> None:
        self.control, self.log = Control(), HeardLog()

    async def ask(self, path: str, method: str = "GET", **headers: str) -> httpx.Response:
        app = Server(self.control, lambda _: (lambda: b"metrics", "text/plain"), self.log).app(["*"])
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://hel") as client:
            return await client.request(method, path, headers=headers)


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/api/v1/sources", "/"])
async def test_what_is_answered_is_not_kept_and_brings_nothing_from_elsewhere(path: str) -> None:
    reply = await Bench().ask(path)
    assert reply.status_code == 200
    assert reply.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in reply.headers["content-security-policy"]
    assert reply.headers["x-content-type-options"] == "nosniff"


async def test_a_fault_is_answered_and_logged_and_its_words_stay_inside() -> None:
    bench = Bench()
    bench.control.fails = True
    reply = await bench.ask("/api/v1/sources")
    assert (reply.status_code, reply.text) == (500, "a fault in Hel, see its log\n")
    ((level, event, fields),) = bench.log.heard
    assert (level, event, fields["path"]) == ("error", "server.crashed", "/api/v1/sources")


@pytest.mark.parametrize(
    "given",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        "Basic a-token-of-its-own",
        "a-token-of-its-own",
        "Bearer a-token-of-its-ow",
    ],
)
@pytest.mark.parametrize("path", ["/reload", "/api/v1/reload", "/api/v1/sources/okta/poll"])
async def test_nothing_but_the_token_behind_its_word_is_the_token(path: str, given: str) -> None:
    bench = Bench()
    reply = await bench.ask(path, "POST", authorization=given)
    assert (reply.status_code, reply.headers["www-authenticate"]) == (401, "Bearer")
    assert bench.log.names == ["audit.request_refused"]


async def test_a_token_that_is_gone_after_a_reload_lets_nobody_in() -> None:
    bench = Bench()
    app = Server(bench.control, lambda _: (lambda: b"", ""), bench.log).app(["*"])
    bench.control.token = None
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hel") as client:
        for given in ("Bearer ", "Bearer a-token-of-its-own"):
            assert (await client.post("/reload", headers={"authorization": given})).status_code == 401


@pytest.mark.parametrize(("path", "status"), [("okta/poll", 202), ("done/poll", 409), ("nobody/poll", 404)])
async def test_a_poll_is_asked_of_a_source_that_there_is_and_that_goes_on(path: str, status: int) -> None:
    reply = await Bench().ask(f"/api/v1/sources/{path}", "POST", authorization="bearer a-token-of-its-own")
    assert reply.status_code == status
    assert json.loads(reply.text).get("fix", "") or status == 202


async def test_a_path_with_a_slash_too_many_leads_nowhere() -> None:
    assert (await Bench().ask("/api/v1/sources/")).status_code == 404


async def test_what_has_not_begun_is_not_started() -> None:
    bench = Bench()
    bench.control.has_begun = False
    assert (await bench.ask("/startupz")).status_code == 503
