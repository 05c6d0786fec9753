"""The examples for shippers; a real one, by its example: rotations, kills and a restart, and every event once."""

import json
import random
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import trustme
from ruamel.yaml import YAML

from tests.journeys.workshop import SSWS, Workshop, source, until

EXAMPLES = Path(__file__).parents[2] / "examples" / "shippers"
RSYSLOGD = shutil.which("rsyslogd") or shutil.which("rsyslogd", path="/usr/sbin")
GNUTLS = next(Path("/usr/lib").glob("*/rsyslog/lmnsd_gtls.so"), None)


@dataclass
class Siem:
    """Takes syslog over TLS, frames that say their length (RFC 6587), and keeps what each says."""

    ca_file: Path
    port: int = 0
    messages: list[tuple[str, str]] = field(default_factory=list)
    """Each message's time and text."""

    @property
    def uuids(self) -> list[str]:
        return [json.loads(text)["event"]["uuid"] for _, text in self.messages]

    def serve(self, listening: socket.socket, context: ssl.SSLContext) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return  # closed: the test is over
            with context.wrap_socket(connection, server_side=True) as stream, stream.makefile("rb") as frames:
                self.read(frames)

    def read(self, frames: Iterator[bytes]) -> None:
        """Everything up to the stream's end; Hel's lines hold no newline, so that a frame ends where its text does."""
        unread = b""
        for part in iter(lambda: frames.read1(65_536), b""):  # type: ignore[attr-defined]
            unread += part
            while found := re.match(rb"([0-9]+) ", unread):
                end = found.end() + int(found[1])
                if len(unread) < end:
                    break
                header, _, text = unread[found.end() : end].decode().partition(" - - - ")
                self.messages.append((header.split()[1], text))
                unread = unread[end:]


@contextmanager
def siem(folder: Path) -> Iterator[Siem]:
    """The other side, with a certificate in the example's name."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "siem-ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("siem.example.com").configure_cert(context)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        there = Siem(folder / "siem-ca.pem", listening.getsockname()[1])
        threading.Thread(target=there.serve, args=(listening, context), daemon=True).start()
        yield there
        listening.shutdown(socket.SHUT_RDWR)


def prepared(folder: Path, there: Siem) -> Path:
    """The example, with this machine's places instead of its own."""
    text = (EXAMPLES / "rsyslog.conf").read_text()
    for its, ours in (
        ("/var/spool/rsyslog", f"{folder}/spool"),
        ("/data/events.ndjson", f"{folder}/events.ndjson"),
        ("/etc/ssl/certs/ca-certificates.crt", str(there.ca_file)),
        ('target="siem.example.com"', 'target="127.0.0.1"'),
        ('port="6514"', f'port="{there.port}"'),
    ):
        assert text.count(its) == 1
        text = text.replace(its, ours)
    (folder / "spool").mkdir()
    configuration = folder / "rsyslog.conf"
    configuration.write_text(text)
    return configuration


