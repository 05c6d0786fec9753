import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

from hel.config.load import Loaded
from hel.config.models import OutputConfig
from hel.config.resilience import Limits, RateLimitHeaders, Resilience
from hel.config.section import keys_of
from hel.config.source import SourceConfig

Load = Callable[..., Loaded]
Problems = Callable[..., list[str]]

HEL = Path(sys.executable).with_name("hel")
SOURCE = "sources:\n  a:\n    url: https://dev.okta.com/api/v1/logs\n"
BEARER = "    auth: {type: bearer, token_env: TOKEN}\n"
LIMIT = "    query_params: {limit: '1000'}\n"
"""Without it there is something to advise."""

TOKEN = {"TOKEN": "00TopSecretToken"}
PLAIN_HTTP = (
    "plain http would show the credential to everybody on the way (write https; only where the way is safe: "
    "'allow_insecure_http: true')"
)
NO_ORIGIN = "expected an origin without a path, such as https://eu.example.com"
NO_HEADER = "expected the name of a header, such as X-RateLimit-Reset"
EXPOSED = "can be read or changed by every user of this machine (chmod 600 it)"

ELSEWHERE = [
    "api.example.com",
    "10.0.0.1",
    "192.168.1.1:8080",
    "0.0.0.0",  # noqa: S104  # nothing is bound to it
    "128.0.0.1",
    "127.1",
    "2130706433",
    "[::]",
    "[::2]",
    "[fe80::1]",
    "notlocalhost",
    "localhost.example.com",
    "127.0.0.1.example.com",
]
LOOPBACK = [
    "localhost",
    "LocalHost:8080",
    "okta.localhost",
    "dev.okta.localhost:80",
    "127.0.0.1",
    "127.0.0.1:8080",
    "127.255.255.254",
    "[::1]",
    "[::1]:8080",
    "[0:0:0:0:0:0:0:1]",
]


def source(loaded: Loaded) -> SourceConfig:
    return loaded.config.sources["a"]


def written(**source: Any) -> str:
    """A file with one source; JSON is YAML."""
    return json.dumps({"sources": {"a": {"url": "https://dev.okta.com/api/v1/logs", **source}}})


def told(problems: list[str]) -> list[tuple[str, str]]:
    """Each problem's key and words."""
    return [(key, words) for _, key, words in (line.split(": ", 2) for line in problems)]


@pytest.mark.parametrize("host", ELSEWHERE)
@pytest.mark.parametrize("scheme", ["http", "HTTP"])
def test_a_credential_does_not_go_out_over_plain_http(problems: Problems, scheme: str, host: str) -> None:
    url = f"{scheme}://{host}"
    assert problems(f"sources:\n  a:\n    url: {url}/logs\n{BEARER}", TOKEN) == [
        f"hel.yaml:3:5: sources.a.url: {PLAIN_HTTP}"
    ]
    oauth2 = f"{{type: oauth2, token_url: '{url}/token', client_id: c, client_secret_env: TOKEN}}"
    assert problems(SOURCE + f"    auth: {oauth2}\n", TOKEN) == [
        f"hel.yaml:4:26: sources.a.auth.token_url: {PLAIN_HTTP}"
    ]
    assert problems(SOURCE + BEARER + f"    allowed_origins: ['https://b.example', '{url}']\n", TOKEN) == [
        f"hel.yaml:5:44: sources.a.allowed_origins[1]: {PLAIN_HTTP}"
    ]


@pytest.mark.parametrize("host", LOOPBACK)
def test_plain_http_on_this_machine_is_nobodys_risk(loaded: Load, host: str) -> None:
    url = f"http://{host}"
    auth = {"type": "oauth2", "token_url": f"{url}/token", "client_id": "c", "client_secret_env": "TOKEN"}
    found = source(loaded(written(url=f"{url}/logs", auth=auth, allowed_origins=[url]), TOKEN))
    assert (found.url, found.allowed_origins, found.allow_insecure_http) == (f"{url}/logs", (url,), False)


