"""What a vendor's page shows, and the README's worked example: every command runs, and collects."""

import re
import shlex
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest
from ruamel.yaml import YAML
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.documents import EXAMPLES, README, blocks
from tests.vendors.bench import COMMAND, Bench
from tests.vendors.test_journeys import VENDORS
from tests.vendors.vendor import Event, Vendor

NOON = 1_777_636_800


@pytest.mark.parametrize("kind", VENDORS, ids=[vendor.name for vendor in VENDORS])
def test_the_commands_that_a_page_shows_run_as_they_stand(
    open_bench: Callable[[Vendor], Bench], kind: type[Vendor]
) -> None:
    vendor = kind()
    bench = open_bench(vendor)
    (bench.workshop.folder / "hel.yaml").unlink()
    for name in [name for name in bench.workshop.environment if name.endswith("_START")]:
        bench.workshop.environment[name] = f"{datetime.fromtimestamp(time.time() - 3600, UTC):%Y-%m-%dT%H:%M:%SZ}"
    vendor.happen(3, time.time() - 2, 60.0)
    (shown,) = [text for text in blocks(EXAMPLES / f"{vendor.name}.md", "bash") if "hel init" in text]
    commands = [shlex.split(line, comments=True)[1:] for line in shown.splitlines() if line.startswith("hel ")]
    assert [command[0] for command in commands] == ["init", "validate", "test", "run"]
    for command in commands:
        ended = bench.workshop.hel(*command, *(["--once"] if command[0] == "run" else []))
        assert ended.code == 0, ended.err
    bench.check()
    exported = set(re.findall(r"^export ([A-Z0-9_]+)=", shown, re.MULTILINE))
    assert exported - {vendor.api_variable} == vendor.environment().keys() - {"SSL_CERT_FILE"}


class Tickets(Vendor):
    """The API of the README's worked example."""

    name: ClassVar[str] = "slack"
    api_variable: ClassVar[str] = "TICKETS_API"

    def environment(self) -> dict[str, str]:
        return {"TICKETS_KEY": "the-key"}

    def event(self, number: int, at: float) -> Event:
        return {"id": f"a{number}", "when": int(at), "action": "login"}

    def routes(self) -> list[str]:
        return ["/v2/audit"]

    def is_known(self, request: Request) -> bool:
        return request.headers.get("x-api-key") == "the-key"

    def page(self, request: Request, body: Mapping[str, Any]) -> Response:
        assert not body
        asked = request.query_params
        found = [event for event in self.held if event["when"] >= int(asked["since"])]
        start = int(asked.get("token", "0"))
        end = start + int(asked["per_page"])
        return JSONResponse({"records": found[start:end], "paging": {"next_token": str(end), "more": end < len(found)}})


def test_the_readmes_worked_example_collects_each_event_once(open_bench: Callable[[Vendor], Bench]) -> None:
    vendor = Tickets()
    bench = open_bench(vendor)
    (shown,) = [text for text in blocks(README, "yaml") if "tickets" in text]
    origin = bench.workshop.environment[vendor.api_variable]
    bench.config = YAML(typ="safe").load(shown.replace("https://tickets.example.com", origin))
    bench.write()
    vendor.happen(230, NOON + 3600, 3600.0)
    tested = bench.workshop.hel("test", "--source", "tickets-audit")
    assert tested.code == 0, tested.err
    assert len(tested.lines) == 230
    bench.once()
    vendor.happen(3, NOON + 3600 - 300)
    vendor.happen(3, NOON + 3700)
    bench.once()
    bench.check()
    assert bench.written().total() == 236
    lines = bench.workshop.output.read_text().splitlines()
    assert '"ts":"2026-05-01T12:00:00.000Z"' in lines[0]
    assert '"meta":{"id":"a0"}' in lines[0]
    assert bench.workshop.hel(*COMMAND, "--once").err.count("0 events") == 1
