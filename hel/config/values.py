"""What a value may be before it is validated, besides plain text, lists and mappings.

Scalars stay text as written until the model says what they mean: `limit: 100` is the text "100" where text is
wanted, and a number where a number is.
"""

from pathlib import Path
from typing import Final, Self, final


@final
class Blank:
    """A value that is no value, told apart by identity."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


EMPTY: Final = Blank("EMPTY")
"""A key with nothing after its colon."""

UNKNOWN: Final = Blank("UNKNOWN")
"""A value that is not known because its placeholder was not filled in; what it would be is nobody's fault twice."""


class Plain(str):
    """Text that YAML reads as a number or a boolean (YAML 1.2.2 §10.3.2), for the few places where it says the type."""

    __slots__ = ()


class Hidden(str):
    """Text that holds the value of an environment variable or a flag, so that no message may repeat it.

    Attributes:
        base: The folder that a relative path in it starts from; None for the config's own.
    """

    __slots__ = ("base",)

    base: Path | None

    def __new__(cls, text: str, base: Path | None = None) -> Self:
        """`text`, marked."""
        hidden = super().__new__(cls, text)
        hidden.base = base
        return hidden
