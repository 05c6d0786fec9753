"""What a shell offers for the word that is being typed. The rule: whatever goes wrong, nothing is offered and said.

The shell hands over the words as they are typed: nothing is expanded in them, and no command has run. What a function
needs is imported when it is asked, for the commands themselves need none of it.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import typer

Complete = Callable[[typer.Context, str], list[str]]


def sources(context: typer.Context, incomplete: str) -> list[str]:
    """The sources of the configuration."""
    from hel.config.load import source_names  # noqa: PLC0415  # see above

    return _beginning(incomplete, lambda: source_names(_config(context)))


def stored_sources(context: typer.Context, incomplete: str) -> list[str]:
    """The sources that the state knows, and those of the configuration."""
    from hel.config.load import load_global  # noqa: PLC0415  # see above
    from hel.state.store import Store  # noqa: PLC0415  # see above

    def known() -> list[str]:
        path = load_global(_config(context), os.environ).state.path
        if not path.exists():
            return []
        with Store(path, writable=False) as store:
            return list(store.checkpoints())

    return list(dict.fromkeys([*sources(context, incomplete), *_beginning(incomplete, known)]))


def settable_keys(incomplete: str) -> list[str]:
    """What `hel state set` can change."""
    from hel.cli.state import SETTABLE  # noqa: PLC0415  # see above

    return _beginning(incomplete, lambda: list(SETTABLE))


def ready_made_names(incomplete: str) -> list[str]:
    """What `hel init` can write."""
    from hel.ready_made import names  # noqa: PLC0415  # see above

    return _beginning(incomplete, names)


def _beginning(incomplete: str, names: Callable[[], list[str]]) -> list[str]:
    with suppress(Exception):  # nobody wants to read of a broken configuration within a command's line
        return [name for name in names() if name.startswith(incomplete)]
    return []


def _config(context: typer.Context) -> Path:
    """The configuration that the line names: for the command or before it, else by the environment."""
    from hel.cli.problems import config_path  # noqa: PLC0415  # see above

    at: typer.Context | None = context
    while at is not None:
        if (given := at.params.get("config")) is not None:
            return Path(given).expanduser()
        at = at.parent  # type: ignore[assignment]  # the same class, seen through click
    return config_path(None).expanduser()
