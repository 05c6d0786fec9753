"""Events per CPU second and peak memory: Hel, Grove and the floor, the same pages, in turn."""

import gzip
import json
import sys
from typing import Any

from tests.bench.bars import Figures
from tests.bench.children import HEL, HERE, ROOT, BenchError, Cost, cost
from tests.bench.load_server import order
from tests.bench.pages import EVENTS_PER_PAGE
from tests.bench.spread import differences, ratios
from tests.bench.stage import Stage, configure, served, source

PAGES = 100
GROVE_PAGES = 30
GROVE = ROOT / ".bench/grove/bin/python"


def measure(stage: Stage) -> Figures:
    """Every round has each of them twice, there and back, and the cheaper one counts: what disturbs only ever adds."""
    costs: dict[str, list[Cost]] = {}
    with served("load_server", str(PAGES)) as port:
        contest = Contest(stage, port)
        turns = {
            "grove": lambda: contest.grove("local_stdout"),
            "grove_file": lambda: contest.grove("local_file"),
            "grove_http": lambda: contest.grove("remote_http"),
            "hel": lambda: contest.hel(PAGES),
            "hel_one": lambda: contest.hel(1),
            "floor": lambda: contest.floor(PAGES),
            "floor_one": lambda: contest.floor(1),
            "hel_dedupe": lambda: contest.hel(PAGES, dedupe={"id_path": "uuid"}),
        }
        for name in ("grove", "floor_one", "hel_one"):  # the first start of each writes its bytecode
            turns[name]()
        contest.hel_again(1)
        for number in range(stage.rounds):
            there, back = ({name: turns[name]() for name in list(turns)[::way]} for way in (1, -1))
            for name in turns:
                costs.setdefault(name, []).append(_cheaper(there[name], back[name]))
            last = {name: found[-1] for name, found in costs.items()}
            told = ", ".join(f"{name} {one.cpu_s:.2f} s {one.peak_mb:.0f} MB" for name, one in last.items())
            stage.say(f"round {number + 1}: {told}")
    return _figures(costs)


def _cheaper(one: Cost, other: Cost) -> Cost:
    return Cost(min(one.cpu_s, other.cpu_s), max(one.peak_mb, other.peak_mb))


def _figures(costs: dict[str, list[Cost]]) -> Figures:
    cpu = {name: [one.cpu_s for one in found] for name, found in costs.items()}
    rates = {
        name: [(GROVE_PAGES if name.startswith("grove") else PAGES) * EVENTS_PER_PAGE / cpu_s for cpu_s in cpu[name]]
        for name in ("hel", "hel_dedupe", "grove", "grove_file", "grove_http", "floor")
    }
    once_started = ratios(differences(cpu["floor"], cpu["floor_one"]), differences(cpu["hel"], cpu["hel_one"]))
    return {
        **{f"against_{name}": ratios(rates["hel"], rates[name]) for name in ("grove", "grove_file", "grove_http")},
        "dedupe_against_grove": ratios(rates["hel_dedupe"], rates["grove"]),
        "against_floor": [100 * share for share in once_started],
        **{f"{name}_rate": values for name, values in rates.items()},
        **{f"{name}_peak": [one.peak_mb for one in costs[name]] for name in rates},
    }


class Contest:
    """Those who are measured, and whether each wrote what it had to."""

    def __init__(self, stage: Stage, port: int) -> None:
        self._stage = stage
        self._port = port
        self._origin = f"http://127.0.0.1:{port}"

    def hel(self, pages: int, **keys: Any) -> Cost:
        """`hel run --once`: events in a file, fsynced, the state beside it."""
        room = self._stage.room("hel")
        configure(room, {"okta-audit": source(self._origin, **keys)})
        found = cost([HEL, "run", "--once", "--output", "events"], room, {"OKTA_API_TOKEN": f"pages-{pages}"})
        _check("Hel", _lines((room / "events").read_bytes()), pages)
        return found

    def hel_again(self, pages: int) -> None:
        """Once more where it has just collected so many pages: what it committed does not come again."""
        room = self._stage.folder / "hel"
        cost([HEL, "run", "--once", "--output", "events"], room, {"OKTA_API_TOKEN": f"pages-{pages}"})
        if (lines := (room / "events").read_bytes().count(b"\n")) != pages * EVENTS_PER_PAGE:
            raise BenchError(f"Hel wrote {lines} lines in two runs, and there are {pages * EVENTS_PER_PAGE} events")

    def floor(self, pages: int) -> Cost:
        """What fetching, splitting and writing costs."""
        room = self._stage.room("floor")
        url = f"{self._origin}/api/v1/logs?limit=1000&after=0"
        found = cost([sys.executable, HERE / "floor.py", url, f"pages-{pages}", "events"], room, {})
        _check("the floor", _lines((room / "events").read_bytes()), pages)
        return found

    def grove(self, output: str) -> Cost:
        """Grove: the same pages, the place to go on from in a file.

        `local_stdout` is what it does unless told otherwise, and what Hel does: a line of JSON for each event, here
        into a file. `local_file` writes a compressed file for each page; `remote_http` posts the pages, which is the
        least that it can do. A cache in memory costs no less than one in a file.
        """
        room = self._stage.room("grove")
        folders = {name: room / name for name in ("config", "output", "cache")}
        for folder in folders.values():
            folder.mkdir()
        config = {"name": "bench", "identity": "bench", "key": f"pages-{GROVE_PAGES}", "connector": "okta_system_log"}
        (folders["config"] / "okta.json").write_text(json.dumps(config))
        variables = {
            "GROVE_CONFIG_LOCAL_FILE_PATH": str(folders["config"]),
            "GROVE_OUTPUT_HANDLER": output,
            "GROVE_OUTPUT_LOCAL_FILE_PATH": str(folders["output"]),
            "GROVE_OUTPUT_REMOTE_HTTP_URL": self._origin,
            "GROVE_CACHE_HANDLER": "local_file",
            "GROVE_CACHE_LOCAL_FILE_PATH": str(folders["cache"]),
            "POWERTOOLS_TRACE_DISABLED": "1",
        }
        posted = order(self._port, "look", log="pages-0")["posted"]
        found = cost([GROVE, HERE / "grove_once.py", str(self._port)], room, variables)
        written = _lines((room / "stdout").read_bytes())
        written += sum(_lines(gzip.decompress(path.read_bytes())) for path in folders["output"].rglob("*.gz"))
        written += order(self._port, "look", log="pages-0")["posted"] - posted
        _check("Grove", written, GROVE_PAGES)
        return found


def _lines(text: bytes) -> int:
    """How many different ones: what was written twice, or is nothing but a line, does not count."""
    return len(set(text.splitlines()) - {b""})


def _check(who: str, lines: int, pages: int) -> None:
    if lines != pages * EVENTS_PER_PAGE:
        raise BenchError(f"{who} wrote {lines} events of {pages * EVENTS_PER_PAGE}")
