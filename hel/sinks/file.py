"""Lines to a file, each once: written, fsynced, and its length handed to the commit that counts them.

The rule: the file is only ever written at its committed length, so a write that failed half-way, or an fsync that
did (after which Linux may have dropped what was written), is made again at the same place. The file is locked; two
programs that write one file could not keep this promise.
"""

import fcntl
import os
from hashlib import blake2b
from pathlib import Path

from hel.clock import Clock
from hel.config.models import Rotation
from hel.errors import ConfigError, SinkError
from hel.records import Position
from hel.sinks import rotation as law
from hel.telemetry.log import Log

_TAIL_BYTES = 4096


class FileSink:
    """One output file, open for appending.

    Args:
        path: The file, absolute; made where it is missing, readable by its owner only.
        rotate: When it is renamed; None for never.
        clock: Dates the rotations.
        log: Told of rotations and of what others did to the file.

    Raises:
        ConfigError: It can't be opened for writing.
    """

    def __init__(self, path: Path, rotate: Rotation | None, clock: Clock, log: Log) -> None:
        self.path = path
        self._rotation = rotate
        self._clock = clock
        self._log = log
        self._fd = -1
        self._length = 0
        self._begun_on = 0
        self._tail = b""
        self._pending: list[bytes] = []
        self._written = 0
        self._reached = 0
        try:
            self._open()
        except OSError as error:
            raise ConfigError(
                f"the output {path} can't be written: {error.strerror}",
                f"make its folder and let Hel write there (mkdir -p {path.parent}), or choose another with -o",
            ) from error

    def committed(self, known: Position | None) -> bool:
        """Whether this is the file whose length was committed, and still holds what was committed."""
        if known is None:
            return False
        stat = os.fstat(self._fd)
        same = (stat.st_dev, stat.st_ino) == (known.device, known.inode) and stat.st_size >= known.length
        return same and _digest(self._read_tail(known.length)) == known.tail

    def beyond(self, length: int) -> bytes:
        """What stands in the file from this length on."""
        return os.pread(self._fd, os.fstat(self._fd).st_size - length, length)

    def cut(self, length: int) -> None:
        """End the file at this length."""
        os.ftruncate(self._fd, length)
        os.fsync(self._fd)
        self._stand_at(length)

    def put(self, lines: bytes) -> None:
        """Take lines to write."""
        if lines:
            self._pending.append(lines)

    def flush(self) -> Position:
        """Write what was put at the file's length, and fsync it.

        Raises:
            SinkError: Not all of it lasts; the next flush makes it so.
        """
        try:
            self._follow()
            data = b"".join(self._pending)
            self._pending = [data]
            while self._written < len(data):
                self._written += os.pwrite(self._fd, memoryview(data)[self._written :], self._length + self._written)
                self._reached = max(self._reached, self._length + self._written)
            try:
                os.fsync(self._fd)
            except OSError:
                self._written = 0
                raise
        except OSError as error:
            raise SinkError(
                f"the output {self.path} can't be written: {error.strerror}",
                "make room or repair it; Hel tries again by itself and loses nothing",
            ) from error
        if data and not self._length:
            self._begun_on = law.day_of(self._clock.now())
        self._length = self._reached = self._length + len(data)
        self._tail = (self._tail + data[-_TAIL_BYTES:])[-_TAIL_BYTES:]
        self._pending, self._written = [], 0
        return self.position()

    def position(self) -> Position:
        """Where the file stands: everything before its length is there to stay."""
        stat = os.fstat(self._fd)
        return Position(str(self.path), stat.st_dev, stat.st_ino, self._length, _digest(self._tail))

    def room(self) -> int | None:
        """Bytes until a rotation is due."""
        if self._rotation is None or self._rotation.kind != "size":
            return None
        return max(0, self._rotation.max_bytes - self._length)

    def rotate(self) -> Position | None:
        """Rename the file and begin a new one, if that is due; an older one is never overwritten.

        Raises:
            SinkError: The new one can't be begun; the next flush tries again.
        """
        now = self._clock.now()
        due = self._rotation is not None and law.is_due(self._rotation, self._length, self._begun_on, law.day_of(now))
        if not due or self._pending or self._fd < 0:
            return None
        target = self.path.with_name(
            law.rotated_name(self.path.name, now, lambda name: self.path.with_name(name).exists())
        )
        try:
            self.path.rename(target)
            self._log.info("output.rotated", to=str(target), bytes=self._length)
            self._reopen()
        except OSError as error:
            raise SinkError(f"the output {self.path} can't be rotated: {error.strerror}") from error
        return self.position()

    def abandon(self) -> None:
        """A file never waits for a reader."""

    def close(self) -> None:
        """Let go of the file and its lock."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _open(self) -> None:
        new = not self.path.exists()
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            raise ConfigError(
                f"the output {self.path} is being written by another running Hel",
                "stop that one first, or give this one another output",
            ) from None
        self._fd = fd
        if new:
            _fsync_directory(self.path.parent)
        stat = os.fstat(fd)
        self._begun_on = law.day_of(stat.st_mtime if stat.st_size else self._clock.now())
        self._stand_at(stat.st_size)

    def _reopen(self) -> None:
        self.close()
        self._written = 0
        self._open()

    def _stand_at(self, length: int) -> None:
        self._length = self._reached = length
        self._tail = self._read_tail(length)

    def _read_tail(self, length: int) -> bytes:
        start = max(0, length - _TAIL_BYTES)
        return os.pread(self._fd, length - start, start)

    def _follow(self) -> None:
        """Notice what others did to the file: a rename or removal, a truncation, lines of their own."""
        if self._fd < 0 or not _is_same(self.path, self._fd):
            if self._fd >= 0:
                self._log.warning("output.moved_away", path=str(self.path), fix="let Hel rotate: --output-rotate")
            self._reopen()
            return
        size = os.fstat(self._fd).st_size
        if self._length <= size <= self._reached:
            self._written = min(self._written, size - self._length)
            return
        self._log.warning(
            "output.changed_by_another",
            path=str(self.path),
            expected=self._length,
            found=size,
            fix="nothing but Hel may write or truncate this file",
        )
        self._written = 0
        self._stand_at(size)


def _digest(tail: bytes) -> str:
    return blake2b(tail, digest_size=16).hexdigest()


def _is_same(path: Path, fd: int) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    return os.path.samestat(there, os.fstat(fd))


def _fsync_directory(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
