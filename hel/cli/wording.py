"""Words that several commands say: how many, how long, and where a secret was found."""

import time
from collections.abc import Iterator

from hel.cli.marks import PASSED
from hel.config.secrets import Secrets
from hel.config.source import SourceConfig


def age(at: float | None) -> str:
    """How long ago a moment was, in brackets; nothing where it is not known or not past."""
    if at is None or (ago := time.time() - at) < 0:
        return ""
    return f" ({lasting(ago)} ago)"


def lasting(seconds: float) -> str:
    """A span of time in the unit that suits it, such as `3 days`."""
    for unit, size in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def counted(number: int, what: str) -> str:
    """So many of them, such as `1 page` or `2 pages`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def found_secrets(source: SourceConfig, secrets: Secrets) -> Iterator[str]:
    """A step for each secret of a source: where it was found."""
    for what, where in secrets.origins.items():
        yield f"  {PASSED} secret: {what} found in {where}"
    if source.auth is None:
        yield f"  {PASSED} secret: none is needed: the source has no auth section"
