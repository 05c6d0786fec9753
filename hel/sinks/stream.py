"""Lines to a file descriptor: stdout, a pipe, a terminal. At least once: what no commit follows may come again.

The rule: a reader that has stopped must be able to hold the polling up, but not the exit, so nothing here blocks
for longer than a moment without looking whether it should still go on.
"""

import os
import select
import stat
import threading
from collections import deque

from hel.errors import ClosedOutputError, SinkError

_LOOK_EVERY_MS = 200
_FILE_CHUNK = 1 << 20


class StreamSink:
    """A stream of whole lines.

    Args:
        fd: The descriptor, 1 for stdout.
        name: What to call it in messages.
    """

    def __init__(self, fd: int = 1, name: str = "stdout") -> None:
        self._fd = fd
        self._name = name
        self._pending: deque[memoryview] = deque()
        self._abandoned = threading.Event()
        self._poll = select.poll()
        self._poll.register(fd, select.POLLOUT)
        # POLLOUT promises room for PIPE_BUF bytes and no more (POSIX, poll and pipe).
        self._chunk = _FILE_CHUNK if stat.S_ISREG(os.fstat(fd).st_mode) else select.PIPE_BUF

    @property
    def torn(self) -> bytes:
        """What a stream has taken is not known."""
        return b""

    def put(self, lines: bytes) -> None:
        """Take lines to write."""
        if lines:
            self._pending.append(memoryview(lines))

    def renew(self) -> None:
        """There is one stream only."""

    def flush(self) -> None:
        """Write what was put, as fast as the reader takes it.

        Raises:
            SinkError: It can't be written, or `abandon` was called.
            ClosedOutputError: Nobody reads it any more.
        """
        while self._pending:
            written = self._write(self._pending[0][: self._chunk])
            self._pending[0] = self._pending[0][written:]
            if not self._pending[0]:
                self._pending.popleft()

    def mend(self) -> None:
        """Nothing is torn."""

    def room(self) -> None:
        """A stream is never rotated."""

    def abandon(self) -> None:
        """Give up waiting for the reader."""
        self._abandoned.set()

    def close(self) -> None:
        """Leave the descriptor open; it belongs to the process."""

    def _write(self, chunk: memoryview) -> int:
        """Write some of it, or nothing where the reader is not ready."""
        if self._abandoned.is_set():
            raise SinkError(f"{self._name} was not read in time")
        try:
            return os.write(self._fd, chunk) if self._poll.poll(_LOOK_EVERY_MS) else 0
        except BlockingIOError:
            return 0
        except BrokenPipeError as error:
            raise ClosedOutputError(
                f"{self._name} was closed by its reader", "start the reader again, then Hel: it goes on where it was"
            ) from error
        except OSError as error:
            raise SinkError(
                f"{self._name} can't be written: {error.strerror}", "make room or repair it; Hel tries again"
            ) from error
