"""Walks of a source whose API has no lasting cursor: whatever happens, each event is delivered once."""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hel.errors import NoStartError, PagingLoopError, RefusedError, UnreachableError
from hel.records import Reply, Request
from hel.tick import Tick
from tests.audit_api import NAME, NOON, URL, Api, Life, asked_for
from tests.doubles import FakeClock

OVERLAP_S = 600.0
PAGINATION: dict[str, dict[str, Any]] = {
    "link_header": {"strategy": "link_header"},
    "next_url": {"strategy": "next_url", "next_url_path": "meta.next"},
    "cursor": {"strategy": "cursor", "cursor_path": "meta.next", "cursor_param": "after"},
    "page_offset": {"strategy": "page_offset"},
    "offset": {"strategy": "offset"},
    "none": {"strategy": "none"},
}
MARK = {"path": "time", "param": "since", "overlap_secs": OVERLAP_S}
WINDOW = {"start_param": "since", "end_param": "until", "overlap_secs": OVERLAP_S}


def configured(api: Api, max_pages: int = 100, **given: Any) -> dict[str, Any]:
    """A source's section for this API; by its watermark, unless it says otherwise."""
    pagination = dict(PAGINATION[api.pages_by])
    if api.pages_by != "none":
        pagination["max_pages"] = max_pages
    if api.says_more and api.pages_by == "cursor":
        pagination["has_more_path"] = "more"
    walks = {} if "window" in given or pagination.get("lasting") else {"watermark": MARK | {"format": api.form}}
    return {"pagination": pagination, "transform": {"timestamp_field": "time"}, **walks, **given}


def lived(folder: Path, api: Api, main: Callable[[Life], Coroutine[Any, Any, None]], **given: Any) -> Life:
    """A life before this API, to its end."""
    life = Life(folder, api, **configured(api, **given))
    asyncio.run(main(life))
    life.store.close()
    return life


def asked(life: Life, name: str) -> list[Any]:
    """What each request asked for under one name."""
    return [parameters.get(name) for parameters in life.walked()]


def at(clock_s: float) -> str:
    """That many seconds after noon, as a watermark is written."""
    return f"{datetime.fromtimestamp(NOON + clock_s, UTC):%Y-%m-%dT%H:%M:%SZ}"


@dataclass(frozen=True, slots=True)
class Step:
    """What happens next.

    Attributes:
        does: `append` events, one `late`, dated in the `future`, twice the same (`twins`) or `hidden`; `wait`; `tick`,
            which the power (`die`, `die_asking`) or the network (`cut`) ends early; the API `refuse`s cursors in one.
        many: How many events, requests or commits.
        seconds: How late, how long, or how long until the event comes.
    """

    does: str
    many: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Way:
    """How the API pages, and how the source is set to read it."""

    pages_by: str
    order: str = "asc"
    form: str = "rfc3339"
    by: str = "watermark"
    size: int = 3
    max_pages: int = 100
    says_more: bool = False
    method: str = "GET"
    dedupe: bool = False
    whole_ticks: bool = False
    max_secs: float = 1500.0
    lag_secs: float = 0.0
    takes_s: float = 1.0


def config_of(way: Way, api: Api) -> dict[str, Any]:
    more: dict[str, Any] = {"method": way.method, "max_pages": way.max_pages}
    if way.by == "window":
        more["window"] = WINDOW | {"format": way.form, "max_secs": way.max_secs, "lag_secs": way.lag_secs}
        more["from"] = {"rfc3339": at(-7200), "epoch": f"{NOON - 7200:.0f}", "epoch_ms": f"{NOON - 7200:.0f}000"}[
            way.form
        ]
    if way.dedupe:
        more["dedupe"] = {"id_path": "id"}
    if way.whole_ticks:
        more["checkpoint"] = "end_of_tick"
    given = configured(api, **more)
    if way.by == "lasting":
        del given["watermark"]
        if way.pages_by != "link_header":
            given["pagination"]["lasting"] = True
        given["from_param"] = "since"
    return given


def happen(api: Api, step: Step) -> None:
    """Let the API's log grow, or time pass."""
    now, soon = api.clock.at, api.clock.at + step.seconds
    match step.does:
        case "append":
            for _ in range(step.many):
                api.add(soon, soon)
        case "late":
            api.add(soon - step.many * 119, soon)
        case "future":
            api.add(soon + step.many * 300, now)
        case "twins":
            api.add(now, like=api.add(now).text)
        case "hidden":
            for _ in range(step.many):
                api.add(now, hidden=True)
        case "wait":
            api.clock.at += step.seconds * 100


