"""The commands and their options. What they need is imported when they run, so that `hel --help` stays quick."""

import os
import signal
from pathlib import Path
from typing import Annotated

import typer

from hel import __version__
from hel.cli import process
from hel.cli.options import Config, Key, OnlySources, ReadyMade, ShownSource, Source, TriedSource


def _colour() -> bool | None:
    """Whether typer may colour its own words: never, or where they go to a terminal."""
    return False if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" else None


app = typer.Typer(
    name="hel",
    help="Collects audit logs from SaaS APIs and emits one NDJSON line per event: none lost, none twice.",
    epilog="Exit codes: 0 done, 1 a source or the output failed, 2 usage or configuration error, 3 the state is held "
    "by another running Hel.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100, "color": _colour()},
)
state = typer.Typer(
    help="Inspect and repair the checkpoints: how far each source came.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(state, name="state")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"hel {__version__}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    config: Config = None,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Keep what stands before the command."""
    del version
    context.obj = config


@app.command()
def run(
    context: typer.Context,
    config: Config = None,
    once: Annotated[
        bool, typer.Option("--once", help="One tick of every source, then exit; without it, until SIGTERM or SIGINT.")
    ] = False,
    source: OnlySources = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="PATH", help="Append the lines to a file. [default: stdout]"),
    ] = None,
    output_rotate: Annotated[
        str | None,
        typer.Option("--output-rotate", metavar="daily|size:MB", help="Rename the file and begin a new one."),
    ] = None,
    record_dir: Annotated[
        Path | None,
        typer.Option("--record-dir", metavar="DIR", help="Also write every answer down, without credentials."),
    ] = None,
    replay_dir: Annotated[
        Path | None,
        typer.Option("--replay-dir", metavar="DIR", help="Read recorded answers: no network, secrets or state."),
    ] = None,
) -> None:
    """Collect: NDJSON on stdout or to a file, the log on stderr."""
    for number in (signal.SIGTERM, signal.SIGINT):
        process.end_on(number, 1 if once else 0)
    if not once and replay_dir is None:
        process.keep(signal.SIGHUP, signal.SIGUSR1)
    from hel.cli import run as command

    wanted = command.Wanted(once, tuple(source or ()), output, output_rotate, record_dir, replay_dir)
    command.run(config or context.obj, wanted)


@app.command()
def test(
    context: typer.Context,
    source: TriedSource = None,
    config: Config = None,
) -> None:
    """Try one source: its next tick as NDJSON on stdout, a report on stderr. The state is not moved."""
    from hel.cli import test as command

    command.test(config or context.obj, source)


@app.command()
def validate(context: typer.Context, config: Config = None) -> None:
    """Check the configuration, every placeholder and every secret. Nothing is requested."""
    from hel.cli import validate as command

    command.validate(config or context.obj)


@app.command()
def status(
    context: typer.Context,
    config: Config = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, in the shape of the server's.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Only ask the server whether Hel is alive: exit 0, or 1 and why.")
    ] = False,
) -> None:
    """Show how each source does: by the server of a running Hel, and by the state."""
    from hel.cli import status as command

    if check:
        command.check(config or context.obj)
    else:
        command.status(config or context.obj, as_json=as_json)


@app.command()
def init(
    context: typer.Context,
    name: ReadyMade = None,
    guide: Annotated[
        bool, typer.Option("--guide", help="Print the page about it instead: set-up, limits, what may go wrong.")
    ] = False,
    config: Config = None,
) -> None:
    """Write a ready-made hel.yaml for one of the APIs that Hel knows, and say which variables to set."""
    from hel.cli import init as command

    if name is None and guide:
        raise typer.BadParameter("which one? say its name: hel init NAME --guide", context)
    if name is None:
        command.show_names()
    elif guide:
        command.show_guide(name)
    else:
        command.init(config or context.obj, name)


@app.command()
def schema() -> None:
    """Print the JSON Schema of hel.yaml, for editors."""
    from hel.cli import validate as command

    command.schema()


@state.command()
def show(
    context: typer.Context,
    name: ShownSource = None,
    config: Config = None,
) -> None:
    """Show where each source stands."""
    from hel.cli import state as command

    command.show(config or context.obj, name)


@state.command()
def reset(context: typer.Context, name: Source, config: Config = None) -> None:
    """Forget a source: it starts anew from its `from`, and delivers again what it has delivered."""
    from hel.cli import state as command

    command.reset(config or context.obj, name)


@state.command("set")
def set_(
    context: typer.Context,
    name: Source,
    key: Key,
    value: Annotated[str, typer.Argument(metavar="VALUE", help="A URL; a time; a time or number; true or false.")],
    config: Config = None,
) -> None:
    """Change one value of a source's checkpoint."""
    from hel.cli import state as command

    command.set_(config or context.obj, name, key, value)


@state.command()
def export(context: typer.Context, config: Config = None) -> None:
    """Print the state as JSON."""
    from hel.cli import state as command

    command.export(config or context.obj)


@state.command("import")
def import_(context: typer.Context, config: Config = None) -> None:
    """Read a state as JSON from stdin; it replaces the sources that it names."""
    from hel.cli import state as command

    command.import_(config or context.obj)
