import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from hel.config.auth import ApiKeyAuth, BasicAuth, GoogleServiceAccountAuth, OAuth2Auth
from hel.config.load import Loaded
from hel.config.secret_text import Secret
from hel.config.secrets import SecretReader
from hel.config.tls import TlsConfig
from hel.telemetry.redaction import redacted

Load = Callable[..., Loaded]
Problems = Callable[..., list[str]]

SOURCE = "sources:\n  a:\n    url: https://api.example.com/audit\n    auth: {"
API_KEY = SOURCE + "type: api_key, "
BASIC = SOURCE + "type: basic, "
OAUTH = SOURCE + "type: oauth2, token_url: 'https://id.example.com/t', client_id: c, "
GOOGLE = SOURCE + "type: google_service_account, "
SCOPES = "scopes: ['https://www.googleapis.com/auth/x']"
MISPLACED = "a secret must not stand in the configuration (move it to a variable or file, named by "
ENVIRON = {"K": "00key", "COLON": "TopSecret:x", "PREFIXED": "Token TopSecret", "PATH_OF": "/etc/TopSecret.json"}


def value(secret: Secret | None) -> str:
    assert secret is not None
    return secret.value.get_secret_value()


def google_key(pem: str, **more: str) -> str:
    members = {"type": "service_account", "client_email": "hel@p.iam.gserviceaccount.com", "private_key": pem}
    return json.dumps({**members, "private_key_id": "kid-1", **more})


def test_an_api_key_is_sent_in_x_api_key_unless_the_config_says_otherwise(loaded: Load, tmp_path: Path) -> None:
    found = loaded(API_KEY + "key_env: K}\n", ENVIRON)
    assert found.config.sources["a"].auth == ApiKeyAuth(type="api_key", key_env="K", header="X-Api-Key", prefix="")
    assert value(found.secrets["a"].api_key) == "00key"
    assert found.secrets["a"].origins == {"key": "environment variable K"}
    (tmp_path / "key").write_text("00file\n")
    found = loaded(API_KEY + "key_file: key, key_env: K, header: Authorization, prefix: Token}\n", ENVIRON)
    auth = found.config.sources["a"].auth
    assert isinstance(auth, ApiKeyAuth)
    assert (auth.header, auth.prefix, value(found.secrets["a"].api_key)) == ("Authorization", "Token", "00file")


def test_basic_takes_a_plain_user_name_and_a_password_of_any_letters(loaded: Load) -> None:
    found = loaded(BASIC + "username: jürgen, password_env: P}\n", {"P": "pä ss:wörd"})
    assert found.config.sources["a"].auth == BasicAuth(type="basic", username="jürgen", password_env="P")
    secrets = found.secrets["a"]
    assert (value(secrets.username), value(secrets.password)) == ("jürgen", "pä ss:wörd")
    assert secrets.origins == {"user name": "the configuration", "password": "environment variable P"}
    assert redacted("jürgen pä ss:wörd") == "jürgen ***"


def test_a_key_as_user_name_needs_no_password_and_is_a_secret(loaded: Load, tmp_path: Path) -> None:
    secrets = loaded(BASIC + "username_env: K}\n", {"K": "tskey-api-k1"}).secrets["a"]
    assert (value(secrets.username), secrets.password) == ("tskey-api-k1", None)
    assert secrets.origins == {"user name": "environment variable K"}
    assert redacted("tskey-api-k1") == "***"
    (tmp_path / "name").write_text("tskey-api-k2\n")
    found = loaded(BASIC + "username_file: name, password_env: P}\n", {"P": "pass"})
    assert (value(found.secrets["a"].username), value(found.secrets["a"].password)) == ("tskey-api-k2", "pass")
    warning = found.warnings[0]
    assert "sources.a.auth.username_file" in warning
    assert "chmod 600" in warning


def test_a_password_may_stand_behind_an_empty_user_name(loaded: Load) -> None:
    assert value(loaded(BASIC + "username: '', password_env: K}\n", ENVIRON).secrets["a"].username) == ""


def test_oauth2_takes_an_audience_extra_parameters_and_the_secret_in_the_body(loaded: Load) -> None:
    content = OAUTH + "client_secret_env: K, audience: 'https://t.eu.auth0.com/api/v2/', client_auth: post, "
    found = loaded(content + "extra_params: {organization: '${ORG}', depth: 5}}\n", {**ENVIRON, "ORG": "org_1"})
    auth = found.config.sources["a"].auth
    assert isinstance(auth, OAuth2Auth)
    assert (auth.audience, auth.client_auth) == ("https://t.eu.auth0.com/api/v2/", "post")
    assert auth.extra_params == {"organization": "org_1", "depth": "5"}
    plain = loaded(OAUTH + "client_secret_env: K}\n", ENVIRON).config.sources["a"].auth
    assert isinstance(plain, OAuth2Auth)
    assert (plain.audience, plain.client_auth, plain.extra_params) == (None, "basic", {})


