"""The server's clock as its `Date` headers show it; proofs and assertions are dated by it."""

from hel.clock import Clock
from hel.policy.rate_headers import http_date
from hel.records import Reply

NOTABLE_SKEW_S = 30.0


class ServerClock:
    """Our clock, corrected by what the server last said.

    `Date` names a whole second that had begun before the reply arrived, so the correction never runs ahead.

    Args:
        clock: The machine's clock.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.skew_s = 0.0
        """Server minus machine, seconds."""

    def now(self) -> float:
        """Epoch seconds as the server counts them."""
        return self._clock.now() + self.skew_s

    def learn(self, reply: Reply) -> bool:
        """Believe a reply's `Date`; True if it moved this clock so far that a signature made before is worthless."""
        date = http_date(reply.header("date"))
        if date is None:
            return False
        before, self.skew_s = self.skew_s, date - reply.received_at
        return abs(self.skew_s - before) > NOTABLE_SKEW_S
