"""Walks that meet what nobody planned for: other settings, another clock, an API with ways of its own."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest
from msgspec import structs

from hel.errors import NoStartError, PagingLoopError, RefusedError, SourceError, UnreachableError
from hel.queue import Room
from hel.records import Reply, Request
from hel.tick import Tick
from tests.audit_api import NOON, Api, Life, asked_for
from tests.doubles import FakeClock
from tests.test_walking import MARK, PAGINATION, WAYS, WINDOW, asked, at, configured, lived, numbered, with_time

NUMBER = MARK | {"path": "n", "param": "n", "format": "number"}
T = TypeVar("T")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def past(clock: FakeClock, order: str = "desc", count: int = 12, **more: Any) -> Api:
    """An API with so many events, five minutes apart, that has had them for long."""
    api = Api("cursor", clock, order, size=3, **more)
    for number in range(count):
        api.add(clock.at - 300 * (count - number), NOON - 86_400)
    return api


def way(name: str, max_pages: int = 100) -> dict[str, Any]:
    """A source that goes on in this way; the API says whether there is more."""
    pages = PAGINATION["cursor"] | {"has_more_path": "more", "max_pages": max_pages}
    ways: dict[str, dict[str, Any]] = {
        "lasting": {"pagination": pages | {"lasting": True}, "from_param": "since", "from": at(-7200)},
        "watermark": {"pagination": pages, "watermark": MARK, "from": at(-7200)},
        "window": {"pagination": pages, "window": WINDOW, "from": at(-7200)},
        "number": {"pagination": pages, "watermark": NUMBER},
    }
    return {"transform": {"timestamp_field": "time"}, **ways[name]}


async def tick_on(life: Life, count: int, every_s: float = 30) -> SourceError | None:
    """So many ticks; the error that says that the source has nowhere to start."""
    for _ in range(count):
        ended = await life.tick()
        if isinstance(ended, NoStartError):
            return ended
        assert isinstance(ended, Tick), ended
        life.api.clock.at += every_s
    return None


@pytest.mark.parametrize("after", ["lasting", "watermark", "window", "number"])
@pytest.mark.parametrize("before", ["watermark", "window", "number"])
@pytest.mark.parametrize("order", ["desc", "asc"])
def test_a_source_that_changes_its_way_in_the_middle_of_a_walk_loses_and_repeats_nothing(
    tmp_path: Path, clock: FakeClock, before: str, after: str, order: str
) -> None:
    async def main(life: Life) -> SourceError | None:
        await life.ticks(1, every_s=30)
        assert life.memory.checkpoint.resume is not None
        life.become(**way(after))
        return await tick_on(life, 4)

    life = Life(tmp_path, past(clock, order, says_more=True), **way(before, max_pages=1))
    nowhere = asyncio.run(main(life))
    life.store.close()
    assert life.delivered <= life.expected
    assert nowhere is not None or life.delivered == life.expected
    assert nowhere is None or "number" in (before, after)


def test_another_question_in_the_middle_of_a_walk_begins_it_anew(tmp_path: Path, clock: FakeClock) -> None:
    api = past(clock)

    async def main(life: Life) -> None:
        await life.ticks(1)
        life.become(**configured(api), query_params={"filter": "a b&c=d", "more": "x"})
        await life.ticks(2)
        assert asked(life, "after")[1] is None
        assert asked(life, "more")[1:] == ["x"] * (len(api.asked) - 1)

    life = lived(tmp_path, api, main, max_pages=1)
    assert life.delivered <= life.expected


@pytest.mark.parametrize("by", ["watermark", "window"])
def test_a_longer_overlap_brings_nothing_back_that_was_forgotten(tmp_path: Path, clock: FakeClock, by: str) -> None:
    api = Api("cursor", clock, size=100)
    section = MARK if by == "watermark" else WINDOW

    async def main(life: Life) -> None:
        for _ in range(10):
            api.add(clock.at)
            await life.ticks(1, every_s=600)
        longer: Any = {by: section | {"overlap_secs": 3600}}
        life.become(**configured(api, **longer))
        for _ in range(10):
            api.add(clock.at - 1200 if len(api.events) > 16 else clock.at)
            await life.ticks(1, every_s=600)

    life = lived(tmp_path, api, main, **{by: section})
    assert life.delivered == life.expected


def test_a_lasting_cursor_that_is_refused_after_a_short_overlap_repeats_nothing(
    tmp_path: Path, clock: FakeClock
) -> None:
    api = numbered(clock, count=1, says_more=True, order="arrival")

    async def main(life: Life) -> None:
        for _ in range(10):
            api.add(clock.at)
            await life.ticks(1, every_s=300)
        life.become(**with_time(WAYS["lasting"]))
        await life.ticks(3)

    life = Life(tmp_path, api, **with_time({"watermark": MARK | {"overlap_secs": 60}}))
    asyncio.run(main(life))
    life.store.close()
    assert life.delivered == life.expected


def test_a_number_that_gives_way_to_a_time_repeats_nothing_in_later_ticks_either(
    tmp_path: Path, clock: FakeClock
) -> None:
    api = numbered(clock)

    async def main(life: Life) -> None:
        await life.ticks(2)
        life.become(**configured(api))
        await life.ticks(3)

    life = lived(tmp_path, api, main, watermark=NUMBER)
    assert life.delivered == life.expected


def test_a_window_does_not_take_a_walk_without_an_end_for_its_own(tmp_path: Path, clock: FakeClock) -> None:
    api = past(clock)

    async def main(life: Life) -> None:
        await life.ticks(1)
        clock.at += 1500
        api.add(clock.at)
        life.become(**(configured(api, window=WINDOW) | {"from": at(-7200)}))
        await life.ticks(20, every_s=100)

    life = lived(tmp_path, api, main, max_pages=1)
    assert life.delivered == life.expected


@dataclass
class Truthful(Api):
    """Its own clock is right, whatever Hel's says, and its answers carry it."""

    ahead_s: float = 0.0

    def _found(self, parameters: Any) -> Any:
        now = self.clock.at - self.ahead_s
        return [event for event in super()._found(parameters) if event.arrives <= now]

    def _written(self, *arguments: Any, **more: Any) -> Reply:
        moment = datetime.fromtimestamp(self.clock.at - self.ahead_s, UTC)
        reply = super()._written(*arguments, **more)
        return structs.replace(reply, headers=(*reply.headers, ("date", format_datetime(moment, usegmt=True))))


