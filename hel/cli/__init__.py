"""The command line: words for people, and exit codes."""

from hel.cli import process


def main() -> None:
    """Run the command line (the `hel` command)."""
    process.begin()  # before anything that takes time to import
    from hel.cli.app import app  # noqa: PLC0415  # see above

    try:
        app(prog_name="hel")
    except SystemExit as ended:
        process.leave(ended.code if isinstance(ended.code, int) else 0)
        raise
    finally:
        process.end()
