"""What a reload changes: which sources start, start anew or end, and what waits for a restart."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from hel.config.load import Loaded
from hel.config.models import GlobalConfig
from hel.config.secrets import Secrets
from hel.config.source import SourceConfig

_LIVE = frozenset({"log_level"})
"""Keys of `global` that a reload changes; the others wait for a restart."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a source is to be.

    Attributes:
        source: Its config.
        secrets: What it proves itself with.
    """

    source: SourceConfig
    secrets: Secrets = field(repr=False)

    def is_same(self, other: "Wanted") -> bool:
        """Whether nothing has changed, the values of its secrets included."""
        return self.source == other.source and self.secrets.are(other.secrets)


class Reloaded(msgspec.Struct, frozen=True):
    """What a reload changed.

    Attributes:
        added: Sources that start.
        changed: Sources that start anew at their cursor.
        removed: Sources that end once what they handed over is delivered.
        unchanged: How many go on as they are.
        restart: Keys of `global` that count only after a restart.
        renamed: New names by the old ones, of sources that only seem to be new.
    """

    added: list[str]
    changed: list[str]
    removed: list[str]
    unchanged: int
    restart: list[str]
    renamed: dict[str, str]


def wanted_of(loaded: Loaded) -> dict[str, Wanted]:
    """What each source is to be."""
    return {name: Wanted(source, loaded.secrets[name]) for name, source in loaded.config.sources.items()}


def compare(
    begun: GlobalConfig, now: GlobalConfig, before: Mapping[str, Wanted], after: Mapping[str, Wanted]
) -> Reloaded:
    """What is other than it was.

    Args:
        begun: `global` as it was at the start.
        now: As it is in the new configuration.
        before: What the sources were to be.
        after: What they are to be from now on.
    """
    both = before.keys() & after.keys()
    changed = sorted(name for name in both if not before[name].is_same(after[name]))
    fixed = GlobalConfig.model_fields.keys() - _LIVE
    return Reloaded(
        sorted(after.keys() - before.keys()),
        changed,
        sorted(before.keys() - after.keys()),
        len(both) - len(changed),
        sorted(f"global.{key}" for key in fixed if getattr(begun, key) != getattr(now, key)),
        _renamed(before, after),
    )


def _renamed(before: Mapping[str, Wanted], after: Mapping[str, Wanted]) -> dict[str, str]:
    """Sources that ask the same as one that is gone."""
    added = {_asks(after[name]): name for name in after.keys() - before.keys()}
    gone = sorted(before.keys() - after.keys())
    return {name: added[_asks(before[name])] for name in gone if _asks(before[name]) in added}


def _asks(wanted: Wanted) -> str:
    source = wanted.source
    return json.dumps([source.url, source.query_params, source.body], sort_keys=True, default=str)
