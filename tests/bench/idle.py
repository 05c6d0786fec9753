"""Ten thousand sources that have nothing to deliver: they start, each is asked once, none fails, and they stop."""

import time

from tests.bench.bars import Figures
from tests.bench.children import until
from tests.bench.crowd import check, crowd
from tests.bench.org_server import asked
from tests.bench.stage import SSWS, Stage

SOURCES = 10_000
PACE = {"interval_secs": 3600, "jitter_secs": 180}
"""Their first ticks are spread over the jitter."""

WITHIN_S = 1200


def measure(stage: Stage) -> Figures:
    """Once, whatever the rounds. Who signs in is measured elsewhere; here it is a fixed token."""
    with crowd(stage, SOURCES) as orgs:
        sources = {f"source-{number}": orgs.source(number, SSWS, schedule=PACE) for number in range(SOURCES)}
        began = time.monotonic()
        with orgs.hel(sources, {"OKTA_API_TOKEN": "fixed"}) as (hel, scraper):
            seen = {"start_s": time.monotonic() - began}
            until(hel, lambda: asked(orgs.port, orgs.ca) == SOURCES, "all are asked", WITHIN_S, every_s=2)
            seen |= {"cpu_s": hel.cpu_s(), "memory": hel.memory_mb("VmHWM")}
            time.sleep(2)  # the last of them ends its tick
            check(scraper.take(), SOURCES)
            seen["stop_s"] = hel.stop()
    stage.say(f"{SOURCES} idle sources: " + ", ".join(f"{name} {value:.3g}" for name, value in seen.items()))
    return {name: [value] for name, value in seen.items()}
