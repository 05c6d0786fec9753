"""What the emitter asks of an output."""

from typing import Protocol

from hel.records import Position


class Sink(Protocol):
    """Takes whole lines; a flush that failed is made again and goes on where it stopped, so no line is torn."""

    @property
    def torn(self) -> bytes:
        """The begin of a line that a crash cut short, behind which nothing may be written but its rest."""
        ...

    def put(self, lines: bytes) -> None:
        """Take lines; they are kept until a flush has succeeded."""
        ...

    def renew(self) -> Position | None:
        """Begin a new file where one is due; where it stands then, to be committed first; else None. Blocks.

        Raises:
            SinkError: It can't be begun; call again.
        """
        ...

    def flush(self) -> Position | None:
        """Write what was put and make it last; where a file stands then, None for a stream. Blocks.

        Raises:
            SinkError: Not all of it is written; call again.
            ClosedOutputError: Nor will it ever be.
        """
        ...

    def mend(self) -> None:
        """Cut what is torn. Blocks.

        Raises:
            SinkError: It can't be cut; call again.
        """
        ...

    def room(self) -> int | None:
        """Bytes until a rotation is due; None where none ever is."""
        ...

    def abandon(self) -> None:
        """End a flush that waits for a reader, from another thread; it raises SinkError."""
        ...

    def close(self) -> None:
        """Let go of the output."""
        ...
