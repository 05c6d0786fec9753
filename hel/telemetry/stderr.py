"""A stream for words to people, which can hold nothing up: not when it is full, its reader has stopped, or is gone.

What can't be said is dropped and counted; what is collected goes on. Where a line at the end of a terminal is kept
up to date (`hel run --once`), all that is written goes above it: lines that stay, and the one that does not, never mix.
"""

import os
import select
import stat
from collections.abc import Mapping
from typing import TextIO

_PATIENCE_MS = 250

_CLEAR_LINE = "\r\x1b[K"
_CLEAR_REST = "\r\x1b[J"
"""To the screen's end. Only for a line that was wrapped: what clears a whole screen, tmux keeps in its history."""


def wants_colour(stream: TextIO, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether words for people may be coloured there (https://no-color.org)."""
    return stream.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"


class BottomLine:
    """The line at a terminal's end that is drawn again and again, at most one for each descriptor.

    The cursor rests at its beginning. So a window that becomes narrower, and wraps it, does not take the cursor away
    from where it must be cleared.

    Args:
        stream: The terminal.
    """

    _shown: "dict[int, BottomLine]" = {}  # noqa: RUF012  # of the process, as its terminals are

    def __init__(self, stream: TextIO) -> None:
        self._fd = stream.fileno()
        self._out = PatientStream(stream, counts=False)
        self._text = ""
        self._drawn = ""

    def show(self, text: str) -> None:
        """Draw it, in place of what it said before.

        Args:
            text: Printable; what does not fit into the terminal's width is cut off.
        """
        self._shown[self._fd] = self
        if text != self._text:
            self._text = text
            self._out.write("")

    def remove(self) -> None:
        """Leave nothing of it on the terminal."""
        self.show("")
        self._shown.pop(self._fd, None)

    @classmethod
    def around(cls, fd: int, text: str) -> str:
        """What to write to a descriptor so that this text stands above its line."""
        line = cls._shown.get(fd)
        return text if line is None else line._around(text)  # noqa: SLF001  # one of its own

    def _around(self, text: str) -> str:
        columns = os.get_terminal_size(self._fd).columns
        clear = _CLEAR_REST if 0 < columns < len(self._drawn) else _CLEAR_LINE
        self._drawn = self._text[: columns - 1] if columns else self._text
        return f"{clear}{text}{self._drawn}\r"


class PatientStream:
    """Writes lines to a descriptor, waiting a moment for a slow reader and not at all for one that has stopped.

    Args:
        stream: Where the lines go; one without a descriptor is written as it is.
        counts: Whether it says how many lines it could not write, once it can.
    """

    def __init__(self, stream: TextIO, *, counts: bool = True) -> None:
        self._stream = stream
        self._counts = counts
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
            if self._dropped and self._counts and self._is_ready():
                note, self._dropped = f"({self._dropped} lines were not written here: the reader had stopped)\n", 0
                os.write(self._fd, BottomLine.around(self._fd, note).encode())
            self._send(BottomLine.around(self._fd, text).encode(errors="backslashreplace"))
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
