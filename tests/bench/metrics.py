"""What a running Hel says of itself at `/metrics`."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

from tests.bench.children import Live, until

SERVER = {"enabled": True, "port": 0}
DELAY = "hel_tick_start_delay_seconds"
"""How long after it was due a tick started."""

_SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)", re.MULTILINE)
_BOUND = re.compile(r'\ble="([^"]+)"')


@dataclass(frozen=True, slots=True)
class Scrape:
    """What was said at one time."""

    text: str

    def total(self, name: str) -> float:
        """The sum over all sources."""
        return sum(float(value) for found, _, value in _SAMPLE.findall(self.text) if found == name)

    def by_source(self, name: str) -> list[float]:
        """Each source's value, in their order."""
        return [float(value) for found, _, value in _SAMPLE.findall(self.text) if found == name]

    def buckets(self, name: str) -> dict[float, float]:
        """A histogram's counts over all sources, by their upper bound."""
        found: dict[float, float] = {}
        for sample, labels, value in _SAMPLE.findall(self.text):
            if sample == f"{name}_bucket" and (bound := _BOUND.search(labels)):
                found[float(bound[1])] = found.get(float(bound[1]), 0) + float(value)
        return dict(sorted(found.items()))


def between(before: Mapping[float, float], after: Mapping[float, float]) -> list[tuple[float, float]]:
    """What a histogram counted between two scrapes."""
    return [(bound, count - before.get(bound, 0)) for bound, count in after.items()]


class Scraper:
    """Asks the server of a Hel that runs in this folder.

    Raises:
        BenchError: It does not listen.
    """

    def __init__(self, hel: Live, folder: Path, within_s: float = 60) -> None:
        self._log = folder / "stderr"
        until(hel, lambda: bool(self._address()), "its server listens", within_s)
        self._host = self._address()

    def take(self) -> Scrape:
        """What it says now."""
        connection = HTTPConnection(self._host, timeout=60)
        try:
            connection.request("GET", "/metrics")
            return Scrape(connection.getresponse().read().decode())
        finally:
            connection.close()

    def _address(self) -> str:
        for line in self._log.read_text().splitlines():
            if '"server.listening"' in line:
                return str(urlsplit(json.loads(line)["url"]).netloc)
        return ""
