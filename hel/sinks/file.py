"""Lines to a file, each once: written, fsynced, and its length handed to the commit that counts them.

The rule: the file is only ever written at its own length, so a write that failed half-way, or an fsync that did
(after which Linux may have dropped what was written), is made again at the same place.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path

from hel.clock import Clock
from hel.config.models import Rotation
from hel.errors import SinkError
from hel.records import Position
from hel.sinks import rotation as law
from hel.sinks.locked_file import LockedFile, sync_directory
from hel.telemetry.log import Log

_TAIL_BYTES = 4096


class FileSink:
    """One output file, open for appending.

    Args:
        path: The file, absolute; made where it is missing.
        rotate: When it is renamed; None for never.
        mode: Its permissions.
        clock: Dates the rotations.
        log: Told of rotations and of what others did to the file.

    Raises:
        SinkError: It can't be opened, or another process writes it.
    """

    def __init__(self, path: Path, rotate: Rotation | None, clock: Clock, log: Log, mode: int = 0o600) -> None:
        self.path = path
        self._mode = mode
        self._rotation = rotate
        self._clock = clock
        self._log = log
        self._pending: list[bytes] = []
        self._written = 0  # bytes of what is pending
        with self._told("opened"):
            self._file: LockedFile | None = LockedFile(path, mode)
            self._begin(self._file)

    def committed(self, known: Position | None) -> bool:
        """Whether this is the file whose length was committed, and still holds what was committed."""
        stat = self._open_file().stat()
        if known is None or stat.st_ino != known.inode:
            return False
        if stat.st_size < known.length:
            self._say_changed(known.length, stat.st_size)
            return False
        return _digest(self._read_tail(known.length)) == known.tail

    def beyond(self, length: int) -> bytes:
        """What stands in the file from this length on."""
        file = self._open_file()
        return file.read(length, file.stat().st_size)

    @property
    def torn(self) -> bytes:
        """What stands behind the last whole line: the begin of a line that a crash cut short."""
        return self.beyond(self._length)

    def mend(self) -> None:
        """Cut what is torn.

        Raises:
            SinkError: It can't be cut.
        """
        with self._told("mended"):
            self._open_file().cut(self._length)
        self.stand_at(self._length)

    def stand_at(self, length: int) -> None:
        """Go on writing here, over whatever stands behind it."""
        self._length = length
        self._reached = self._open_file().stat().st_size
        self._tail = self._read_tail(length)

    def put(self, lines: bytes) -> None:
        """Take lines to write."""
        if lines:
            self._pending.append(lines)

    def renew(self) -> Position | None:
        """Begin a new file where somebody moved the old one away, or a rotation is due; where it stands then.

        An older file is never overwritten. The new one's position is to be committed before anything is written to
        it, so that after a crash its lines are known for Hel's own.

        Raises:
            SinkError: It can't be begun; call again.
        """
        with self._told("begun anew"):
            if self._file is not None and not self._file.is_at(self.path):
                self._log.warning("output.moved_away", path=str(self.path), fix="let Hel rotate: --output-rotate")
                self.close()
            elif self._file is not None and self._is_due():
                self._rename()
            if self._file is not None:
                return None
            self._file = LockedFile(self.path, self._mode)
            self._begin(self._file)
        return self.position()

    def flush(self) -> Position:
        """Write what was put at the file's length, and fsync it.

        Raises:
            SinkError: Not all of it lasts; the next flush makes it so.
        """
        file = self._open_file()
        with self._told("written"):
            self._check_length(file)
            self._write(file)
            if file.stat().st_nlink == 0:
                raise FileNotFoundError(errno.ENOENT, "somebody removed it")
        if self._pending and not self._length:
            self._begun_on = law.day_of(self._clock.now())
        for lines in self._pending:
            self._length += len(lines)
            self._tail = (self._tail + lines[-_TAIL_BYTES:])[-_TAIL_BYTES:]
        self._reached = max(self._reached, self._length)
        self._pending, self._written = [], 0
        return self.position()

    def position(self) -> Position:
        """Where the file stands: everything before its length is there to stay."""
        return Position(str(self.path), self._open_file().stat().st_ino, self._length, _digest(self._tail))

    def room(self) -> int | None:
        """Bytes until a rotation is due."""
        if self._rotation is None or self._rotation.kind != "size":
            return None
        left = self._rotation.max_bytes - self._length
        return left if left > 0 else self._rotation.max_bytes

    def abandon(self) -> None:
        """A file never waits for a reader."""

    def close(self) -> None:
        """Let go of the file and its lock."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open_file(self) -> LockedFile:
        if self._file is None:
            raise SinkError(f"the output {self.path} is not open", "Hel opens it anew by itself")
        return self._file

    def _begin(self, file: LockedFile) -> None:
        stat = file.stat()
        self._written = 0
        self._begun_on = law.day_of(stat.st_mtime if stat.st_size else self._clock.now())
        self.stand_at(stat.st_size)

    def _is_due(self) -> bool:
        if self._rotation is None or self._reached > self._length:  # never behind a part of a line
            return False
        return law.is_due(self._rotation, self._length, self._begun_on, law.day_of(self._clock.now()))

    def _rename(self) -> None:
        folder = self.path.parent
        name = law.rotated_name(self.path.name, self._clock.now(), lambda name: os.path.lexists(folder / name))
        self.path.rename(folder / name)
        sync_directory(folder)
        self._log.info("output.rotated", to=name, bytes=self._length)
        self.close()

    def _write(self, file: LockedFile) -> None:
        total = sum(map(len, self._pending))
        while self._written < total:
            self._written += file.write(self._pending, self._written, self._length + self._written)
            self._reached = max(self._reached, self._length + self._written)
        try:
            file.sync()
        except OSError:
            self._written = 0
            raise

    def _check_length(self, file: LockedFile) -> None:
        """Notice a truncation, or lines that somebody else appended."""
        size = file.stat().st_size
        if self._length <= size <= self._reached:
            self._written = min(self._written, size - self._length)
            return
        self._say_changed(self._length, size)
        self._written = 0
        self.stand_at(size)

    def _say_changed(self, expected: int, found: int) -> None:
        self._log.warning(
            "output.changed_by_another",
            path=str(self.path),
            expected=expected,
            found=found,
            fix="nothing but Hel may write or truncate this file",
        )

    def _read_tail(self, length: int) -> bytes:
        return self._open_file().read(max(0, length - _TAIL_BYTES), length)

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Say what the system refused, with its fix."""
        try:
            yield
        except OSError as error:
            raise SinkError(
                f"the output {self.path} can't be {what}: {error.strerror}",
                "make room, or let Hel write to its folder; nothing is lost meanwhile, and Hel tries again by itself",
            ) from error


def _digest(tail: bytes) -> str:
    return blake2b(tail, digest_size=16).hexdigest()
