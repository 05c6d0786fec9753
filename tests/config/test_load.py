import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hel.config.auth import BearerAuth, OAuth2Auth
from hel.config.load import Loaded, load, load_global
from hel.config.pagination import LinkHeaderPagination
from hel.config.section import keys_of
from hel.config.source import SourceConfig
from hel.errors import ConfigError

HERE = Path(__file__).parent
SOURCE = "sources:\n  a:\n    url: https://dev.okta.com/api/v1/logs\n"

Load = Callable[..., Loaded]
Problems = Callable[..., list[str]]
Write = Callable[[str], Path]


def test_the_guides_token_block_loads_unchanged() -> None:
    loaded = load(HERE / "guide_ssws.yaml", {"OKTA_DOMAIN": "dev-12345.okta.com", "OKTA_API_TOKEN": "your-api-token"})
    source = loaded.config.sources["okta-audit"]
    assert source.url == "https://dev-12345.okta.com/api/v1/logs"
    assert source.auth == BearerAuth(type="bearer", token_env="OKTA_API_TOKEN", prefix="SSWS")
    assert source.pagination == LinkHeaderPagination(strategy="link_header", rel="next", max_pages=20)
    assert (source.resilience.retries.max_attempts, source.resilience.rate_limit.page_delay_secs) == (5, 1)
    token = loaded.secrets["okta-audit"].token
    assert token is not None
    assert token.value.get_secret_value() == "your-api-token"


def test_the_guides_oauth2_block_loads_unchanged(rsa_pem: str) -> None:
    environ = {"OKTA_DOMAIN": "dev.okta.com", "OKTA_CLIENT_ID": "your-client-id", "OKTA_CLIENT_PRIVATE_KEY": rsa_pem}
    loaded = load(HERE / "guide_oauth2.yaml", environ)
    auth = loaded.config.sources["okta-audit-oauth2"].auth
    assert isinstance(auth, OAuth2Auth)
    assert (auth.token_url, auth.scopes, auth.dpop) == (
        "https://dev.okta.com/oauth2/v1/token",
        ("okta.logs.read",),
        True,
    )
    secrets = loaded.secrets["okta-audit-oauth2"]
    assert secrets.client_id == "your-client-id"
    assert secrets.private_key is not None
    assert secrets.private_key.algorithm == "RS256"


def test_the_guides_time_range_and_dedupe_load_unchanged(loaded: Load) -> None:
    content = (HERE / "guide_time_range.yaml").read_text() + '    dedupe: {id_path: "uuid", capacity: 500}\n'
    source = loaded(content, {"OKTA_DOMAIN": "dev.okta.com"}).config.sources["okta-audit"]
    assert (source.from_, source.from_param) == ("2024-01-01T00:00:00Z", "since")
    assert source.query_params == {"limit": "100", "sortOrder": "ASCENDING"}
    assert source.dedupe is not None
    assert (source.dedupe.id_path, source.dedupe.capacity) == ("uuid", 500)


def test_a_problem_has_the_form_of_the_contract(problems: Problems) -> None:
    content = (HERE / "guide_oauth2.yaml").read_text().replace("type: oauth2", "type: oath2")
    content = content.replace("okta-audit-oauth2", "okta-audit").replace(
        "sources:", "# 1\n# 2\n# 3\n# 4\n# 5\nsources:"
    )
    assert problems(content, {"OKTA_DOMAIN": "dev.okta.com"}) == [
        "hel.yaml:13:7: sources.okta-audit.auth.type: unknown auth type 'oath2' (did you mean 'oauth2'?)"
    ]


