"""Text from outside, made safe for a terminal and a log."""

from hel.telemetry.redaction import redacted_start


def printable(text: str, limit: int = 300) -> str:
    """The text without secrets, control and other unprintable characters escaped, cut after `limit` characters.

    An API's error text, a file name or a header may hold escape sequences that a terminal would obey; and a secret
    that the cut went through would be known for one by nobody.
    """
    start = redacted_start(text, limit)
    if start.isprintable():
        return start
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in start)
