"""A folder with a vendor's example as its `hel.yaml`, that vendor beside it, and the real program run there."""

import json
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.documents import EXAMPLES
from tests.journeys.workshop import Ended, Workshop, until
from tests.vendors.vendor import Vendor, as_text

COMMAND = ["run", "--output", "events.ndjson"]


def example(name: str) -> dict[str, Any]:
    """An example as it stands, but for its pace: no test waits a minute for the next tick."""
    config: dict[str, Any] = YAML(typ="safe").load((EXAMPLES / f"{name}.yaml").read_text())
    (source,) = config["sources"].values()
    source["schedule"] = {"interval_secs": 0.1, "jitter_secs": 0}
    resilience = source["resilience"]
    resilience["retries"] |= {"initial_backoff_secs": 0.05, "max_backoff_secs": 0.1}
    resilience.setdefault("rate_limit", {})
    for key in ("page_delay_secs", "max_requests_per_second", "burst"):
        resilience["rate_limit"].pop(key, None)
    return config


@lru_cache(8192)
def _event(line: bytes) -> str:
    """The event in a line, which is looked at again and again while a test waits for the next ones."""
    return as_text(json.loads(line)["event"])


@dataclass
class Bench:
    """Where a test works.

    Attributes:
        vendor: The simulated vendor.
        workshop: The folder, with the program's environment.
        config: The `hel.yaml`.
    """

    vendor: Vendor
    workshop: Workshop
    config: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, vendor: Vendor, origin: str, folder: Path) -> "Bench":
        """A bench with the vendor's own example."""
        environment = {**vendor.environment(), vendor.api_variable: origin}
        bench = cls(vendor, Workshop(folder, environment=environment), example(vendor.name))
        bench.write()
        return bench

    @property
    def source(self) -> dict[str, Any]:
        """The example's only source."""
        source: dict[str, Any] = next(iter(self.config["sources"].values()))
        return source

    def write(self) -> None:
        """Write the `hel.yaml`; JSON is YAML."""
        (self.workshop.folder / "hel.yaml").write_text(json.dumps(self.config, indent=2))

    def once(self) -> Ended:
        """One tick, which must succeed."""
        if "window" in self.source:
            self._wait_for_another_second()
        ended = self.workshop.hel(*COMMAND, "--once")
        assert ended.code == 0, ended.err
        return ended

    def _wait_for_another_second(self) -> None:
        """A window's times are whole seconds, and nothing is asked for where none has passed since the last one."""
        last = max((path.stat().st_mtime for path in self.workshop.folder.glob("hel-state.db*")), default=0.0)
        until(lambda: int(time.time()) > int(last))

    def written(self) -> "Counter[str]":
        """Each event in the output, and how often it is there."""
        output = self.workshop.output
        lines = output.read_bytes().split(b"\n")[:-1] if output.exists() else []
        return Counter(map(_event, lines))

    def check(self) -> None:
        """See that every event was written, none twice, and that the vendor's rules were kept."""
        wanted, got = self.vendor.wanted(), self.written()
        missing, doubled = wanted - got, got - wanted
        assert not missing, f"{missing.total()} events are missing: {list(missing)[:3]}"
        assert not doubled, f"{doubled.total()} events are doubled: {list(doubled)[:3]}"
        assert self.vendor.violations == []
