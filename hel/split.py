"""A page's events, each as its own text, and a few of their fields: found in one pass where that can be done.

An event begins where the value of its first member does, less that member's name; it ends where the next one's comma
stands. Only a page that is not written so is gone through twice, by `json_text` and then by `peek`. A law: bytes in,
views of them out.
"""

import re
from operator import attrgetter
from typing import Any

from _cffi_backend import FFI  # the compiled half of cffi; the other one reads C, of which there is none here

from hel import json_text
from hel.peek import Peek, Rows
from hel.records import Text

_OPENING = re.compile(rb'\[(\{"([^"\\\x00-\x1f]{1,200})":)')
"""How an array of objects begins that is written without whitespace; the name is the first one's first."""

_pointer: Any = FFI().from_buffer
"""Points to where a view begins; the difference of two is how far they are apart."""


def split(body: bytes, peek: Peek | None = None) -> list[Text]:
    """The JSON text of each event in a page that is one top-level array of objects.

    Args:
        body: Without byte order mark.
        peek: Reads the fields that will be asked for.

    Raises:
        ReplyError: The body is no JSON array of objects.
    """
    json_text.check_text(body)
    json_text.check_size(body)
    return items(body, peek)


def items(array: bytes, peek: Peek | None = None) -> list[Text]:
    """The same of an array whose text and size were checked."""
    rows = None if peek is None else _in_one_pass(array, peek)
    return json_text.items(array) if rows is None else rows


def _in_one_pass(array: bytes, peek: Peek) -> Rows | None:
    """The events and their fields; None where one does not begin with the first one's first name, or stands apart."""
    opening = _OPENING.match(array)
    if opening is None or b"\n" in array or b"\r" in array:
        return None
    begin, name = opening.groups()
    records, attribute = peek.records(array, name.decode())
    firsts = list(map(attrgetter(attribute), records))
    if not firsts or not all(firsts):
        return None
    end = _pointer(array) + len(array)
    starts = [len(array) - len(begin) - (end - _pointer(first)) for first in firsts]
    seam = b"}," + begin
    if starts[0] != 1 or any(array[start - 2 : start + len(begin)] != seam for start in starts[1:]):
        return None
    ends = [*(start - 1 for start in starts[1:]), array.rindex(b"}") + 1]
    view = memoryview(array)
    return Rows([view[start:end] for start, end in zip(starts, ends, strict=True)], peek, records)