def test_plain_http_is_told_at_every_place_at_once(problems: Problems) -> None:
    auth = {"type": "oauth2", "token_url": "http://x.example/t", "client_id": "c", "client_secret_env": "TOKEN"}
    origins = ["http://y.example", "https://z.example", "http://localhost", "http://w.example:8080/"]
    assert told(problems(written(url="http://x.example/logs", auth=auth, allowed_origins=origins), TOKEN)) == [
        ("sources.a.url", PLAIN_HTTP),
        ("sources.a.auth.token_url", PLAIN_HTTP),
        ("sources.a.allowed_origins[0]", PLAIN_HTTP),
        ("sources.a.allowed_origins[3]", PLAIN_HTTP),
    ]


@pytest.mark.parametrize("host", ELSEWHERE)
def test_plain_http_that_is_asked_for_is_used(loaded: Load, host: str) -> None:
    url = f"http://{host}"
    auth = {"type": "oauth2", "token_url": f"{url}/token", "client_id": "c", "client_secret_env": "TOKEN"}
    for yes in (True, "true", "True", "TRUE", "${YES}"):
        content = written(url=url, auth=auth, allowed_origins=[url], allow_insecure_http=yes)
        assert source(loaded(content, {**TOKEN, "YES": "true"})).allow_insecure_http is True


@pytest.mark.parametrize("host", ELSEWHERE)
def test_plain_http_without_a_credential_gives_nothing_away(loaded: Load, host: str) -> None:
    assert source(loaded(written(url=f"http://{host}/logs", allowed_origins=[f"http://{host}"]))).auth is None


@pytest.mark.parametrize("no", [False, "false", None])
def test_plain_http_that_is_not_asked_for_is_refused(problems: Problems, no: object) -> None:
    more = {} if no is None else {"allow_insecure_http": no}
    auth = {"type": "bearer", "token_env": "TOKEN"}
    assert told(problems(written(url="http://x.example", auth=auth, **more), TOKEN)) == [("sources.a.url", PLAIN_HTTP)]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("yes", "expected true or false"),
        (1, "expected true or false"),
        ([True], "expected true or false, found a list"),
        ({}, "expected true or false, found keys with values"),
    ],
)
def test_what_does_not_say_true_does_not_allow_plain_http(problems: Problems, value: object, words: str) -> None:
    content = written(
        url="http://x.example/logs", auth={"type": "bearer", "token_env": "TOKEN"}, allow_insecure_http=value
    )
    assert told(problems(content, TOKEN)) == [
        ("sources.a.url", PLAIN_HTTP),
        ("sources.a.allow_insecure_http", words),
    ]


def test_whether_plain_http_is_allowed_is_not_guessed_from_an_unset_placeholder(problems: Problems) -> None:
    content = written(
        url="http://x.example/logs", auth={"type": "bearer", "token_env": "TOKEN"}, allow_insecure_http="${UNSET}"
    )
    assert told(problems(content, TOKEN)) == [
        ("sources.a.allow_insecure_http", "environment variable UNSET is not set (export UNSET=…)")
    ]


def test_other_origins_are_kept_as_written_without_a_slash_at_the_end(loaded: Load) -> None:
    content = SOURCE + "    allowed_origins: ['https://eu.example.com/', 'https://${HOST}:8443', \"https://[::1]\"]\n"
    found = source(loaded(content, {"HOST": "us.example.com"}))
    assert found.allowed_origins == ("https://eu.example.com", "https://us.example.com:8443", "https://[::1]")
    assert (
        source(loaded(SOURCE)).allowed_origins == source(loaded(SOURCE + "    allowed_origins: []\n")).allowed_origins
    )


