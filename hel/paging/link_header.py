"""The `Link` header, RFC 8288 §3. A grammar: text in, links out."""

import re
from collections.abc import Iterable, Iterator

import msgspec

_TARGET = re.compile(r"[\s,]*<([^>]*)>")
_PARAMETER = re.compile(r"\s*;\s*([!#$%&'*+\-.^_`|~\w]+)\s*(?:=\s*(?:\"((?:[^\"\\]++|\\.)*+)\"|([^\s;,\"]*)))?")


class Link(msgspec.Struct, frozen=True):
    """One link: its target as it stands between `<` and `>`, and its relation types in lower case."""

    target: str
    relations: frozenset[str]


def parse(values: Iterable[str]) -> Iterator[Link]:
    """Read every link of every `Link` header of a reply, in order.

    Commas and semicolons inside `<…>` or quotes belong to the link. What does not follow the grammar ends the
    reading of that one header.
    """
    for value in values:
        at = 0
        while target := _TARGET.match(value, at):
            at = target.end()
            relations: frozenset[str] | None = None
            while parameter := _PARAMETER.match(value, at):
                at = parameter.end()
                name, quoted, token = parameter.groups()
                if name.lower() == "rel" and relations is None:  # RFC 8288 §3.3: only the first counts
                    relations = frozenset(_unquote(quoted or token or "").lower().split())
            yield Link(target[1], relations or frozenset())


def find(values: Iterable[str], relation: str) -> str | None:
    """The target of the first link with this relation type, byte for byte; None where there is none."""
    return next((link.target for link in parse(values) if relation.lower() in link.relations), None)


def _unquote(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)
