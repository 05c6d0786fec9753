"""A POST's body is JSON of the types that YAML has for its scalars."""

from pathlib import Path

import pytest

from hel import asking
from hel.config.load import load
from hel.errors import ConfigError
from hel.paging.place import body_of

SOURCE = """
sources:
  a:
    url: https://api.example.com/events
    method: POST
    pagination: {strategy: cursor, cursor_path: cursor, cursor_param: cursor, lasting: true}
    body: {%s}
"""


def _body(folder: Path, text: str) -> object:
    path = folder / "hel.yaml"
    path.write_text(SOURCE % text)
    loaded = load(path, {"SIZE": "7"})
    return body_of(asking.question(loaded.config.sources["a"]).first)


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("limit: 1000, r: 0.5, exact: true, none: null", {"limit": 1000, "r": 0.5, "exact": True, "none": None}),
        ("""a: "1000", b: 'true', c: text""", {"a": "1000", "b": "true", "c": "text"}),
        ("filter: {ids: [1, two, 0x10, 010], nothing: }", {"filter": {"ids": [1, "two", 16, 10], "nothing": None}}),
        ('n: 12345678901234567890, t: 2026-01-01T00:00:00Z, s: "${SIZE}"',
         {"n": 12345678901234567890, "t": "2026-01-01T00:00:00Z", "s": "7"}),
    ],
)  # fmt: skip
def test_a_number_is_a_number_unless_it_stands_in_quotes(tmp_path: Path, text: str, sent: object) -> None:
    assert _body(tmp_path, text) == sent


def test_a_number_that_json_lacks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        _body(tmp_path, "n: .inf")
    assert "JSON has no such number" in caught.value.message
