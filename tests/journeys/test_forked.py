"""The fork server of these tests: what it makes must be what a start by exec makes."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.documents import ROOT
from tests.journeys.forked import Forked, ForkServer
from tests.journeys.workshop import until

STANDS = """
import json, os, signal, sys, threading
signals = {s.name: str(signal.getsignal(s)) for s in sorted(signal.valid_signals()) if isinstance(s, signal.Signals)}
print(json.dumps({
    "argv": sys.argv, "path": sys.path, "main": __name__, "cwd": os.getcwd(), "env": dict(os.environ),
    "files": sorted(os.listdir("/proc/self/fd")), "signals": signals, "mask": str(signal.pthread_sigmask(0, ())),
    "group": os.getpgid(0), "umask": os.umask(0), "threads": threading.active_count(),
    "streams": [(s.encoding, s.errors, s.line_buffering) for s in (sys.stdin, sys.stdout, sys.stderr)],
    "modes": [os.fstat(fd).st_mode for fd in (1, 2)], "input": sys.stdin.read(), "flags": list(sys.flags),
}))
print("on stderr", file=sys.stderr)
if "wait" in sys.argv:
    signal.pause()
if "fail" in sys.argv:
    raise SystemExit(7)
if "crash" in sys.argv:
    raise KeyboardInterrupt
"""


ENV = {"PATH": os.environ["PATH"], "HOME": "/nowhere", "HEL_CONFIG": "ü.yaml"}
STARTS = """
import signal, sys
from pathlib import Path
from tests.journeys.forked import ForkServer
server = ForkServer(Path(sys.argv[1]))
made = server.start(("wait",), Path.cwd(), {}, None)
print(server.process.pid, made.pid, flush=True)
signal.pause()
"""


@pytest.fixture(scope="module")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program in the place of `hel`, which says where it stands."""
    path = tmp_path_factory.mktemp("probe") / "hel"
    path.write_text(f"#!{sys.executable}\n{STANDS}")
    path.chmod(0o700)
    return path


@pytest.fixture(scope="module")
def server(probe: Path) -> Iterator[ForkServer]:
    made = ForkServer(probe)
    yield made
    made.close()


@pytest.fixture
def interrupts() -> Iterator[None]:
    """Have SIGINT not ignored here and in what is started here, which it is where a shell runs the tests behind."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def ended(made: Forked) -> tuple[int, bytes, bytes]:
    out, err = made.communicate(timeout=20)
    return made.wait(), out, err


@pytest.mark.usefixtures("interrupts")
def test_a_forked_process_stands_where_a_started_one_does_and_ends_as_it_does(probe: Path, server: ForkServer) -> None:
    for arguments in ((), ("fail",), ("crash",)):
        code, out, err = ended(server.start(arguments, probe.parent, ENV))
        started = subprocess.run(
            [probe, *arguments], cwd=probe.parent, env=ENV, stdin=0, capture_output=True, check=False, timeout=20
        )
        assert json.loads(out) == json.loads(started.stdout)
        assert code == started.returncode
        assert err.splitlines()[0] == started.stderr.splitlines()[0] == b"on stderr"


def test_how_one_ends_is_seen_and_waited_for_no_longer_than_wanted(probe: Path, server: ForkServer) -> None:
    one, other = (server.start(("wait",), probe.parent, ENV, stdout=None) for _ in range(2))
    one.kill()
    assert ended(one)[0] == one.poll() == -signal.SIGKILL
    assert other.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        other.wait(timeout=0.01)
    other.terminate()
    assert ended(other)[0] == -signal.SIGTERM
    other.kill()  # which must not reach who has its number now


def test_where_an_import_looks_at_a_variable_a_started_one_is_wanted(server: ForkServer) -> None:
    assert server.can_give(ENV)
    for name in ("NO_COLOR", "LC_ALL", "LANG", "TZ", "PYTHONUTF8", "PYTHONTZPATH"):
        assert not server.can_give(ENV | {name: "1"})


def test_a_killed_worker_leaves_no_server_behind_and_nothing_that_it_made(probe: Path) -> None:
    worker = subprocess.Popen(
        [sys.executable, "-c", STARTS, probe], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert worker.stdout is not None
    pids = worker.stdout.readline().split()
    worker.kill()
    worker.communicate()
    assert len(pids) == 2
    until(lambda: not any(Path(f"/proc/{int(pid)}").exists() for pid in pids))
