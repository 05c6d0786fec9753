"""How long to wait before another try. A law: numbers in, a number out.

stamina counts the attempts and sleeps; its hook returns what stands here.
"""

import msgspec

from hel.policy import rate_headers
from hel.policy.limiter import RESET_MARGIN_S
from hel.policy.rate_headers import HeaderNames
from hel.records import Reply


class Backoff(msgspec.Struct, frozen=True):
    """Exponential backoff with full spread.

    Attributes:
        initial_s: The shortest wait.
        max_s: The longest wait.
        multiplier: How much the upper end grows with each try.
    """

    initial_s: float
    max_s: float
    multiplier: float

    def wait_s(self, tries: int, draw: float) -> float:
        """Uniform between `initial` and min(`max`, `initial` x `multiplier` ** `tries`).

        Args:
            tries: How many tries have failed, at least 1.
            draw: A uniform random number in [0, 1).
        """
        try:
            upper = min(self.max_s, self.initial_s * self.multiplier**tries)
        except OverflowError:
            upper = self.max_s
        lower = min(self.initial_s, upper)
        return lower + (upper - lower) * draw


def asked_wait_s(reply: Reply, max_wait_s: float, names: HeaderNames = rate_headers.NAMES) -> float | None:
    """How long the server asks to be left alone after a refusal; None where it does not say.

    `Retry-After` is never undercut, whatever the refusal. A rate limit's without one waits for the window's reset,
    judged against the answer's own `Date`, and a second more; a reset further ahead than `max_wait_s` is not believed.

    Args:
        reply: The refusal.
        max_wait_s: The longest wait that a reset header may ask for.
        names: The rate-limit headers' names.
    """
    asked = rate_headers.retry_after_s(reply)
    if asked is not None:
        return asked
    reading = rate_headers.read(reply, names)
    is_limit = reply.status == 429 or (reply.status == 403 and rate_headers.is_exhausted(reply, names))
    if reading is None or reading.is_concurrency or not is_limit:
        return None
    return min(max(reading.reset_in_s, 0.0) + RESET_MARGIN_S, max_wait_s)