@pytest.mark.parametrize("ahead_s", [-900.0, 300.0, 900.0, 7200.0])
@pytest.mark.parametrize("by", ["watermark", "window"])
def test_a_clock_that_is_wrong_loses_nothing(tmp_path: Path, clock: FakeClock, by: str, ahead_s: float) -> None:
    api = Truthful("none", clock, ahead_s=ahead_s)

    async def main(life: Life) -> None:
        for _ in range(40):
            api.add(clock.at - ahead_s, clock.at - ahead_s)
            await life.ticks(1)
        await life.ticks(15, every_s=100)
        assert len(api.asked) < 80, "one window a tick is enough"

    life = lived(tmp_path, api, main, **{by: MARK if by == "watermark" else WINDOW})
    assert life.delivered == life.expected


def test_an_api_whose_clock_stands_still_stops_no_window(tmp_path: Path, clock: FakeClock) -> None:
    class Stopped(Api):
        def _written(self, *arguments: Any, **more: Any) -> Reply:
            reply = super()._written(*arguments, **more)
            return structs.replace(reply, headers=(*reply.headers, ("date", "Thu, 01 Jan 1970 00:00:00 GMT")))

    api = Stopped("none", clock)

    async def main(life: Life) -> None:
        for _ in range(20):
            api.add(clock.at, clock.at)
            await life.ticks(1, every_s=300)

    life = lived(tmp_path, api, main, window=WINDOW | {"max_secs": 1500})
    assert life.delivered <= life.expected
    assert (life.expected - life.delivered).total() <= 1


@pytest.mark.parametrize("future_s", [0, 86_400])
def test_a_refused_cursor_in_a_catch_up_loses_nothing_for_an_event_of_the_future(
    tmp_path: Path, clock: FakeClock, future_s: float
) -> None:
    api = Api("cursor", clock, order="arrival", size=3, says_more=True)
    for hour in range(20, 0, -1):
        arrives = clock.at - 3600 * hour
        api.add(clock.at + future_s if hour == 19 and future_s else arrives, arrives)

    async def main(life: Life) -> None:
        await life.ticks(1)
        api.refuses = True
        await life.tick()
        api.refuses = False
        await life.ticks(20)

    given = WAYS["lasting"]["pagination"] | {"max_pages": 1}
    life = Life(tmp_path, api, **with_time({"from_param": "since", "pagination": given}))
    asyncio.run(main(life))
    life.store.close()
    assert life.delivered == life.expected


