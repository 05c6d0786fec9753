"""A real shipper follows the file through rotations and kills, and ships every event once."""

import json
import random
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.journeys.workshop import SSWS, Workshop, source, until

RSYSLOGD = shutil.which("rsyslogd") or shutil.which("rsyslogd", path="/usr/sbin")

CONFIGURATION = """
global(workDirectory="{folder}/spool" maxMessageSize="64k" parser.escapeControlCharactersOnReceive="off")
module(load="imfile" mode="inotify")
template(name="line" type="string" string="%msg%\\n")
ruleset(name="ship") {{ action(type="omfile" file="{folder}/shipped.ndjson" template="line" asyncWriting="off") }}
input(type="imfile" file="{folder}/events.ndjson" tag="hel:" ruleset="ship" escapeLF="off")
"""


@contextmanager
def rsyslog(folder: Path) -> Iterator[Path]:
    """Run rsyslog's imfile on the output; the file that it ships to."""
    assert RSYSLOGD is not None
    (folder / "spool").mkdir()
    configuration = folder / "rsyslog.conf"
    configuration.write_text(CONFIGURATION.format(folder=folder))
    with (folder / "rsyslog.log").open("wb") as log:
        process = subprocess.Popen(
            [RSYSLOGD, "-n", "-f", configuration, "-i", folder / "rsyslog.pid"], stdout=log, stderr=log
        )
        try:
            yield folder / "shipped.ndjson"
        finally:
            process.terminate()
            process.wait(timeout=20)


def shipped(path: Path) -> list[str]:
    lines = path.read_bytes().splitlines() if path.exists() else []
    return [json.loads(line)["event"]["uuid"] for line in lines if line.endswith(b"}")]


@pytest.mark.skipif(RSYSLOGD is None, reason="rsyslog is not installed (.ci/run installs it)")
def test_rsyslog_ships_every_event_once_through_three_rotations_and_two_kills(
    open_workshop: Callable[..., Workshop],
) -> None:
    workshop = open_workshop(events=300, rate_limit=100_000)
    pages = {"limit": "50"}
    workshop.configure({"okta": source(SSWS, query_params=pages, schedule={"interval_secs": 0.05, "jitter_secs": 0})})
    command = ("run", "--output", "events.ndjson", "--output-rotate", "size:0.4")
    with rsyslog(workshop.folder) as path:
        for kill in (True, True, False):
            process = workshop.start(*command)
            wanted = len(workshop.org.log.uuids)
            until(lambda: len(workshop.org.ledger.served) >= wanted)  # noqa: B023  # called before the next round
            for _ in range(3):
                workshop.org.log.append(60)
                time.sleep(0.15)
            if kill:
                time.sleep(random.random() * 0.1)  # noqa: S311  # a moment, not a secret
                process.kill()
            else:
                until(lambda: len(set(workshop.org.ledger.served)) == len(workshop.org.log.uuids))
                time.sleep(0.5)
                process.terminate()
            process.communicate()
        until(lambda: len(shipped(path)) >= len(workshop.org.log.uuids))
        time.sleep(0.5)
    assert len(list(workshop.folder.glob("events.ndjson.*"))) >= 3
    assert sorted(shipped(path)) == sorted(workshop.org.log.uuids)
