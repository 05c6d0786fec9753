"""Reads YAML 1.2 into text, lists and mappings that know where they stand. Rule: a scalar stays as written.

Aliases and merge keys work; tags, other than YAML's own, and keys that are no plain text do not. Whatever the bytes
are, reading ends, and in a `ConfigError` at worst.
"""

import re
import warnings
from hashlib import sha256
from pathlib import Path

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from hel.config.problems import Keys, Place, Problem, config_error
from hel.config.values import EMPTY, UNKNOWN, Blank, Plain
from hel.errors import ConfigError

MAX_BYTES = 10_000_000
"""The largest file that is read: ten thousand sources and more; it bounds how long reading may take."""

MAX_DEPTH = 64
"""The deepest nesting that is followed; the configuration needs six."""

MAX_MERGED = 500_000
"""The most keys that a file's merge keys (`<<`) may bring in."""

_TAG = "tag:yaml.org,2002:"
_OWN_TAGS = frozenset(
    _TAG + name for name in ("bool", "float", "int", "map", "merge", "null", "seq", "str", "timestamp", "value")
)
_TYPED = frozenset(_TAG + name for name in ("bool", "float", "int"))
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")  # YAML 1.2.2 §5.1

_BEGUN = re.compile(r"could not find expected ':'|unexpected end of stream|expected ',' or")
"""What is noticed far behind the place where it began."""

_QUOTED = re.compile(r"""(["']).*\1""")
"""What the parser repeats of the file, which may be part of a secret."""

_WORDS = (
    (
        r"cannot start any token.*|found character '\\t'",
        "a tab or a character such as '@', '`' or '%' can't begin a value (indent by spaces, and quote the value)",
    ),
    (
        r"mapping values are not allowed",
        "a ':' stands where no key can be (look at the indentation, or quote the value)",
    ),
    (r"could not find expected ':'", "a key has no ':' after it (look at this line and the one before)"),
    (r"expected <block end>", "the indentation does not match the lines above (or a quote or bracket is not closed)"),
    (r"expected ',' or|expected the node content|did not find expected", "a bracket, quote or value is not complete"),
    (r"unexpected end of stream", "a quote is opened but not closed"),
    (r"undefined alias", "an alias (*name) has no anchor (&name) before it (quote a value that begins with '*')"),
    (r"undefined tag handle|tag", "YAML tags are not used here (quote a value that begins with '!')"),
    (r"escape", "an escape in double quotes is not known (double its backslash, or use single quotes)"),
    (r"another document|single document", "a second document begins here (remove the '---'; one file is one document)"),
    (r"expected chomping or indentation", "after '|' or '>' the text begins on the next line"),
)
"""What ruamel.yaml says, and what a person reads."""


class Value(msgspec.Struct, frozen=True):
    """One value and the place of its key (of itself, in a list).

    Attributes:
        content: Text, a mapping, a list, None for `null`, or EMPTY.
        place: Where its key stands.
    """

    content: "str | dict[str, Value] | list[Value] | Blank | None"
    place: Place


class Document(msgspec.Struct, frozen=True):
    """A file's content.

    Attributes:
        root: Its mapping.
        problems: Duplicate keys and what else YAML permits but a configuration does not.
        digest: SHA-256 of the file, in hexadecimal.
    """

    root: Value
    problems: tuple[Problem, ...]
    digest: str

    def place(self, keys: Keys) -> Place:
        """The place of a key, or of the nearest one above it that exists."""
        value = self.root
        for key in keys:
            content = value.content
            below: Value | None = None
            if isinstance(content, list) and isinstance(key, int):
                below = content[key]
            elif isinstance(content, dict):
                below = content.get(str(key))
            if below is None:
                break
            value = below
        return value.place


