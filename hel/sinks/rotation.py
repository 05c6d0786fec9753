"""When an output file is renamed, and to what. A law: sizes, days and names in, a decision out."""

from collections.abc import Callable
from datetime import UTC, datetime

from hel.config.models import Rotation


def is_due(rotation: Rotation, length: int, begun_on: int, today: int) -> bool:
    """Whether a file has had its time; an empty one never has.

    Args:
        rotation: What was asked for.
        length: Bytes in the file.
        begun_on: The UTC day of its lines, days since the epoch.
        today: The UTC day now.
    """
    if not length:
        return False
    return length >= rotation.max_bytes if rotation.kind == "size" else begun_on != today


def day_of(at: float) -> int:
    """The UTC day of a moment (epoch seconds), days since the epoch."""
    return int(at // 86_400)


def rotated_name(name: str, at: float, taken: Callable[[str], bool]) -> str:
    """`<name>.<UTC time>`, then `-001` and on where two fall into one second; such names sort by time.

    Args:
        name: The output file's name.
        at: The moment of the rotation, epoch seconds.
        taken: Whether a file of that name exists.
    """
    stem = f"{name}.{datetime.fromtimestamp(at, UTC):%Y%m%dT%H%M%SZ}"
    candidate, number = stem, 0
    while taken(candidate):
        number += 1
        candidate = f"{stem}-{number:03}"
    return candidate
