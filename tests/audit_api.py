"""An audit API that pages as it is told to, and a source's life before it: ticks, deaths, refusals, in made time.

The poller, its memory, the SQLite file and the commits are the real ones; the network and the clock are not.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode

from hel import asking, assembly
from hel.config.source import SourceConfig
from hel.errors import RefusedError, SourceError, UnreachableError
from hel.follower import Follower
from hel.paging.place import body_of
from hel.queue import BatchQueue, Room
from hel.records import Reply, Request
from hel.state.store import Store
from hel.tick import Tick
from tests.doubles import FakeClock, HeardLog

T = TypeVar("T")
URL = "https://api.example.com/audit"
NOON = 1_777_636_800.0
NAME = "audit"
KEPT = {"filter": "a b&c=d"}
"""A query parameter that must be there on every page."""


class PowerLossError(Exception):
    """The machine is gone."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event of the API's log.

    Attributes:
        at: Its own time, epoch seconds.
        arrives: From when on the API shows it.
        number: In the order of arrival; unique.
        text: Its JSON.
        hidden: A filter leaves it out after pages were cut, so that a page may be short or empty.
    """

    at: float
    arrives: float
    number: int
    text: bytes
    hidden: bool = False


@dataclass
class Api:
    """Answers by its own rules of paging.

    Attributes:
        pages_by: `link_header`, `next_url`, `cursor`, `page_offset`, `offset` or `none`.
        clock: Moves on with each answer.
        order: `asc`, `desc` or `arrival`.
        size: The most events of a page.
        form: How times are written in `since` and `until`.
        says_more: It says `has_more`, and gives a cursor on the last page, too.
        takes_s: How long an answer takes.
    """

    pages_by: str
    clock: FakeClock
    order: str = "asc"
    size: int = 3
    form: str = "rfc3339"
    says_more: bool = False
    takes_s: float = 1.0
    events: list[Event] = field(default_factory=list)
    asked: list[Request] = field(default_factory=list)
    refuses: bool = False
    fails_after: int | None = None
    dies_after: int | None = None

    def add(self, at: float, arrives: float | None = None, *, like: bytes | None = None, hidden: bool = False) -> Event:
        number = len(self.events)
        text = self._text(at, number) if like is None else like
        event = Event(at, self.clock.at if arrives is None else arrives, number, text, hidden)
        self.events.append(event)
        return event

    def _text(self, at: float, number: int) -> bytes:
        zone = timezone(timedelta(hours=number % 5 - 2))  # times are compared as times, whatever their offset
        moment = datetime.fromtimestamp(at, UTC).astimezone(zone)
        time: Any = {"rfc3339": moment.isoformat(), "epoch": at, "epoch_ms": round(at * 1000), "number": round(at)}
        return json.dumps({"id": f"e{number}", "n": number, "time": time[self.form]}).encode()

    async def __call__(self, request: Request, read: Callable[[Reply], T], gate: Room) -> T:
        await gate.wait()
        self.clock.at += self.takes_s
        self.asked.append(request)
        parameters = asked_for(request)
        assert parameters.items() >= KEPT.items(), "filters stay on every page"
        self.dies_after = _counted(self.dies_after, PowerLossError())
        self.fails_after = _counted(self.fails_after, UnreachableError("cut"))
        if self.refuses and self._place(parameters):
            raise RefusedError("no such cursor", "", 400)
        return read(self._answer(request, parameters))

    def _place(self, parameters: Mapping[str, Any]) -> Any:
        names = {"page_offset": "page", "offset": "offset"}
        return parameters.get(names.get(self.pages_by, "after"))

    def _answer(self, request: Request, parameters: Mapping[str, Any]) -> Reply:
        found = self._found(parameters)
        place = self._place(parameters)
        rest: list[Event] = []
        if self.pages_by == "none":
            page = found
        elif self.pages_by in {"page_offset", "offset"}:
            start = int(place or 0) if self.pages_by == "offset" else (int(place or 1) - 1) * self.size
            page = found[start : start + self.size]
        else:
            after = [event for event in found if not place or self._key(event) > tuple(json.loads(place))]
            page, rest = after[: self.size], after[self.size :]
        cursor = json.dumps(self._key(page[-1])) if page else place
        return self._written(request, [event.text for event in page if not event.hidden], cursor, more=bool(rest))

    def _written(self, request: Request, texts: list[bytes], cursor: str | None, *, more: bool) -> Reply:
        headers: tuple[tuple[str, str], ...] = ()
        said: dict[str, Any] = {"meta": {"next": cursor if more or self.says_more else ""}}
        if self.says_more:
            said["more"] = more
        following = None if not cursor else replaced(request, "after", cursor)
        if self.pages_by == "next_url":
            said = {"meta": {"next": following if more or (self.says_more and cursor) else None}}
        if self.pages_by == "link_header" and following and (more or self.says_more):
            headers = (("link", f'<{following}>; rel="next"'),)
        body = b'{"items":[' + b",".join(texts) + b"]," + json.dumps(said).encode()[1:]
        return Reply(200, headers, body, self.clock.at)

    def _found(self, parameters: Mapping[str, Any]) -> list[Event]:
        since, until = (self._time(parameters.get(name)) for name in ("since", "until"))
        return sorted(
            (
                event
                for event in self.events
                if event.arrives <= self.clock.at
                and (since is None or event.at >= since)
                and (until is None or event.at <= until)
            ),
            key=self._key,
        )

    def _key(self, event: Event) -> tuple[float, ...]:
        if self.order == "arrival":
            return (event.arrives, event.number)
        return (event.at, event.number) if self.order == "asc" else (-event.at, -event.number)

    def _time(self, value: Any) -> float | None:
        if value is None:
            return None
        if self.form == "rfc3339":
            return datetime.fromisoformat(value).timestamp()
        return int(value) / (1000 if self.form == "epoch_ms" else 1)


def _counted(left: int | None, fault: Exception) -> int | None:
    if left == 0:
        raise fault
    return None if left is None else left - 1


def asked_for(request: Request) -> dict[str, Any]:
    """A request's parameters, wherever they stand."""
    return {**request.query, **body_of(request)}