def test_all_problems_come_at_once_in_the_files_order(problems: Problems) -> None:
    content = (
        "global: {log_level: inof, shutdown: 5}\n" + SOURCE + "    schedule: 5\n"
        "    auth: {type: oauth2, token_url: 'https://${NOT_SET}/x', client_secret_env: NO_SECRET, scopes: x}\n"
        "    pagination: {strategy: curser}\n"
        "    resilience: {retries: {max_attempts: 1.5, multiplier: 1000}, timeout_secs: soon}\n"
        "    query_params: {a: [1], b: null, c: }\n    dedupe: {}\n    from: [1]\n    resilence: 1\n    zzz: 1\n"
        '  "b c": {url: https://x.okta.com/}\n'
        "  d: {url: https://x.okta.com/, auth: {type: bearer, token_env: NO_TOKEN}}\n"
        "  e: {url: https://x.okta.com/, auth: SSWS abc, pagination: {max_pages: 1}, transform: [1]}\n"
        "  f: {url: x.okta.com, source_label_key: ts, query_params: {a: 1}}\nsource: {}\n"
    )
    assert [line.removeprefix("hel.yaml:") for line in problems(content)] == [
        "1:10: global.log_level: expected 'debug', 'info', 'warning' or 'error', not 'inof' (did you mean 'info'?)",
        "1:27: global.shutdown: unknown key (did you mean 'shutdown_secs'?)",
        "5:5: sources.a.schedule: expected keys with values, found text",
        "6:5: sources.a.auth: no client ID is named (add 'client_id_env: NAME', 'client_id_file' or 'client_id')",
        "6:26: sources.a.auth.token_url: environment variable NOT_SET is not set (export NOT_SET=…)",
        '6:91: sources.a.auth.scopes: expected a list, found text (write it as ["…"])',
        "7:18: sources.a.pagination.strategy: unknown pagination strategy 'curser' (did you mean 'cursor'?)",
        "8:28: sources.a.resilience.retries.max_attempts: expected a whole number, not '1.5'",
        "8:47: sources.a.resilience.retries.multiplier: expected a number of at most 100",
        "8:66: sources.a.resilience.timeout_secs: expected a number, not 'soon'",
        "9:20: sources.a.query_params.a: expected text, found a list",
        "9:28: sources.a.query_params.b: expected text, found null (quote it if the word is meant, or remove the key)",
        "9:37: sources.a.query_params.c: the key has no value (give it one, or remove the key)",
        "10:5: sources.a.dedupe.id_path: missing (add 'id_path: …')",
        "11:5: sources.a.from: expected text, found a list",
        "12:5: sources.a.resilence: unknown key (did you mean 'resilience'?)",
        f"13:5: sources.a.zzz: unknown key (known here: {', '.join(keys_of(SourceConfig))})",
        (
            "14:3: sources.b c: expected a name of 1 to 64 letters, digits, '.', '_' and '-' that begins with a "
            "letter or digit (choose another)"
        ),
        "15:54: sources.d.auth.token_env: environment variable NO_TOKEN is not set (export NO_TOKEN=…)",
        "16:33: sources.e.auth: expected keys with values, found text",
        (
            "16:49: sources.e.pagination.strategy: missing (add 'strategy:' and one of link_header, next_url, cursor, "
            "page_offset, offset, none)"
        ),
        "16:77: sources.e.transform: expected keys with values, found a list",
        "17:7: sources.f.url: expected an absolute URL such as https://your-org.okta.com/api/v1/logs",
        "17:24: sources.f.source_label_key: 'ts' is already a key of every output line (choose another name)",
        "18:1: source: unknown key (did you mean 'sources'?)",
    ]


