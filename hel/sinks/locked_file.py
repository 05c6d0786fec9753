"""A file that this process alone writes, by offset: open, lock, read, write, sync. It knows nothing of lines."""

import errno
import fcntl
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from hel.errors import SinkError

_MOST_PIECES = 1024
"""IOV_MAX on Linux and macOS."""


class LockedFile:
    """One open file, made where it is missing.

    Args:
        path: The file.
        mode: A new file's permissions; an existing one's are widened to let the same groups in, never narrowed.

    Raises:
        SinkError: Another process writes it.
        OSError: It can't be opened.
    """

    def __init__(self, path: Path, mode: int = 0o600) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not os.fstat(self._fd).st_size:  # new, perhaps since a crash
                sync_directory(path.parent)
            has = stat.S_IMODE(self.stat().st_mode)
            if mode & 0o077 & ~has:
                os.fchmod(self._fd, has | mode)
        except BlockingIOError:
            self.close()
            raise SinkError(
                f"the output {path} is being written by another running Hel",
                "stop that one first, or give this one another output",
            ) from None
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the file and its lock."""
        os.close(self._fd)

    def stat(self) -> os.stat_result:
        """Its number, size and times."""
        return os.fstat(self._fd)

    def is_at(self, path: Path) -> bool:
        """Whether this path still leads here."""
        try:
            return os.path.samestat(path.stat(), self.stat())
        except FileNotFoundError:
            return False

    def read(self, start: int, end: int) -> bytes:
        """What stands between two offsets."""
        return os.pread(self._fd, max(0, end - start), start)

    def write(self, pieces: Sequence[bytes], skip: int, offset: int) -> int:
        """Write some of the pieces; how many bytes.

        Args:
            pieces: One after the other.
            skip: So many of their bytes are written already.
            offset: Where the next one goes.
        """
        views: list[memoryview] = []
        for piece in pieces:
            if skip < len(piece) and len(views) < _MOST_PIECES:
                views.append(memoryview(piece)[skip:])
            skip = max(0, skip - len(piece))
        written = os.pwritev(self._fd, views, offset)
        if not written:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return written

    def sync(self) -> None:
        """Make what was written outlast a power loss."""
        os.fsync(self._fd)

    def cut(self, length: int) -> None:
        """End it at this length, for good."""
        os.ftruncate(self._fd, length)
        os.fsync(self._fd)


def sync_directory(path: Path) -> None:
    """Make a file's creation or renaming outlast a power loss."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
