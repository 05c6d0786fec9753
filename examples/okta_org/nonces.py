"""The DPoP nonces of one server, RFC 9449 §8 and §9. Rule: the current one counts, and its predecessor still does."""

import secrets
import threading


class Nonces:
    """One server's nonces."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._valid = [secrets.token_urlsafe(16)]
        self._handed_to: dict[str, str] = {}

    @property
    def current(self) -> str:
        """The one to hand out."""
        return self._valid[0]

    def rotate(self) -> None:
        """Begin a new one; the one before the last is no longer accepted."""
        with self._lock:
            self._valid = [secrets.token_urlsafe(16), self._valid[0]]

    def accepts(self, nonce: object) -> bool:
        return nonce in self._valid

    def hand_to(self, jkt: str) -> bool:
        """Note that a key was challenged with the current nonce; True if it was before, and did not use it."""
        with self._lock:
            repeated = self._handed_to.get(jkt) == self._valid[0]
            self._handed_to[jkt] = self._valid[0]
            return repeated
