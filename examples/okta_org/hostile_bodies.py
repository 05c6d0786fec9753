"""Bodies that a client must be wary of. Rule: they are made from the right one, or from nothing but a size."""

import json
import zlib
from collections.abc import Iterator
from functools import lru_cache

_GZIP_WINDOW_BITS = 31
"""zlib's sign for a gzip header around the largest window."""
_PIECE_BYTES = 1 << 20


def duplicate_keys(body: bytes) -> bytes:
    """The same page, each event with a false `uuid` before its own; a token answer with a false `access_token`.

    Readers of JSON take the last of two members of one name, though nobody has to (RFC 8259 §4).
    """
    text = body.decode("utf-8", "surrogateescape")
    if text.startswith("["):
        name, starts = "uuid", list(_event_starts(text))
    else:
        name, starts = "access_token", [0] if '"access_token"' in text else []
    pieces, done = [], 0
    for start in starts:
        pieces += [text[done : start + 1], f'"{name}":"bogus",']
        done = start + 1
    return "".join([*pieces, text[done:]]).encode("utf-8", "surrogateescape")


def cut_json(body: bytes) -> bytes:
    """The first half of a JSON text, still whole as UTF-8."""
    return body[: len(body) // 2].decode("utf-8", "ignore").encode()


@lru_cache(maxsize=4)
def bomb(size: int) -> bytes:
    """A gzip stream of `[` and spaces, `size` bytes once decompressed, made piece by piece."""
    deflater = zlib.compressobj(9, wbits=_GZIP_WINDOW_BITS)
    opening, spaces = deflater.compress(b"["), b" " * _PIECE_BYTES
    made = [deflater.compress(spaces[:left]) for left in range(size - 1, 0, -_PIECE_BYTES)]
    return b"".join([opening, *made, deflater.flush()])


def deep_json(levels: int) -> bytes:
    """An array of one object, nested so many levels deep: `[{"a":{}}]` for 2."""
    outer = max(0, levels - 1)
    return b"[" + b'{"a":' * outer + b"{}" + b"}" * outer + b"]"


def _event_starts(text: str) -> Iterator[int]:
    """Where the objects of a JSON array begin."""
    decoder = json.JSONDecoder(strict=False)
    start = text.find("{")
    while start >= 0:
        yield start
        _, end = decoder.raw_decode(text, start)
        start = text.find("{", end)
