"""What is valid and yet not wise."""

from collections.abc import Callable

import pytest

from hel.config.load import Loaded
from hel.telemetry.redaction import redacted

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
        (
            "    auth: {type: bearer, token_env: T}\n",
            ["2:3: sources.a.pagination: Hel will ask the last"],
        ),
        ("    pagination: {strategy: link_header, lasting: true}\n", []),
        (
            f"    pagination: {{strategy: none}}\n{MARK}}}\n",
            ["4:18: sources.a.pagination.strategy: what the API"],
        ),
        (f"{MARK}, template: 'a:x t:>={{}}'}}\n", ["4:40: sources.a.watermark.template: without 'from'"]),
        ("    pagination: {strategy: none}\n    window: {start_param: a, end_param: b}\n", []),
        (f"{MARK}, template: 't:>={{}}'}}\n", []),
    ],
)
def test_advice_names_its_place_and_what_is_wise_gets_none(loaded: Load, text: str, advice: list[str]) -> None:
    warnings = loaded(SOURCE + text, {"T": "a-token"}).warnings
    assert len(warnings) == len(advice), warnings
    for warning, words in zip(warnings, advice, strict=True):
        assert f"hel.yaml:{words}" in warning


@pytest.mark.parametrize(
    "text",
    [
        "    headers: {X-Auth-Token: '${K}'}\n",
        "    query_params: {api_key: '${K}'}\n",
        "    method: POST\n    body: {secret: '${K}'}\n",
        (
            "    auth: {type: oauth2, token_url: https://id.example.com/t, client_id: a, client_secret_env: S, "
            "extra_params: {password: '${K}'}}\n"
        ),
    ],
)
def test_a_secret_where_none_belongs_is_told_and_hidden(loaded: Load, text: str) -> None:
    secret = "sk-live-0123456789"
    found = loaded(SOURCE + "    pagination: {strategy: none}\n" + text, {"K": secret, "S": "another-secret"})
    (warning,) = found.warnings
    assert "a secret does not belong here" in warning
    assert secret not in warning
    assert redacted(f"it said {secret}") == "it said ***"


def test_a_word_under_a_name_like_a_secrets_is_none(loaded: Load) -> None:
    found = loaded(SOURCE + "    pagination: {strategy: none}\n    query_params: {sort_key: published}\n")
    assert found.warnings == ()
    assert redacted("published") == "published"
