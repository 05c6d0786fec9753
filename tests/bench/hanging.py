"""A hundred sources, ten of which get no answer: the other ninety keep their schedule.

The server's clock is the judge. Without jitter a source asks once in its interval, so what lies between two requests
beyond it is lateness. Each has another interval, or all would ask at once and stand in each other's way.
"""

import math
import time

from tests.bench.bars import Figures
from tests.bench.children import HEL, live, until
from tests.bench.load_server import order
from tests.bench.spread import ratios
from tests.bench.stage import Stage, configure, served, source

SOURCES = 100
HANGING = 10
WATCHED_S = 20


def measure(stage: Stage) -> Figures:
    """With ten that hang and with none, in turn; the same ninety are looked at."""
    late: dict[int, list[list[float]]] = {0: [], HANGING: []}
    with served("load_server", "0") as port:
        for number in range(stage.rounds):
            for hanging in (0, HANGING):
                late[hanging].append(_late(stage, port, hanging, f"pages-0.{number}-beside-{hanging}-"))
            told = ", ".join(f"{count} hang: {_p99_ms(found[-1]):.0f} ms late" for count, found in late.items())
            stage.say(f"round {number + 1}: {told} (p99)")
    alone, beside = late[0], late[HANGING]
    return {
        "ticks": [100 * share for share in ratios([len(one) for one in beside], [len(one) for one in alone])],
        "p99": [_p99_ms(one) for one in beside],
        "p99_alone": [_p99_ms(one) for one in alone],
    }


def _late(stage: Stage, port: int, hanging: int, kind: str) -> list[float]:
    """How late each tick of the ninety was; `kind` begins their logs' names, for the server forgets none."""
    room = stage.room("hel")
    environment = {}
    sources = {}
    for number in range(SOURCES):
        environment[f"TOKEN_{number}"] = f"hangs.{number}" if number < hanging else f"{kind}{number}"
        sources[f"source-{number}"] = source(
            f"http://127.0.0.1:{port}",
            {"type": "bearer", "token_env": f"TOKEN_{number}", "prefix": "SSWS"},
            schedule={"interval_secs": _interval_s(number), "jitter_secs": 0},
            resilience={"timeout_secs": 5, "read_timeout_secs": 5},  # so that what follows a timeout is seen, too
        )
    configure(room, sources)
    with live([HEL, "run", "--output", "events"], room, environment) as hel:
        asked = [f"{kind}{number}" for number in range(HANGING, SOURCES)]
        until(hel, lambda: all(order(port, "look", log=log)["asked"] > 2 for log in asked), "all ask again and again")
        order(port, "gaps", kind=kind)
        time.sleep(WATCHED_S)
        gaps = order(port, "gaps", kind=kind)
        hel.stop()
    late = {int(log.removeprefix(kind)): found for log, found in gaps.items()}
    return [gap - _interval_s(number) for number in range(HANGING, SOURCES) for gap in late[number]]


def _interval_s(number: int) -> float:
    return 2 + number / SOURCES


def _p99_ms(late: list[float]) -> float:
    """How late all but one in a hundred are, at most."""
    return 1000 * sorted(late)[math.ceil(len(late) * 0.99) - 1]
