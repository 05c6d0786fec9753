"""What is valid and yet not wise."""

from collections.abc import Callable
from pathlib import Path

import pytest

from hel.config.known_limits import RETENTIONS, Retention
from hel.config.load import Loaded
from hel.telemetry.redaction import redacted

Load = Callable[..., Loaded]

EXAMPLES = Path(__file__).parents[2] / "examples"
NOW = 1_777_636_800.0  # 2026-05-01T12:00:00Z

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


def okta(name: str = "a", host: str = "dev.okta.com", limit: str = "{limit: '1000'}", **sections: str) -> str:
    """A source of Okta's log, its sections as YAML's flow style writes them."""
    keys = {"url": f"https://{host}/api/v1/logs", "query_params": limit, **sections}
    text = "".join(f"    {key}: {value}\n" for key, value in keys.items() if value)
    return f"  {name}:\n{text}"


def advised(loaded: Load, *sources: str, now: float | None = None) -> list[str]:
    """The advice on these sources, from its key on."""
    found = loaded("sources:\n" + "".join(sources), {"T": "a-token", "U": "b-token"}, now=now)
    return [warning.partition(": ")[2] for warning in found.warnings]


@pytest.mark.parametrize(
    ("limit", "pagination", "is_advised"),
    [
        ("", "", True),
        ("{filter: x}", "", True),
        ("{limit: '100'}", "", False),
        ("{limit: '1000'}", "", False),
        ("", "{strategy: none}", False),
    ],
)
def test_only_a_size_that_nobody_chose_is_advised_against(
    loaded: Load, limit: str, pagination: str, is_advised: bool
) -> None:
    found = advised(loaded, okta(limit=limit, pagination=pagination))
    assert len(found) == is_advised
    assert all(line.startswith("sources.a") and "(add 'limit: \"1000\"' to 'query_params')" in line for line in found)


TOKEN = "{type: bearer, token_env: T, prefix: SSWS}"
OTHER = "{type: bearer, token_env: U, prefix: SSWS}"


def each(seconds: float) -> str:
    return f"{{interval_secs: {seconds}}}"


def pages(most: int) -> str:
    return f"{{strategy: link_header, max_pages: {most}}}"


@pytest.mark.parametrize(
    ("sources", "said"),
    [
        ([okta(schedule=each(60), pagination=pages(60))], None),
        ([okta()], None),
        ([okta(schedule=each(60), pagination=pages(61))], "set 'max_pages: 60', or 'interval_secs: 61'"),
        ([okta(schedule=each(10), pagination=pages(20))], "up to 120 requests a minute"),
        ([okta(schedule=each(10), pagination=pages(20))], "set 'max_pages: 10', or 'interval_secs: 20'"),
        ([okta(schedule=each(0.5), pagination=pages(1))], "(set 'interval_secs: 1';"),
        ([okta(schedule=each(10))], "set 'max_pages: 10', or 'interval_secs: 100'"),
        ([okta(schedule=each(10), resilience="{rate_limit: {page_delay_secs: 1}}")], None),
        ([okta(schedule=each(10), resilience="{rate_limit: {max_requests_per_second: 1}}")], None),
        ([okta(schedule=each(2), resilience="{rate_limit: {max_requests_per_second: 0.5}}")], None),
        ([okta(schedule=each(0.5), resilience="{rate_limit: {page_delay_secs: 9}}")], "up to 120 requests a minute"),
        ([okta(schedule=each(10), host="localhost:8443")], None),
        ([okta(schedule=each(10), host="10.1.2.3")], None),
        ([okta("a", auth=TOKEN, pagination=pages(40)), okta("b", auth=OTHER, pagination=pages(40))], None),
        (
            [okta("a", auth=TOKEN, pagination=pages(40)), okta("b", "b.okta.com", auth=TOKEN, pagination=pages(40))],
            None,
        ),
        (
            [okta("a", auth=TOKEN, pagination=pages(40)), okta("b", auth=TOKEN, pagination=pages(50))],
            "with 'a', up to 90 requests a minute",
        ),
        (
            [okta("a", auth=TOKEN, pagination=pages(40)), okta("b", auth=TOKEN, pagination=pages(50))],
            "for each raise 'interval_secs' or lower 'max_pages', 1.5 times",
        ),
    ],
)
def test_what_sources_of_one_app_or_token_ask_of_okta_is_held_against_its_budget(
    loaded: Load, sources: list[str], said: str | None
) -> None:
    found = advised(loaded, *sources)
    assert len(found) == (said is not None), found
    assert all(said and said in line for line in found), found


