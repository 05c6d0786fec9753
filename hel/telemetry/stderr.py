"""A stream for words to people, which can hold nothing up: not when it is full, its reader has stopped, or is gone.

What can't be said is dropped and counted; what is collected goes on.
"""

import os
import select
import stat
from typing import TextIO

_PATIENCE_MS = 250


class PatientStream:
    """Writes lines to a descriptor, waiting a moment for a slow reader and not at all for one that has stopped.

    Args:
        stream: Where the lines go; one without a descriptor is written as it is.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._dropped = 0
        self._has_stopped = False
        try:
            self._fd = stream.fileno()
            self._may_block = not stat.S_ISREG(os.fstat(self._fd).st_mode)
        except (OSError, ValueError):
            self._fd, self._may_block = -1, False

    def write(self, text: str) -> None:
        """Write some lines, or none of them."""
        try:
            if self._fd < 0:
                self._stream.write(text)
                return
            if self._dropped and self._is_ready():
                note, self._dropped = f"({self._dropped} lines were not written here: the reader had stopped)\n", 0
                os.write(self._fd, note.encode())
            self._send(text.encode(errors="backslashreplace"))
        except (OSError, ValueError):  # full, gone, or closed
            self._dropped += 1

    def flush(self) -> None:
        """Nothing is kept back."""

    def _send(self, text: bytes) -> None:
        """A pipe that polls writable takes PIPE_BUF bytes at once (POSIX, poll and pipe)."""
        while text:
            if not self._is_ready():
                self._dropped += 1
                return
            written = os.write(self._fd, text[: select.PIPE_BUF] if self._may_block else text)
            text = text[written:]

    def _is_ready(self) -> bool:
        if not self._may_block:
            return True
        poll = select.poll()
        poll.register(self._fd, select.POLLOUT)
        self._has_stopped = not poll.poll(0 if self._has_stopped else _PATIENCE_MS)
        return not self._has_stopped
