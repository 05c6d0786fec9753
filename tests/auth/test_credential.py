import asyncio
from base64 import b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from hel.auth.credential import ApiKeyCredential, BasicCredential, BearerCredential, Credential, NoCredential
from hel.records import Reply, Request
from hel.telemetry.redaction import redacted

REQUEST = Request("GET", "https://org.okta.com/api/v1/logs")
FIXED = [
    BearerCredential(SecretStr("00tok"), "SSWS"),
    ApiKeyCredential(SecretStr("00tok"), "X-Api-Key", ""),
    BasicCredential(SecretStr("00tok"), SecretStr("00tok")),
    NoCredential(),
]


def signed(credential: Credential) -> dict[str, str]:
    return asyncio.run(credential.sign(REQUEST))


def basic(username: str, password: str) -> dict[str, str]:
    return signed(BasicCredential(SecretStr(username), SecretStr(password)))


@pytest.mark.parametrize(("prefix", "header"), [("SSWS", "SSWS 00tok"), ("Bearer", "Bearer 00tok"), ("", "00tok")])
def test_a_fixed_token_stands_behind_its_prefix(prefix: str, header: str) -> None:
    assert signed(BearerCredential(SecretStr("00tok"), prefix)) == {"authorization": header}


@pytest.mark.parametrize(
    ("header", "prefix", "sent"),
    [
        ("X-Api-Key", "", {"x-api-key": "k+/="}),
        ("Authorization", "Token", {"authorization": "Token k+/="}),
        ("Authorization", "", {"authorization": "k+/="}),
    ],
)
def test_a_key_stands_in_the_header_of_the_apis_choice(header: str, prefix: str, sent: dict[str, str]) -> None:
    assert signed(ApiKeyCredential(SecretStr("k+/="), header, prefix)) == sent


@pytest.mark.parametrize(
    ("username", "password", "pair"),
    [
        ("Aladdin", "open sesame", "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),  # RFC 7617 §2
        ("test", "123\u00a3", "dGVzdDoxMjPCow=="),  # RFC 7617 §2.1: UTF-8
        ("tskey-api-k1", "", "dHNrZXktYXBpLWsxOg=="),
    ],
)
def test_user_name_and_password_are_sent_as_rfc_7617_writes_them(username: str, password: str, pair: str) -> None:
    assert basic(username, password) == {"authorization": f"Basic {pair}"}


@given(st.text(st.characters(exclude_characters=":", exclude_categories=["Cs"])), st.text())
def test_any_pair_can_be_told_apart_again(username: str, password: str) -> None:
    password = password.encode(errors="replace").decode()
    sent = b64decode(basic(username, password)["authorization"].removeprefix("Basic "))
    assert tuple(sent.decode().split(":", 1)) == (username, password)


def test_the_basic_pair_is_concealed_like_the_secrets_in_it() -> None:
    sent = basic("Aladdin", "open sesame")["authorization"]
    assert redacted(f"refused: {sent}") == "refused: Basic ***"


@pytest.mark.parametrize("credential", FIXED, ids=lambda credential: type(credential).__name__)
def test_what_is_fixed_can_be_renewed_by_nobody(credential: Credential) -> None:
    assert credential.learn(REQUEST, Reply(401, (("dpop-nonce", "n"),), b"", 0.0)) is None


def test_without_a_credential_nothing_is_added() -> None:
    assert signed(NoCredential()) == {}


@pytest.mark.parametrize("credential", FIXED[:3], ids=lambda credential: type(credential).__name__)
def test_no_repr_shows_the_secret(credential: Credential) -> None:
    sent = " ".join(signed(credential).values())
    shown = f"{credential!r} {vars(credential)!r}"
    assert "00tok" not in shown
    assert sent.rpartition(" ")[2] not in shown
