"""The short account of a `--once`: a line a source, on stderr, for the person or the mail that reads it."""

import json
from typing import Any

from hel.cli.problems import say
from hel.cli.wording import age, counted
from hel.collector import Outcome
from hel.tick import Tick

ACCOUNTED = ("tick.finished", "tick.failed")
"""The events of the log that the account tells a person."""


def account(outcome: Outcome, *, as_json: bool) -> None:
    """Say what each source brought.

    Args:
        outcome: How the run ended.
        as_json: One JSON object a line, for machines.
    """
    for name, tick in outcome.ticks.items():
        say(json.dumps(_fields(name, tick)) if as_json else f"{name}: {in_words(tick)}")
    for name, error in outcome.failures.items():
        if not as_json:
            say(f"{name}: failed: {error}")


def in_words(tick: Tick) -> str:
    """What one tick brought, for a person."""
    if tick.finished and not tick.pages:
        return "nothing was asked: the source is finished, its query was read to its end; change it to go on"
    parts = [counted(tick.pages, "page"), counted(tick.events, "event")]
    if tick.duplicates:
        parts.append(f"{counted(tick.duplicates, 'duplicate')} left out")
    if tick.skipped:
        parts.append(f"{counted(tick.skipped, 'too long line')} left out")
    parts.append(f"newest {tick.newest or 'none'}{age(tick.newest_at)}")
    parts.append(f"in {tick.took_s:.1f} s")
    if tick.behind:
        parts.append("more to come: max_pages ended it")
    return ", ".join(parts)


def _fields(name: str, tick: Tick) -> dict[str, Any]:
    return {
        "event": "source.accounted",
        "source": name,
        "pages": tick.pages,
        "events": tick.events,
        "duplicates": tick.duplicates,
        "skipped": tick.skipped,
        "newest": tick.newest,
        "took_s": round(tick.took_s, 3),
        "behind": tick.behind,
        "finished": tick.finished,
    }
