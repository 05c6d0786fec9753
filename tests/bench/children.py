"""Processes that are measured: run to their end, or looked at while they run. Linux only."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
HEL = str(Path(sys.executable).with_name("hel"))

Command = Sequence[str | Path]


class BenchError(Exception):
    """What was measured did not do what it had to, so that its figures mean nothing."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process cost.

    Attributes:
        cpu_s: CPU seconds, user and system.
        peak_mb: The most memory that it held; an MB is 2**20 bytes here, as top and ps count.
    """

    cpu_s: float
    peak_mb: float


def cost(command: Command, folder: Path, env: Mapping[str, str]) -> Cost:
    """Run it to its end in the folder.

    Raises:
        BenchError: It failed.
    """
    report = folder / "cost.json"
    if not Path(command[0]).exists():
        raise BenchError(f"{command[0]} is not there: `make bench` installs it")
    with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err:
        subprocess.run(
            [sys.executable, "-S", HERE / "measured.py", report, *command],
            cwd=folder,
            env=environment(env),
            stdout=out,
            stderr=err,
            check=True,
        )
    found = json.loads(report.read_text())
    if found["exit"]:
        tail = (folder / "stderr").read_text()[-2000:]
        raise BenchError(f"{' '.join(map(str, command))} ended with {found['exit']}:\n{tail}")
    return Cost(found["cpu_s"], found["peak_mb"])


def environment(more: Mapping[str, str]) -> dict[str, str]:
    """A clean one: no proxy and no setting of the developer's gets into what is measured."""
    return {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LANG": "C.UTF-8", **more}


class Live:
    """A process that runs, seen from outside."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self._clock = (~process.pid) << 3 | 2  # what clock_getcpuclockid(3) makes of a process, on Linux

    def cpu_s(self) -> float:
        """CPU seconds up to now, of all its threads; finer than the hundredths of /proc."""
        return time.clock_gettime(self._clock)

    def memory_mb(self, field: str = "VmRSS") -> float:
        """A size of /proc/PID/status: VmRSS is what it holds, VmHWM the most that it held.

        Raises:
            BenchError: It has ended.
        """
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        if f"{field}:" not in text:
            raise BenchError("it has ended, and holds nothing any more")
        return int(text.partition(f"{field}:")[2].split()[0]) / 1024

    def stop(self, within_s: float = 60) -> float:
        """SIGTERM, and how long it took to end.

        Raises:
            BenchError: It did not end with 0.
        """
        began = time.monotonic()
        self.process.terminate()
        try:
            code = self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            raise BenchError(f"it did not end within {within_s:g} s on SIGTERM") from None
        if code:
            raise BenchError(f"it ended with {code} on SIGTERM")
        return time.monotonic() - began


@contextmanager
def live(command: Command, folder: Path, env: Mapping[str, str], stdout: int = subprocess.DEVNULL) -> Iterator[Live]:
    """Start it in the folder, its stderr in `stderr` there; whatever happens, it is gone behind.

    Raises:
        BenchError: What is done with it failed; the end of its stderr says more.
    """
    with (folder / "stderr").open("wb") as err:
        process = subprocess.Popen(
            [str(word) for word in command],
            cwd=folder,
            env=environment(env),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=err,
        )
    try:
        yield Live(process)
    except (OSError, BenchError) as error:
        code, tail = process.poll(), (folder / "stderr").read_text()[-2000:]
        state = "still runs" if code is None else f"had ended with {code}"
        raise BenchError(f"{error}\n{command[0]} {state}, and its stderr ends so:\n{tail}") from error
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def until(hel: Live, condition: Callable[[], bool], what: str, within_s: float = 60, every_s: float = 0.05) -> None:
    """Wait for what Hel does.

    Raises:
        BenchError: It did not do it, or ended.
    """
    end = time.monotonic() + within_s
    while not condition():
        if hel.process.poll() is not None:
            raise BenchError(f"it ended before this: {what}")
        if time.monotonic() > end:
            raise BenchError(f"it did not happen within {within_s:g} s: {what}")
        time.sleep(every_s)
