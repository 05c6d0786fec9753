"""What was measured, kept as JSON, so that table and plot can be made again without measuring again."""

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.bench.children import ROOT, BenchError

PATH = Path(".bench/results.json")


@dataclass(frozen=True, slots=True)
class Results:
    """All figures, and of what they are.

    Attributes:
        machine: The machine and the commit, a sentence: what was measured of another one does not compare.
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
    """Read them.

    Raises:
        BenchError: There are none, or they can't be read.
    """
    try:
        return Results(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise BenchError(f"{path} holds no results ({error}); `make bench` makes them") from None


def on_this_machine(path: Path) -> Results:
    """Those of earlier runs, where they are of this machine and this commit."""
    here = machine()
    if path.exists() and (known := load(path)).machine == here:
        return known
    return Results(here)


def machine() -> str:
    """This machine and what is checked out, in one sentence."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    kernel = platform.release().partition("-")[0]
    system = f"{platform.system()} {kernel}, Python {platform.python_version()}"
    return f"{model}, {os.cpu_count()} cores, {system}, {_commit()}."


def _commit() -> str:
    """What is measured."""
    said = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--exclude=*"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return f"commit {said.stdout.strip()}" if said.returncode == 0 else "no commit"
