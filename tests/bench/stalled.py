"""A reader that takes nothing: Hel stops asking, waits without cost, and goes on when it is read again."""

import os
import subprocess
import time
from contextlib import suppress

from tests.bench.bars import Figures
from tests.bench.children import HEL, Live, live, until
from tests.bench.load_server import order
from tests.bench.stage import Stage, configure, served, source

WATCHED_S = 10
LOG = "endless"


def measure(stage: Stage) -> Figures:
    """CPU while stalled, once a round."""
    shares = []
    with served("load_server", "20") as port:
        for number in range(stage.rounds):
            room = stage.room("hel")
            configure(room, {"okta-audit": source(f"http://127.0.0.1:{port}")})
            environment = {"OKTA_API_TOKEN": LOG}
            with live([HEL, "run"], room, environment, stdout=subprocess.PIPE) as hel:
                shares.append(_stalled(hel, port))
                _goes_on(hel, port)
            stage.say(f"round {number + 1}: {shares[-1]:.3f} % of a core")
    return {"cpu": shares}


def _stalled(hel: Live, port: int) -> float:
    """The share of a core, in percent, once nothing more is asked for."""
    asked = [_asked(port)]

    def is_still() -> bool:
        asked.append(_asked(port))
        return asked[-1] == asked[-2]

    until(hel, lambda: _asked(port) > asked[0], "it asks")
    until(hel, is_still, "the reader is waited for", every_s=2)
    began, before_s = time.monotonic(), hel.cpu_s()
    time.sleep(WATCHED_S)
    return 100 * (hel.cpu_s() - before_s) / (time.monotonic() - began)


def _goes_on(hel: Live, port: int) -> None:
    """What was held back comes, and more is asked for."""
    assert hel.process.stdout is not None
    pipe = hel.process.stdout.fileno()
    os.set_blocking(pipe, False)
    before = _asked(port)

    def is_asked() -> bool:
        with suppress(BlockingIOError):
            os.read(pipe, 1 << 20)
        return _asked(port) > before + 10

    until(hel, is_asked, "it goes on", every_s=0)


def _asked(port: int) -> int:
    return int(order(port, "look", log=LOG)["asked"])
