"""The newest DPoP nonce of each token URL and of each API origin; RFC 9449 §8 and §9 keep the two apart."""

import re
from collections.abc import Mapping

_NONCE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,1024}")
"""RFC 9449 §8.1, and no longer than a proof can carry."""


class Nonces:
    """Nonces are no secrets: they are kept across runs, because each challenge is written to the log we collect.

    Args:
        known: What the state remembers, by token URL or API origin.
    """

    def __init__(self, known: Mapping[str, str] | None = None) -> None:
        self._newest = dict(known or {})
        self._unsaved: dict[str, str] = {}

    def get(self, server: str) -> str | None:
        """The newest nonce of this server, or None."""
        return self._newest.get(server)

    def learn(self, server: str, nonce: str | None) -> None:
        """The newest wins; what is no nonce is ignored."""
        if nonce is None or not _NONCE.fullmatch(nonce) or self._newest.get(server) == nonce:
            return
        self._newest[server] = self._unsaved[server] = nonce

    def take_unsaved(self) -> dict[str, str]:
        """What the state does not know yet; it rides on the next commit."""
        unsaved, self._unsaved = self._unsaved, {}
        return unsaved
