"""The ready-made configurations (`examples/*.yaml`), and what the comment at the head of each says.

The rule: a file's head says which variables it wants. Its first line is the title; below `# Variables to set:` and
`# Optional:` stand names, each with what it is for.
"""

import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

import msgspec

_VARIABLE = re.compile(r"#   ([A-Z][A-Z0-9_]*)  +(.+)")
_MORE = re.compile(r"#     +(\S.*)")


class ReadyMade(msgspec.Struct, frozen=True):
    """One configuration.

    Attributes:
        name: As `hel init` takes it.
        title: What it collects.
        text: The YAML, comments and all.
        guide: The page about it, Markdown.
        wanted: What each variable that must be set is for.
        optional: The same of those that may be.
    """

    name: str
    title: str
    text: str
    guide: str
    wanted: Mapping[str, str]
    optional: Mapping[str, str]


def names() -> list[str]:
    """All that there are; Okta's first."""
    found = [path.stem.replace("_", "-") for path in _folder().glob("*.yaml") if _page_of(path).is_file()]
    return sorted(found, key=lambda name: (not name.startswith("okta"), name))


def ready_made(name: str) -> ReadyMade:
    """The one of this name, which must be among `names`."""
    stem = name.replace("-", "_")
    text = (_folder() / f"{stem}.yaml").read_text(encoding="utf-8")
    head = text.partition("\n\n")[0].splitlines()
    sections = _sections(head)
    return ReadyMade(
        name,
        head[0].removeprefix("# ").partition(". ")[0],
        text,
        _page_of(_folder() / f"{stem}.yaml").read_text(encoding="utf-8"),
        sections.get("# Variables to set:", {}),
        sections.get("# Optional:", {}),
    )


def _page_of(path: Path) -> Path:
    """The page about it, which its first line names; a file without one is none of them."""
    with path.open(encoding="utf-8") as file:
        page = re.search(r"examples/(\w+\.md)", file.readline())
    return path.with_name(page[1]) if page else path.with_suffix(".md")


def _sections(head: list[str]) -> dict[str, dict[str, str]]:
    """The variables below each heading, with what they are for."""
    sections: dict[str, dict[str, str]] = {}
    variables: dict[str, str] = {}
    name = ""
    for line in head:
        if line.endswith(":"):
            variables = sections.setdefault(line, {})
        elif found := _VARIABLE.fullmatch(line):
            name = found[1]
            variables[name] = found[2]
        elif (more := _MORE.fullmatch(line)) and name:
            variables[name] += f" {more[1]}"
    return sections


def _folder() -> Path:
    """Where they are: in the installed package, or in the project's folder."""
    installed = Path(str(files("hel"))) / "examples"
    return installed if installed.is_dir() else Path(__file__).parents[1] / "examples"
