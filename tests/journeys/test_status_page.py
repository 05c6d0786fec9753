"""The status page in Debian's Chromium, as a person sees it: on a desk and on a phone, by day and by night."""

import base64
import json
import os
import select
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from hel.server.page import page
from tests.journeys.service import SERVER, service
from tests.journeys.workshop import SSWS, Workshop, source, until

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
POLICY = "default-src 'none'; style-src 'unsafe-inline'"
LOOKS = [(360, 740, "light"), (360, 740, "dark"), (800, 1000, "light"), (1280, 800, "light"), (1280, 800, "dark")]
HOSTILE = "</td></table><script src=//evil.example></script><img src=http://evil.example/x onerror=alert(1)>"

pytestmark = pytest.mark.skipif(
    CHROMIUM is None and not os.environ.get("CI"), reason="chromium is not installed (.ci/run installs it)"
)

OPTIONS = [
    *("--headless", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
    *("--no-first-run", "--disable-background-networking", "--disable-component-update", "--hide-scrollbars"),
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
MEASURE = """(() => {
  const wide = [...document.querySelectorAll('body *:not(thead *, thead)')].filter(each => {
    const box = each.getBoundingClientRect();
    return box.width && (box.right > innerWidth + 0.5 || box.left < -0.5);
  });
  return {
    title: document.title,
    width: document.documentElement.scrollWidth,
    wide: wide.map(each => each.outerHTML.slice(0, 200)),
    ground: getComputedStyle(document.body).backgroundColor,
    heads: [...document.querySelectorAll('thead th')].map(each => each.textContent),
    rows: [...document.querySelectorAll('tbody tr')].map(row => [...row.children].map(cell => cell.textContent)),
    text: document.body.innerText,
  };
})()"""


class Browser:
    """Headless Chromium, told what to do through the pipe of its DevTools protocol."""

    def __init__(self, folder: Path) -> None:
        theirs, self._out = os.pipe()
        self._in, back = os.pipe()
        assert CHROMIUM is not None, "chromium is not installed"
        self._process = subprocess.Popen(
            [
                *("bash", "-c", f'exec "$0" "$@" 3<&{theirs} 4>&{back}', CHROMIUM, *OPTIONS),
                f"--user-data-dir={folder / 'profile'}",
            ],
            pass_fds=(theirs, back),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs)
        os.close(back)
        self._numbers = count(1)
        self._buffer = b""
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Log", "Accessibility"):
            self.call(f"{domain}.enable")

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._in)
        os.close(self._out)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        session = {} if self._session is None else {"sessionId": self._session}
        command = {"id": number, "method": method, "params": parameters, **session}
        os.write(self._out, json.dumps(command).encode() + b"\0")
        while (message := self._read()).get("id") != number:
            self.events.append(message)
        assert "error" not in message, message
        result: dict[str, Any] = message["result"]
        return result

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            readable, _, _ = select.select([self._in], [], [], 30)
            assert readable, "the browser says nothing any more"
            read = os.read(self._in, 1 << 20)
            assert read, "the browser ended"
            self._buffer += read
        message, _, self._buffer = self._buffer.partition(b"\0")
        said: dict[str, Any] = json.loads(message)
        return said

    def look(self, url: str, width: int, height: int, scheme: str) -> dict[str, Any]:
        """Open a page and measure it."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=True)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.events.clear()
        self.call("Page.navigate", url=url)
        while not self.said("Page.loadEventFired"):
            self.events.append(self._read())
        measured = self.call("Runtime.evaluate", expression=MEASURE, returnByValue=True)
        seen: dict[str, Any] = measured["result"]["value"]
        return seen

    def said(self, method: str) -> list[dict[str, Any]]:
        """The events of this name since the page was opened."""
        return [event["params"] for event in self.events if event.get("method") == method]

    def asked_for(self) -> list[str]:
        """Every address that the page made it ask for."""
        return [event["request"]["url"] for event in self.said("Network.requestWillBeSent")]

    def roles(self) -> list[str]:
        """What the page is to somebody who can't see it."""
        nodes = self.call("Accessibility.getFullAXTree")["nodes"]
        return [node["role"]["value"] for node in nodes if not node["ignored"]]

    def picture(self, path: Path) -> None:
        """The whole page, for a person to look at."""
        taken = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(taken["data"]))


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    one = Browser(tmp_path)
    try:
        yield one
    finally:
        one.close()


class Handler(BaseHTTPRequestHandler):
    def __init__(self, text: str, *arguments: Any) -> None:
        self._text = text
        super().__init__(*arguments)

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html; charset=utf-8")
        self.send_header("content-security-policy", POLICY)
        self.end_headers()
        self.wfile.write(self._text.encode())

    def log_message(self, *_: Any) -> None: ...