@pytest.mark.parametrize(
    ("origin", "words"),
    [
        ("https://eu.example.com/api", NO_ORIGIN),
        ("https://eu.example.com//", "the URL's path holds '//' (is there a '/' at the end of a variable's value?)"),
        ("https://eu.example.com?x=1", NO_ORIGIN),
        ("https://eu.example.com/?", NO_ORIGIN),
        ("https://eu.example.com#x", "a URL must not hold a fragment ('#…')"),
        ("https://me:TopSecret@eu.example.com", "a URL must not hold a user or password (use 'auth')"),
        ("eu.example.com", "expected an absolute URL such as https://your-org.okta.com/api/v1/logs"),
        ("*.example.com", "expected an absolute URL such as https://your-org.okta.com/api/v1/logs"),
        ("https://*.example.com", "the URL has no valid host (expected a domain such as your-org.okta.com)"),
        ("https://", "expected an absolute URL such as https://your-org.okta.com/api/v1/logs"),
        ("", "expected an absolute URL such as https://your-org.okta.com/api/v1/logs"),
        (["https://eu.example.com"], "expected text, found a list"),
    ],
)
def test_what_is_no_origin_is_told_at_its_place_in_the_list(problems: Problems, origin: object, words: str) -> None:
    found = problems(written(allowed_origins=["https://a.example", origin]))
    assert told(found) == [("sources.a.allowed_origins[1]", words)]


def test_one_origin_is_written_as_a_list_too(problems: Problems) -> None:
    assert problems(SOURCE + "    allowed_origins: https://eu.example.com\n") == [
        'hel.yaml:4:5: sources.a.allowed_origins: expected a list, found text (write it as ["…"])'
    ]


def test_limits_timeouts_and_names_of_headers_are_those_of_the_file(loaded: Load) -> None:
    found = source(
        loaded(
            SOURCE + "    limits: {max_response_bytes: 1024, max_line_bytes: 256, on_long_line: skip}\n"
            "    resilience:\n      timeout_secs: 5\n      connect_timeout_secs: 0.5\n      read_timeout_secs: '2'\n"
            "      tick_timeout_secs: 604800\n"
            "      rate_limit: {headers: {limit: X-Quota, remaining: x-quota-left, reset: X_Quota.Reset}}\n"
        )
    )
    assert found.limits == Limits(max_response_bytes=1024, max_line_bytes=256, on_long_line="skip")
    times = found.resilience
    assert (times.timeout_secs, times.connect_timeout_secs, times.read_timeout_secs) == (5, 0.5, 2)
    assert times.tick_timeout_secs == 604_800
    names = RateLimitHeaders(limit="X-Quota", remaining="x-quota-left", reset="X_Quota.Reset")
    assert times.rate_limit.headers == names


def test_without_a_word_of_them_they_are_those_of_the_contract(loaded: Load) -> None:
    found = source(loaded(SOURCE))
    assert (found.limits.max_response_bytes, found.limits.max_line_bytes) == (64 * 1024 * 1024, None)
    assert found.limits.on_long_line == "fail"
    times = found.resilience
    assert (times.timeout_secs, times.connect_timeout_secs, times.read_timeout_secs) == (30, 10, 30)
    assert (times.tick_timeout_secs, times.rate_limit.max_wait_secs, times.rate_limit.reserve) == (3600, 900, 1)
    assert times.rate_limit.headers == RateLimitHeaders(limit=None, remaining=None, reset=None)
    for empty in ("    limits:\n", "    resilience:\n", "    resilience: {rate_limit: {headers: }}\n"):
        assert source(loaded(SOURCE + empty)) == found


