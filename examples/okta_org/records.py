"""A request as it came in, and the answer to it. Rule: the request is kept as received, nothing is normalised."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Call:
    """One request.

    Attributes:
        number: Counts the org's requests from 1.
        at: When it came in, epoch seconds by the org's clock.
        method: As received.
        scheme: `https`, or `http` without TLS.
        host: The `Host` header.
        raw_path: The path as received, percent-encoding kept.
        query: The query as received, without `?`.
        headers: Names in lower case; each with its values in order.
        body: The whole body.
    """

    number: int
    at: float
    method: str
    scheme: str
    host: str
    raw_path: str
    query: str
    headers: Mapping[str, list[str]] = field(repr=False)
    body: bytes = field(default=b"", repr=False)

    @property
    def url(self) -> str:
        """The URL as the client addressed it, without its query: what `htu` and `aud` must name."""
        return f"{self.scheme}://{self.host}{self.raw_path}"

    @property
    def target(self) -> str:
        """The path and query as received."""
        return f"{self.raw_path}?{self.query}" if self.query else self.raw_path

    def values(self, name: str) -> list[str]:
        """The values of a header; empty where it is absent."""
        return self.headers.get(name, [])


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back.

    Attributes:
        status: The HTTP status.
        headers: In order, with repetitions; the body's length is added on the wire.
        body: Before any compression.
        uuids: The events that it carries.
        note: What there is to say about it in the ledger.
    """

    status: int
    headers: Headers = ()
    body: bytes = field(default=b"", repr=False)
    uuids: tuple[str, ...] = field(default=(), repr=False)
    note: str = ""

    def adding(self, headers: Iterable[tuple[str, str]]) -> "Answer":
        """The same with more headers."""
        return replace(self, headers=(*self.headers, *headers))

    def setting(self, headers: Iterable[tuple[str, str | None]]) -> "Answer":
        """The same with these headers instead of others of the same names; None takes a header away."""
        pairs = tuple(headers)
        names = {name.lower() for name, _ in pairs}
        kept = tuple(pair for pair in self.headers if pair[0].lower() not in names)
        return replace(self, headers=(*kept, *((name, value) for name, value in pairs if value is not None)))


class RefusedError(Exception):
    """A request that is refused.

    Args:
        answer: What goes back.
        violation: The rule that the client broke; empty where the request is wrong without breaking one.
    """

    def __init__(self, answer: Answer, violation: str = "") -> None:
        super().__init__(violation or answer.note)
        self.answer = answer
        self.violation = violation
