"""The options and arguments of the commands that more is to be said of: what they are for, and what completes them."""

from pathlib import Path
from typing import Annotated

import typer

from hel.cli import completion

Config = Annotated[
    Path | None,
    typer.Option(
        "-c",
        "--config",
        metavar="PATH",
        help="The configuration. [default: $HEL_CONFIG, or hel.yaml]",
        show_default=False,
    ),
]
Source = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="The source's name, as in the configuration.",
        autocompletion=completion.stored_sources,
    ),
]

OnlySources = Annotated[
    list[str] | None,
    typer.Option(
        "--source",
        metavar="NAME",
        help="Only this source; may be given again.",
        show_default=False,
        autocompletion=completion.sources,
    ),
]

TriedSource = Annotated[
    str | None,
    typer.Option(
        "--source",
        metavar="NAME",
        help="The source to try. [default: the only one]",
        show_default=False,
        autocompletion=completion.sources,
    ),
]

ShownSource = Annotated[
    str | None,
    typer.Argument(
        metavar="[NAME]",
        help="Only this source.",
        show_default=False,
        autocompletion=completion.stored_sources,
    ),
]

Key = Annotated[
    str,
    typer.Argument(
        metavar="KEY",
        help="resume, newest, watermark or finished.",
        autocompletion=completion.settable_keys,
    ),
]

ReadyMade = Annotated[
    str | None,
    typer.Argument(
        metavar="[NAME]",
        help="Which one; without it, the list.",
        show_default=False,
        autocompletion=completion.ready_made_names,
    ),
]
