"""Sections that say where secrets are to be found. Rule: no secret stands in the configuration itself."""

from collections.abc import Mapping
from typing import Any, ClassVar

from hel.config.section import Section


class SecretPlaces(Section):
    """A section whose keys `NAME_env` and `NAME_file` tell where a secret is.

    Attributes:
        literals: What somebody may call the secret itself, and the NAME of its place.
    """

    literals: ClassVar[Mapping[str, str]] = {}

    @classmethod
    def unknown_key(cls, key: str) -> str:
        """A literal secret has no place in the file."""
        name = cls.literals.get(key)
        return super().unknown_key(key) if name is None else misplaced(name)


def misplaced(name: str) -> str:
    """What to say of a secret that stands in the file, and not in the place of this name."""
    return (
        "a secret must not stand in the configuration (move it to a variable or file, named by "
        f"'{name}_env' or '{name}_file')"
    )


def is_named(given: Mapping[str, Any], name: str) -> bool:
    """Whether a section as given says where the secret of this name is."""
    return given.get(f"{name}_env") is not None or given.get(f"{name}_file") is not None
