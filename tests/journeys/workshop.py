"""A folder with a `hel.yaml`, a local org beside it, and the real program run there as a user runs it."""

import fcntl
import json
import os
import random
import signal
import socket
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

from examples.okta_org import Org, Running
from tests.journeys.forked import Forked, fork_server_of

PYTHON = sys.executable
HEL = Path(PYTHON).with_name("hel")
EXEC = bool(os.environ.get("HEL_TESTS_EXEC"))
"""Whether every `hel` is started by exec, as a user's is, which costs ten times the CPU."""

Process = subprocess.Popen[bytes] | Forked

SSWS = {"type": "bearer", "token_env": "OKTA_API_TOKEN", "prefix": "SSWS"}
OAUTH2 = {
    "type": "oauth2",
    "token_url": "https://${OKTA_DOMAIN}/oauth2/v1/token",
    "client_id_env": "OKTA_CLIENT_ID",
    "client_private_key_env": "OKTA_CLIENT_PRIVATE_KEY",
    "scopes": ["okta.logs.read"],
    "dpop": True,
}
QUICK = {
    "timeout_secs": 5,
    "retries": {"max_attempts": 3, "initial_backoff_secs": 0.05, "max_backoff_secs": 0.1},
    "rate_limit": {"page_delay_secs": 0},
}


def source(auth: Mapping[str, Any] | None = OAUTH2, **keys: Any) -> dict[str, Any]:
    """A source like the guide's, quick to fail, in pages of 500."""
    made: dict[str, Any] = {
        "url": "https://${OKTA_DOMAIN}/api/v1/logs",
        "pagination": {"strategy": "link_header", "rel": "next"},
        "resilience": QUICK,
        "query_params": {"limit": "500"},
        "schedule": {"interval_secs": 0.2, "jitter_secs": 0},
        **keys,
    }
    return {name: value for name, value in ({"auth": auth} | made).items() if value is not None}


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    code: int
    out: bytes
    err: str
    peak_mib: float = 0.0
    """The most memory that it held, where it was weighed."""

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def uuids(self) -> list[str]:
        return [line["event"]["uuid"] for line in self.lines]

    @property
    def log(self) -> list[dict[str, Any]]:
        """The log's JSON lines on stderr."""
        return [json.loads(line) for line in self.err.splitlines() if line.startswith("{")]

    def logged(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.log if line.get("event") == event]

    def gaps(self, event: str, **fields: Any) -> list[float]:
        """Seconds from each line of this event, and with these fields, to the next: by Hel's clock, not by a request's.

        A request comes as late as the machine is slow, so that the next one, which is not, may follow it too soon.
        """
        lines = [line for line in self.logged(event) if fields.items() <= line.items()]
        at = [datetime.fromisoformat(line["timestamp"]).timestamp() for line in lines]
        return [later - sooner for sooner, later in pairwise(at)]


_SCALE = """
import os, sys
pid = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
_, status, used = os.wait4(pid, 0)
open(sys.argv[1], "w").write(str(used.ru_maxrss))
sys.exit(os.waitstatus_to_exitcode(status))
"""
"""A small process between: the kernel counts the size of who starts a program as the program's own."""