async def take(life: Life, step: Step) -> None:
    """Let one thing happen."""
    api = life.api
    if step.does not in {"tick", "die", "die_asking", "cut", "refuse"}:
        happen(api, step)
    else:
        api.dies_after = step.many if step.does == "die_asking" else None
        api.fails_after = step.many if step.does == "cut" else None
        api.refuses = step.does == "refuse"
        await life.tick(commits=step.many if step.does == "die" else None)
        api.refuses = False
    api.clock.at += 1


async def settle(life: Life) -> None:
    """Tick until there is nothing more, or long enough: with few pages a tick, the next window is due before."""
    for number in range(400):
        ended = await life.tick()
        assert isinstance(ended, Tick), ended
        life.api.clock.at += 1
        if not ended.behind or (number > 20 and life.delivered == life.expected):
            return


async def live(life: Life, steps: list[Step]) -> None:
    """Let all of it happen, then settle, and again after pauses in which nothing may come twice."""
    for step in steps:
        await take(life, step)
    for pause_s in (60.0, 0.1, OVERLAP_S / 2, OVERLAP_S, 3 * OVERLAP_S, 1.0):
        life.api.clock.at += pause_s
        await settle(life)


STEPS = st.builds(
    Step,
    st.sampled_from(
        [
            *("append", "append", "late", "future", "twins", "hidden", "wait"),
            *("tick", "tick", "die", "die_asking", "cut", "refuse"),
        ]
    ),
    st.integers(0, 5),
    st.sampled_from([0.0, 0.3, 2.5, 7.0, 12.0]),
)


@st.composite
def ways(draw: st.DrawFn) -> Way:
    """Every way that fits together: numbers of pages shift, so that such an API's events need an ID."""
    pages_by = draw(st.sampled_from(sorted(PAGINATION)))
    by_number = pages_by in {"page_offset", "offset"}
    fitting = ["watermark", "window"] if by_number else ["watermark", "window", "lasting"]
    by = "window" if pages_by == "none" else draw(st.sampled_from(fitting))
    order = "arrival" if by == "lasting" else draw(st.sampled_from(["asc", "desc", "arrival"]))
    return Way(
        pages_by,
        order,
        draw(st.sampled_from(["rfc3339", "epoch", "epoch_ms"])) if by != "lasting" else "rfc3339",
        by,
        size=draw(st.integers(1, 4)),
        max_pages=draw(st.sampled_from([1, 2, 3, 100])),
        says_more=by == "lasting" or (pages_by == "cursor" and draw(st.booleans())),
        method="GET" if pages_by in {"link_header", "next_url"} else draw(st.sampled_from(["GET", "POST"])),
        dedupe=by_number or draw(st.booleans()),
        whole_ticks=draw(st.booleans()),
        max_secs=draw(st.sampled_from([700.0, 1500.0, 86_400.0])),
        lag_secs=draw(st.sampled_from([0.0, 5.0])),
        takes_s=draw(st.sampled_from([0.05, 1.0, 7.0])),
    )


def left_out(way: Way) -> set[str]:
    """What this way can't bear: with IDs equal events are one, and an empty page may be the end."""
    never = {"twins"} if way.dedupe else set()
    if way.pages_by in {"page_offset", "offset"} or way.by == "lasting":
        never |= {"hidden"}
    return never


@given(ways(), st.lists(STEPS, min_size=1, max_size=16))
@settings(max_examples=200)
def test_any_pager_over_any_history_yields_each_event_once(way: Way, steps: list[Step]) -> None:
    api = Api(way.pages_by, FakeClock(), way.order, way.size, way.form, way.says_more, way.takes_s)
    with tempfile.TemporaryDirectory() as folder:
        life = Life(Path(folder), api, **config_of(way, api))
        asyncio.run(live(life, [step for step in steps if step.does not in left_out(way)]))
        life.store.close()
    assert life.delivered == life.expected


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def numbered(clock: FakeClock, pages_by: str = "cursor", order: str = "asc", count: int = 7, **more: Any) -> Api:
    """An API with so many events, ten seconds apart, the last one a minute ago."""
    api = Api(pages_by, clock, order, **more)
    for number in range(count):
        api.add(clock.at - 60 - 10 * (count - 1 - number), NOON - 3600)
    return api