API = "  a:\n    url: https://api.example.com/events\n    pagination: {strategy: none}\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("    schedule: {interval_secs: 4}\n    resilience: {rate_limit: {max_requests_per_second: 0.25}}\n", None),
        (
            "    schedule: {interval_secs: 3}\n    resilience: {rate_limit: {max_requests_per_second: 0.25}}\n",
            "at one request in 4 s no tick can start each 3 s (set 'interval_secs: 4', or a higher rate)",
        ),
    ],
)
def test_an_interval_that_the_sources_own_rate_forbids_is_told(loaded: Load, text: str, said: str | None) -> None:
    found = advised(loaded, API + text)
    assert len(found) == (said is not None), found
    assert all(said and said in line for line in found), found


def test_more_pages_than_the_tick_has_time_for_at_the_sources_own_rate_are_told(loaded: Load) -> None:
    slow = "{tick_timeout_secs: 100, rate_limit: {max_requests_per_second: 0.5}}"
    wanted = "51 pages take 102 s at this rate, and 'tick_timeout_secs' ends a tick after 100"
    assert advised(loaded, okta(schedule=each(60), pagination=pages(50), resilience=slow)) == []
    (found,) = advised(loaded, okta(schedule=each(60), pagination=pages(51), resilience=slow))
    assert wanted in found
    assert "(set 'max_pages: 50', or 'tick_timeout_secs: 102')" in found


@pytest.mark.parametrize(
    ("url", "start", "said"),
    [
        ("https://dev.okta.com/api/v1/logs", "2026-02-02T00:00:00Z", None),
        ("https://dev.okta.com/api/v1/logs", "2026-01-01T00:00:00Z", "Okta keeps 90 days, and what lies before can't"),
        ("https://dev.okta.com/api/v1/logs", "2024-01-01T00:00:00Z", "Okta refuses what lies more than 180 days back"),
        ("https://dev.okta.com/api/v1/logs", "2024-01-01T00:00:00Z", "set a time after 2026-01-31; once it has run"),
        ("https://localhost:9/api/v1/logs", "2024-01-01T00:00:00Z", None),
        ("https://api.example.com/api/v2/logs", "2024-01-01T00:00:00Z", None),
        ("https://acme.eu.auth0.com/api/v2/logs", "2026-03-31T00:00:00Z", "Auth0 keeps 30 days at most, by its plan"),
        ("https://api.github.com/orgs/acme/audit-log", "2025-10-01T00:00:00Z", "GitHub keeps 180 days"),
        ("https://events.1password.com/api/v2/auditevents", "2026-01-01T00:00:00Z", "1Password keeps 120 days"),
        ("https://api.tailscale.com/api/v2/tailnet/-/logging/configuration", "2026-01-01T00:00:00Z", "keeps 90 days"),
        ("https://api.cloudflare.com/client/v4/accounts/x/audit_logs", "2024-01-01T00:00:00Z", "keeps 548 days"),
        (
            "https://admin.googleapis.com/admin/reports/v1/activity/users/all/applications/admin",
            "2025-10-01T00:00:00Z",
            "Google refuses what lies more than 180 days back",
        ),
    ],
)
def test_a_start_before_what_the_api_keeps_is_told_to_who_asks_before_the_first_start(
    loaded: Load, url: str, start: str, said: str | None
) -> None:
    source = f"  a:\n    url: {url}\n    query_params: {{limit: '1000'}}\n    from: {start}\n    from_param: since\n"
    source += "    pagination: {strategy: link_header, lasting: true}\n"
    assert advised(loaded, source) == [], "`hel run` would say it for ever after the first start"
    found = advised(loaded, source, now=NOW)
    assert len(found) == (said is not None), found
    assert all(said and said in line and line.startswith("sources.a.from: ") for line in found), found


@pytest.mark.parametrize("known", RETENTIONS, ids=lambda known: known.vendor)
def test_how_long_an_api_keeps_its_events_is_what_its_page_says(known: Retention) -> None:
    name = {"Google": "google_workspace"}.get(known.vendor, known.vendor.lower().replace("1", "one"))
    text = (EXAMPLES / f"{name}.md").read_text()
    assert {548: "18 months"}.get(known.days, f"{known.days} ") in text