@dataclass
class Workshop:
    """Where a test works."""

    folder: Path
    server: Running | None = None
    environment: dict[str, str] = field(default_factory=dict)
    processes: list[Process] = field(default_factory=list)

    @property
    def org(self) -> Org:
        assert self.server is not None
        return self.server.org

    @property
    def org_url(self) -> str:
        assert self.server is not None
        return self.server.url

    @property
    def output(self) -> Path:
        return self.folder / "events.ndjson"

    def configure(self, sources: Mapping[str, Any] | None = None, **global_: Any) -> None:
        """Write a `hel.yaml`; JSON is YAML."""
        config = {"global": global_, "sources": sources if sources is not None else {"okta-audit": source()}}
        (self.folder / "hel.yaml").write_text(json.dumps(config, indent=2))

    def hel(
        self, *arguments: str, env: Mapping[str, str | None] | None = None, text: str = "", by_exec: bool = EXEC
    ) -> Ended:
        """Run a command to its end."""
        if not text:
            process = self.start(*arguments, env=env, by_exec=by_exec)
            out, err = process.communicate(timeout=60)
            return Ended(process.wait(), out, err.decode())
        done = subprocess.run(
            [HEL, *arguments],
            cwd=self.folder,
            env=self.environ(env),
            input=text.encode(),
            capture_output=True,
            timeout=60,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr.decode())

    def weigh(self, *arguments: str, by_exec: bool = EXEC) -> Ended:
        """Run a command to its end, and see how much memory it took; a forked one's imports are more."""
        if not by_exec:
            process = self.start(*arguments)
            assert isinstance(process, Forked), "with these variables: by_exec=True"
            out, err = process.communicate(timeout=100)
            return Ended(process.wait(), out, err.decode(), process.peak_kib / 1024)
        report = self.folder / "weighed"
        done = subprocess.run(
            [PYTHON, "-S", "-c", _SCALE, str(report), str(HEL), *arguments],
            cwd=self.folder,
            env=self.environ(),
            capture_output=True,
            timeout=100,
            check=False,
        )
        peak_mib = int(report.read_text()) / 1024
        report.unlink()
        return Ended(done.returncode, done.stdout, done.stderr.decode(), peak_mib)

    def start(
        self,
        *arguments: str,
        stdout: int | None = subprocess.PIPE,
        stderr: int | None = subprocess.PIPE,
        env: Mapping[str, str | None] | None = None,
        by_exec: bool = EXEC,
    ) -> Process:
        """Start a command and let it run; forked, where its variables would not have changed its imports."""
        environ = self.environ(env)
        process: Process
        if not by_exec and (server := fork_server_of(HEL)).can_give(environ):
            process = server.start(arguments, self.folder, environ, stdout, stderr)
        else:
            # A shell lets what runs in its background ignore SIGINT; a program under test does not.
            command = ["env", "--default-signal=INT", str(HEL), *arguments]
            process = subprocess.Popen(command, cwd=self.folder, env=environ, stdout=stdout, stderr=stderr)
        self.processes.append(process)
        return process

    def close(self) -> None:
        """Leave nothing running, whatever a test came to."""
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.communicate()

    def written(self) -> list[str]:
        """The uuids in the output file, each line checked to be whole."""
        if not self.output.exists():
            return []
        return [_uuid(line) for line in self.output.read_bytes().split(b"\n")[:-1]]

    def secrets(self) -> set[str]:
        """What must be read nowhere: what the org was sent to prove who is asking, and what it gave out for that."""
        org = self.org
        key = [line for line in org.client_key.pem.splitlines() if len(line) > 40]
        found = {org.api_token, org.client_secret, org.refresh_token, *key}
        for request in org.ledger.requests:
            for name in ("authorization", "dpop"):
                found.update(value.rpartition(" ")[2] for value in request.headers.get(name, ()))
        return found

    def leaks(self, *ended: Ended) -> list[str]:
        """Where a secret was written, and how it begins."""
        texts = {f"command {number}": one.out + one.err.encode() for number, one in enumerate(ended, 1)}
        for path in self.folder.rglob("*"):
            if path.is_file():
                texts[path.name] = path.read_bytes()
        return [
            f"{place}: {secret[:10]}…"
            for place, text in texts.items()
            for secret in self.secrets()
            if secret.encode() in text
        ]

    def environ(self, env: Mapping[str, str | None] | None = None) -> dict[str, str]:
        """A command's environment: the org's variables and the test's own."""
        org = self.server.environment() if self.server else {}
        wanted = {"PATH": os.environ["PATH"], "HOME": str(self.folder), **org, **self.environment, **(env or {})}
        return {name: value for name, value in wanted.items() if value is not None}


@lru_cache(8192)
def _uuid(line: bytes) -> str:
    """The uuid in a line, which is looked at again and again while a test waits for the next ones."""
    return str(json.loads(line)["event"]["uuid"])


def until(condition: Callable[[], bool]) -> None:
    """Wait for what another process, or a thread, does; fail if it does not within a minute."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def catches(process: Process, number: signal.Signals) -> bool:
    """Whether it has a handler for this signal (proc(5), SigCgt); not once it has ended."""
    try:
        status = Path(f"/proc/{process.pid}/status").read_text()
    except OSError:
        return False
    mask = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(mask, 16) >> (number - 1) & 1)


def until_full(pipe: int | IO[bytes]) -> None:
    """Wait until a page that is longer than a pipe has filled it: from then on its delivery waits for a reader."""
    until(lambda: int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder) >= 60_000)


def free_port() -> int:
    """A port that is free, below those that the kernel gives to whoever asks for any: none of the tests beside."""
    for port in random.SystemRandom().sample(range(12_000, 32_000), 100):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise OSError("each of a hundred ports is taken")


def stop(process: Process, with_signal: int = signal.SIGTERM) -> Ended:
    """End a command as a service manager does."""
    process.send_signal(with_signal)
    out, err = process.communicate(timeout=30)
    return Ended(process.wait(), out or b"", err.decode())