def test_a_watermark_moves_when_the_walk_is_complete_and_not_before(tmp_path: Path, clock: FakeClock) -> None:
    async def main(life: Life) -> None:
        await life.ticks(2)
        assert life.memory.checkpoint.watermark is None
        assert len(life.lines) == 6
        await life.ticks(1)
        assert life.memory.checkpoint.watermark == NOON - 60

    life = lived(tmp_path, numbered(clock), main, max_pages=1)
    assert asked(life, "since") == [None] * 3
    assert life.delivered == life.expected


def test_a_walk_begins_an_overlap_before_the_newest_event_and_leaves_out_what_was_delivered(
    tmp_path: Path, clock: FakeClock
) -> None:
    async def main(life: Life) -> None:
        await life.ticks(1)
        life.api.asked.clear()
        life.api.add(clock.at - OVERLAP_S + 60)
        life.api.add(clock.at)
        await life.ticks(1)

    life = lived(tmp_path, numbered(clock, size=100), main)
    assert asked(life, "since") == [at(-60 - OVERLAP_S)]
    assert life.delivered == life.expected


def test_newest_first_nothing_is_lost_though_the_power_goes_behind_any_page(tmp_path: Path, clock: FakeClock) -> None:
    for commits in range(4):
        api = numbered(clock, order="desc")

        async def main(life: Life, commits: int = commits) -> None:
            await life.ticks(1)
            for _ in range(5):
                life.api.add(clock.at - 1)
            await life.tick(commits=commits)
            clock.at += 60
            life.api.add(clock.at)
            await life.ticks(2)

        folder = tmp_path / str(commits)
        folder.mkdir()
        life = lived(folder, api, main)
        assert life.delivered == life.expected, commits


def test_a_restart_in_the_middle_of_a_walk_goes_on_there(tmp_path: Path, clock: FakeClock) -> None:
    async def main(life: Life) -> None:
        life.api.dies_after = 2
        assert await life.tick() is None
        life.api.asked.clear()
        await life.ticks(1)

    life = lived(tmp_path, numbered(clock), main)
    assert len(life.api.asked) == 1, "only the page that the power took"
    assert life.delivered == life.expected


def test_a_refused_cursor_starts_the_walk_over_and_each_event_is_delivered_once(
    tmp_path: Path, clock: FakeClock
) -> None:
    async def main(life: Life) -> None:
        life.api.fails_after = 2
        assert isinstance(await life.tick(), UnreachableError)
        life.boot()
        life.api.refuses = True
        assert isinstance(await life.tick(), RefusedError), "in the middle of a tick the next one starts over"
        life.api.refuses = False
        await life.ticks(1)

    life = lived(tmp_path, numbered(clock), main)
    assert life.log.names.count("cursor.refused") == 1
    assert life.delivered == life.expected


def test_a_walk_whose_own_beginning_is_refused_is_not_begun_again_at_once(tmp_path: Path, clock: FakeClock) -> None:
    class Strict(Api):
        def _place(self, parameters: Any) -> Any:
            return parameters.get("since")

    async def main(life: Life) -> None:
        await life.ticks(1)
        life.api.asked.clear()
        life.api.refuses = True
        for _ in range(2):
            assert isinstance(await life.tick(), RefusedError)

    api = Strict("none", clock)
    api.add(NOON - 100)
    life = lived(tmp_path, api, main)
    assert len(life.api.asked) == 2
    assert "cursor.refused" not in life.log.names


def test_an_event_of_the_future_does_not_move_the_watermark_past_the_walk_and_never_comes_twice(
    tmp_path: Path, clock: FakeClock
) -> None:
    async def main(life: Life) -> None:
        life.api.add(clock.at + 86_400)
        life.api.add(clock.at - 100)
        begun = clock.at
        await life.ticks(1)
        assert life.memory.checkpoint.watermark == begun
        life.api.add(clock.at - 300)
        await life.ticks(30, every_s=100)

    life = lived(tmp_path, Api("cursor", clock), main)
    assert life.delivered == life.expected