def read_document(path: Path) -> Document:
    """Read a configuration file.

    Raises:
        ConfigError: It can't be read, or is not one YAML mapping in UTF-8.
    """
    data = _read(path)
    text = _decode(path, data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a name used for two anchors: the later one counts, as YAML 1.2.2 says
            node = YAML(typ="safe", pure=True).compose(text)
        if node is None:
            raise _failed(path, "the file is empty (name a source below 'sources:')")
        reader = _Reader()
        root = Value(reader.read(node, (), ()), (1, 1))
    except RecursionError:
        raise _failed(path, f"nested deeper than {MAX_DEPTH} levels") from None
    except MarkedYAMLError as error:
        began = bool(_BEGUN.search(str(error.problem)))
        mark = (error.context_mark if began else None) or error.problem_mark or error.context_mark
        raise _failed(path, _words(error), (mark.line + 1, mark.column + 1) if mark else None) from None
    except (
        YAMLError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        AssertionError,
    ):  # the parser's own slips, on odd input
        raise _failed(path, "this is not valid YAML") from None
    if not isinstance(root.content, dict):
        raise _failed(path, "expected a mapping with the keys 'global' and 'sources'", _place(node))
    return Document(root, tuple(reader.problems), sha256(data).hexdigest())


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise _failed(path, "there is no such file (write one, or name it: -c PATH)") from None
    except IsADirectoryError:
        raise _failed(path, "this is a directory (name the file in it: -c PATH)") from None
    except PermissionError:
        raise _failed(path, "no permission to read it (look at its owner and mode)") from None
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "its name is not valid"
        raise _failed(path, f"it can't be read: {reason} (name another file: -c PATH)") from None
    if len(data) > MAX_BYTES:
        raise _failed(path, f"the file is larger than {MAX_BYTES:,} bytes")
    return data


def _decode(path: Path, data: bytes) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = _count(error.object[: error.start].decode("utf-8", "replace"))
        raise _failed(path, "the file is not UTF-8 (save it as UTF-8)", place) from None
    found = _FORBIDDEN.search(text)
    if found:
        code = f"U+{ord(found[0]):04X}"
        raise _failed(path, f"the character {code} is not allowed in YAML (remove it)", _count(text[: found.start()]))
    return text


def _count(before: str) -> Place:
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def _failed(path: Path, text: str, place: Place | None = None) -> ConfigError:
    return config_error(path, [Problem(text, place=place)])


def _words(error: MarkedYAMLError) -> str:
    said = f"{error.context or ''} {error.problem or ''}"
    for pattern, text in _WORDS:
        if re.search(pattern, said):
            return text
    return f"this is not valid YAML: {_QUOTED.sub('…', str(error.problem))}"


def _place(node: Node) -> Place:
    return node.start_mark.line + 1, node.start_mark.column + 1


class _Reader:
    """Turns ruamel's nodes into values; what an anchor names is read once, however many aliases repeat it."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self._merged = 0
        self._read: dict[int, str | dict[str, Value] | list[Value] | Blank | None] = {}

    def read(
        self, node: Node, keys: Keys, above: tuple[int, ...]
    ) -> str | dict[str, Value] | list[Value] | Blank | None:
        if id(node) in above:
            self._note("an alias must not stand inside what it repeats", keys, node)
            return UNKNOWN
        if len(above) > MAX_DEPTH:
            raise RecursionError
        if id(node) not in self._read:
            self._read[id(node)] = self._read_new(node, keys, (*above, id(node)))
        return self._read[id(node)]

    def _read_new(
        self, node: Node, keys: Keys, above: tuple[int, ...]
    ) -> str | dict[str, Value] | list[Value] | Blank | None:
        if str(node.tag) not in _OWN_TAGS:
            self._note("YAML tags are not used here (remove the '!…')", keys, node)
        if isinstance(node, MappingNode):
            return self._mapping(node, keys, above)
        if isinstance(node, SequenceNode):
            return [Value(self.read(item, (*keys, at), above), _place(item)) for at, item in enumerate(node.value)]
        if node.tag == _TAG + "null":
            return EMPTY if node.value == "" else None
        return Plain(node.value) if node.tag in _TYPED else str(node.value)

    def _mapping(self, node: MappingNode, keys: Keys, above: tuple[int, ...]) -> dict[str, Value]:
        found: dict[str, Value] = {}
        merged: dict[str, Value] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                self._note("a key must be plain text", keys, key_node)
                continue
            key, place = str(key_node.value), _place(key_node)
            content = self.read(value_node, (*keys, key), above)
            if key_node.tag == _TAG + "merge":
                self._merge(content, merged, keys, key_node)
            elif key in found:
                self._note(f"duplicate key (it stands in line {found[key].place[0]} too)", (*keys, key), key_node)
            else:
                found[key] = Value(content, place)
        return {**found, **{key: value for key, value in merged.items() if key not in found}}

    def _merge(self, content: object, merged: dict[str, Value], keys: Keys, node: Node) -> None:
        """What `<<` brings in, the first mapping of a list before the later ones."""
        parts = [part.content for part in content] if isinstance(content, list) else [content]
        for part in {id(part): part for part in parts}.values():
            if not isinstance(part, dict):
                self._note("'<<' merges mappings only (write <<: *name)", keys, node)
                continue
            self._merged += len(part)
            if self._merged > MAX_MERGED:
                self._note(f"merge keys bring in more than {MAX_MERGED:,} keys", keys, node)
                return
            for key, value in part.items():
                merged.setdefault(key, value)

    def _note(self, text: str, keys: Keys, node: Node) -> None:
        self.problems.append(Problem(text, keys, _place(node)))
