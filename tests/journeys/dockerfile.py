"""Reads a Dockerfile and a .dockerignore, as far as Hel's go; what they do not know is an error."""

import json
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

FLAGS = {
    "ARG": (),
    "CMD": (),
    "COPY": ("--from", "--chown", "--chmod"),
    "ENTRYPOINT": (),
    "ENV": (),
    "EXPOSE": (),
    "FROM": ("--platform",),
    "HEALTHCHECK": ("--interval", "--timeout", "--start-period", "--retries"),
    "LABEL": (),
    "RUN": ("--mount",),
    "STOPSIGNAL": (),
    "USER": (),
    "VOLUME": (),
    "WORKDIR": (),
}
"""The instructions that are used, with their flags (the Dockerfile reference)."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction.

    Attributes:
        name: Such as `RUN`.
        flags: What each `--flag=` says.
        text: All behind them.
    """

    name: str
    flags: dict[str, str]
    text: str

    @property
    def words(self) -> list[str]:
        """The arguments, from the JSON or the shell form."""
        if self.text.startswith("["):
            found: list[str] = json.loads(self.text)
            return found
        return shlex.split(self.text)

    @property
    def pairs(self) -> dict[str, str]:
        """The arguments of ENV, LABEL and ARG."""
        return dict(word.split("=", 1) for word in self.words)


@dataclass
class Stage:
    """From one FROM to the next."""

    base: str
    name: str
    instructions: list[Instruction] = field(default_factory=list)

    def all(self, name: str) -> list[Instruction]:
        return [found for found in self.instructions if found.name == name]

    def one(self, name: str) -> Instruction:
        (found,) = self.all(name)
        return found


def parse(text: str) -> list[Stage]:
    """The stages.

    Raises:
        ValueError: There is something in it that is not known here.
    """
    arguments: dict[str, str] = {}
    stages: list[Stage] = []
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    for line in re.sub(r"\\\n", " ", "\n".join(lines)).splitlines():
        found = _instruction(line)
        if found.name == "ARG":
            arguments |= found.pairs
        elif found.name == "FROM":
            base, *alias = found.words
            for name, value in arguments.items():
                base = base.replace(f"${{{name}}}", value)
            stages.append(Stage(base, alias[1] if alias else ""))
        else:
            stages[-1].instructions.append(found)
    return stages


def _instruction(line: str) -> Instruction:
    name, _, rest = line.strip().partition(" ")
    if name not in FLAGS:
        raise ValueError(f"there is no instruction {name!r}")
    flags = {}
    rest = rest.lstrip()
    while found := re.match(r"(--[a-z-]+)=(\S+)\s+", rest):
        if found[1] not in FLAGS[name]:
            raise ValueError(f"{name} has no flag {found[1]}")
        flags[found[1]] = found[2]
        rest = rest[found.end() :]
    return Instruction(name, flags, rest.strip())


def sent(context: Path, ignore: str) -> list[Path]:
    """The files that the builder is sent: those that no rule of .dockerignore keeps back, the last one counts."""
    rules = [line for line in ignore.splitlines() if line and not line.startswith("#")]
    patterns = [(_pattern(rule.removeprefix("!")), rule.startswith("!")) for rule in rules]
    files = []
    for path in sorted(path for path in context.rglob("*") if ".venv" not in path.parts and path.is_file()):
        kept = True
        for pattern, back in patterns:
            if pattern.match(str(path.relative_to(context))):
                kept = back
        if kept:
            files.append(path)
    return files


def _pattern(rule: str) -> re.Pattern[str]:
    """A rule fits a path, and all below it; `*` stays inside a folder, `**/` does not."""
    text = re.escape(rule).replace(r"\*\*/", "(?:.*/)?").replace(r"\*", "[^/]*")
    return re.compile(f"{text}(?:/.*)?$")