def test_what_comes_late_behind_a_long_walk_is_delivered_for_the_watermark_stays_at_its_beginning(
    tmp_path: Path, clock: FakeClock
) -> None:
    async def main(life: Life) -> None:
        await life.ticks(2, every_s=100)
        life.api.add(NOON - 165)  # the walk is behind it
        clock.at = NOON + 700
        life.api.add(clock.at)
        await life.ticks(12)

    life = lived(tmp_path, numbered(clock, count=12), main, max_pages=1)
    assert life.delivered == life.expected


def test_equal_events_are_delivered_as_often_as_there_are(tmp_path: Path, clock: FakeClock) -> None:
    async def main(life: Life) -> None:
        event = life.api.add(clock.at - 10)
        life.api.add(clock.at - 10, like=event.text)
        await life.ticks(2)
        life.api.add(NOON - 10, like=event.text)
        await life.ticks(2)

    life = lived(tmp_path, Api("cursor", clock, size=1), main)
    assert list(life.delivered.values()) == [3]


def test_an_event_of_the_same_second_as_the_walks_start_does_not_come_twice(tmp_path: Path, clock: FakeClock) -> None:
    async def main(life: Life) -> None:
        life.api.add(clock.at + 0.2)
        clock.at += 0.25
        await life.ticks(1)
        clock.at = NOON + OVERLAP_S + 1
        life.api.add(NOON + OVERLAP_S + 0.9)
        await life.ticks(4)

    life = lived(tmp_path, Api("cursor", clock, takes_s=0.0), main)
    assert life.delivered == life.expected


@pytest.mark.parametrize("size", [2, 100])
def test_the_state_does_not_grow_with_the_walks(tmp_path: Path, clock: FakeClock, size: int) -> None:
    async def main(life: Life) -> None:
        for _ in range(40):
            for _ in range(3):
                life.api.add(clock.at)
            await life.ticks(1, every_s=100)
        assert 3 * 6 <= life.store.reach(NAME).total() <= 3 * 10

    life = lived(tmp_path, Api("cursor", clock, size=size), main)
    assert life.delivered == life.expected


def test_numbers_beyond_what_floats_hold_are_watermarks_and_lose_nothing(tmp_path: Path, clock: FakeClock) -> None:
    class Numbers(Api):
        def _text(self, _: float, number: int) -> bytes:
            return b'{"id":"e%d","time":"%d"}' % (number, self._key_of(number))

        def _key_of(self, number: int) -> int:
            return 1_234_567_890_123_456_701 + number

        def _found(self, parameters: Any) -> Any:
            since = int(parameters.get("since", 0))
            return [event for event in self.events if self._key_of(event.number) >= since]

    async def main(life: Life) -> None:
        for _ in range(30):
            life.api.add(clock.at)
            await life.ticks(2, every_s=500)

    api = Numbers("cursor", clock, form="number", size=50)
    mark = {"path": "time", "param": "since", "format": "number", "overlap_secs": 0}
    life = lived(tmp_path, api, main, watermark=mark)
    assert life.delivered == life.expected


def test_windows_follow_each_other_in_one_tick_up_to_now_less_the_lag(tmp_path: Path, clock: FakeClock) -> None:
    async def main(life: Life) -> None:
        await life.ticks(1, every_s=0)
        assert len(life.api.asked) == 3
        await life.ticks(1, every_s=0)
        await life.ticks(1)

    window = WINDOW | {"max_secs": 3600, "lag_secs": 120, "overlap_secs": 300}
    life = lived(tmp_path, numbered(clock, "none", takes_s=1.0), main, window=window, **{"from": at(-9000)})
    assert list(zip(asked(life, "since"), asked(life, "until"), strict=True)) == [
        (at(-9000), at(-5400)),
        (at(-5700), at(-2100)),
        (at(-2400), at(-120)),
        (at(-420), at(-117)),
        (at(-417), at(-116)),
    ]


def test_a_slow_api_is_not_asked_for_one_window_after_the_other_in_a_tick(tmp_path: Path, clock: FakeClock) -> None:
    async def main(life: Life) -> None:
        await life.ticks(3)

    life = lived(tmp_path, numbered(clock, "none", takes_s=30), main, window=WINDOW)
    assert len(life.api.asked) == 3
    assert "source.behind" not in life.log.names