@pytest.mark.parametrize(
    ("section", "place", "words"),
    [
        ("limits: {max_response_bytes: 1023}", "14: sources.a.limits.max_response_bytes",
         "expected a number of at least 1,024"),
        ("limits: {max_response_bytes: 4294967297}", "14: sources.a.limits.max_response_bytes",
         "expected a number of at most 4,294,967,296"),
        ("limits: {max_response_bytes: 64MiB}", "14: sources.a.limits.max_response_bytes",
         "expected a whole number, not '64MiB'"),
        ("limits: {max_response_bytes: null}", "14: sources.a.limits.max_response_bytes",
         "expected a whole number, found null (quote it if the word is meant, or remove the key)"),
        ("limits: {max_line_bytes: 255}", "14: sources.a.limits.max_line_bytes", "expected a number of at least 256"),
        ("limits: {max_line_bytes: 1e400}", "14: sources.a.limits.max_line_bytes",
         "expected a whole number, not '1e400'"),
        ("limits: {on_long_line: skip}", "14: sources.a.limits.on_long_line",
         "no line is too long without a bound (add 'max_line_bytes')"),
        ("limits: {on_long_line: skip, max_line_bytes: null}", "14: sources.a.limits.on_long_line",
         "no line is too long without a bound (add 'max_line_bytes')"),
        ("limits: {on_long_line: , }", "14: sources.a.limits.on_long_line",
         "the key has no value (give it one, or remove the key)"),
        ("limits: {max_line_bytes: 300, on_long_line: skpi}", "35: sources.a.limits.on_long_line",
         "expected 'fail' or 'skip', not 'skpi' (did you mean 'skip'?)"),
        ("limits: 5", "5: sources.a.limits", "expected keys with values, found text"),
        ("resilience: {connect_timeout_secs: 0}", "18: sources.a.resilience.connect_timeout_secs",
         "expected a number above 0"),
        ("resilience: {read_timeout_secs: -1}", "18: sources.a.resilience.read_timeout_secs",
         "expected a number above 0"),
        ("resilience: {read_timeout_secs: 604801}", "18: sources.a.resilience.read_timeout_secs",
         "expected a number of at most 604,800"),
        ("resilience: {tick_timeout_secs: never}", "18: sources.a.resilience.tick_timeout_secs",
         "expected a number, not 'never'"),
        ("resilience: {tick_timeout_secs: 1h}", "18: sources.a.resilience.tick_timeout_secs",
         "expected a number, not '1h'"),
        ("resilience: {connect_timeout_secs: nan}", "18: sources.a.resilience.connect_timeout_secs",
         "expected a number that is finite"),
        ("resilience: {connect_timeout_secs: inf}", "18: sources.a.resilience.connect_timeout_secs",
         "expected a number that is finite"),
        ("resilience: {rate_limit: {headers: {reset: ''}}}", "41: sources.a.resilience.rate_limit.headers.reset",
         NO_HEADER),
        ("resilience: {rate_limit: {headers: {limit: X Limit}}}", "41: sources.a.resilience.rate_limit.headers.limit",
         NO_HEADER),
        ("resilience: {rate_limit: {headers: {limit: 'X-Limit:'}}}",
         "41: sources.a.resilience.rate_limit.headers.limit", NO_HEADER),
        ("resilience: {rate_limit: {headers: {remaining: Übrig}}}",
         "41: sources.a.resilience.rate_limit.headers.remaining", NO_HEADER),
        ('resilience: {rate_limit: {headers: {remaining: "X\\r\\nY"}}}',
         "41: sources.a.resilience.rate_limit.headers.remaining", NO_HEADER),
        ("resilience: {rate_limit: {headers: X-Limit}}", "31: sources.a.resilience.rate_limit.headers",
         "expected keys with values, found text"),
    ],
)  # fmt: skip
def test_a_limit_that_cannot_be_kept_is_told_once(problems: Problems, section: str, place: str, words: str) -> None:
    assert problems(SOURCE + f"    {section}\n") == [f"hel.yaml:4:{place}: {words}"]