@pytest.mark.parametrize(
    ("lines", "place", "words"),
    [
        ("    from: 5\n    query_params: {since: 1}\n", "5:20: sources.a.query_params.since",
         "'from' is already sent as"),
        ("    from: 5\n    from_param: limit\n    query_params: {limit: 1}\n", "6:20: sources.a.query_params.limit",
         "'limit'"),
        ("    resilience: {retries: {initial_backoff_secs: 9, max_backoff_secs: 3}}\n",
         "4:53: sources.a.resilience.retries.max_backoff_secs", "initial_backoff_secs is above max_backoff_secs"),
        ("    source_label_value: b\n  b: {url: https://b.okta.com/}\n", "5:3: sources.b.source_label_value",
         "same label"),
        ("    auth: {type: bearer}\n", "4:5: sources.a.auth", "no token is named"),
        ("    auth: {type: bearer, token_env: ''}\n", "4:26: sources.a.auth.token_env", "expected the NAME"),
        ("    auth: {type: bearer, tokn_env: X, token_file: x}\n", "4:26: sources.a.auth.tokn_env",
         "did you mean 'token_env'?"),
        ("    dedupe: {id_path: a..b}\n", "4:14: sources.a.dedupe.id_path", "expected names with dots"),
        ("    query_params: {limit: 0}\n", "4:20: sources.a.query_params.limit", "never brings one"),
        ("    query_params: {limit: '1001'}\n", "4:20: sources.a.query_params.limit", "Okta refuses more than 1000"),
        ("    query_params: {after: x}\n", "4:20: sources.a.query_params.after", "Hel keeps the cursor itself"),
        ("    pagination: {strategy: link_header}\n    query_params: {after: x}\n",
         "5:20: sources.a.query_params.after", "Hel keeps the cursor itself"),
        ("    resilience: {rate_limit: {burst: 5}}\n", "4:31: sources.a.resilience.rate_limit.burst",
         "add 'max_requests_per_second'"),
        ("    resilience: {rate_limit: {reserve: -1}}\n", "4:31: sources.a.resilience.rate_limit.reserve",
         "at least 0"),
    ],
)  # fmt: skip
def test_a_rule_between_keys_is_told_at_the_key_to_change(
    problems: Problems, lines: str, place: str, words: str
) -> None:
    line = problems(SOURCE + lines)[0]
    assert line.startswith(f"hel.yaml:{place}: ")
    assert words in line


@pytest.mark.parametrize(
    "lines",
    [
        "    query_params: {limit: 1}\n",
        "    query_params: {limit: 1000}\n",
        "    pagination: {strategy: none}\n    query_params: {after: x}\n",
        "  b: {url: https://x.example/audit, query_params: {limit: 5000}}\n",
        "  b: {url: https://x.example/audit, query_params: {limit: 0}}\n",
        "    resilience: {rate_limit: {burst: 5, max_requests_per_second: 0.5, reserve: 0}}\n",
    ],
)
def test_a_parameter_that_another_api_or_strategy_takes_is_no_error(loaded: Load, lines: str) -> None:
    assert "a" in loaded(SOURCE + lines).config.sources


@pytest.mark.parametrize("word", ["yes", "on", "1", "y", "off", "no"])
def test_only_true_and_false_are_booleans(problems: Problems, word: str) -> None:
    line = problems(SOURCE + f"    resilience: {{circuit_breaker: {{enabled: {word}}}}}\n")
    assert line == ["hel.yaml:4:36: sources.a.resilience.circuit_breaker.enabled: expected true or false"]


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("token_env", "00Ab-TopSecretTopSecret"),
        ("token_env", "TopSecretTopSecretTopSecret42"),
        ("token", "TopSecretTopSecretTopSecret42"),
        ("api_token", "TopSecret"),
        ("client_private_key_env", '"-----BEGIN PRIVATE KEY-----\\nTopSecret"'),
        ("client_private_key", "TopSecret"),
        ("client_secret", "TopSecret"),
        ("client_secret_env", "TopSecretTopSecret42"),
        ("refresh_token", "TopSecret"),
        ("prefix", '"SSWS TopSecret\\n"'),
    ],
)
def test_a_secret_where_it_does_not_belong_is_not_repeated(problems: Problems, name: str, secret: str) -> None:
    kind = "bearer" if ("token" in name and "refresh" not in name) or name == "prefix" else "oauth2"
    more = ", token_url: https://x.okta.com/t, client_id: c, scopes: [a]" if kind == "oauth2" else ""
    (line, *others) = problems(SOURCE + f"    auth: {{{name}: {secret}, type: {kind}{more}}}\n")
    assert line.startswith(f"hel.yaml:4:12: sources.a.auth.{name}: ") or name == "prefix"
    assert "TopSecret" not in "".join([line, *others])
    assert "variable" in line or name == "prefix"


