"""Forks a `hel` that has its imports behind it, for each one asked for: a start costs a twentieth of what it did.

It is run as a program, with a socket's number and the path of `hel`. Its first message says which variables the imports
looked at. A request is a JSON object and four descriptors: stdin, stdout, stderr, and a socket on which the new
process says that it stands there, and the server how it ended. What the new process inherits is what a started one has:
nothing but its standard streams, no signal handlers, no threads. When the other side is gone, so is all that runs here.
"""

import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import struct
import sys
import threading
from pathlib import Path
from typing import Any
from unittest.mock import patch

MESSAGE = struct.Struct("!iI")
"""What is said of a process: its number, and 0; then its exit code, negative for a signal, and its most memory in KiB.
"""
SIZE = struct.Struct("!I")
"""Before a request's JSON, and with the descriptors."""
LATER = ("anyio._backends._asyncio", "encodings.idna", "httpcore._async.http_proxy", "uvicorn.protocols.http.h11_impl")
"""What others import when it is used, beside Hel's own modules."""


def main(control: socket.socket) -> list[str]:
    """Serve until the other side is gone; returns in the new processes, with what each is to run."""
    looked_at = _import()
    control.sendall(f"{json.dumps(sorted(looked_at))}\n".encode())
    if threading.active_count() > 1:
        raise RuntimeError("an import has started a thread, which would be in no forked process")
    gc.freeze()  # or each new process looks through all of it at its end, and copies the pages
    waker, woken = socket.socketpair()
    waker.setblocking(False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for pytest, which ends this one
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
    running: dict[int, socket.socket] = {}
    while True:
        ready, _, _ = select.select([control, woken], [], [])
        if woken in ready:
            woken.recv(4096)
            _report(running)
        if control not in ready:
            continue
        asked = _receive(control)
        if asked is None:
            for pid in running:
                os.kill(pid, signal.SIGKILL)
            _report(running, 0)
            sys.exit()
        wanted, streams, link = asked
        pid = os.fork()
        if pid == 0:
            _become(wanted, streams, link, [control, waker, woken, *running.values()])
            return list(wanted["argv"])
        running[pid] = link
        for fd in streams:
            os.close(fd)


def _import() -> set[str]:
    """Import what commands need; the variables whose value has made a difference to that, perhaps."""
    looked_at = {"TZ", "LANG", "LANGUAGE"}  # by the interpreter itself
    get = type(os.environ).__getitem__

    def watched(environ: Any, name: str) -> Any:
        looked_at.add(name)
        return get(environ, name)

    with patch.object(type(os.environ), "__getitem__", watched):
        import hel  # noqa: PLC0415  # see above

        own = [module.name for module in pkgutil.walk_packages(hel.__path__, "hel.")]
        for name in (*own, *LATER):
            importlib.import_module(name)
    return looked_at - {"HOME"}  # for the user's own site-packages, which a venv has not


def _report(running: dict[int, socket.socket], options: int = os.WNOHANG) -> None:
    """Say of each process that has ended how it did."""
    for pid in tuple(running):
        ended, status, used = os.wait4(pid, options)
        if ended:
            with running.pop(pid) as link:
                try:
                    link.sendall(MESSAGE.pack(os.waitstatus_to_exitcode(status), used.ru_maxrss))
                except OSError:  # nobody wants to know
                    continue


def _receive(control: socket.socket) -> tuple[dict[str, Any], list[int], socket.socket] | None:
    """The next request; None when the other side is gone."""
    head, fds, _, _ = socket.recv_fds(control, SIZE.size, 4)
    if len(head) < SIZE.size:
        return None
    (size,) = SIZE.unpack(head)
    body = bytearray()
    while len(body) < size:
        part = control.recv(size - len(body))
        if not part:
            return None
        body += part
    return json.loads(body), fds[:3], socket.socket(fileno=fds[3])


def _become(wanted: dict[str, Any], streams: list[int], link: socket.socket, alien: list[socket.socket]) -> None:
    """Make of a forked server what a started program is."""
    signal.set_wakeup_fd(-1)
    for one in alien:
        one.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, fd in enumerate(streams):
        os.dup2(fd, number)
        os.close(fd)
    os.chdir(wanted["cwd"])
    for name in set(os.environ) - {"LC_CTYPE"}:  # the interpreter's own, where there is no locale (PEP 538)
        del os.environ[name]
    os.environ.update(wanted["env"])
    with link:
        link.sendall(MESSAGE.pack(os.getpid(), 0))


if __name__ == "__main__":
    sys.path[0] = str(Path(sys.argv[2]).parent)
    sys.argv = main(socket.socket(fileno=int(sys.argv[1])))
    runpy.run_path(sys.argv[0], run_name="__main__")
