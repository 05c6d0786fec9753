"""What is valid and yet not wise."""

from collections.abc import Callable

import pytest

from hel.config.load import Loaded

Load = Callable[..., Loaded]

SOURCE = "sources:\n  a:\n    url: https://api.example.com/events\n"
MARK = "    watermark: {path: t, param: since"


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        (f"    pagination: {{strategy: offset}}\n{MARK}}}\n", ["4:5: sources.a.pagination: numbers of pages shift"]),
        (f"    pagination: {{strategy: offset}}\n    dedupe: {{id_path: id}}\n{MARK}}}\n", []),
        (f"{MARK}, overlap_secs: 0}}\n", ["4:40: sources.a.watermark.overlap_secs: an event that the API shows later"]),
        (f"{MARK}, overlap_secs: 0, format: number}}\n", []),
        (
            "    window: {start_param: a, end_param: b, overlap_secs: 0}\n",
            ["4:44: sources.a.window.overlap_secs: an event that the API shows later"],
        ),
        ("    window: {start_param: a, end_param: b, overlap_secs: 0, lag_secs: 60}\n", []),
        (f"{MARK}, format: epoch}}\n", ["4:40: sources.a.watermark.format: the event's time is a number there"]),
        (f"{MARK}, format: epoch}}\n    transform: {{timestamp_field: t, timestamp_format: epoch}}\n", []),
        ("    auth: {type: bearer, token_env: T}\n", []),
    ],
)
def test_advice_names_its_place_and_what_is_wise_gets_none(loaded: Load, text: str, advice: list[str]) -> None:
    warnings = loaded(SOURCE + text, {"T": "a-token"}).warnings
    assert len(warnings) == len(advice), warnings
    for warning, words in zip(warnings, advice, strict=True):
        assert f"hel.yaml:{words}" in warning
