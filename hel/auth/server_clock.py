"""The server's clock as its `Date` headers show it; proofs and assertions are dated by it."""

from hel.clock import Clock
from hel.policy.rate_headers import http_date
from hel.records import Reply

NOTABLE_SKEW_S = 30.0
"""From here on the operator should know."""

_WORTH_SIGNING_ANEW_S = 2.0


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
        """Believe a reply's `Date`.

        Returns:
            True if what was dated before it is off by so much that it may have been refused for that: Okta refuses
            a proof from the future, be it by seconds (https://developer.okta.com/docs/guides/dpop/).
        """
        date = http_date(reply.header("date"))
        if date is None:
            return False
        before, self.skew_s = self.skew_s, date - reply.received_at
        return abs(self.skew_s - before) > _WORTH_SIGNING_ANEW_S

    def is_notable(self, reply: Reply) -> bool:
        """True if the machine's clock is wrong by more than the time that the reply took can explain."""
        return abs(self.skew_s) > NOTABLE_SKEW_S + reply.took_s
