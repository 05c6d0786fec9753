from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hel.config.auth import BearerAuth
from hel.config.load import Loaded
from hel.config.secrets import SecretReader
from hel.config.tls import TlsConfig

Load = Callable[..., Loaded]
Problems = Callable[..., list[str]]

SOURCE = "sources:\n  a:\n    url: https://dev.okta.com/api/v1/logs\n"
BY_ENV = SOURCE + "    auth: {type: bearer, token_env: OKTA_API_TOKEN}\n"
BY_FILE = SOURCE + "    auth: {type: bearer, token_file: token, token_env: OKTA_API_TOKEN}\n"
OAUTH = SOURCE + "    auth: {type: oauth2, token_url: https://dev.okta.com/oauth2/v1/token, scopes: [okta.logs.read], "


def token(loaded: Loaded) -> str:
    secret = loaded.secrets["a"].token
    assert secret is not None
    return secret.value.get_secret_value()


def test_a_file_wins_over_a_variable_and_loses_its_last_line_end(loaded: Load, tmp_path: Path) -> None:
    for content in (b"00file\n", b"00file\r\n", b"00file", b"\xef\xbb\xbf00file\n"):
        (tmp_path / "token").write_bytes(content)
        found = loaded(BY_FILE, {"OKTA_API_TOKEN": "00env"})
        assert token(found) == "00file"
        secret = found.secrets["a"].token
        assert secret is not None
        assert secret.path == tmp_path / "token"
        assert found.secrets["a"].origins == {"token": f"file {tmp_path / 'token'}"}


def test_a_variable_is_taken_without_the_line_end_of_its_file(loaded: Load) -> None:
    found = loaded(BY_ENV, {"OKTA_API_TOKEN": "00env\n"})
    assert token(found) == "00env"
    assert found.secrets["a"].origins == {"token": "environment variable OKTA_API_TOKEN"}


def test_a_missing_file_is_not_made_good_by_the_variable(problems: Problems) -> None:
    (line,) = problems(BY_FILE, {"OKTA_API_TOKEN": "00env"})
    assert line.startswith("hel.yaml:4:26: sources.a.auth.token_file: file ")
    assert "does not exist" in line


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("", "environment variable OKTA_API_TOKEN is empty (export OKTA_API_TOKEN=…)"),
        (" \n", "environment variable OKTA_API_TOKEN is empty (export OKTA_API_TOKEN=…)"),
        ("TopSecret\nTopSecret", "holds a line break or a control character"),
        ("TopSecret\tx", "holds a line break or a control character"),
        (" TopSecret", "begins or ends with a space"),
        ("SSWS TopSecret", "without a word such as SSWS before it"),
        ("TopSecret\u00e9", "ASCII only"),
        ("TopSecret\udcff", "is not UTF-8"),
    ],
)
def test_an_unusable_token_is_told_without_its_value(problems: Problems, value: str, words: str) -> None:
    (line,) = problems(BY_ENV, {"OKTA_API_TOKEN": value})
    assert line.startswith("hel.yaml:4:26: sources.a.auth.token_env: ")
    assert words in line
    assert "TopSecret" not in line


def test_an_unset_variable_says_how_to_set_it(problems: Problems) -> None:
    assert problems(BY_ENV) == [
        (
            "hel.yaml:4:26: sources.a.auth.token_env: environment variable OKTA_API_TOKEN is not set "
            "(export OKTA_API_TOKEN=…)"
        )
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"\xff\xfe\x00TopSecret", "is not text in UTF-8"),
        (b"TopSecret\nTopSecret\n", "holds a line break"),
        (b"x" * 1_000_001, "is larger than 1,000,000 bytes"),
        (None, "is a directory"),
    ],
)
def test_an_unusable_file_is_told_without_its_content(
    problems: Problems, tmp_path: Path, content: bytes | None, words: str
) -> None:
    if content is None:
        (tmp_path / "token").mkdir()
    else:
        (tmp_path / "token").write_bytes(content)
    (line,) = problems(BY_FILE)
    assert line.startswith("hel.yaml:4:26: sources.a.auth.token_file: ")
    assert words in line
    assert "TopSecret" not in line


