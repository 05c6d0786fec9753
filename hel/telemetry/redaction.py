"""Secrets that were read or minted, kept out of every word for people: whoever echoes one, the log does not.

A last line of defence. Secrets travel as `SecretStr` and are not put into messages; but a server may repeat what it
was sent in its error text, and that text is shown. One register for the process, because everything that speaks
(the log, the report, an error on the terminal) reads through it.
"""

import json
import re
from collections import OrderedDict
from collections.abc import Collection
from itertools import chain
from urllib.parse import quote, quote_plus

_SHORTEST = 6
_UNLIKELY = 20
_PIECE = re.compile(r"[A-Za-z0-9+/=_-]{32,}")
_SAME = re.compile(r"[A-Za-z0-9_.~-]+")
"""What every way of writing leaves as it is."""

_MOST = 20_000


class Register:
    """What must not be shown.

    Of very many that pass (tokens come every hour) the oldest are forgotten; those of the configuration never are. A
    secret shorter than six characters is not looked for: words would be full of holes.

    Args:
        most: How many ways of writing a secret that passes are remembered.
    """

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._kept: dict[str, None] = {}
        self._passing: OrderedDict[str, None] = OrderedDict()
        self._ends: dict[str, str | set[str]] = {}  # mostly of one form each: tokens begin alike, but end at random
        self._longest = 0

    def conceal(self, secret: str, *, for_good: bool = False) -> None:
        """Hide a secret from now on, also as a URL, a form or JSON write it; of a key's text each long piece.

        Args:
            secret: The secret.
            for_good: It is never forgotten: the configuration or the environment gave it.
        """
        for form in self._forms(secret):
            self._note(form)
            if for_good:
                self._kept[form] = None
            else:
                self._passing[form] = None
                self._passing.move_to_end(form)
        while len(self._passing) > self._most:
            self._forget(self._passing.popitem(last=False)[0])

    def redacted(self, text: str) -> str:
        """The text with `***` where a secret stood."""
        for form in sorted(self._found(text), key=len, reverse=True):  # one may be a part of another
            text = text.replace(form, "***")
        return text

    def repeats_secret(self, text: str) -> bool:
        """Whether a long secret stands in it, which no chance brings there."""
        return any(len(form) >= _UNLIKELY for form in self._found(text))

    def redacted_start(self, text: str, length: int) -> str:
        """So many characters of the redacted text at most, and `…` for the rest, which may be of any length.

        The cut goes through no secret, whose part nobody would know for one any more.
        """
        seen = text[: 16 * length + 4 * self._longest]
        shown, is_whole = self.redacted(seen), len(seen) == len(text)
        if not is_whole:
            shown = shown[: max(0, len(shown) - self._longest)]
        return shown if is_whole and len(shown) <= length else f"{shown[:length]}…"

    def _found(self, text: str) -> set[str]:
        """What of it stands in a text; where there is much, as after some weeks, looked up by how it ends."""
        if len(self._kept) + len(self._passing) <= len(text):
            return {form for form in chain(self._kept, self._passing) if form in text}
        ends = (text[at : at + _SHORTEST] for at in range(len(text) - _SHORTEST + 1))
        known = self._ends
        return {form for end in ends if end in known for form in _all(known[end]) if form in text}

    def _note(self, form: str) -> None:
        known = self._ends.setdefault(form[-_SHORTEST:], form)
        if isinstance(known, set):
            known.add(form)
        elif known != form:
            self._ends[form[-_SHORTEST:]] = {known, form}

    def _forget(self, form: str) -> None:
        if form in self._kept:
            return
        alike = self._ends[form[-_SHORTEST:]]
        if isinstance(alike, set):
            alike.discard(form)
        if not alike or alike == form:
            del self._ends[form[-_SHORTEST:]]

    def _forms(self, secret: str) -> list[str]:
        """The ways in which a secret may be written, each long enough to be looked for."""
        is_key = "-----BEGIN" in secret or secret.startswith("{")
        pieces = _PIECE.findall(secret.replace("\\n", "\n").replace("\\r", "\n")) if is_key else []
        texts = (secret, *pieces)
        forms = [form for text in texts for form in _ways_to_write(text) if len(form) >= _SHORTEST]
        self._longest = max([self._longest, *map(len, forms)])
        return forms


def _all(forms: str | set[str]) -> Collection[str]:
    return (forms,) if isinstance(forms, str) else forms


def _ways_to_write(text: str) -> tuple[str, ...]:
    """As it is, and as a URL, a form and JSON have it, where that differs."""
    if _SAME.fullmatch(text):
        return (text,)
    url = quote(text, safe="", errors="surrogatepass")
    form = quote_plus(text, errors="surrogatepass") if " " in text else url
    return text, url, form, json.dumps(text)[1:-1]


_REGISTER = Register()
conceal = _REGISTER.conceal
redacted = _REGISTER.redacted
redacted_start = _REGISTER.redacted_start
repeats_secret = _REGISTER.repeats_secret
