"""A page's events, each as its own text, and a few of their fields: found in one pass where that can be done.

An event begins where the value of its first member does, less that member's name; it ends where the next one's comma
stands. Only a page that is not written so is gone through twice, by `json_text` and then by `peek`. A law: bytes in,
views of them out.
"""

import re
from collections.abc import Iterable
from itertools import pairwise, repeat
from operator import attrgetter, sub
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
    end = _pointer(array) + len(array) + len(begin)
    behind = list(map(sub, repeat(end), map(_pointer, firsts)))  # from each event's beginning to the end
    if behind[0] != len(array) - 1 or not _all_stand_at([-left - 2 for left in behind[1:]], b"}," + begin, array):
        return None
    view, last = memoryview(array), array.rindex(b"}") + 1
    texts = [view[-left : -next_left - 1] for left, next_left in pairwise(behind)]
    return Rows([*texts, view[-behind[-1] : last]], peek, records)


def _all_stand_at(places: Iterable[int], seam: bytes, array: bytes) -> bool:
    return all(map(array.startswith, repeat(seam), places))
