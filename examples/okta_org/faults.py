"""Faults to order: what goes wrong with an answer, and when. Rule: each is used up in the order it was queued."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

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
    "informational",
    "short_length",
    "long_length",
    "duplicate_keys",
    "cut_json",
    "bomb",
    "endless",
    "long_header",
    "long_link",
    "deep_json",
    "echo",
    "raw",
]

FAULT_KINDS: tuple[Kind, ...] = get_args(Kind)
"""Every kind, so that a table of faults can show that it leaves none out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        kind: What goes wrong:
            `status`: an error answer of this `status` (500), with Okta's body, or `body`; one below 200, such as 101
            Switching Protocols, has no body unless told and is the connection's last;
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
            `concurrency_429`: limit and remaining 0, reset `seconds` (60) ahead;
            `informational`: `count` interim answers of `status` (103 Early Hints), then the right answer;
            `short_length`: a Content-Length of half the body, whose other half follows all the same; the connection
            stays open;
            `long_length`: a Content-Length one larger than the body, then the connection is closed;
            `duplicate_keys`: the right page, but each event has its `uuid` twice, first as "bogus"; so has a token
            answer its `access_token`;
            `cut_json`: half of the JSON text, as if it were all; neither HTTP nor gzip shows it;
            `bomb`: a page of `size` bytes that gzip makes a thousand times smaller;
            `endless`: a body that starts right and never ends, until the client hangs up (or `org.release()`);
            `long_header`: the right answer, with an `x-padding` of `size` bytes;
            `long_link`: the right answer, but the next link has a parameter `pad` of `size` bytes, and works;
            `deep_json`: an array of one object that is nested `size` levels deep;
            `echo`: an error of `status` (400) that repeats the client's secrets: its `Authorization` and `DPoP` headers
            and its body in `errorSummary` and `error_description`, `Authorization` in `WWW-Authenticate` too, and in
            the query of `location`, if there is one;
            `raw`: `body` instead of any answer, `{authorization}` in it filled in, then the connection is closed.
        path: Of the requests that it concerns; `*` for all.
        times: How often.
        skip: How many such requests pass unharmed before.
        status: For `status` (100-599) and `redirect` (302). A 429 shows nothing remaining, and its reset `seconds`
            ahead. For `informational` (100-199, but not 101) and `echo`. For `bomb`, `endless` and `deep_json`: 200
            where none is given.
        headers: To set, with any kind; a value of None takes a header away, a list repeats it.
        body: For `status`, `html` and `raw`.
        seconds: For `delay`, `stall`, `drip`, and a 429's reset.
        piece: For `drip`.
        location: For `redirect` and `echo`.
        url: For `next`.
        count: For `informational`.
        size: For `bomb`, `long_header` and `long_link`, in bytes, and for `deep_json`, in levels.

    Raises:
        ValueError: There is no such answer as `status` asks for.
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
    count: int = 1
    size: int = 100_000

    def __post_init__(self) -> None:
        if self.status and not 100 <= self.status <= 599:
            raise ValueError(f"a fault's status is a number from 100 to 599, not {self.status}")
        if self.kind == "informational" and self.status and (self.status > 199 or self.status == 101):
            raise ValueError(f"an informational fault's status is 100, or 102 to 199, not {self.status}")

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
