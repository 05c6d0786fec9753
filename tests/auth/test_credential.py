import asyncio

import pytest
from pydantic import SecretStr

from hel.auth.credential import BearerCredential, NoCredential
from hel.records import Reply, Request

REQUEST = Request("GET", "https://org.okta.com/api/v1/logs")


@pytest.mark.parametrize(("prefix", "header"), [("SSWS", "SSWS 00tok"), ("Bearer", "Bearer 00tok"), ("", "00tok")])
def test_a_fixed_token_stands_behind_its_prefix(prefix: str, header: str) -> None:
    assert asyncio.run(BearerCredential(SecretStr("00tok"), prefix).sign(REQUEST)) == {"authorization": header}


def test_a_fixed_token_can_be_renewed_by_nobody() -> None:
    for credential in (BearerCredential(SecretStr("00tok"), "SSWS"), NoCredential()):
        assert credential.learn(REQUEST, Reply(401, (("dpop-nonce", "n"),), b"", 0.0)) is None


def test_without_a_credential_nothing_is_added() -> None:
    assert asyncio.run(NoCredential().sign(REQUEST)) == {}


def test_no_repr_shows_the_token() -> None:
    assert "00tok" not in repr(BearerCredential(SecretStr("00tok"), "SSWS"))
