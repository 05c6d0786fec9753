from hypothesis import given
from hypothesis import strategies as st

from hel.telemetry.printable import printable


@given(st.text())
def test_whatever_comes_in_only_printable_characters_come_out(text: str) -> None:
    assert printable(text, limit=10_000).isprintable()


def test_escape_sequences_and_line_breaks_are_shown_and_not_obeyed() -> None:
    assert printable("\x1b[31mred\r\n\u202e") == "\\x1b[31mred\\r\\n\\u202e"


def test_a_long_text_is_cut_and_a_plain_one_stays() -> None:
    assert printable("x" * 20, limit=5) == "xxxxx…"
    assert printable("Grüße, 世界") == "Grüße, 世界"