def test_control_characters_of_the_file_do_not_reach_the_terminal(problems: Problems) -> None:
    (line,) = problems(SOURCE + '    "\\e[31m\\nx": 1\n')
    assert "\\x1b[31m\\nx" in line


def test_only_the_chosen_sources_are_resolved(loaded: Load) -> None:
    content = SOURCE + (
        "  b:\n    url: 'https://${NOT_SET}/x'\n    auth: {type: bearer, token_env: NOT_SET}\n"
        "    resilience: {timeout_secs: '${NOT_SET}'}\n    source_label_value: '${NOT_SET}'\n"
    )
    found = loaded(content, only=["a"])
    assert list(found.config.sources) == list(found.secrets) == ["a"]


def test_a_wrong_key_in_another_source_is_still_an_error(problems: Problems) -> None:
    assert len(problems(SOURCE + "  b: {url: 'https://${NOT_SET}/x', tls: 1}\n", only=["a"])) == 1


def test_an_unknown_source_is_an_error_that_names_the_known_ones(problems: Problems) -> None:
    content = SOURCE + "  okta-audit: {url: https://x.okta.com/}\n"
    assert problems(content, only=["okta-audt", "zzz"]) == [
        "hel.yaml: there is no source 'okta-audt' (did you mean 'okta-audit'?)",
        "hel.yaml: there is no source 'zzz' (the sources: a, okta-audit)",
    ]


def test_secrets_are_left_alone_when_not_asked_for(loaded: Load) -> None:
    content = SOURCE + "    auth: {type: bearer, token_env: NOT_SET}\n"
    assert loaded(content, with_secrets=False).secrets == {}


def test_paths_start_at_the_configurations_folder(write: Write, tmp_path: Path) -> None:
    content = "global: {state: {path: s/x.db}, output: {path: ../out.ndjson}}\n" + SOURCE
    settings = load(write(content), {}).config.global_
    assert settings.state.path == tmp_path / "s/x.db"
    assert settings.output.path == tmp_path / "../out.ndjson"
    assert load_global(write(SOURCE), {}).state.path == tmp_path / "hel-state.db"


def test_the_global_section_loads_beside_problems_elsewhere(write: Write) -> None:
    path = write("global: {log_level: debug}\nsources: {a: {url: '${NOT_SET}', b: 1, b: 2}}\nx: 1\n")
    assert load_global(path, {}).log_level == "debug"
    with pytest.raises(ConfigError) as raised:
        load_global(write("global: {log_level: '${LEVEL}', x: 1, x: 2}\n"), {})
    assert len(raised.value.problems) == 3
    with pytest.raises(ConfigError):
        load_global(write("global: [1]\n"), {})
    with pytest.raises(ConfigError) as raised:
        load_global(path.with_name("no.yaml"), {})
    assert "there is no such file" in str(raised.value)


def test_a_hundred_sources_load_in_a_moment(loaded: Load, rsa_pem: str) -> None:
    block = (HERE / "guide_oauth2.yaml").read_text().removeprefix("sources:\n")
    content = "sources:\n" + "".join(block.replace("okta-audit-oauth2", f"s{number}") for number in range(100))
    environ = {"OKTA_DOMAIN": "dev.okta.com", "OKTA_CLIENT_ID": "x", "OKTA_CLIENT_PRIVATE_KEY": rsa_pem}
    began = time.process_time()
    assert len(loaded(content, environ).secrets) == 100
    assert time.process_time() - began < 5


def test_loading_imports_no_network_and_no_server() -> None:
    code = (
        "import sys, hel.config.load, hel.config.reference; "
        "print({'httpx', 'starlette', 'uvicorn', 'joserfc', 'cryptography'} & set(sys.modules))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout == "set()\n"