def test_extra_parameters_may_be_left_empty(loaded: Load) -> None:
    content = OAUTH.removesuffix("{type: oauth2, token_url: 'https://id.example.com/t', client_id: c, ")
    block = "\n      type: oauth2\n      token_url: https://id.example.com/t\n      client_id: c\n"
    content += block + "      client_secret_env: K\n      extra_params:\n        # organization: org_1\n"
    auth = loaded(content, ENVIRON).config.sources["a"].auth
    assert isinstance(auth, OAuth2Auth)
    assert auth.extra_params == {}


def test_a_service_account_is_read_from_file_or_variable(loaded: Load, tmp_path: Path, rsa_pem: str) -> None:
    (tmp_path / "key.json").write_text(google_key(rsa_pem, token_uri="https://oauth2.example.com/t"))
    found = loaded(GOOGLE + f"credentials_file: key.json, subject: admin@example.com, {SCOPES}}}\n")
    assert found.config.sources["a"].auth == GoogleServiceAccountAuth(
        type="google_service_account",
        credentials_file=tmp_path / "key.json",
        subject="admin@example.com",
        scopes=("https://www.googleapis.com/auth/x",),
    )
    account = found.secrets["a"].service_account
    assert account is not None
    assert (account.email, account.key.algorithm, account.key.kid, account.token_url) == (
        "hel@p.iam.gserviceaccount.com",
        "RS256",
        "kid-1",
        "https://oauth2.example.com/t",
    )
    assert found.secrets["a"].origins == {"service account's key": f"file {tmp_path / 'key.json'}"}
    content = GOOGLE + f"credentials_env: G, token_url: 'https://config.example.com/t', {SCOPES}}}\n"
    account = loaded(content, {"G": google_key(rsa_pem)}).secrets["a"].service_account
    assert account is not None
    assert account.token_url == "https://config.example.com/t"


