"""The opaque `after` of the log's links. Rule: only what the org has signed is a cursor; the client never makes one."""

import hmac
import secrets
from collections.abc import Callable
from hashlib import sha256

from examples.okta_org.bodies import okta_error
from examples.okta_org.records import RefusedError

_FILLER = "~a,b;c:%2Cd%2ce"
"""Legal in a query (RFC 3986 §3.4), and easily spoilt by a client that splits or re-encodes a link."""


class Cursors:
    """Signs places in the log and reads them back.

    Args:
        now: The org's clock, epoch seconds.
        size: Pads each cursor to this many characters, with commas, semicolons and percent-encoding.
        lifetime_s: How long a cursor is good since it was last handed out; None for ever.
    """

    def __init__(self, now: Callable[[], float], size: int = 0, lifetime_s: float | None = None) -> None:
        self.size = size
        self.lifetime_s = lifetime_s
        self._now = now
        self._secret = secrets.token_bytes(16)
        self._handed_out: dict[str, float] = {}
        self._forgotten: set[str] = set()

    def sign(self, place: str) -> str:
        """The cursor of a place; the same place has the same cursor. Goes into the URL as it is."""
        core = f"{place}_{hmac.new(self._secret, place.encode(), sha256).hexdigest()[:24]}"
        self._handed_out[core] = self._now()
        missing = self.size - len(core)
        filler = _FILLER * (missing // len(_FILLER) + 1) if missing > 0 else ""
        return core + filler

    def read(self, after: str) -> str:
        """The place of a cursor, percent-decoded as it comes from the query.

        Raises:
            RefusedError: It is too old, or not one of ours.
        """
        core = after.partition("~")[0]
        place, _, _ = core.rpartition("_")
        handed_out_at = self._handed_out.get(core)
        if handed_out_at is None:
            known = core in self._forgotten
            raise RefusedError(
                okta_error(400, "E0000001", "after", causes=["after: The 'after' parameter is not a valid cursor."]),
                "" if known else "an `after` that the org did not hand out",
            )
        if self.lifetime_s is not None and self._now() > handed_out_at + self.lifetime_s:
            raise RefusedError(okta_error(400, "E0000001", "after", causes=["after: The cursor has expired."]))
        return place

    def forget(self) -> None:
        """Refuse every cursor so far; that is no fault of the client."""
        self._forgotten |= self._handed_out.keys()
        self._handed_out.clear()
        self._secret = secrets.token_bytes(16)
