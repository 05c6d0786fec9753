"""Replies written down, one readable file each, and read back: for testing a pipeline without asking the API again.

The rule: no credential is recorded. Request headers are left out altogether, so are cookies and nonces among the
answer's, token requests never come here, and what a refusal repeats of a secret is made illegible.

A file reads like the exchange itself: the request line, the moment of the answer, the status, its headers, an empty
line, the body as it was after decompression.
"""

import os
import re
from datetime import datetime
from pathlib import Path

from hel.errors import ConfigError, ReplyError, SourceError
from hel.records import Reply, Request
from hel.telemetry.redaction import redacted
from hel.timestamps import utc_text

_LEFT_OUT = frozenset({"set-cookie", "set-cookie2", "dpop-nonce", "authentication-info", "content-encoding"})
_SUFFIX = ".http"


class Recorder:
    """Records the replies of one source.

    Args:
        directory: The source's own folder, made where it is missing; recordings in it are kept, new ones follow.

    Raises:
        ConfigError: The folder can't be made or written.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        try:
            for folder in (directory.parent, directory):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            numbers = [int(path.stem) for path in recordings(directory)]
            if not os.access(directory, os.W_OK | os.X_OK):
                raise PermissionError(13, "Permission denied")
        except OSError as error:
            raise ConfigError(
                f"the recordings can't be written to {directory}: {error.strerror}",
                "let Hel write there, or choose another --record-dir",
            ) from error
        self._number = max(numbers, default=0)

    def record(self, request: Request, reply: Reply) -> None:
        """Write one reply down, readable by its owner only.

        Raises:
            SourceError: It can't be written; the tick ends, because a recording with a hole would replay as one.
        """
        self._number += 1
        path = self._directory / f"{self._number:06}{_SUFFIX}"
        head = [
            f"{request.method} {redacted(request.written)}",
            f"received {utc_text(reply.received_at)}",
            f"HTTP {reply.status}",
        ]
        head += [f"{name}: {redacted(value)}" for name, value in reply.headers if name not in _LEFT_OUT]
        body = reply.body if reply.is_success else _redacted_bytes(reply.body)
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(fd, "wb") as file:
                file.write("\n".join([*head, "", ""]).encode() + body)
        except OSError as error:
            raise SourceError(
                f"the recording {path} can't be written: {error.strerror}", "make room, or run without --record-dir"
            ) from error


def _redacted_bytes(body: bytes) -> bytes:
    """A refusal's body without secrets; its bytes are of no other use than to be read by a person."""
    return redacted(body.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")


def recorded_sources(directory: Path) -> set[str]:
    """The names of the sources that have recordings below this folder.

    Raises:
        ConfigError: There is no such folder, or nothing in it.
    """
    try:
        names = {path.name for path in directory.iterdir() if path.is_dir() and recordings(path)}
    except OSError as error:
        raise ConfigError(
            f"the recordings in {directory} can't be read: {error.strerror}",
            "name the folder that `hel run --once --record-dir` wrote",
        ) from error
    if not names:
        raise ConfigError(f"there are no recordings in {directory}", "make some with `hel run --once --record-dir`")
    return names


def recordings(directory: Path) -> list[Path]:
    """The recordings of one source, in the order received."""
    found = (path for path in directory.iterdir() if re.fullmatch(r"[0-9]{6,15}\.http", path.name))
    return sorted(found, key=lambda path: int(path.stem))


def read(path: Path) -> tuple[Request, Reply]:
    """One recorded request and its reply.

    Raises:
        ReplyError: The file is no recording.
    """
    try:
        head, _, body = path.read_bytes().partition(b"\n\n")
        asked, received, status, *headers = head.decode().split("\n")
        method, url = asked.split(" ", 1)
        reply = Reply(
            status=int(status.removeprefix("HTTP ")),
            headers=tuple((name, value) for name, value in (line.split(": ", 1) for line in headers)),
            body=body,
            received_at=datetime.fromisoformat(received.removeprefix("received ")).timestamp(),
        )
    except (OSError, ValueError) as error:
        raise ReplyError(f"{path} is no recording of Hel's: {error}", "remove it, or record again") from error
    url, _, content = url.partition(" ")
    return Request(method, url, content=content.encode() or None), reply
