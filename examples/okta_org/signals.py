"""The signals that end a program. Rule: one that comes too early waits, and none ends the program half-way.

They are blocked from the start, in every thread that is made meanwhile: only the main thread ever gets one.
"""

import signal
from collections.abc import Callable
from types import FrameType

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Signals:
    """Takes over the signals of this process, for as long as it lives; to be made before any thread."""

    def __init__(self) -> None:
        self._act: Callable[[int], None] | None = None
        self._early: list[int] = []
        signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)

    def wait(self) -> None:
        """Until one comes, or has come."""
        signal.sigwait(_ENDING)

    def unblock(self) -> None:
        """Take them from now on as they come: a process that is started inherits what is blocked."""
        for number in _ENDING:
            signal.signal(number, self._handle)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)

    def attend(self, act: Callable[[int], None]) -> None:
        """Do this at each of them, and now for those that came since `unblock`."""
        self._act = act
        for number in self._early:
            act(number)

    def _handle(self, number: int, _: FrameType | None) -> None:
        if self._act is None:
            self._early.append(number)
        else:
            self._act(number)
