"""One writer at a time: an advisory lock beside the state file, which the kernel drops when its process ends."""

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from hel.errors import StateError, StateLockedError

_SUFFIX = ".lock"
_TRIES, _BETWEEN_S = 10, 0.01
"""`hel status` looks whether somebody holds it, by holding it for a moment."""


def files_of(state: Path) -> list[Path]:
    """The state file and those that SQLite and the lock keep beside it."""
    return [state, *(state.with_name(f"{state.name}{suffix}") for suffix in ("-wal", "-shm", "-journal", _SUFFIX))]


class Holder(msgspec.Struct, frozen=True):
    """Who holds the state.

    Attributes:
        is_there: Whether somebody does: a Hel runs. None where we may not look.
        pid: Its process, as it wrote it; None where it is not known.
    """

    is_there: bool | None
    pid: int | None = None


def _take(fd: int) -> None:
    """Take the lock, from nobody who holds it for longer than a look.

    Raises:
        BlockingIOError: Somebody does.
    """
    for left in reversed(range(_TRIES)):
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not left:
                raise
            time.sleep(_BETWEEN_S)
        else:
            return


class StateLock:
    """Held while a command may write the state.

    Args:
        state: The state file; the lock is `<state>.lock` beside it.
    """

    def __init__(self, state: Path) -> None:
        self._state = state
        self._path = state.with_name(f"{state.name}{_SUFFIX}")
        self._fd = -1

    def __enter__(self) -> Self:
        """Take the lock or say who holds it.

        Raises:
            StateLockedError: Another process holds it.
            StateError: The lock file can't be made.
        """
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StateError(
                f"the state can't be locked: {self._path}: {error.strerror}",
                "make the folder of `global.state.path` and let Hel write there",
            ) from error
        try:
            _take(fd)
        except BlockingIOError:
            holder = os.read(fd, 20).decode(errors="replace").strip()
            os.close(fd)
            who = f"process {holder}" if holder.isdecimal() else "another process"
            raise StateLockedError(
                f"the state {self._state} is held by a running Hel ({who})",
                "stop that one first, or give this one another `global.state.path`",
            ) from None
        except OSError as error:
            os.close(fd)
            raise StateError(
                f"the state can't be locked: {self._path}: {error.strerror}",
                "keep the state on a file system that knows flock",
            ) from error
        self._fd = fd
        with suppress(OSError):  # a full disk: the lock holds, and who holds it is not named
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go. The file stays: removing it would let two processes lock two files of one name."""
        os.close(self._fd)


def holder(state: Path) -> Holder:
    """Who holds the state's lock, found out by trying it for a moment, together with others that try."""
    lock = files_of(state)[-1]
    try:
        fd = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:  # nobody has ever held it
        return Holder(is_there=False)
    except OSError:
        return Holder(is_there=None)
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        with suppress(OSError, ValueError):
            return Holder(is_there=True, pid=int(os.read(fd, 20)))
        return Holder(is_there=True)
    except OSError:
        return Holder(is_there=None)
    finally:
        os.close(fd)
    return Holder(is_there=False)
