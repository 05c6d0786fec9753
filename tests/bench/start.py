"""What a start costs: the commands that somebody waits for, and `run --once` when there is nothing to collect.

A start is mostly imports, so it is told as a multiple of what Python and three of its own modules take to start, which
scales with the machine; `pass` alone is too short to be a measure.
"""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bench.bars import Figures
from tests.bench.children import HEL, ROOT, Command, cost
from tests.bench.crowd import crowd
from tests.bench.spread import differences, ratios
from tests.bench.stage import SSWS, Stage, configure, served, source

TRIES = 3
"""In each round, of which the least counts: what disturbs only ever adds."""


def measure(stage: Stage) -> Figures:
    """Each in turn, again and again."""
    found: dict[str, list[float]] = {}
    with crowd(stage, 1) as orgs, served("load_server", "0") as port:
        turns = _turns(stage.room("start"), source(f"http://127.0.0.1:{port}"), orgs.source(0, SSWS))
        for number in range(stage.rounds):
            tried = [{name: take() for name, take in turns.items()} for _ in range(TRIES)]
            for name in turns:
                found.setdefault(name, []).append(min(one[name] for one in tried))
            stage.say(f"round {number + 1}: " + ", ".join(f"{name} {found[name][-1]:.3f} s" for name in turns))
    asked = [name for name in turns if name not in {"pass", "python"}]
    return {
        **{name: ratios(found[name], found["python"]) for name in asked},
        **{f"{name}_ms": [1000 * more for more in differences(found[name], found["pass"])] for name in asked},
    }


def _turns(room: Path, plain: dict[str, Any], by_tls: dict[str, Any]) -> dict[str, Callable[[], float]]:
    """What is started, and its CPU seconds, in the order in which they are told."""
    return {
        "pass": lambda: _cpu_s([sys.executable, "-c", "pass"], room),
        "python": lambda: _cpu_s([sys.executable, "-c", "import asyncio, json, sqlite3"], room),
        "help": lambda: _cpu_s([HEL, "--help"], room),
        "version": lambda: _cpu_s([HEL, "--version"], room),
        "validate": lambda: _validate(room),
        "once": lambda: _once(room, plain),
        "once_tls": lambda: _once(room, by_tls),
    }


def _validate(room: Path) -> float:
    """The example's configuration as it is."""
    shutil.copy(ROOT / "examples/okta_token.yaml", room / "hel.yaml")
    return _cpu_s([HEL, "validate"], room)


def _once(room: Path, asked: dict[str, Any]) -> float:
    """One empty page, from a state that is new."""
    for path in room.glob("hel-state.db*"):
        path.unlink()
    configure(room, {"okta-audit": asked})
    return _cpu_s([HEL, "run", "--once", "--output", "events"], room)


def _cpu_s(command: Command, room: Path) -> float:
    return cost(command, room, {"OKTA_DOMAIN": "example.okta.com", "OKTA_API_TOKEN": "pages-0"}).cpu_s