@pytest.mark.parametrize(
    ("section", "place", "meant"),
    [
        ("limits: {max_respons_bytes: 5}", "14: sources.a.limits.max_respons_bytes", "max_response_bytes"),
        ("limits: {max_line_byte: 5}", "14: sources.a.limits.max_line_byte", "max_line_bytes"),
        ("limits: {on_longline: skip}", "14: sources.a.limits.on_longline", "on_long_line"),
        ("limit: {max_line_bytes: 500}", "5: sources.a.limit", "limits"),
        ("resilience: {connect_timeout: 5}", "18: sources.a.resilience.connect_timeout", "connect_timeout_secs"),
        ("resilience: {read_timeout_sec: 5}", "18: sources.a.resilience.read_timeout_sec", "read_timeout_secs"),
        ("resilience: {tick_timout_secs: 5}", "18: sources.a.resilience.tick_timout_secs", "tick_timeout_secs"),
        ("resilience: {rate_limit: {header: {limit: X}}}", "31: sources.a.resilience.rate_limit.header", "headers"),
        ("resilience: {rate_limit: {headers: {Limit: X}}}", "41: sources.a.resilience.rate_limit.headers.Limit",
         "limit"),
        ("resilience: {rate_limit: {headers: {remainig: X}}}",
         "41: sources.a.resilience.rate_limit.headers.remainig", "remaining"),
        ("resilience: {rate_limit: {headers: {rest: X}}}", "41: sources.a.resilience.rate_limit.headers.rest", "reset"),
        ("allowed_origin: [https://x.example]", "5: sources.a.allowed_origin", "allowed_origins"),
        ("allow_insecure_htp: true", "5: sources.a.allow_insecure_htp", "allow_insecure_http"),
        ("tsl: {ca_env: X}", "5: sources.a.tsl", "tls"),
    ],
)  # fmt: skip
def test_a_key_that_is_misspelt_is_answered_with_the_one_that_was_meant(
    problems: Problems, section: str, place: str, meant: str
) -> None:
    assert problems(SOURCE + f"    {section}\n") == [f"hel.yaml:4:{place}: unknown key (did you mean '{meant}'?)"]


TIMES = [key for key in keys_of(Resilience) if key.endswith("timeout_secs")]
NEW_KEYS = [
    *(("limits", key) for key in keys_of(Limits)),
    *(("resilience", key) for key in TIMES),
    *(("resilience", "rate_limit", "headers", key) for key in keys_of(RateLimitHeaders)),
    ("resilience", "rate_limit", "headers"),
    ("resilience", "rate_limit", "reserve"),
    ("resilience", "rate_limit", "burst"),
    ("limits",),
    ("tls",),
    ("allowed_origins",),
    ("allow_insecure_http",),
]


@pytest.mark.parametrize("keys", NEW_KEYS, ids=".".join)
def test_an_unset_placeholder_is_all_that_is_said_of_its_key(problems: Problems, keys: tuple[str, ...]) -> None:
    value: Any = "${UNSET}"
    for key in reversed(keys[1:]):
        value = {key: value}
    assert told(problems(written(**{keys[0]: value}))) == [
        (".".join(["sources.a", *keys]), "environment variable UNSET is not set (export UNSET=…)")
    ]


def test_an_unset_placeholder_in_a_list_is_named_with_its_place_in_it(problems: Problems) -> None:
    content = written(allowed_origins=["https://a.example", "https://${UNSET}"])
    assert told(problems(content)) == [
        ("sources.a.allowed_origins[1]", "environment variable UNSET is not set (export UNSET=…)")
    ]


@pytest.mark.parametrize(
    ("text", "mode", "permissions"),
    [
        ("", "0600", 0o600),
        ("mode: 0600", "0600", 0o600),
        ("mode: '0640'", "0640", 0o640),
        ("mode: 0640", "0640", 0o640),
    ],
)
def test_an_output_is_its_owners_unless_its_group_is_let_in(
    loaded: Load, text: str, mode: str, permissions: int
) -> None:
    output = loaded(f"global: {{output: {{path: x, {text}}}}}\n" + SOURCE).config.global_.output
    assert (output.mode, output.permissions) == (mode, permissions)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("mode: 0644", "mode: expected '0600' or '0640', not '0644' (did you mean '0640'?)"),
        ("mode: 0660", "mode: expected '0600' or '0640', not '0660' (did you mean '0640'?)"),
        ("mode: 0o640", "mode: expected '0600' or '0640', not '0o640' (did you mean '0640'?)"),
        ("mode: 416", "mode: expected '0600' or '0640', not '416'"),
        ("mode: rw-r-----", "mode: expected '0600' or '0640', not 'rw-r-----'"),
        ("mode: '${UNSET}'", "mode: environment variable UNSET is not set (export UNSET=…)"),
        ("mod: 0640", "mod: unknown key (did you mean 'mode'?)"),
        ("mode: ", "mode: the key has no value (give it one, or remove the key)"),
    ],
)
def test_nobody_else_is_let_in_to_the_output(problems: Problems, text: str, words: str) -> None:
    assert problems(f"global: {{output: {{path: x, {text}}}}}\n" + SOURCE) == [f"hel.yaml:1:28: global.output.{words}"]