@pytest.mark.parametrize(
    ("auth", "lines"),
    [
        ("type: api_key}",
         ["4:5: sources.a.auth: no key is named (add 'key_env: NAME' or 'key_file: PATH')"]),
        ("type: api_key, key: TopSecret}",
         [f"4:27: sources.a.auth.key: {MISPLACED}'key_env' or 'key_file')"]),
        ("type: api_key, api_key: TopSecret}",
         [f"4:27: sources.a.auth.api_key: {MISPLACED}'key_env' or 'key_file')"]),
        ("type: api_key, ky_env: K, key_file: x}",
         ["4:27: sources.a.auth.ky_env: unknown key (did you mean 'key_env'?)"]),
        ("type: api_key, key_env: NOT_SET}",
         ["4:27: sources.a.auth.key_env: environment variable NOT_SET is not set (export NOT_SET=…)"]),
        ("type: api_key, key_env: PREFIXED}",
         [("4:27: sources.a.auth.key_env: the key in environment variable PREFIXED holds a character that no key has "
           "(the key alone, without a word such as Bearer before it)")]),
        ("type: api_key, key_env: K, header: Host}",
         [("4:39: sources.a.auth.header: this header can't hold a key (name the one that the API's documentation "
           "does)")]),
        ("type: api_key, key_env: K, header: 'X-Key:'}",
         ["4:39: sources.a.auth.header: expected the name of a header, such as X-RateLimit-Reset"]),
        ("type: api_key, key_env: K, prefix: ' x'}",
         ["4:39: sources.a.auth.prefix: expected printable ASCII without spaces at its ends"]),
        ("type: apikey}",
         ["4:12: sources.a.auth.type: unknown auth type 'apikey' (did you mean 'api_key'?)"]),
        ("type: basic}",
         [("4:5: sources.a.auth: no user name is named (add 'username: NAME', or 'username_env: NAME' where it is the "
           "API's key)")]),
        ("type: basic, username: TopSecret}",
         [("4:5: sources.a.auth: no password is named (add 'password_env: NAME' or 'password_file: PATH'; where the "
           "API takes its key as user name, 'username_env' or 'username_file' instead of 'username')")]),
        ("type: basic, username: u, password: TopSecret}",
         [f"4:38: sources.a.auth.password: {MISPLACED}'password_env' or 'password_file')"]),
        ("type: basic, username: u, username_file: x, password_env: K}",
         ["4:25: sources.a.auth.username: the user name is given twice (keep one of username, username_env, _file)"]),
        ("type: basic, username: 'TopSecret:x', password_env: K}",
         [("4:25: sources.a.auth.username: expected at most 256 characters without ':' and control characters "
           "(RFC 7617 §2)")]),
        (r'type: basic, username: "\ud800", password_env: K}',
         [("4:25: sources.a.auth.username: expected at most 256 characters without ':' and control characters "
           "(RFC 7617 §2)")]),
        ("type: basic, username_env: COLON}",
         [("4:25: sources.a.auth.username_env: the username in environment variable COLON holds a character that no "
           "username has (HTTP Basic ends it at its first ':', RFC 7617 §2: is it the user name alone?)")]),
        ("type: basic, username: '${NO_USER}', password_env: NO_PASSWORD}",
         ["4:25: sources.a.auth.username: environment variable NO_USER is not set (export NO_USER=…)",
          "4:49: sources.a.auth.password_env: environment variable NO_PASSWORD is not set (export NO_PASSWORD=…)"]),
        ("type: google_service_account}",
         ["4:5: sources.a.auth.scopes: missing (add 'scopes: …')",
          ("4:5: sources.a.auth: no service account's key is named (add 'credentials_file: PATH' or "
           "'credentials_env: NAME')")]),
        ("type: google_service_account, credentials_env: K, scopes: []}",
         [("4:62: sources.a.auth.scopes: no scope is named (Google's are URLs, such as "
           "https://www.googleapis.com/auth/…)")]),
        ("type: google_service_account, private_key: TopSecret, scopes: [x]}",
         [f"4:42: sources.a.auth.private_key: {MISPLACED}'credentials_env' or 'credentials_file')"]),
        ("type: google_service_account, credentials_env: K, scopes: [x], token_url: 'http://x.example/t'}",
         [("4:42: sources.a.auth.credentials_env: environment variable K: this is no JSON (expected a service "
           "account's key: was it cut off, or its quotes lost in a shell?)"),
          ("4:75: sources.a.auth.token_url: plain http would show the credential to everybody on the way (write https; "
           "only where the way is safe: 'allow_insecure_http: true')")]),
        ("type: google_service_account, credentials_env: PATH_OF, scopes: ['${NO_SCOPE}']}",
         [("4:42: sources.a.auth.credentials_env: environment variable PATH_OF: this is a file's path, and not the "
           "service account's key in it (name the file in 'credentials_file', where ${VARIABLE} is filled in)"),
          "4:77: sources.a.auth.scopes[0]: environment variable NO_SCOPE is not set (export NO_SCOPE=…)"]),
        ("token_env: K}",
         [("4:5: sources.a.auth.type: missing (add 'type:' and one of bearer, api_key, basic, oauth2, "
           "google_service_account)")]),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_kind_of_auth_is_told_at_its_key(problems: Problems, auth: str, lines: list[str]) -> None:
    found = problems(SOURCE + auth + "\n", ENVIRON)
    assert [line.removeprefix("hel.yaml:") for line in found] == lines
    assert "TopSecret" not in "".join(found)


@pytest.mark.parametrize(
    ("more", "lines"),
    [
        ("client_secret_env: K, client_auth: body}",
         ["4:101: sources.a.auth.client_auth: expected 'basic' or 'post', not 'body'"]),
        ("refresh_token_env: K, client_auth: post}",
         [("4:101: sources.a.auth.client_auth: there is no client secret to send so (add 'client_secret_env', or "
           "remove the key)")]),
        ("client_secret_env: K, extra_params: {ok: [1], scope: x, grant_type: password}}",
         ["4:116: sources.a.auth.extra_params.ok: expected text, found a list",
          "4:125: sources.a.auth.extra_params.scope: Hel sends the scopes itself (name them in 'scopes')",
          "4:135: sources.a.auth.extra_params.grant_type: Hel chooses the grant itself (remove it)"]),
        ("client_secret_env: K, extra_params: {client_secret: TopSecret, refresh_token: TopSecret}}",
         [f"4:116: sources.a.auth.extra_params.client_secret: {MISPLACED}'client_secret_env' or 'client_secret_file')",
          (f"4:142: sources.a.auth.extra_params.refresh_token: {MISPLACED}'refresh_token_env' or "
           "'refresh_token_file')")]),
        ("client_secret_env: K, extra_params: {audience: x, client_id: x, client_assertion: x}}",
         [("4:116: sources.a.auth.extra_params.audience: Hel sends the audience itself (name it in 'audience', beside "
           "this key)"),
          ("4:129: sources.a.auth.extra_params.client_id: Hel sends the client ID itself (name it in 'client_id', "
           "beside this key)"),
          "4:143: sources.a.auth.extra_params.client_assertion: Hel signs the assertion itself (remove it)"]),
        ("client_secret_env: K, extra_params: x}",
         ["4:101: sources.a.auth.extra_params: expected keys with values, found text"]),
        (r'client_secret_env: K, audience: "\ud800", extra_params: {a: "\udfff"}}',
         ["4:101: sources.a.auth.audience: expected 1 to 256 characters, none of them a control character",
          "4:136: sources.a.auth.extra_params.a: expected text in letters that exist, not half of a surrogate pair"]),
        ("client_secret_env: NO_SECRET, extra_params: {a: '${NO_PARAM}'}}",
         ["4:79: sources.a.auth.client_secret_env: environment variable NO_SECRET is not set (export NO_SECRET=…)",
          "4:124: sources.a.auth.extra_params.a: environment variable NO_PARAM is not set (export NO_PARAM=…)"]),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_token_request_is_told_at_its_key(problems: Problems, more: str, lines: list[str]) -> None:
    found = problems(OAUTH + more + "\n", ENVIRON)
    assert [line.removeprefix("hel.yaml:") for line in found] == lines
    assert "TopSecret" not in "".join(found)


def test_only_oktas_own_server_is_known_to_refuse_an_empty_scope(
    problems: Problems, loaded: Load, rsa_pem: str
) -> None:
    content = OAUTH + "client_private_key_env: K}\n"
    assert loaded(content, {"K": rsa_pem}).secrets["a"].private_key is not None
    (line,) = problems(content.replace("id.example.com/t", "dev.okta.com/oauth2/v1/token"), {"K": rsa_pem})
    assert "Okta refuses an empty scope" in line


def test_each_problem_of_a_service_accounts_key_is_told_at_the_key_that_names_it(
    problems: Problems, tmp_path: Path, rsa_pem: str
) -> None:
    content = GOOGLE + f"credentials_file: key.json, {SCOPES}}}\n"
    for text, words in (
        (None, "does not exist"),
        ("", "is empty"),
        ("\x00PK\x03 TopSecret", "no JSON"),
        ('{"type": "authorized_user", "refresh_token": "TopSecret"}', "a user's own credentials"),
        (google_key(""), "'private_key' is missing"),
        (google_key("TopSecret"), "'private_key' in the service account's key: the text holds no private key"),
        (google_key(rsa_pem, token_uri="http://TopSecret.example/"), "'token_uri'"),
    ):
        if text is not None:
            (tmp_path / "key.json").write_text(text)
        (line,) = problems(content)
        assert line.startswith("hel.yaml:4:42: sources.a.auth.credentials_file: file ")
        assert words in line
        assert "TopSecret" not in line
    (tmp_path / "key.json").write_bytes(b"\x30\x82\xff\xfe")  # a .p12, the other form that Google hands out
    (line,) = problems(content)
    assert "is not text in UTF-8" in line


def test_no_repr_shows_any_of_these_secrets(loaded: Load, rsa_pem: str) -> None:
    environ = {"S": "TopSecret", "G": google_key(rsa_pem)}
    for content in (
        API_KEY + "key_env: S}\n",
        BASIC + "username_env: S, password_env: S}\n",
        OAUTH + "client_secret_env: S}\n",
        GOOGLE + f"credentials_env: G, {SCOPES}}}\n",
    ):
        found = loaded(content, environ)
        shown = f"{found!r} {found.secrets!r} {found.secrets} {found.config!r}"
        assert "TopSecret" not in shown
        assert not any(line in shown for line in rsa_pem.splitlines()[1:-1])


@given(st.text(), st.text())
def test_any_user_name_and_password_is_sendable_or_a_problem_without_its_value(name: str, password: str) -> None:
    reader = SecretReader({"USER_NAME": name, "PASSWORD": password})
    auth = BasicAuth(type="basic", username_env="USER_NAME", password_env="PASSWORD")
    secrets = reader.read((auth, TlsConfig()), ("sources", "a"))
    told = "".join(problem.text for problem in reader.problems)
    for found, given_text in ((secrets.username, name), (secrets.password, password)):
        if found is None:
            assert len(given_text) < 6 or given_text not in told
        else:
            assert value(found).encode()
            assert not any(ord(character) < 0x20 or ord(character) == 0x7F for character in value(found))
    assert secrets.username is None or ":" not in value(secrets.username)
    assert len(reader.problems) == [secrets.username, secrets.password].count(None)


def test_a_plain_user_name_is_held_like_a_secret_so_that_no_repr_shows_it(loaded: Load) -> None:
    secrets = loaded(BASIC + "username: somebody, password_env: K}\n", ENVIRON).secrets["a"]
    assert secrets.username == Secret(SecretStr("somebody"), "the configuration")
    assert "somebody" not in repr(secrets)