@contextmanager
def rsyslog(configuration: Path) -> Iterator[None]:
    """Run rsyslog until the end of the block."""
    assert RSYSLOGD is not None
    with configuration.with_suffix(".log").open("ab") as log:
        process = subprocess.Popen(
            [RSYSLOGD, "-n", "-f", configuration, "-i", configuration.with_suffix(".pid")], stdout=log, stderr=log
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait(timeout=20)


def written(folder: Path) -> int:
    """How many lines Hel, which is down, has written, to whichever file."""
    return sum(path.read_bytes().count(b"\n") for path in folder.glob("events.ndjson*"))


def collect(workshop: Workshop, there: Siem, *, kill: bool) -> None:
    """Let Hel run while events come, and end it: in the middle, or when everything has arrived."""
    process = workshop.start("run", "--output", "events.ndjson", "--output-rotate", "size:0.4")
    wanted = len(workshop.org.log.uuids)
    until(lambda: len(workshop.org.ledger.served) >= wanted)
    for _ in range(3):
        workshop.org.log.append(60)
        time.sleep(0.15)  # so that they come on pages of their own
    if kill:
        time.sleep(random.random() * 0.1)  # noqa: S311  # a moment, not a secret
        process.kill()
    else:
        until(lambda: len(there.messages) >= len(workshop.org.log.uuids))
        process.terminate()
    process.communicate()


LIVE = "/data/events.ndjson"
ROTATED = (f"{LIVE}.20260501T120000Z", f"{LIVE}.20260501T120000Z-001")
LINE = '{"ts":"2026-05-01T12:00:00.000Z","source":"okta-audit","endpoint":"/api/v1/logs","event":{"a":"b"},"meta":{}}'


def example(name: str) -> Any:
    return YAML(typ="safe", pure=True).load((EXAMPLES / name).read_text())


def test_each_shipper_reads_the_output_and_those_that_know_a_file_by_its_content_the_rotated_ones_too() -> None:
    collector, fluent_bit = example("otel-collector.yaml"), example("fluent-bit.yaml")
    by_content = (example("vector.yaml")["sources"]["hel"], collector["receivers"]["filelog/hel"])
    for path in (LIVE, *ROTATED):
        assert all(sum(fnmatch(path, pattern) for pattern in reader["include"]) == 1 for reader in by_content)
    assert not any(fnmatch("/data/hel-state.db", pattern) for reader in by_content for pattern in reader["include"])
    assert [reader["path"] for reader in fluent_bit["pipeline"]["inputs"]] == [LIVE]
    assert re.findall(r'__path__" = "([^"]+)"', (EXAMPLES / "config.alloy").read_text()) == [LIVE]
    assert re.findall(r'file="(/[^"]+)"', (EXAMPLES / "rsyslog.conf").read_text()) == [LIVE]


def test_what_the_shippers_cut_out_of_a_line_is_its_time() -> None:
    (operator,) = example("otel-collector.yaml")["receivers"]["filelog/hel"]["operators"]
    found = re.match(operator["regex"], LINE)
    assert found is not None
    assert found.groupdict() == {"ts": "2026-05-01T12:00:00.000Z", "source": "okta-audit"}
    assert operator["timestamp"]["parse_from"] == "attributes.ts"
    (parser,) = example("fluent-bit.yaml")["parsers"]
    found = re.match(parser["regex"].replace("(?<", "(?P<"), LINE)
    assert found is not None
    assert found.groupdict() == {"message": LINE, "ts": "2026-05-01T12:00:00.000Z"}
    assert parser["time_key"] == "ts"
    time_format = parser["time_format"].replace("%L", "%f")
    read = datetime.strptime(found["ts"], time_format)  # noqa: DTZ007  # the format has a %z
    assert read.isoformat() == "2026-05-01T12:00:00+00:00"


@pytest.mark.skipif(RSYSLOGD is None or GNUTLS is None, reason="rsyslog is not installed (.ci/run installs it)")
def test_rsyslog_ships_every_event_once_with_its_time_through_rotations_kills_and_its_own_restart(
    open_workshop: Callable[..., Workshop],
) -> None:
    workshop = open_workshop(events=300, rate_limit=100_000)
    pages = {"limit": "50"}
    workshop.configure({"okta": source(SSWS, query_params=pages, schedule={"interval_secs": 0.05, "jitter_secs": 0})})
    with siem(workshop.folder) as there:
        configuration = prepared(workshop.folder, there)
        with rsyslog(configuration):
            collect(workshop, there, kill=True)
            collect(workshop, there, kill=True)
            until(lambda: len(there.messages) == written(workshop.folder))  # else it leaves a rotated file half read
        with rsyslog(configuration):
            collect(workshop, there, kill=False)
    assert len(list(workshop.folder.glob("events.ndjson.*"))) >= 3
    assert sorted(there.uuids) == sorted(workshop.org.log.uuids)
    assert [at for at, _ in there.messages] == [json.loads(text)["ts"] for _, text in there.messages]
    files = sorted(workshop.folder.glob("events.ndjson*"), key=lambda path: (path.suffix == ".ndjson", path.name))
    assert [text for _, text in there.messages] == "".join(path.read_text() for path in files).splitlines()
