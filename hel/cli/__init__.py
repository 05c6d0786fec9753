"""The command line: words for people, and exit codes."""

from hel.cli.app import main

__all__ = ["main"]
