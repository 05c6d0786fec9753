"""What the org served, and every rule that a client broke. Rule: only ever added to."""

import threading
from dataclasses import dataclass, field

from examples.okta_org.records import Answer, Call


@dataclass(frozen=True, slots=True)
class Entry:
    """One request and its answer.

    Attributes:
        number: Counts from 1.
        at: When it came in, epoch seconds by the org's clock.
        method: As received.
        target: Path and query as received.
        path: The path as received.
        headers: Names in lower case; each with its values in order.
        status: What was answered; 0 where the connection was cut before an answer, or none was in what was sent.
        events: How many events the answer carried.
        note: Why it was refused, or what was done to it.
    """

    number: int
    at: float
    method: str
    target: str
    path: str
    headers: dict[str, list[str]] = field(repr=False)
    status: int
    events: int
    note: str


class Ledger:
    """The org's book.

    Attributes:
        requests: In the order of their answers.
        violations: `request N: the rule that was broken`.
        served: The uuids of the events in the order served, with repetitions.
    """

    def __init__(self) -> None:
        self.requests: list[Entry] = []
        self.violations: list[str] = []
        self.served: list[str] = []
        self._lock = threading.Lock()
        self._count = 0

    def number(self) -> int:
        """The number of a new request."""
        with self._lock:
            self._count += 1
            return self._count

    def enter(self, call: Call, answer: Answer) -> None:
        """Note an answer, just before it goes out."""
        with self._lock:
            self.served.extend(answer.uuids)
            self.requests.append(
                Entry(
                    call.number,
                    call.at,
                    call.method,
                    call.target,
                    call.raw_path,
                    {name: list(values) for name, values in call.headers.items()},
                    answer.status,
                    len(answer.uuids),
                    answer.note,
                )
            )

    def add_served(self, uuids: tuple[str, ...]) -> None:
        """Note events whose answer took its time and did arrive."""
        with self._lock:
            self.served.extend(uuids)

    def accuse(self, call: Call, rule: str) -> None:
        """Note that a request broke a rule."""
        with self._lock:
            self.violations.append(f"request {call.number}: {rule}")