def test_a_malformed_key_is_found_at_load(problems: Problems, rsa_pem: str) -> None:
    content = OAUTH + "client_id: c, client_private_key_env: OKTA_KEY}\n"
    (line,) = problems(content, {"OKTA_KEY": rsa_pem[:300]})
    assert line.startswith(
        "hel.yaml:4:115: sources.a.auth.client_private_key_env: environment variable OKTA_KEY: the PEM has no end"
    )


def test_a_key_is_read_with_its_id_and_everything_found_is_named(loaded: Load, tmp_path: Path, ec_pem: str) -> None:
    (tmp_path / "priv.pem").write_text(ec_pem)
    content = OAUTH + "client_id_env: ID, client_private_key_file: ./priv.pem, client_private_key_id: k1}\n"
    secrets = loaded(content, {"ID": "0oa1"}).secrets["a"]
    assert secrets.private_key is not None
    assert (secrets.private_key.algorithm, secrets.private_key.kid, secrets.client_id) == ("ES256", "k1", "0oa1")
    assert secrets.origins == {
        "client ID": "environment variable ID",
        "private key": f"file {tmp_path / 'priv.pem'}",
    }


def test_client_secret_and_refresh_token_may_hold_spaces(loaded: Load, tmp_path: Path) -> None:
    (tmp_path / "refresh").write_text("re fresh\n")
    content = OAUTH + "client_id: c, client_secret_env: CS, refresh_token_file: refresh}\n"
    secrets = loaded(content, {"CS": "se cret"}).secrets["a"]
    assert secrets.client_secret is not None
    assert secrets.refresh_token is not None
    assert secrets.client_secret.value.get_secret_value() == "se cret"
    assert secrets.refresh_token.path == tmp_path / "refresh"
    assert secrets.origins["client ID"] == "the configuration"


def test_one_refresh_token_used_in_two_ways_is_an_error_at_the_second_one(
    problems: Problems, loaded: Load, tmp_path: Path
) -> None:
    (tmp_path / "refresh").write_text("r1")
    (tmp_path / "link").symlink_to("refresh")
    (tmp_path / "other").write_text("r1")
    auth = "auth: {type: oauth2, token_url: 'https://dev.okta.com/t', client_id: c, refresh_token_file: "
    first = SOURCE + "    " + auth + "refresh}\n"
    second = "  b: {url: https://dev.okta.com/x, " + auth
    for another in ("refresh, scopes: [a]", "link", f"'{tmp_path / 'link'}'"):
        (line,) = problems(f"{first}{second}{another}}}}}\n")
        assert line.startswith("hel.yaml:5:"), line
        assert "sources.b.auth.refresh_token_file: sources 'a' and 'b' use one refresh token" in line
    for good in ("other", "refresh", "./refresh", f"'{tmp_path / 'refresh'}'"):
        assert len(loaded(f"{first}{second}{good}}}}}\n").secrets) == 2


def test_every_secret_that_is_missing_is_named_at_once(problems: Problems) -> None:
    content = OAUTH + "client_id_env: A, client_private_key_env: B, refresh_token_file: c}\n"
    keys = [line.split(": ")[1].rsplit(".", 1)[-1] for line in problems(content)]
    assert keys == ["client_id_env", "client_private_key_env", "refresh_token_file"]


def test_no_repr_shows_a_secret(loaded: Load, rsa_pem: str) -> None:
    content = OAUTH + "client_id: c, client_private_key_env: B, refresh_token_env: R}\n"
    found = loaded(content, {"B": rsa_pem, "R": "TopSecret"})
    shown = f"{found!r} {found.secrets!r} {found.secrets} {found.config!r}"
    assert "TopSecret" not in shown
    assert "BEGIN" not in shown
    assert not any(line in shown for line in rsa_pem.splitlines()[1:-1])


@given(st.text())
def test_any_token_is_sendable_or_a_problem_without_its_value(value: str) -> None:
    reader = SecretReader({"OKTA_API_TOKEN": value})
    auth = BearerAuth(type="bearer", token_env="OKTA_API_TOKEN")
    secrets = reader.read((auth, TlsConfig()), ("sources", "a"))
    if secrets.token is None:
        (problem,) = reader.problems
        assert len(value) < 6 or value not in problem.text
    else:
        sent = secrets.token.value.get_secret_value()
        assert sent.isascii()
        assert sent.isprintable()
        assert sent
