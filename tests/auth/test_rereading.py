"""A secret that its file has otherwise than when it was read."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from hel.auth.credential import BearerCredential, Credential, NoCredential
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

    def __init__(self, folder: Path, **more: Any) -> None:
        self.file = folder / "token"
        self.file.write_text("first-token")
        self.log = HeardLog()
        auth = {"type": "bearer", "token_file": "token"}
        config = folder / "hel.yaml"
        config.write_bytes(msgspec.json.encode({"sources": {"api": {"url": REQUEST.url, "auth": auth, **more}}}))
        self.secrets = load(config, {}).secrets["api"]
        self.credential = RereadCredential(self.secrets, self.make, self.log)

    @staticmethod
    def make(secrets: Secrets) -> Credential:
        return BearerCredential(secrets.token.value, "Bearer") if secrets.token else NoCredential()

    async def sent(self) -> str:
        await self.credential.ready()
        assert self.credential.is_ready()
        return (await self.credential.sign(REQUEST))["authorization"]


async def test_another_secret_in_the_file_is_taken_once(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.file.write_text("second-token\n")
    assert bench.credential.learn(REQUEST, reply(401)) is None
    assert await bench.sent() == "Bearer first-token"
    assert await bench.credential.reread()
    assert await bench.sent() == "Bearer second-token"
    assert not await bench.credential.reread(), "it is the same one by now"
    assert bench.log.names == ["audit.secret_read", "secret.changed", "audit.secret_read"]


@pytest.mark.parametrize("text", ["first-token", "", "not one word", None])
async def test_the_same_or_a_broken_secret_changes_nothing(tmp_path: Path, text: str | None) -> None:
    bench = Bench(tmp_path)
    if text is None:
        bench.file.unlink()
    else:
        bench.file.write_text(text)
    assert not await bench.credential.reread()
    assert await bench.sent() == "Bearer first-token"
    assert "secret.changed" not in bench.log.names


async def test_a_file_that_was_broken_when_it_was_read_again_is_read_the_next_time(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.file.write_text("")
    assert not await bench.credential.reread()
    bench.file.write_text("second-token")
    assert await bench.credential.reread()


async def test_the_certificates_are_no_part_of_it(tmp_path: Path) -> None:
    assert not await Bench(tmp_path, tls={"min_version": "1.3"}).credential.reread()


def test_what_stands_in_the_environment_is_not_read_again() -> None:
    assert Secrets().again() is None