@contextmanager
def served(text: str) -> Iterator[str]:
    """Serve this page as Hel does; its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, text))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


def listed(name: str, state: str = "ok", **keys: Any) -> dict[str, Any]:
    return {
        "name": name,
        "url": "https://acme.okta.com/api/v1/logs",
        "state": state,
        "last_success": "2026-05-01T11:59:48Z",
        "next_poll": "2026-05-01T12:00:40Z",
        "newest_event": "2026-04-28T11:57:02Z",
        "lag_s": 259_378.0,
        "events": 123_456_789,
        "duplicates": 1_234_567,
        "events_per_minute": [number * number % 97 for number in range(60)],
        "rate_limit": {"limit": 1_000_000, "remaining": 412_345},
        "circuit": "half_open",
        "failures": 0,
        "error": None,
        **keys,
    }


def troubled() -> dict[str, Any]:
    """All that may be too wide for a phone, or more than text."""
    error = {"message": HOSTILE + "m" * 3000, "fix": HOSTILE + "f" * 3000, "since": "2026-05-01T09:21:00Z"}
    long = listed("n" * 3000, "failing", url="https://" + "u" * 3000, error=error, failures=14)
    return {
        "version": "0.1.0",
        "now": "2026-05-01T12:00:00Z",
        "started_at": "2026-04-27T08:00:00Z",
        "ready": False,
        "because": [HOSTILE, "b" * 3000],
        "queue": {"events": 182_000, "bytes": 2_010_000_000, "max_events": 200_000, "max_bytes": 3_200_000_000},
        "output": {"path": "/" + "o" * 3000, "error": error},
        "state": {"path": "/" + "s" * 3000, "error": error},
        "sources": [listed("okta"), long, {"name": "nothing"}],
    }


def test_the_page_fits_each_screen_loads_nothing_and_is_a_table_to_everybody(browser: Browser, tmp_path: Path) -> None:
    grounds = set()
    with served(page(troubled())) as url:
        for width, height, scheme in LOOKS:
            seen = browser.look(url, width, height, scheme)
            browser.picture(tmp_path / f"{width}-{scheme}.png")
            assert seen["wide"] == [], f"{width} px are too few"
            assert seen["width"] == width
            assert seen["title"] == "Not ready, 1 of 3 sources failing | Hel"
            assert [row[0][:4] for row in seen["rows"]] == ["nnnn", "okta", "noth"]
            assert HOSTILE in seen["text"]
            assert browser.asked_for() == [url]
            assert browser.said("Log.entryAdded") == [], "the policy had nothing to refuse"
            roles = browser.roles()
            assert roles.count("table") == 1
            assert [roles.count(role) for role in ("columnheader", "rowheader", "cell")] == [7, 3, 18]
            grounds.add((scheme, seen["ground"]))
    assert len(grounds) == len({ground for _, ground in grounds}) == 2


def test_a_running_hel_shows_its_sources_to_a_browser_the_one_that_fails_first(
    workshop: Workshop, browser: Browser, tmp_path: Path
) -> None:
    wrong = SSWS | {"token_env": "WRONG_TOKEN"}
    workshop.environment["WRONG_TOKEN"] = "00no-such-token"
    workshop.configure({"okta-audit": source(SSWS), "wrong-token": source(wrong)}, server=SERVER)
    with service(workshop) as hel:
        until(lambda: hel.source()["events"] == 1200 and hel.source()["state"] == "ok")
        until(lambda: hel.source("wrong-token")["failures"] > 1)
        url = f"http://{hel.address}/"
        for width, height, scheme in LOOKS[1:4:2]:
            seen = browser.look(url, width, height, scheme)
            browser.picture(tmp_path / f"running-{width}-{scheme}.png")
            assert (seen["wide"], seen["width"]) == ([], width)
            assert seen["title"] == "Ready, 1 of 2 sources failing | Hel"
            failing, good = (dict(zip(seen["heads"], row, strict=True)) for row in seen["rows"])
            assert failing["Source"].startswith("wrong-token✕ failing")
            assert failing["Last success"].startswith("never")
            assert "Fix:" in failing["Last error"]
            assert "401" in failing["Last error"]
            assert good["Source"].startswith("okta-audit✓ ok")
            assert "1,200 since the start" in good["Events per minute"]
            assert str(workshop.output) in seen["text"]
            assert browser.asked_for() == [url]
            assert browser.said("Log.entryAdded") == []
        assert [hel.ask(path)[0] for path in ("/api/v1/sources", "/metrics")] == [200, 200], "where its links lead"
    assert workshop.leaks() == []
