"""The pauses that answers ask for. Rule: a `Retry-After` in seconds is not to be undercut by the client that got it."""

from collections.abc import Callable

from examples.okta_org.records import Answer, Call


class Pauses:
    """Remembers who has to wait until when.

    Args:
        now: The org's clock, epoch seconds.
        accuse: Notes a broken rule.
    """

    def __init__(self, now: Callable[[], float], accuse: Callable[[Call, str], None]) -> None:
        self._now = now
        self._accuse = accuse
        self._until: dict[tuple[str, str], float] = {}

    def note(self, call: Call, answer: Answer) -> None:
        """Remember the pause that an answer asks for, if it does."""
        for name, value in answer.headers:
            if name == "retry-after" and value.isdecimal():
                self._until[_asker(call)] = self._now() + int(value)

    def check(self, call: Call) -> None:
        """Accuse who asks too early."""
        paused_until = self._until.pop(_asker(call), 0.0)
        if call.at < paused_until:
            self._accuse(call, f"asked {paused_until - call.at:.2f} s before Retry-After had passed")


def _asker(call: Call) -> tuple[str, str]:
    return call.raw_path, "".join(call.values("authorization"))
