"""What was measured, kept as JSON, so that table and plot can be made again without measuring again."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

PATH = Path(".bench/results.json")


@dataclass(frozen=True, slots=True)
class Results:
    """All figures, and the machine that they are of.

    Attributes:
        machine: A sentence.
        figures: A figure's values by its key, one a round.
    """

    machine: str
    figures: dict[str, list[float]] = field(default_factory=dict)

    def add(self, part: str, figures: Mapping[str, Sequence[float]]) -> None:
        """Put what a part measured in the place of what it measured before."""
        for key in [key for key in self.figures if key.startswith(f"{part}.")]:
            del self.figures[key]
        self.figures.update({f"{part}.{name}": list(values) for name, values in figures.items()})

    def save(self, path: Path) -> None:
        """Write them."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1))


def load(path: Path) -> Results:
    """Read them."""
    return Results(**json.loads(path.read_text()))


def on_this_machine(path: Path) -> Results:
    """Those of earlier runs, where they are of this machine; what another one measured compares with nothing here."""
    here = machine()
    if path.exists() and (known := load(path)).machine == here:
        return known
    return Results(here)


def machine() -> str:
    """This machine in one sentence."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    kernel = platform.release().partition("-")[0]
    return f"{model}, {os.cpu_count()} cores, {platform.system()} {kernel}, Python {platform.python_version()}."
