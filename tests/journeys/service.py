"""A `hel run` that goes on, with its server: what it answers, and what it logs, while it runs."""

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.journeys.workshop import Ended, Process, Workshop, until

TOKEN = "a-token-of-the-servers-own"
SERVER = {"enabled": True, "port": 0, "token_env": "HEL_TOKEN"}


@dataclass
class Service:
    """One that runs."""

    process: Process
    log_file: Path
    address: str = ""

    @property
    def log(self) -> list[dict[str, Any]]:
        """Its log's whole lines up to now."""
        return [json.loads(line) for line in self.log_file.read_bytes().splitlines(keepends=True) if line[-1:] == b"\n"]

    def logged(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.log if line["event"] == event]

    def ask(self, path: str, method: str = "GET", token: str | None = None) -> tuple[int, str]:
        """What it answers: status and text."""
        connection = HTTPConnection(self.address, timeout=10)
        headers = {"authorization": f"Bearer {token}"} if token else {}
        connection.request(method, path, headers=headers)
        reply = connection.getresponse()
        text = reply.read().decode()
        connection.close()
        return reply.status, text

    def snapshot(self) -> dict[str, Any]:
        status, text = self.ask("/api/v1/sources")
        assert status == 200, text
        found: dict[str, Any] = json.loads(text)
        return found

    def source(self, name: str = "okta-audit") -> dict[str, Any]:
        """One source of the snapshot."""
        return next(source for source in self.snapshot()["sources"] if source["name"] == name)

    def reload(self) -> dict[str, Any]:
        """Reload by SIGHUP; the line that says what it came to."""
        told = len(self._reloads())
        self.process.send_signal(signal.SIGHUP)
        until(lambda: len(self._reloads()) > told)
        return self._reloads()[told]

    def _reloads(self) -> list[dict[str, Any]]:
        return [line for line in self.log if line["event"] in {"config.reloaded", "config.refused"}]

    def stop(self) -> Ended:
        """End it by SIGTERM."""
        self.process.terminate()
        out, _ = self.process.communicate(timeout=30)
        return Ended(self.process.wait(), out, self.log_file.read_text())


@contextmanager
def service(
    workshop: Workshop, *arguments: str, output: str = "events.ndjson", waits: bool = True
) -> Iterator[Service]:
    """Run one in the workshop, its lines in `events.ndjson` or elsewhere; with `waits`, once its server listens."""
    workshop.environment.setdefault("HEL_TOKEN", TOKEN)
    path = workshop.folder / "hel.log"
    with path.open("wb") as log:
        process = workshop.start("run", "--output", output, *arguments, stderr=log.fileno())
    running = Service(process, path)
    if waits:
        until(lambda: bool(running.logged("server.listening")) or process.poll() is not None)
        assert process.poll() is None, path.read_text()
        running.address = urlsplit(running.logged("server.listening")[0]["url"]).netloc
    yield running
    if process.poll() is None:
        running.stop()
