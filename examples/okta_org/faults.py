"""Faults to order: what goes wrong with an answer, and when. Rule: each is used up in the order it was queued."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "status",
    "headers",
    "delay",
    "reset",
    "cut",
    "stall",
    "drip",
    "truncated_gzip",
    "bad_json",
    "not_a_list",
    "invalid_utf8",
    "html",
    "redirect",
    "next",
    "bearer",
    "concurrency_429",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        kind: What goes wrong:
            `status`: an error answer of this `status` (500), with Okta's body, or `body`;
            `headers`: the right answer, with `headers` added or overridden;
            `delay`: the right answer, `seconds` later;
            `reset`: the connection is reset before any byte;
            `cut`: the connection is closed in the middle of the body;
            `stall`: headers, then nothing for `seconds` (or until `org.release()`), then the body;
            `drip`: the body in pieces of `piece` bytes, `seconds` apart;
            `truncated_gzip`: half of a gzip stream, as if it were all;
            `bad_json`: a page with a comma too many at its end;
            `not_a_list`: a JSON object;
            `invalid_utf8`: a byte 0xff inside a string;
            `html`: 200 and a web page;
            `redirect`: to `location`;
            `next`: the next link leads to `url`;
            `bearer`: a token answer that says `Bearer`;
            `concurrency_429`: limit and remaining 0, reset `seconds` (60) ahead.
        path: Of the requests that it concerns; `*` for all.
        times: How often.
        skip: How many such requests pass unharmed before.
        status: For `status` and `redirect` (302). A 429 shows nothing remaining, and its reset `seconds` ahead.
        headers: To set, with any kind; a value of None takes a header away, a list repeats it.
        body: For `status` and `html`.
        seconds: For `delay`, `stall`, `drip`, and a 429's reset.
        piece: For `drip`.
        location: For `redirect`.
        url: For `next`.
    """

    kind: Kind
    path: str = "/api/v1/logs"
    times: int = 1
    skip: int = 0
    status: int = 0
    headers: Mapping[str, str | list[str] | None] | None = None
    body: bytes | None = None
    seconds: float = 0.0
    piece: int = 16
    location: str = ""
    url: str = ""

    @property
    def header_pairs(self) -> list[tuple[str, str | None]]:
        """`headers` as pairs."""
        pairs: list[tuple[str, str | None]] = []
        for name, value in (self.headers or {}).items():
            values: list[str | None] = [*value] if isinstance(value, list) else [value]
            pairs.extend((name.lower(), one) for one in values)
        return pairs


class Faults:
    """The faults still to come; may be queued from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queue: list[tuple[Fault, int, int]] = []

    def put(self, fault: Fault) -> None:
        """Queue a fault."""
        with self._lock:
            self._queue.append((fault, fault.skip, fault.times))

    def clear(self) -> None:
        """Drop those that have not happened yet."""
        with self._lock:
            self._queue.clear()

    def take(self, path: str) -> Fault | None:
        """The fault that happens to a request of this path; the request counts as skipped for the others."""
        with self._lock:
            taken: Fault | None = None
            left = []
            for fault, skip, times in self._queue:
                if fault.path not in {path, "*"}:
                    left.append((fault, skip, times))
                elif skip > 0:
                    left.append((fault, skip - 1, times))
                elif taken is None:
                    taken = fault
                    if times > 1:
                        left.append((fault, 0, times - 1))
                else:
                    left.append((fault, 0, times))
            self._queue = left
            return taken
