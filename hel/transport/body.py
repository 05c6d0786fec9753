"""An answer's body, decompressed here: httpx hands out whole chunks whatever their size, and takes gzip without end.

The rule: no more is held in memory than is allowed, whatever the bytes on the wire unpack to.
"""

import zlib
from collections.abc import AsyncIterator, Iterator

from hel.errors import ReplyError, Trouble, UnreachableError
from hel.telemetry.printable import printable

_PIECE_BYTES = 1024 * 1024


async def read_body(chunks: AsyncIterator[bytes], coding: str, max_bytes: int) -> bytes:
    """The body, decoded (RFC 9110 §8.4).

    Args:
        chunks: As they come off the wire.
        coding: The `Content-Encoding`, empty where there is none.
        max_bytes: The most that it may be, decoded.

    Raises:
        ReplyError: It is larger, or compressed in a way that was not asked for.
        UnreachableError: It is not whole.
    """
    written, coding = coding, coding.strip().lower()
    if coding not in {"", "identity", "gzip", "x-gzip"}:
        raise ReplyError(
            f"the answer is compressed as {printable(written.strip())}, which was not asked for", trouble=Trouble.CODING
        )
    gunzip = _Gunzip() if "gzip" in coding else None
    parts: list[bytes] = []
    left = max_bytes
    async for chunk in chunks:
        for part in gunzip.feed(chunk) if gunzip else (chunk,):
            left -= len(part)
            if left < 0:
                raise ReplyError(
                    f"the answer is larger than {max_bytes:,} bytes",
                    "lower `limit` under query_params, or raise `limits.max_response_bytes`",
                    trouble=Trouble.TOO_LARGE,
                )
            parts.append(part)
    if gunzip:
        gunzip.finish()
    return b"".join(parts)


class _Gunzip:
    """A gzip stream (RFC 1952), one member after the other, each with its end."""

    def __init__(self) -> None:
        self._member: zlib._Decompress | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What this much of the stream decompresses to, piece by piece: a bomb costs what is taken of it."""
        while data:
            member = self._member or zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
            try:
                yield member.decompress(data, _PIECE_BYTES)
            except zlib.error as error:
                raise UnreachableError(f"the answer's gzip body is corrupt: {error}", trouble=Trouble.CUT) from None
            self._member, data = (None, member.unused_data) if member.eof else (member, member.unconsumed_tail)
            if self._member is None:
                data = data.lstrip(b"\0")  # some pad the last member

    def finish(self) -> None:
        """The stream is over: a member without its end has lost a part on the way."""
        if self._member is not None:
            raise UnreachableError("the answer's gzip body is cut off", trouble=Trouble.CUT)
