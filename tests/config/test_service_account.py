import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hel.config.service_account import TOKEN_URL, read_service_account

EMAIL = "hel@project-1.iam.gserviceaccount.com"


@pytest.fixture(scope="session")
def account(rsa_pem: str) -> dict[str, Any]:
    """A key as Google's console hands it out; its secrets are made up."""
    return {
        "type": "service_account",
        "project_id": "project-1",
        "private_key_id": "0123456789abcdef0123456789abcdef01234567",
        "private_key": rsa_pem,
        "client_email": EMAIL,
        "client_id": "123456789012345678901",
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": "https://oauth2.googleapis.com/token",
        "auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
        "universe_domain": "googleapis.com",
    }


def refused(text: str, token_url: str | None = None) -> str:
    with pytest.raises(ValueError) as raised:
        read_service_account(text, token_url)
    assert raised.value.__cause__ is None
    return str(raised.value)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text,
        lambda text: f"\ufeff  {text}\n",
        lambda text: text.replace("\\n", "\n"),
        lambda text: json.dumps(json.loads(text), indent=2),
    ],
    ids=["as it is", "BOM and spaces", "line breaks of its own", "indented"],
)
def test_a_key_is_read_however_the_environment_has_bent_it(
    account: dict[str, Any], spoil: Callable[[str], str]
) -> None:
    found = read_service_account(spoil(json.dumps(account)))
    assert (found.email, found.token_url) == (EMAIL, TOKEN_URL)
    assert (found.key.algorithm, found.key.kid) == ("RS256", account["private_key_id"])


def test_where_tokens_are_asked_for_is_said_by_the_config_then_the_key_then_google(account: dict[str, Any]) -> None:
    own = json.dumps({**account, "token_uri": "https://oauth2.example.com/t"})
    assert read_service_account(own, "https://config.example.com/t").token_url == "https://config.example.com/t"
    assert read_service_account(own).token_url == "https://oauth2.example.com/t"
    without = {name: value for name, value in account.items() if name not in {"token_uri", "private_key_id"}}
    found = read_service_account(json.dumps(without))
    assert (found.token_url, found.key.kid) == ("https://oauth2.googleapis.com/token", None)


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("http://oauth2.googleapis.com/token", "plain http"),
        ("oauth2.googleapis.com/token", "expected an absolute URL"),
        ("", "expected an absolute URL"),
        (5, "expected an absolute URL"),
        ("https://user:pass@x.example/token", "must not hold a user"),
    ],
)
def test_a_token_uri_that_can_not_be_used_is_refused_unless_the_config_has_another(
    account: dict[str, Any], uri: Any, words: str
) -> None:
    text = json.dumps({**account, "token_uri": uri})
    message = refused(text)
    assert message.startswith("'token_uri' in the service account's key can't be used: ")
    assert words in message
    assert "set 'token_url: https://oauth2.googleapis.com/token'" in message
    assert read_service_account(text, "https://x.example/t").token_url == "https://x.example/t"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"type": "authorized_user", "refresh_token": "TopSecret"}, "a user's own credentials"),
        ({"type": "external_account"}, "federation"),
        ({"type": "external_account_authorized_user"}, "federation"),
        ({"type": "impersonated_service_account"}, "impersonation"),
        ({"installed": {"client_secret": "TopSecret"}}, "an OAuth client's secret"),
        ({"web": {"client_secret": "TopSecret"}}, "an OAuth client's secret"),
        ({"type": "TopSecret"}, "its 'type' is not 'service_account'"),
        ({"type": ["service_account"]}, "its 'type' is not 'service_account'"),
        ({}, "its 'type' is not 'service_account'"),
        ([], "no service account's key"),
        ("TopSecret", "no service account's key"),
        (None, "no service account's key"),
    ],
)
def test_other_credentials_are_told_what_they_are_and_where_the_right_ones_come_from(content: Any, words: str) -> None:
    message = refused(json.dumps(content))
    assert message.startswith("this is ")
    assert words in message
    assert "Create new key > JSON" in message
    assert "TopSecret" not in message


@pytest.mark.parametrize("name", ["client_email", "private_key"])
@pytest.mark.parametrize("value", [None, "", " \n", 5, ["x"]])
def test_a_member_that_is_missing_or_no_text_is_named(account: dict[str, Any], name: str, value: Any) -> None:
    assert f"'{name}' is missing" in refused(json.dumps({**account, name: value}))


@pytest.mark.parametrize(
    ("name", "value"), [("client_email", "hel @x"), ("private_key_id", 5), ("private_key_id", "a\nb")]
)
def test_a_member_that_can_not_be_signed_with_is_named(account: dict[str, Any], name: str, value: Any) -> None:
    assert f"'{name}' in the service account's key is no " in refused(json.dumps({**account, name: value}))


def test_a_private_key_that_can_not_be_read_is_told_why(account: dict[str, Any], rsa_pem: str, ec_pem: str) -> None:
    for pem, words in (
        (rsa_pem[:300], "the PEM has no end"),
        (rsa_pem.replace(rsa_pem[100:900], ""), "damaged"),
        ("TopSecret", "no private key"),
        (ec_pem, "no RSA key"),
    ):
        message = refused(json.dumps({**account, "private_key": pem}))
        assert message.startswith("'private_key' in the service account's key")
        assert words in message


@pytest.mark.parametrize("path", ["/etc/hel/key.json", "./key.json", "~/key.json", "key.json", "../k", "C:\\key.json"])
def test_a_path_where_the_key_itself_belongs_names_the_other_way(path: str) -> None:
    message = refused(path)
    assert "a file's path" in message
    assert "'credentials_file'" in message
    assert path not in message


def test_json_that_was_cut_off_or_lost_its_quotes_is_told(account: dict[str, Any]) -> None:
    whole = json.dumps(account)
    for text in (whole[:-9], whole.replace('"', ""), "TopSecret", "{" * 100_000):
        assert "no JSON" in refused(text)


def test_no_message_and_no_repr_repeats_a_part_of_the_key(account: dict[str, Any], rsa_pem: str) -> None:
    body = "".join(rsa_pem.splitlines()[1:-1])
    whole = json.dumps(account)
    shown = repr(read_service_account(whole))
    for text in (whole[:900], whole[300:], json.dumps({**account, "private_key": rsa_pem[:500]}), body):
        shown += refused(text)
    assert not any(body[start : start + 8] in shown for start in range(len(body) - 8))


@given(st.one_of(st.text(), st.recursive(st.none() | st.text(), st.lists).map(json.dumps)))
def test_any_text_is_refused_in_words(text: str) -> None:
    assert refused(text).isprintable()


@given(
    st.dictionaries(
        st.sampled_from(["client_email", "private_key", "private_key_id", "token_uri"]),
        st.one_of(st.text(), st.integers(), st.none(), st.lists(st.integers()), st.just("https://x.example/t")),
    )
)
def test_any_service_account_without_a_key_is_refused_in_words(members: dict[str, Any]) -> None:
    assert refused(json.dumps({"type": "service_account", **members}))
