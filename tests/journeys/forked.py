"""A `hel` from the fork server: a real process, to be used as a `subprocess.Popen` is."""

import atexit
import json
import os
import select
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import cache
from pathlib import Path
from typing import IO

from tests.journeys import fork_server
from tests.journeys.fork_server import MESSAGE, SIZE


class Forked:
    """A process that another one has made.

    Attributes:
        pid: Its number.
        returncode: How it ended, negative for a signal; None until that is known.
        peak_kib: The most memory that it held, its imports' included; 0 until it is known to have ended.
        stdout: What it writes, where that is a pipe.
        stderr: The same of its stderr.
    """

    def __init__(self, link: socket.socket, stdout: IO[bytes] | None, stderr: IO[bytes] | None) -> None:
        self.stdout = stdout
        self.stderr = stderr
        self.returncode: int | None = None
        self._link = link
        self.pid, self.peak_kib = self._hear()

    def poll(self) -> int | None:
        """How it has ended; None if it has not."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """How it ends.

        Raises:
            subprocess.TimeoutExpired: It has not ended within so many seconds.
        """
        if self.returncode is None:
            if not select.select([self._link], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("hel", timeout or 0)
            self.returncode, self.peak_kib = self._hear()
            self._link.close()
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[bytes, bytes]:
        """Read all that it writes, to its end.

        Raises:
            subprocess.TimeoutExpired: It has not ended within so many seconds.
        """
        end = None if timeout is None else time.monotonic() + timeout
        read = {stream: bytearray() for stream in (self.stdout, self.stderr) if stream and not stream.closed}
        with selectors.DefaultSelector() as selector:
            for stream in read:
                selector.register(stream, selectors.EVENT_READ, stream)
            while selector.get_map():
                ready = selector.select(None if end is None else end - time.monotonic())
                if not ready and end is not None and time.monotonic() >= end:
                    raise subprocess.TimeoutExpired("hel", timeout or 0)
                for key, _ in ready:
                    part = os.read(key.fd, 65_536)
                    read[key.data] += part
                    if not part:
                        selector.unregister(key.data)
                        key.data.close()
        self.wait(None if end is None else max(0, end - time.monotonic()))
        out, err = (bytes(read.get(stream, b"")) if stream else b"" for stream in (self.stdout, self.stderr))
        return out, err

    def send_signal(self, number: int) -> None:
        """Send a signal, if it has not ended."""
        if self.poll() is None:
            with suppress(ProcessLookupError):  # it ends at this moment
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def _hear(self) -> tuple[int, int]:
        message = self._link.recv(MESSAGE.size, socket.MSG_WAITALL)
        assert message, "the fork server is gone"
        number, kib = MESSAGE.unpack(message)
        return number, kib


class ForkServer:
    """The process that has done the imports of one `hel`, until it is closed or this process is gone."""

    def __init__(self, hel: Path) -> None:
        self._hel = hel
        self._env = {"PATH": os.environ["PATH"]}
        self._one_at_a_time = threading.Lock()
        self._control, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, fork_server.__file__, str(theirs.fileno()), hel],
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        with self._control.makefile() as said:
            self._looked_at: set[str] = set(json.loads(said.readline()))

    def close(self) -> None:
        """End it, and all that it has made."""
        self._control.close()
        self.process.wait()

    def can_give(self, env: Mapping[str, str]) -> bool:
        """Whether its imports would have been the same with these variables."""
        if any(name.startswith(("PYTHON", "LC_")) for name in env):
            return False
        return all(env.get(name) == self._env.get(name) for name in self._looked_at)

    def start(
        self,
        arguments: Sequence[str],
        folder: Path,
        env: Mapping[str, str],
        stdout: int | None = subprocess.PIPE,
        stderr: int | None = subprocess.PIPE,
    ) -> Forked:
        """Start a `hel`; its streams are a pipe, a descriptor or None for this process's own."""
        with ExitStack() as theirs, ExitStack() as ours:
            out, to_out = _pipe(ours, theirs) if stdout == subprocess.PIPE else (None, 1 if stdout is None else stdout)
            err, to_err = _pipe(ours, theirs) if stderr == subprocess.PIPE else (None, 2 if stderr is None else stderr)
            link, to_link = socket.socketpair()
            ours.enter_context(link)
            theirs.enter_context(to_link)
            wanted = {"argv": [str(self._hel), *arguments], "cwd": str(folder), "env": dict(env)}
            self._ask(json.dumps(wanted).encode(), [0, to_out, to_err, to_link.fileno()])
            theirs.close()
            made = Forked(link, out, err)
            ours.pop_all()
            return made

    def _ask(self, wanted: bytes, fds: list[int]) -> None:
        with self._one_at_a_time:
            socket.send_fds(self._control, [SIZE.pack(len(wanted))], fds)
            self._control.sendall(wanted)


def _pipe(ours: ExitStack, theirs: ExitStack) -> tuple[IO[bytes], int]:
    read, write = os.pipe()
    theirs.callback(os.close, write)
    return ours.enter_context(os.fdopen(read, "rb")), write


@cache
def fork_server_of(hel: Path) -> ForkServer:
    """This process's own, which ends with it."""
    server = ForkServer(hel)
    atexit.register(server.close)
    return server
