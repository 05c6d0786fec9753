from pathlib import Path

import pytest

from hel.errors import ConfigError, ReplyError
from hel.recording import Recorder, read, recorded_sources, recordings
from hel.records import Reply, Request

REQUEST = Request("GET", "https://org.okta.com/api/v1/logs?limit=2", {"authorization": "SSWS secret-token"})
REPLY = Reply(
    200,
    (
        ("content-type", "application/json"),
        ("set-cookie", "sid=secret-cookie"),
        ("dpop-nonce", "secret-nonce"),
        ("link", '<https://org.okta.com/api/v1/logs?after=1>; rel="next"'),
        ("link", '<https://org.okta.com/api/v1/logs>; rel="self"'),
    ),
    b'[{"a":"\xc3\xa4"}]\n\nHTTP 500\n\n',
    1_777_636_800.123,
)


def test_a_reply_reads_back_as_it_came_but_for_what_is_left_out(tmp_path: Path) -> None:
    Recorder(tmp_path / "okta").record(REQUEST, REPLY)
    (path,) = recordings(tmp_path / "okta")
    request, reply = read(path)
    assert (request.method, request.url) == (REQUEST.method, REQUEST.url)
    assert (reply.status, reply.body, reply.received_at) == (200, REPLY.body, REPLY.received_at)
    assert reply.header_values("link") == REPLY.header_values("link")


def test_a_recording_is_readable_by_its_owner_only_and_holds_no_credential(tmp_path: Path) -> None:
    Recorder(tmp_path / "rec" / "okta").record(REQUEST, REPLY)
    (path,) = recordings(tmp_path / "rec" / "okta")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o077 == 0
    assert b"secret" not in path.read_bytes()


def test_recordings_are_read_in_the_order_received_and_later_runs_add_to_them(tmp_path: Path) -> None:
    for run in range(2):
        recorder = Recorder(tmp_path)
        for page in range(11):
            recorder.record(Request("GET", f"https://org/{run}/{page}"), REPLY)
    urls = [read(path)[0].url for path in recordings(tmp_path)]
    assert urls == [f"https://org/{run}/{page}" for run in range(2) for page in range(11)]


def test_the_sources_with_recordings_are_known_by_their_folders(tmp_path: Path) -> None:
    Recorder(tmp_path / "okta").record(REQUEST, REPLY)
    Recorder(tmp_path / "empty")
    assert recorded_sources(tmp_path) == {"okta"}


@pytest.mark.parametrize("where", ["missing", "."])
def test_a_folder_without_recordings_is_an_error_that_says_how_to_make_some(tmp_path: Path, where: str) -> None:
    with pytest.raises(ConfigError) as error:
        recorded_sources(tmp_path / where)
    assert "--record-dir" in error.value.fix


@pytest.mark.parametrize(
    "content", [b"", b"GET\n\n[]", b"GET https://x\nreceived yesterday\nHTTP 200\n\n[]", b"\xff\n\n"]
)
def test_what_is_no_recording_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "000001.http"
    path.write_bytes(content)
    with pytest.raises(ReplyError, match=r"000001\.http"):
        read(path)


def test_a_place_that_cannot_be_written_is_an_error_with_its_fix(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="file"):
        Recorder(tmp_path / "file" / "okta")
