"""A secret that its file has otherwise than when it was read."""

from pathlib import Path

import msgspec
import pytest

from hel.auth.credential import BearerCredential, Credential, NoCredential, Renewal
from hel.auth.rereading import RereadCredential
from hel.config.load import load
from hel.config.secrets import Secrets
from hel.records import Reply, Request
from tests.doubles import HeardLog

pytestmark = pytest.mark.anyio
REQUEST = Request("GET", "https://api.example.com/logs")


def reply(status: int) -> Reply:
    return Reply(status, (), b"", 0.0)


class Bench:
    """A bearer token in a file."""

    def __init__(self, folder: Path, text: str = "first-token") -> None:
        self.file = folder / "token"
        self.file.write_text(text)
        self.log = HeardLog()
        auth = {"type": "bearer", "token_file": "token"}
        config = folder / "hel.yaml"
        config.write_bytes(msgspec.json.encode({"sources": {"api": {"url": REQUEST.url, "auth": auth}}}))
        self.secrets = load(config, {}).secrets["api"]
        self.credential = RereadCredential(self.secrets, self.make, self.log)

    @staticmethod
    def make(secrets: Secrets) -> Credential:
        return BearerCredential(secrets.token.value, "Bearer") if secrets.token else NoCredential()

    async def sent(self) -> str:
        await self.credential.ready()
        assert self.credential.is_ready()
        return (await self.credential.sign(REQUEST))["authorization"]


async def test_after_a_401_another_secret_in_the_file_is_worth_one_more_send(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.file.write_text("second-token\n")
    assert bench.credential.learn(REQUEST, reply(200)) is None
    assert await bench.sent() == "Bearer first-token"
    assert bench.credential.learn(REQUEST, reply(401)) is Renewal.SECRET
    assert await bench.sent() == "Bearer second-token"
    assert bench.credential.learn(REQUEST, reply(401)) is None, "it is the same one by now"
    assert bench.log.names.count("secret.changed") == 1


@pytest.mark.parametrize("text", ["first-token", "", "not one word", None])
async def test_the_same_or_a_broken_secret_changes_nothing(tmp_path: Path, text: str | None) -> None:
    bench = Bench(tmp_path)
    if text is None:
        bench.file.unlink()
    else:
        bench.file.write_text(text)
    assert bench.credential.learn(REQUEST, reply(401)) is None
    assert await bench.sent() == "Bearer first-token"
    assert "secret.changed" not in bench.log.names


async def test_a_file_that_was_broken_when_it_was_read_again_is_read_at_the_next_401(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.file.write_text("")
    assert bench.credential.learn(REQUEST, reply(401)) is None
    bench.file.write_text("second-token")
    assert bench.credential.learn(REQUEST, reply(401)) is Renewal.SECRET


def test_what_stands_in_the_environment_is_not_read_again() -> None:
    assert Secrets().again() is None
