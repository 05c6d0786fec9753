"""A refresh token that the server may replace at any use; the replacement must outlive the process."""

import os
import re
import tempfile
from pathlib import Path

from pydantic import SecretStr

from hel.telemetry.log import Log
from hel.telemetry.redaction import conceal

_TOKEN = re.compile(r"[\x20-\x7e]{1,65536}")  # VSCHAR, RFC 6749 appendix A.17


class RefreshToken:
    """The newest refresh token, kept in its file where it came from one.

    Args:
        value: The secret, which no repr shows.
        path: The file it came from (`refresh_token_file`); None for an environment variable.
    """

    def __init__(self, value: SecretStr, path: Path | None) -> None:
        self.value = value
        self._path = path
        self._warned = False

    def replace(self, value: str, log: Log) -> None:
        """Take a rotated token (RFC 6749 §6): the old one may be refused from now on.

        Where it can't be kept, it is used all the same, and the log says what a restart will cost.
        """
        if value == self.value.get_secret_value():
            return
        conceal(value)
        self.value = SecretStr(value)
        if self._path is None:
            self._warn_once(log)
        elif trouble := _keep(self._path, value):
            log.error(
                "refresh_token.not_kept",
                path=str(self._path),
                because=f"the rotated refresh token can't be written: {trouble}",
                fix="make the file's folder writable for Hel before it stops: the new token lives in memory only, and "
                "the server may refuse the one in the file",
            )
        else:
            log.info("refresh_token.replaced", path=str(self._path))

    def reread(self, log: Log) -> bool:
        """Take what stands in the file by now; True if it is another token, from a sign-in since the start."""
        try:
            text = self._path.read_text("utf-8-sig").strip() if self._path is not None else ""
        except (OSError, UnicodeDecodeError):
            return False
        if self._path is not None:
            log.info("audit.secret_read", secret="refresh token", origin=f"file {self._path}", reason="refused")  # noqa: S106  # a name
        if text == self.value.get_secret_value() or not _TOKEN.fullmatch(text):
            return False
        conceal(text)
        self.value = SecretStr(text)
        return True

    def _warn_once(self, log: Log) -> None:
        if self._warned:
            return
        self._warned = True
        log.warning(
            "refresh_token.not_kept",
            because="the server replaced the refresh token, and an environment variable can't keep the new one",
            fix="use `refresh_token_file`: after a restart the server may refuse the token in the variable",
        )


def _keep(path: Path, value: str) -> str:
    """Write the token; what went wrong, or nothing."""
    try:
        _write_atomically(path.resolve(), value)
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _write_atomically(target: Path, text: str) -> None:
    """Replace a file so that a reader, or a crash, sees the old text or the new one, whole."""
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)  # made 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    directory = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