def replaced(request: Request, name: str, value: str) -> str:
    """The URL with one parameter replaced, as an API's own link has it."""
    return f"{URL}?{urlencode({**request.query, name: value})}"


class Life:
    """A source from its first tick on, over as many deaths as there are.

    Args:
        folder: Where its state is.
        api: What it asks.
        given: Its section of the config, without what every source here has.
        end_of_tick: `checkpoint: end_of_tick`.
    """

    def __init__(self, folder: Path, api: Api, **given: Any) -> None:
        self.api = api
        self.log = HeardLog()
        self.lines: list[bytes] = []
        self.source = self._source_of(given)
        self._path = folder / "hel-state.db"
        self._keeps = {NAME: assembly.keep(self.source)}
        self.boot()

    def boot(self) -> None:
        """Start anew, with what the state knows."""
        self.store = Store(self._path, writable=True)
        self.store._db.execute("PRAGMA synchronous = OFF")  # noqa: SLF001  # only the power here is made, too
        self.queue = BatchQueue(100_000, 100_000_000)
        self.memory = assembly.memory(NAME, self.source, self.store, self.log)
        self.follower = Follower(
            NAME,
            self.api,
            asking.pager(self.source),
            assembly.line_maker(self.source),
            self.memory,
            assembly.recovery(NAME, self.source, self.store),
            asking.walks(self.source),
            assembly.pace(self.source),
            self.queue,
            self.api.clock,
            self.log,
        )

    def become(self, **given: Any) -> None:
        """Start anew with another section of the config."""
        self.store.close()
        self.source = self._source_of(given)
        self._keeps = {NAME: assembly.keep(self.source)}
        self.boot()

    @staticmethod
    def _source_of(given: dict[str, Any]) -> SourceConfig:
        config = {"url": URL, "query_params" if given.get("method") != "POST" else "body": KEPT, **given}
        return SourceConfig.model_validate(SourceConfig.completed(config))

    async def tick(self, *, commits: int | None = None) -> Tick | SourceError | None:
        """One tick, and its delivery.

        Args:
            commits: The power goes before one more than these; None for never.

        Returns:
            What became of it; None where the power went.
        """
        delivery = asyncio.create_task(self._deliver(commits))
        tick = asyncio.create_task(self._tick())
        await asyncio.wait([delivery, tick], return_when=asyncio.FIRST_COMPLETED)
        is_alive = tick.done() and tick.exception() is None
        for task in (delivery, tick):
            task.cancel()
        await asyncio.wait([delivery, tick])
        for task in (delivery, tick):
            fault = None if task.cancelled() else task.exception()
            if fault is not None and not isinstance(fault, PowerLossError):
                raise fault
        self.api.dies_after = self.api.fails_after = None
        if is_alive:
            return tick.result()
        self.store.close()
        self.boot()
        return None

    async def _tick(self) -> Tick | SourceError:
        ended: Tick | SourceError
        try:
            ended = await self.follower.tick()
        except SourceError as error:
            ended = error
        await self.queue.settled(NAME)
        return ended

    async def _deliver(self, commits: int | None) -> None:
        while True:
            batches = await self.queue.take(1)
            commits = _counted(commits, PowerLossError())
            self.store.commit(batches, keeps=self._keeps)
            self.lines += [line for batch in batches for line in batch.lines.splitlines()]
            self.queue.delivered(batches)

    async def ticks(self, count: int, every_s: float = 60) -> None:
        """So many ticks, none of which may fail."""
        for _ in range(count):
            ended = await self.tick()
            assert isinstance(ended, Tick), ended
            self.api.clock.at += every_s

    @property
    def delivered(self) -> Counter[bytes]:
        """How often each event was."""
        return Counter(line.split(b'"event":', 1)[1].rsplit(b',"meta":{', 1)[0] for line in self.lines)

    @property
    def expected(self) -> Counter[bytes]:
        """How often each event is to be delivered in the end."""
        return Counter(event.text for event in self.api.events if not event.hidden)

    def walked(self) -> Iterator[dict[str, Any]]:
        """What each request asked for."""
        return map(asked_for, self.api.asked)