class Clamped(Api):
    """Behind its last page it shows the last one again; or, without `takes`, always the first."""

    takes = True

    def _answer(self, request: Request, parameters: Any) -> Reply:
        found = self._found(parameters)
        last = max(1, -(-len(found) // self.size))
        page = min(int(self._place(parameters) or 1), last) if self.takes else 1
        shown = found[(page - 1) * self.size : page * self.size]
        return self._written(request, [event.text for event in shown], None, more=False)


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_an_api_that_repeats_its_last_page_is_at_the_end_there(tmp_path: Path, clock: FakeClock, order: str) -> None:
    api = Clamped("page_offset", clock, order, events=numbered(clock).events)

    async def main(life: Life) -> None:
        await life.ticks(1)
        assert len(api.asked) == 4
        api.add(clock.at)
        await life.ticks(2)

    life = lived(tmp_path, api, main)
    assert life.delivered == life.expected


def test_an_api_that_repeats_its_only_page_is_at_the_end_where_that_page_is_short(
    tmp_path: Path, clock: FakeClock
) -> None:
    api = Clamped("page_offset", clock, events=numbered(clock, count=2).events)
    life = Life(tmp_path, api, **(configured(api) | {"pagination": {"strategy": "page_offset", "limit": 3}}))
    asyncio.run(life.ticks(3))
    life.store.close()
    assert life.delivered == life.expected
    assert len(api.asked) == 6


def test_an_api_that_does_not_take_the_number_of_a_page_is_told(tmp_path: Path, clock: FakeClock) -> None:
    api = Clamped("page_offset", clock, events=numbered(clock).events)
    api.takes = False

    async def main(life: Life) -> None:
        for _ in range(2):
            ended = await life.tick()
            assert isinstance(ended, PagingLoopError)
            assert "`pagination.page_param`" in ended.fix
        assert len(life.lines) == 3

    lived(tmp_path, api, main)


@dataclass
class Forgetful(Api):
    """It forgets a listing, and says so in its own way whenever an old cursor is asked for."""

    how: str = ""
    forgotten: str | None = None

    async def __call__(self, request: Request, read: Callable[[Reply], T], gate: Room) -> T:
        after = asked_for(request).get("after")
        if after is None:
            self.forgotten = None
        if after is None or after != self.forgotten:
            return await super().__call__(request, read, gate)
        await gate.wait()
        if self.how == "403":
            raise RefusedError("it has expired", "", 403)
        if self.how == "500":
            raise UnreachableError("500 Internal Server Error")
        return read(Reply(200, (), b'{"ok":false,"error":"invalid_cursor"}', self.clock.at))


@pytest.mark.parametrize("how", ["403", "200", "500"])
def test_a_forgotten_cursor_begins_the_walk_anew_however_the_api_says_so(
    tmp_path: Path, clock: FakeClock, how: str
) -> None:
    api = Forgetful("cursor", clock, events=numbered(clock).events, how=how)

    async def main(life: Life) -> None:
        await life.ticks(1)
        resume = life.memory.checkpoint.resume
        assert resume is not None
        api.forgotten = Request("GET", resume).query["after"]
        for _ in range(8):
            await life.tick()
            clock.at += 60
        assert life.log.names.count("cursor.refused") == 1

    life = lived(tmp_path, api, main, max_pages=2)
    assert life.delivered == life.expected


@pytest.mark.parametrize("by", ["next_url", "link_header", "cursor"])
def test_by_post_the_body_goes_along_to_every_page(tmp_path: Path, clock: FakeClock, by: str) -> None:
    life = lived(tmp_path, numbered(clock, by), lambda life: life.ticks(2), method="POST")
    assert life.delivered == life.expected


def test_an_api_that_always_gives_the_same_cursor_is_at_its_end_where_nothing_came(
    tmp_path: Path, clock: FakeClock
) -> None:
    api = numbered(clock, says_more=True)
    config = configured(api)
    del config["pagination"]["has_more_path"]
    life = Life(tmp_path, api, **config)
    asyncio.run(life.ticks(3))
    life.store.close()
    assert life.delivered == life.expected


@pytest.mark.parametrize("pattern", ["%Y-%m-%d", "%Y-%m-%dT%H:%MZ"])
def test_what_a_coarse_pattern_brings_again_is_left_out(tmp_path: Path, clock: FakeClock, pattern: str) -> None:
    class Coarse(Api):
        def _time(self, value: Any) -> float | None:
            return None if value is None else datetime.strptime(value, pattern).replace(tzinfo=UTC).timestamp()

    api = Coarse("cursor", clock, size=100)

    async def main(life: Life) -> None:
        for _ in range(30):
            api.add(clock.at)
            await life.ticks(1, every_s=1800)

    life = lived(tmp_path, api, main, watermark=MARK | {"param_format": pattern})
    assert life.delivered == life.expected


@pytest.mark.parametrize("body", [b"", b"null", b'{"items":null}', b"{}"])
def test_an_answer_of_nothing_is_an_empty_window_where_that_may_be(
    tmp_path: Path, clock: FakeClock, body: bytes
) -> None:
    class Silent(Api):
        def _answer(self, request: Request, parameters: Any) -> Reply:
            if self._found(parameters):
                return super()._answer(request, parameters)
            return Reply(200, (), body, self.clock.at)

    api = Silent("none", clock)

    async def main(life: Life) -> None:
        await life.ticks(2)
        api.add(clock.at)
        await life.ticks(2)

    life = lived(tmp_path, api, main, window=WINDOW, events_path="items", events_may_be_missing=True)
    assert life.delivered == life.expected