def test_the_environment_may_widen_the_output(loaded: Load, problems: Problems) -> None:
    found = loaded(SOURCE, {"HEL_GLOBAL__OUTPUT__MODE": "0640", "HEL_GLOBAL__OUTPUT__PATH": "/x"}).config.global_
    assert found.output == OutputConfig(path=Path("/x"), mode="0640")
    assert problems(SOURCE, {"HEL_GLOBAL__OUTPUT__MODE": "0666"}) == [
        "environment variable HEL_GLOBAL__OUTPUT__MODE: expected '0600' or '0640'"
    ]


AUTHORITY = trustme.CA()
CLIENT = AUTHORITY.issue_cert("hel@collector.example")
CERT, KEY = CLIENT.cert_chain_pems[0].bytes().decode(), CLIENT.private_key_pem.bytes().decode()
OAUTH2 = "auth: {type: oauth2, token_url: https://dev.okta.com/t, scopes: [okta.logs.read], "
NAMED = [
    ("auth.token_file", 26, "auth: {type: bearer, token_file: named}", "00TopSecretToken\n"),
    ("auth.client_private_key_file", 101, OAUTH2 + "client_id: c, client_private_key_file: named}", KEY),
    ("auth.client_secret_file", 101, OAUTH2 + "client_id: c, client_secret_file: named}", "TopSecretClient\n"),
    ("auth.refresh_token_file", 101, OAUTH2 + "client_id: c, refresh_token_file: named}", "TopSecretRefresh\n"),
    ("tls.client_cert_file", 11, "tls: {client_cert_file: named}", CERT + KEY),
    ("tls.client_key_file", 34, "tls: {client_cert_env: CERT, client_key_file: named}", KEY),
]


@pytest.fixture
def named(tmp_path: Path) -> Path:
    """The file that a configuration names, which holds nothing yet."""
    return tmp_path / "named"


@pytest.mark.parametrize("mode", [0o644, 0o666, 0o604, 0o602, 0o646, 0o444])
@pytest.mark.parametrize(("key", "column", "section", "content"), NAMED, ids=[row[0] for row in NAMED])
def test_a_secrets_file_that_others_can_read_or_change_is_warned_of_at_the_key_that_names_it(
    loaded: Load, named: Path, key: str, column: int, section: str, content: str, mode: int
) -> None:
    named.write_text(content)
    named.chmod(mode)
    found = loaded(SOURCE + f"    {section}\n{LIMIT}", {"CERT": CERT})
    assert found.warnings == (f"{found.path}:4:{column}: sources.a.{key}: file {named} {EXPOSED}",)


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o400, 0o440, 0o660, 0o700])
@pytest.mark.parametrize(("section", "content"), [row[2:] for row in NAMED], ids=[row[0] for row in NAMED])
def test_a_secrets_file_of_its_owner_and_group_is_not_warned_of(
    loaded: Load, named: Path, section: str, content: str, mode: int
) -> None:
    named.write_text(content)
    named.chmod(mode)
    assert loaded(SOURCE + f"    {section}\n{LIMIT}", {"CERT": CERT}).warnings == ()


@pytest.mark.parametrize(
    ("section", "content"),
    [
        (OAUTH2 + "client_id_file: named, client_secret_env: TOKEN}", "0oa1client"),
        ("tls: {ca_file: named}", AUTHORITY.cert_pem.bytes().decode()),
        ("tls: {client_cert_file: named, client_key_env: KEY}", CERT),
        ("auth: {type: bearer, token_env: TOKEN}", "no key names this file"),
    ],
    ids=["client_id_file", "ca_file", "client_cert_file", "none"],
)
def test_what_is_no_secret_may_be_read_by_everybody(loaded: Load, named: Path, section: str, content: str) -> None:
    named.write_text(content)
    named.chmod(0o644)
    assert loaded(SOURCE + f"    {section}\n{LIMIT}", {**TOKEN, "KEY": KEY}).warnings == ()


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o770])
def test_a_folder_that_is_open_to_all_is_warned_of_for_its_files_can_be_replaced(
    loaded: Load, tmp_path: Path, mode: int
) -> None:
    folder = tmp_path / "open" / "below"
    folder.mkdir(parents=True)
    folder.chmod(0o700)  # whatever the umask
    (folder / "token").write_text("00TopSecretToken")
    (folder / "token").chmod(0o600)
    folder.parent.chmod(mode)
    found = loaded(SOURCE + "    auth: {type: bearer, token_file: open/below/token}\n" + LIMIT)
    what = f"can be replaced by every user of this machine, for {folder.parent} is open to all"
    assert [what in warning for warning in found.warnings] == ([True] if mode == 0o777 else [])


