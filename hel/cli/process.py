"""The process itself: its standard streams, signals before there is anything to end in order, and its end."""

import gc
import os
import signal
import sys
import threading
from types import FrameType

_closed: set[int] = set()


def begin() -> None:
    """Let no other file take the place of a standard stream that is closed, and end quietly on Ctrl-C.

    What is imported and read before the work starts (`work`) is kept to the end, and looking for garbage in it is a
    tenth of a start.
    """
    gc.disable()
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"  # or it looks for some in all that is installed, and runs them
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        try:
            os.fstat(number)
        except OSError:
            _closed.add(number)
            os.open(os.devnull, os.O_RDWR)  # the lowest free number: this one
            setattr(sys, name, os.fdopen(number, mode))
    end_on(signal.SIGINT, 1)


def work() -> None:
    """Look for garbage from now on, and not in what is there already."""
    gc.freeze()
    gc.enable()


def end() -> None:
    """Let a stream that can't be written not change the exit code: Python would make it 120 (sys.exit's flush)."""
    for number, stream in ((1, sys.stdout), (2, sys.stderr)):
        try:
            stream.flush()
        except (OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), number)
    gc.freeze()  # all that was imported is no garbage: the interpreter's last look for some would take 0.1 s


RESOLVER = "hel-resolver"
"""How the names of threads begin that look up names: nobody waits for them at the end."""


_PATIENCE_S = 0.5


def leave(code: int) -> None:
    """End now where a look-up of a name, or the reading of a file, still hangs; the interpreter would wait for it."""
    others = [thread for thread in threading.enumerate() if thread is not threading.main_thread()]
    for thread in others:
        thread.join(0 if thread.name.startswith(RESOLVER) else _PATIENCE_S)
    if any(thread.is_alive() for thread in others):
        end()
        os._exit(code)


def stdout_is_closed() -> bool:
    """Whether the process was started without a stdout."""
    return 1 in _closed


early: list[signal.Signals] = []
"""Signals that came before there was anything to be done about them."""


def keep(*numbers: signal.Signals) -> None:
    """Note these signals in `early`, until something better is in place; by default they would end the process."""

    def note(number: int, _: FrameType | None) -> None:
        early.append(signal.Signals(number))

    for number in numbers:
        signal.signal(number, note)


def end_on(number: signal.Signals, code: int) -> None:
    """End at once with this exit code on a signal, until something better is in place."""

    def end(_: int, __: FrameType | None) -> None:
        os._exit(code)

    signal.signal(number, end)
