"""An answer's body, decompressed here: httpx hands out whole chunks whatever their size, and takes gzip without end.

The rule: no more is held in memory than is allowed, whatever the bytes on the wire unpack to. What unpacks to much is
unpacked off the event loop.
"""

import zlib
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from typing import Any

import anyio
import anyio.to_thread

from hel.errors import ReplyError, Trouble, UnreachableError
from hel.telemetry.printable import printable

_zlib: Any = zlib
with suppress(ImportError):  # `pip install hel-collector[fast]` brings it: the same at a third of the cost
    from isal import isal_zlib

    _zlib = isal_zlib

_GZIP = 31
"""How zlib calls it: 16 for gzip's frame, 15 for the largest window."""

_SMALL_BYTES = 256 * 1024
"""What is less unpacks to a piece within milliseconds, which is not worth another thread: a full page of Okta's."""

_PIECE_BYTES = 2 * 1024 * 1024


async def read_body(chunks: AsyncIterator[bytes], coding: str, max_bytes: int, threads: anyio.CapacityLimiter) -> bytes:
    """The body, decoded (RFC 9110 §8.4).

    Args:
        chunks: As they come off the wire.
        coding: The `Content-Encoding`, empty where there is none.
        max_bytes: The most that it may be, decoded.
        threads: How many may unpack at once.

    Raises:
        ReplyError: It is larger, or compressed in a way that was not asked for.
        UnreachableError: It is not whole.
    """
    written, coding = coding, coding.strip().lower()
    if coding not in {"", "identity", "gzip", "x-gzip"}:
        raise ReplyError(
            f"the answer is compressed as {printable(written.strip())}, which was not asked for", trouble=Trouble.CODING
        )
    body = _Body(max_bytes)
    if "gzip" not in coding:
        async for chunk in chunks:
            body.add(chunk)
        return body.whole()
    gunzip, packed, size = _Gunzip(), list[bytes](), 0
    async for chunk in chunks:
        packed.append(chunk)
        size += len(chunk)
        if size >= _SMALL_BYTES:
            await anyio.to_thread.run_sync(_unpack, gunzip, packed, body, limiter=threads)
            packed, size = [], 0
    gunzip.feed(b"".join(packed))
    body.add(gunzip.piece())  # of most answers that is all
    if gunzip.has_more:
        await anyio.to_thread.run_sync(_take_rest, gunzip, body, limiter=threads)
    gunzip.finish()
    return body.whole()


def _unpack(gunzip: "_Gunzip", chunks: Iterable[bytes], body: "_Body") -> None:
    """Take all that these unpack to: one by one, for a member's end copies its rest."""
    for chunk in chunks:
        gunzip.feed(chunk)
        _take_rest(gunzip, body)


def _take_rest(gunzip: "_Gunzip", body: "_Body") -> None:
    while gunzip.has_more:
        body.add(gunzip.piece())


class _Body:
    """What there is of it, as far as it may be.

    Args:
        max_bytes: The most.

    Attributes:
        size: Of what there is.
    """

    def __init__(self, max_bytes: int) -> None:
        self.size = 0
        self._max_bytes = max_bytes
        self._parts: list[bytes] = []

    def add(self, part: bytes) -> None:
        """Take a part.

        Raises:
            ReplyError: That is more than it may be.
        """
        self.size += len(part)
        if self.size > self._max_bytes:
            raise ReplyError(
                f"the answer is larger than {self._max_bytes:,} bytes",
                "lower `limit` under query_params, or raise `limits.max_response_bytes`",
                trouble=Trouble.TOO_LARGE,
            )
        if part:
            self._parts.append(part)

    def whole(self) -> bytes:
        """All parts."""
        return b"".join(self._parts)


class _Gunzip:
    """A gzip stream (RFC 1952), one member after the other, each with its end."""

    def __init__(self) -> None:
        self._member: Any = None
        self._data = b""

    @property
    def has_more(self) -> bool:
        """Whether what was fed unpacks to more than was taken."""
        return bool(self._data)

    def feed(self, data: bytes) -> None:
        """Take this much of the stream, once there is no more of what was fed before."""
        self._data = data

    def piece(self) -> bytes:
        """What the next of it decompresses to, up to a bound: a bomb costs what is taken of it.

        Raises:
            UnreachableError: It is corrupt.
        """
        if not self._data:
            return b""
        member = self._member or _zlib.decompressobj(wbits=_GZIP)
        try:
            piece: bytes = member.decompress(self._data, _PIECE_BYTES)
        except _zlib.error as error:
            raise UnreachableError(f"the answer's gzip body is corrupt: {error}", trouble=Trouble.CUT) from None
        self._member, self._data = (None, member.unused_data) if member.eof else (member, member.unconsumed_tail)
        if self._member is None:
            self._data = self._data.lstrip(b"\0")  # some pad the last member
        return piece

    def finish(self) -> None:
        """The stream is over.

        Raises:
            UnreachableError: A member without its end has lost a part on the way.
        """
        if self._member is not None:
            raise UnreachableError("the answer's gzip body is cut off", trouble=Trouble.CUT)
