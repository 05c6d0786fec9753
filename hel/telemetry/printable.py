"""Text from outside, made safe for a terminal and a log."""


def printable(text: str, limit: int = 300) -> str:
    """The text with control and other unprintable characters escaped, cut after `limit` characters.

    An API's error text, a file name or a header may hold escape sequences that a terminal would obey.
    """
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[:limit])
    return shown + ("…" if len(text) > limit else "")
