"""Secrets that were read or minted, kept out of every word for people: whoever echoes one, the log does not.

A last line of defence. Secrets travel as `SecretStr` and are not put into messages; but a server may repeat what it
was sent in its error text, and that text is shown. One register for the process, because everything that speaks
(the log, the report, an error on the terminal) reads through it.
"""

import json
import re
from collections import OrderedDict
from urllib.parse import quote, quote_plus

_SHORTEST = 6
_PIECE = re.compile(r"[A-Za-z0-9+/=_-]{32,}")
_MOST = 20_000


class Register:
    """What must not be shown, the newest last; of very many the oldest are forgotten (tokens come every hour).

    A secret shorter than six characters is not looked for: words would be full of holes.
    """

    def __init__(self) -> None:
        self._forms: OrderedDict[str, None] = OrderedDict()

    def conceal(self, secret: str) -> None:
        """Hide a secret from now on, also as a URL, a form or JSON write it; of a key's text each long piece."""
        is_key = "-----BEGIN" in secret or secret.startswith("{")
        for text in (secret, *(_PIECE.findall(secret) if is_key else ())):
            for form in (text, quote(text, safe=""), quote_plus(text), json.dumps(text)[1:-1]):
                if len(form) >= _SHORTEST:
                    self._forms[form] = None
                    self._forms.move_to_end(form)
        while len(self._forms) > _MOST:
            self._forms.popitem(last=False)

    def redacted(self, text: str) -> str:
        """The text with `***` where a secret stood."""
        for form in self._forms:
            if form in text:
                text = text.replace(form, "***")
        return text


_REGISTER = Register()
conceal = _REGISTER.conceal
redacted = _REGISTER.redacted