def test_without_from_the_first_window_is_the_longest_one_that_ends_now(tmp_path: Path, clock: FakeClock) -> None:
    async def main(life: Life) -> None:
        await life.ticks(1)

    life = lived(tmp_path, numbered(clock, "none"), main, window=WINDOW | {"max_secs": 1800})
    assert (asked(life, "since"), asked(life, "until")) == ([at(-1800)], [at(0)])


def test_a_window_that_is_not_due_is_not_asked_for(tmp_path: Path, clock: FakeClock) -> None:
    async def main(life: Life) -> None:
        await life.ticks(3)

    life = lived(tmp_path, numbered(clock, "none"), main, window=WINDOW, **{"from": at(86_400)})
    assert life.api.asked == []
    assert "source.behind" not in life.log.names


def test_a_window_without_events_moves_the_watermark_too(tmp_path: Path, clock: FakeClock) -> None:
    async def main(life: Life) -> None:
        await life.ticks(1)
        assert life.memory.checkpoint.watermark == NOON

    lived(tmp_path, Api("none", clock), main, window=WINDOW)


def test_events_that_come_late_into_a_closed_window_are_delivered_once(tmp_path: Path, clock: FakeClock) -> None:
    async def main(life: Life) -> None:
        await life.ticks(1)
        life.api.add(clock.at - OVERLAP_S + 60)
        await life.ticks(4)

    life = lived(tmp_path, numbered(clock, "none"), main, window=WINDOW)
    assert life.delivered == life.expected


@pytest.mark.parametrize("by", [{}, {"window": WINDOW}])
def test_no_walk_asks_for_what_lies_before_from(tmp_path: Path, clock: FakeClock, by: dict[str, Any]) -> None:
    async def main(life: Life) -> None:
        await life.ticks(3)

    api = numbered(clock)
    life = lived(tmp_path, api, main, **by, **{"from": at(-90)})
    assert set(asked(life, "since")) == {at(-90)}
    assert life.delivered == Counter(event.text for event in api.events if event.at >= NOON - 90)


def test_a_walk_that_runs_in_a_circle_starts_over_moves_no_watermark_and_repeats_nothing(
    tmp_path: Path, clock: FakeClock
) -> None:
    class Circle(Api):
        closed = True

        def _written(self, request: Request, texts: list[bytes], cursor: str | None, *, more: bool) -> Reply:
            if self.closed and len(self.asked) % 2 == 0:
                return super()._written(request, texts, asked_for(request)["after"], more=True)
            return super()._written(request, texts, cursor, more=more)

    async def main(life: Life) -> None:
        for _ in range(3):
            ended = await life.tick()
            assert isinstance(ended, PagingLoopError), ended
            assert life.memory.checkpoint.watermark is None
        life.boot()
        assert isinstance(life.api, Circle)
        life.api.closed = False
        await life.ticks(2)

    life = lived(tmp_path, Circle("cursor", clock, "desc", events=numbered(clock).events), main)
    assert life.delivered == life.expected


def test_the_year_1_is_no_watermark_that_stops_a_source(tmp_path: Path, clock: FakeClock) -> None:
    async def main(life: Life) -> None:
        life.api.add(-62_135_596_800.0, like=b'{"id":"zero","time":"0001-01-01T00:00:00Z"}')
        await life.ticks(1)
        life.api.add(clock.at)
        await life.ticks(2)

    life = lived(tmp_path, Api("cursor", clock), main)
    assert asked(life, "since") == [None, "1970-01-01T00:00:00Z", at(60 + 1 - OVERLAP_S)]
    assert life.delivered == life.expected


def test_a_template_stands_around_the_watermark_and_around_from(tmp_path: Path, clock: FakeClock) -> None:
    class Phrase(Api):
        def _time(self, value: Any) -> float | None:
            return super()._time(value and value.removeprefix("created:>="))

    async def main(life: Life) -> None:
        await life.ticks(2)

    mark = MARK | {"template": "created:>={}", "overlap_secs": 0}
    api = Phrase("link_header", clock, events=numbered(clock).events)
    life = lived(tmp_path, api, main, watermark=mark, **{"from": at(-3600)})
    assert asked(life, "since")[0] == f"created:>={at(-3600)}"
    assert asked(life, "since")[-1] == f"created:>={at(-60)}"


