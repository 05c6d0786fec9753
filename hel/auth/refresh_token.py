"""A refresh token that the server may replace at any use; the replacement must outlive the process."""

import os
import tempfile
from pathlib import Path

from hel.errors import AuthError
from hel.telemetry.log import Log


class RefreshToken:
    """The newest refresh token, kept in its file where it came from one.

    Args:
        value: The secret.
        path: The file it came from (`refresh_token_file`); None for an environment variable.
    """

    def __init__(self, value: str, path: Path | None) -> None:
        self.value = value
        self._path = path
        self._warned = False

    def __repr__(self) -> str:
        return f"RefreshToken(path={self._path!r})"

    def replace(self, value: str, log: Log) -> None:
        """Take a rotated token (RFC 6749 §6): the old one may be refused from now on.

        Raises:
            AuthError: The file can't be replaced.
        """
        if value == self.value:
            return
        self.value = value
        if self._path is not None:
            _write_atomically(self._path, value)
            log.info("refresh_token.replaced", path=str(self._path))
        elif not self._warned:
            self._warned = True
            log.warning(
                "refresh_token.not_kept",
                fix="the server replaced the refresh token, and an environment variable can't keep the new one across "
                "a restart: use `refresh_token_file`",
            )


def _write_atomically(path: Path, text: str) -> None:
    """Replace a file so that a reader, or a crash, sees the old text or the new one, whole."""
    target = path.resolve()
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)  # made 0600
        try:
            with os.fdopen(handle, "w") as file:
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
    except OSError as error:
        raise AuthError(
            f"the rotated refresh token can't be written to {path}: {error.strerror}",
            "make the file's folder writable for Hel; until then the new token lives in memory only",
        ) from error