def test_of_a_link_the_mode_of_what_it_leads_to_counts(loaded: Load, tmp_path: Path, named: Path) -> None:
    target = tmp_path / "target"
    target.write_text("00TopSecretToken")
    named.symlink_to(target)
    content = SOURCE + "    auth: {type: bearer, token_file: named}\n" + LIMIT
    assert named.lstat().st_mode & 0o777 == 0o777
    target.chmod(0o600)
    assert loaded(content).warnings == ()
    target.chmod(0o644)
    found = loaded(content)
    assert found.warnings == (f"{found.path}:4:26: sources.a.auth.token_file: file {named} {EXPOSED}",)


def test_each_source_that_names_an_open_file_is_warned_and_none_whose_secrets_are_not_read(
    loaded: Load, named: Path
) -> None:
    named.write_text("00TopSecretToken")
    named.chmod(0o644)
    auth = "auth: {type: bearer, token_file: named}"
    content = f"{SOURCE}    {auth}\n{LIMIT}  b: {{url: https://b.okta.com/api/v1/logs, {auth}, {LIMIT.strip()}}}\n"
    keys = [warning.split(": ")[1] for warning in loaded(content).warnings]
    assert keys == ["sources.a.auth.token_file", "sources.b.auth.token_file"]
    assert [warning.split(": ")[1] for warning in loaded(content, only=["b"]).warnings] == keys[1:]
    assert loaded(content, with_secrets=False).warnings == ()


def validated(folder: Path, content: str) -> subprocess.CompletedProcess[str]:
    """`hel validate`, as a user runs it."""
    (folder / "hel.yaml").write_text(content)
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "CERT": CERT}
    return subprocess.run(
        [HEL, "validate"], cwd=folder, env=environ, capture_output=True, text=True, timeout=60, check=False
    )


def test_hel_validate_shows_a_warning_and_calls_the_configuration_valid(tmp_path: Path, named: Path) -> None:
    named.write_text("00TopSecretToken\n")
    named.chmod(0o644)
    content = SOURCE + "    auth: {type: bearer, token_file: named}\n" + LIMIT
    shown = validated(tmp_path, content)
    assert (shown.returncode, shown.stdout) == (0, "")
    assert shown.stderr.splitlines()[-2:] == [
        f"! hel.yaml:4:26: sources.a.auth.token_file: file {named} {EXPOSED}",
        "hel.yaml: 1 source is valid; nothing was requested",
    ]
    named.chmod(0o600)
    mended = validated(tmp_path, content)
    assert (mended.returncode, mended.stdout, "!" in mended.stderr) == (0, "", False)


def test_hel_validate_finds_a_certificate_that_cannot_be_used(tmp_path: Path, named: Path) -> None:
    named.write_text(AUTHORITY.issue_cert("other@collector.example").private_key_pem.bytes().decode())
    named.chmod(0o644)
    shown = validated(tmp_path, SOURCE + "    tls: {client_cert_env: CERT, client_key_file: named}\n")
    assert (shown.returncode, shown.stdout) == (2, "")
    place = "hel.yaml:4:34: sources.a.tls.client_key_file"
    assert shown.stderr.splitlines() == [
        "✗ hel.yaml: 1 problem; nothing was requested",
        f"{place}: file {named}: the key is not that of the client certificate (name its own)",
    ]