@pytest.mark.parametrize(("form", "since"), [("epoch", NOON - 60), ("epoch_ms", 1000 * (NOON - 60))])
def test_by_post_a_number_travels_as_one_in_the_body(tmp_path: Path, clock: FakeClock, form: str, since: float) -> None:
    async def main(life: Life) -> None:
        await life.ticks(2)

    mark = MARK | {"format": form, "overlap_secs": 0}
    first = "1770000000" + ("000" if form == "epoch_ms" else "")
    life = lived(tmp_path, numbered(clock, form=form), main, watermark=mark, method="POST", **{"from": first})
    assert [*asked(life, "since")][:: len(life.api.asked) - 1] == [int(first), int(since)]
    assert {request.url for request in life.api.asked} == {URL}


WAYS: dict[str, dict[str, Any]] = {
    "lasting": {"pagination": PAGINATION["cursor"] | {"lasting": True, "has_more_path": "more"}, "from_param": "since"},
    "watermark": {"watermark": MARK},
    "window": {"window": WINDOW},
}


@pytest.mark.parametrize("after", ["lasting", "watermark", "window"])
@pytest.mark.parametrize("before", ["lasting", "watermark", "window"])
def test_a_source_that_goes_on_in_another_way_loses_and_repeats_nothing(
    tmp_path: Path, clock: FakeClock, before: str, after: str
) -> None:
    api = numbered(clock, count=20, says_more=True, order="arrival")

    async def main(life: Life) -> None:
        await life.ticks(2, every_s=30)
        api.add(clock.at, clock.at)
        life.become(**with_time(WAYS[after]))
        await life.ticks(3, every_s=30)
        assert life.delivered == life.expected

    life = Life(tmp_path, api, **with_time(WAYS[before]))
    asyncio.run(main(life))
    life.store.close()


def with_time(given: dict[str, Any]) -> dict[str, Any]:
    more = {"pagination": PAGINATION["cursor"] | {"has_more_path": "more"}, "transform": {"timestamp_field": "time"}}
    return more | given


def test_a_watermark_that_becomes_a_number_says_how_to_go_on(tmp_path: Path, clock: FakeClock) -> None:
    api = numbered(clock)

    async def main(life: Life) -> None:
        await life.ticks(2)
        life.become(**configured(api, watermark=MARK | {"path": "n", "param": "n", "format": "number"}))
        ended = await life.tick()
        assert isinstance(ended, NoStartError)
        assert "hel state set" in ended.fix
        assert "watermark VALUE" in ended.fix

    lived(tmp_path, api, main)


def test_a_watermark_that_was_a_number_gives_way_to_the_newest_events_time(tmp_path: Path, clock: FakeClock) -> None:
    api = numbered(clock)

    async def main(life: Life) -> None:
        await life.ticks(2)
        assert (life.memory.checkpoint.watermark or NOON) < 100
        life.become(**configured(api))
        await life.ticks(1)
        assert asked(life, "since")[-1] == at(-660)
        assert life.delivered == life.expected

    life = Life(tmp_path, api, **configured(api, watermark=MARK | {"path": "n", "param": "n", "format": "number"}))
    asyncio.run(main(life))
    life.store.close()


def test_a_watermark_that_no_event_has_is_told_once_and_repeats_nothing(tmp_path: Path, clock: FakeClock) -> None:
    api = numbered(clock)

    async def main(life: Life) -> None:
        await life.ticks(3)
        assert life.delivered == life.expected

    life = lived(tmp_path, api, main, watermark=MARK | {"path": "tiem"})
    (said,) = [fields for _, name, fields in life.log.heard if name == "field.missing"]
    assert said["key"] == "watermark.path"
    assert "`watermark.format`" in said["fix"]


def test_the_delay_between_pages_is_kept_between_windows_and_not_before_the_first(
    tmp_path: Path, clock: FakeClock
) -> None:
    async def main(life: Life) -> None:
        began = life.api.clock.at
        await life.ticks(1, every_s=0)
        assert len(life.api.asked) == 4
        assert life.api.clock.at - began == 4 * 1.0 + 3 * 5.0

    window = WINDOW | {"max_secs": 900, "overlap_secs": 0}
    limit = {"rate_limit": {"page_delay_secs": 5}}
    lived(tmp_path, Api("none", clock), main, window=window, **{"from": at(-3600)}, resilience=limit)
