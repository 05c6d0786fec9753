import stat
from pathlib import Path

import pytest
from pydantic import SecretStr

from hel.auth.refresh_token import RefreshToken
from tests.doubles import HeardLog


def test_a_rotated_token_replaces_its_file_atomically_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "refresh"
    path.write_text("old\n")
    before = path.stat().st_ino
    token, log = RefreshToken(SecretStr("old"), path), HeardLog()
    token.replace("new", log)
    assert (token.value.get_secret_value(), path.read_text()) == ("new", "new\n")
    assert path.stat().st_ino != before
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["refresh"]
    assert log.names == ["refresh_token.replaced"]


def test_a_link_to_the_file_stays_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_text("old")
    link.symlink_to(real)
    RefreshToken(SecretStr("old"), link).replace("new", HeardLog())
    assert link.is_symlink()
    assert real.read_text() == "new\n"


def test_the_same_token_is_not_written_again(tmp_path: Path) -> None:
    path = tmp_path / "missing"
    RefreshToken(SecretStr("same"), path).replace("same", HeardLog())
    assert not path.exists()


def test_a_file_that_cant_be_replaced_is_said_and_the_new_token_is_used(tmp_path: Path) -> None:
    token, log = RefreshToken(SecretStr("old"), tmp_path / "gone" / "refresh"), HeardLog()
    token.replace("new", log)
    assert token.value.get_secret_value() == "new"
    (level, name, fields) = log.heard[0]
    assert (level, name) == ("error", "refresh_token.not_kept")
    assert "No such file" in fields["because"]
    assert "new" not in fields.values()


def test_a_write_that_fails_leaves_no_piece_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "refresh"
    path.write_text("old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    RefreshToken(SecretStr("old"), path).replace("new", log := HeardLog())
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["refresh"]
    assert "No space left" in log.heard[0][2]["because"]


def test_a_token_from_the_environment_cant_be_kept_which_is_said_once() -> None:
    token, log = RefreshToken(SecretStr("old"), None), HeardLog()
    token.replace("new", log)
    token.replace("newer", log)
    assert token.value.get_secret_value() == "newer"
    assert log.names == ["refresh_token.not_kept"]
    assert "refresh_token_file" in log.heard[0][2]["fix"]


def test_what_stands_in_the_file_by_now_is_taken_if_it_is_another_token(tmp_path: Path) -> None:
    path = tmp_path / "refresh"
    token = RefreshToken(SecretStr("r1"), path)
    assert not token.reread(HeardLog())
    for same_or_unusable in (b"r1\n", b"", b"\xff", b"a\nb"):
        path.write_bytes(same_or_unusable)
        assert not token.reread(HeardLog())
    path.write_bytes(b"\xef\xbb\xbfr2\n")
    assert token.reread(HeardLog())
    assert token.value.get_secret_value() == "r2"
    assert not RefreshToken(SecretStr("r1"), None).reread(HeardLog())


def test_no_repr_shows_the_secret() -> None:
    assert "hush" not in repr(RefreshToken(SecretStr("hush"), Path("/x")))
