"""One event's line, and a page's events as bytes, for tests that look at them one by one."""

from dataclasses import dataclass

from hel.envelope import Envelope
from hel.events import LineMaker
from hel.peek import Peek


@dataclass(frozen=True)
class Line:
    text: bytes
    key: bytes | None
    ts: str | None
    at: float | None
    id: bytes | None
    mark: float | None


def line(maker: LineMaker, event: bytes, collected_at: float = 0.0) -> Line:
    """The line of one event, and what its source keeps of it; None for what there is not."""
    made = maker.lines([event], collected_at)
    ((at, ts),) = made.times()
    assert made.lengths() == [len(made.joined([True]))]
    mark = made.marks[0] if made.marks else None
    return Line(made.joined([True]), made.keys[0] or None, ts, at, made.ids[0] or None, mark)


def split(body: bytes) -> list[bytes]:
    """The events of a page, each a copy of its own bytes: the same whether fields are read on the way or not."""
    found = list(map(bytes, Envelope(body).events(None, is_bare=True)))
    peek = Peek(["published", "a.b", "a"])
    on_the_way = Envelope(body, peek=peek).events(None, is_bare=True)
    assert list(map(bytes, on_the_way)) == found
    for path in ("published", "a.b", "a"):
        assert peek.columns(on_the_way)(path) == peek.columns(found)(path)
    return found
