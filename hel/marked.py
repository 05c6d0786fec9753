"""A part of a Markdown document that is generated: it stands between two marks, and what is around it stays."""

from pathlib import Path


def write_between(document: Path, begin: str, end: str, part: str) -> None:
    """Replace what stands between the lines that mark its begin and its end.

    Raises:
        ValueError: A mark is missing.
    """
    head, found_begin, rest = document.read_text().partition(begin)
    _, found_end, tail = rest.partition(end)
    if not (found_begin and found_end):
        raise ValueError(f"{document} lacks a mark: add the lines {begin.strip()} and {end.strip()}")
    document.write_text(f"{head}{begin}\n{part.strip()}\n\n{end}{tail}")
