"""The configuration's reference, made from the models: Markdown for the README, JSON Schema for editors."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hel.config.models import Config
from hel.config.words import number
from hel.marked import write_between

Schema = dict[str, Any]

_PLACEHOLDER = r"\$\{"
_NUMBER = r"^[+-]?([0-9][0-9_]*\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_TYPES = {"integer": "whole number", "number": "number", "boolean": "true or false", "object": "texts by name"}
_BOOLEAN = "^(true|True|TRUE|false|False|FALSE)$"


def json_schema() -> Schema:
    """JSON Schema (draft 2020-12) of `hel.yaml`, for editors.

    It accepts what the loader accepts: a placeholder or quoted text where a number or a boolean is wanted, a number or
    boolean where text is, and nothing after the colon of a section whose keys all have defaults.
    """
    raw = Config.model_json_schema()
    schema = _open(raw)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "Hel's configuration, hel.yaml",
    }


def _open(schema: Any) -> Any:
    """A schema, and all within it, as wide as the loader and without what only pydantic reads."""
    if isinstance(schema, list):
        return [_open(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    found: Schema = {}
    for key, value in schema.items():
        if key in {"title", "discriminator"} or (key == "default" and value is None):
            continue
        if key in {"properties", "$defs"}:
            found[key] = {name: _open(part) for name, part in value.items()}
        elif key in {"default", "description", "required", "examples", "enum", "const"}:
            found[key] = value
        else:
            found["anyOf" if key == "oneOf" else key] = _open(value)
    if "patternProperties" in found:
        found["additionalProperties"] = False
    for name, part in found.get("properties", {}).items():
        if name not in found.get("required", ()) and _is_section(schema["properties"][name]):
            found["properties"][name] = _or_empty(part)
    return _widened(found)


def _widened(schema: Schema) -> Schema:
    """Placeholders and quoted text, where a scalar is wanted."""
    said: Schema = {key: schema.pop(key) for key in ("description", "default", "examples") if key in schema}
    kind = schema.get("type")
    text: Schema | None = None
    if kind in {"integer", "number"}:
        text = {"type": "string", "pattern": f"{_PLACEHOLDER}|{_NUMBER}"}
    elif kind == "boolean":
        text = {"type": "string", "pattern": f"{_PLACEHOLDER}|{_BOOLEAN}"}
    elif "enum" in schema or "const" in schema or "pattern" in schema:
        text = {"type": "string", "pattern": _PLACEHOLDER}
    elif kind == "string":
        schema["type"] = ["string", "number", "boolean"]
    return {**({"anyOf": [schema, text]} if text else schema), **said}


def _or_empty(schema: Schema) -> Schema:
    said: Schema = {key: schema.pop(key) for key in ("description", "default") if key in schema}
    return {"anyOf": [schema, {"type": "null"}], **said}


def _is_section(schema: Schema) -> bool:
    """Whether a key takes a section, or texts by name, that may be left empty."""
    return "$ref" in schema or "oneOf" in schema or schema.get("type") == "object"


def reference() -> str:
    """The README's section "Configuration": a table for each section, in Markdown."""
    raw = Config.model_json_schema()
    definitions = raw["$defs"]
    source = definitions["SourceConfig"]["properties"]
    tables = [_table("`global`", _rows(definitions["GlobalConfig"], "global.", definitions))]
    plain = {key: field for key, field in source.items() if not _sections(field)}
    listed = {"properties": plain, "required": definitions["SourceConfig"]["required"]}
    tables.append(_table("`sources.NAME`", _rows(listed, "", definitions)))
    for key, field in source.items():
        for reference_ in _sections(field):
            section = definitions[reference_]
            kind = next(
                (f" with `{name}: {part['const']}`" for name, part in section["properties"].items() if "const" in part),
                "",
            )
            tables.append(
                _table(
                    f"`sources.NAME.{key}`{kind}", _rows(section, f"{key}.", definitions), field.get("description", "")
                )
            )
    return "\n".join(tables)


def _table(title: str, rows: Iterator[tuple[str, str, str, str]], about: str = "") -> str:
    head = [f"### {title}", "", *([about, ""] if about else [])]
    head += ["| key | type | default | what it says |", "|---|---|---|---|"]
    body = ["| " + " | ".join(cell.replace("|", r"\|") for cell in row) + " |" for row in rows]
    return "\n".join([*head, *body, ""])


def _rows(section: Mapping[str, Any], above: str, definitions: Schema) -> Iterator[tuple[str, str, str, str]]:
    """The keys of a section and of those below it: dotted key, type, default, description."""
    for key, field in section["properties"].items():
        inner = _sections(field)
        if inner:
            for name in inner:
                yield from _rows(definitions[name], f"{above}{key}.", definitions)
            continue
        default = "required" if key in section.get("required", ()) else _default(field.get("default"))
        yield f"`{above}{key}`", _words(field), default, field.get("description", "")


def _sections(field: Schema) -> list[str]:
    """The definitions that a key's value may follow; none for a scalar or a list."""
    if "$ref" in field:
        return [field["$ref"].rsplit("/", 1)[-1]]
    return [name for part in (*field.get("anyOf", ()), *field.get("oneOf", ())) for name in _sections(part)]


def _default(value: Any) -> str:
    if value is None or value in ("", []):
        return "none"
    return f"`{str(value).lower()}`" if isinstance(value, bool) else f"`{value}`"


def _words(field: Schema) -> str:
    """A type in words."""
    kind = field.get("type")
    if "anyOf" in field:
        words = " or ".join(_words(part) for part in field["anyOf"] if part.get("type") != "null")
    elif "enum" in field or "const" in field:
        words = ", ".join(f"`{value}`" for value in field.get("enum", [field.get("const")]))
    elif kind == "array":
        words = f"list of {_words(field['items'])}s"
    elif kind == "string":
        words = "`daily` or `size:MB`" if "pattern" in field else field.get("format", "text")
    else:
        words = _TYPES[field["type"]] + _bounds(field)
        if field.get("additionalProperties") is True:
            words = "JSON by name"
    return words


def _bounds(field: Schema) -> str:
    words = (("minimum", "at least"), ("exclusiveMinimum", "above"), ("maximum", "at most"))
    found = [f"{text} {number(field[key])}" for key, text in words if key in field]
    return ", " + ", ".join(found) if found else ""


BEGIN = "<!-- reference: generated by `make reference`; a test compares the two -->\n"
END = "<!-- end of reference -->\n"


if __name__ == "__main__":
    write_between(Path(sys.argv[1]), BEGIN, END, reference())
