"""Walks of a source whose API has no lasting cursor: whatever happens, each event is delivered once."""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hel.errors import PagingLoopError, RefusedError, SourceError, UnreachableError
from hel.events import parse_time
from hel.records import Reply, Request
from hel.tick import Tick
from tests.audit_api import NAME, NOON, URL, Api, Life, asked_for, replaced
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


def asked(life: Life, name: str) -> list[str | None]:
    """What each request asked for under one name."""
    return [parameters.get(name) for parameters in life.walked()]


def at(clock_s: float) -> str:
    """That many seconds after noon, as a watermark is written."""
    minutes, seconds = divmod(round(clock_s) + 12 * 3600, 60)
    return f"2026-05-01T{minutes // 60:02}:{minutes % 60:02}:{seconds:02}Z"


@dataclass(frozen=True, slots=True)
class Step:
    """What happens next.

    Attributes:
        does: `append` events, one `late` or twice the same (`twins`); `wait`; a `tick`, which the power (`die`,
            `die_asking`) or the network (`cut`) ends early; the API `refuse`s cursors for one tick.
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
    max_secs: float = 900.0
    lag_secs: float = 0.0


def config_of(way: Way, api: Api) -> dict[str, Any]:
    more: dict[str, Any] = {"method": way.method, "max_pages": way.max_pages}
    if way.by == "window":
        more["window"] = WINDOW | {"format": way.form, "max_secs": way.max_secs, "lag_secs": way.lag_secs}
        more["from"] = {"rfc3339": at(-7200), "epoch": f"{NOON - 7200:.0f}", "epoch_ms": f"{NOON - 7200:.0f}000"}[way.form]
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


async def take(life: Life, step: Step) -> None:
    """Let one thing happen."""
    api, clock = life.api, life.api.clock
    match step.does:
        case "append":
            for _ in range(step.many):
                api.add(clock.at + step.seconds, clock.at + step.seconds)
        case "late":
            api.add(clock.at + step.seconds - step.many * 100, clock.at + step.seconds)
        case "twins":
            first = api.add(clock.at)
            api.add(clock.at, like=first.text)
        case "hidden":
            for _ in range(step.many):
                api.add(clock.at, hidden=True)
        case "wait":
            clock.at += step.seconds * 100
        case "die":
            await life.tick(commits=step.many)
        case "die_asking":
            api.dies_after = step.many
            await life.tick()
        case "cut":
            api.fails_after = step.many
            await life.tick()
        case "refuse":
            api.refuses = True
            await life.tick()
            api.refuses = False
        case _:
            await life.tick()
    clock.at += 1


async def live(life: Life, steps: list[Step]) -> None:
    """Let all of it happen, then tick until there is nothing more, and some more in which nothing may come."""
    for step in steps:
        await take(life, step)
    life.api.clock.at += 60
    for _ in range(80):
        assert isinstance(ended := await life.tick(), Tick), ended
        life.api.clock.at += 1
        if not ended.behind and life.delivered == life.expected:
            break
    for pause_s in (1.0, OVERLAP_S / 2, OVERLAP_S, 3 * OVERLAP_S, 1.0):
        life.api.clock.at += pause_s
        for _ in range(80):
            assert isinstance(ended := await life.tick(), Tick), ended
            if not ended.behind:
                break


STEPS = st.builds(
    Step,
    st.sampled_from(
        ["append", "append", "late", "twins", "hidden", "wait", "tick", "tick", "die", "die_asking", "cut", "refuse"]
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
        max_secs=draw(st.sampled_from([300.0, 900.0, 86_400.0])),
        lag_secs=draw(st.sampled_from([0.0, 5.0])),
    )


@given(ways(), st.lists(STEPS, min_size=1, max_size=14))
@settings(max_examples=150)
def test_any_pager_over_any_history_yields_each_event_once(way: Way, steps: list[Step]) -> None:
    if way.dedupe:
        steps = [step for step in steps if step.does != "twins"]  # with IDs equal events are one
    if way.pages_by in {"page_offset", "offset"} or way.by == "lasting":
        steps = [step for step in steps if step.does != "hidden"]  # there an empty page is the end
    clock = FakeClock()
    api = Api(way.pages_by, clock, way.order, way.size, way.form, says_more=way.says_more)
    with tempfile.TemporaryDirectory() as folder:
        life = Life(Path(folder), api, **config_of(way, api))
        asyncio.run(live(life, steps))
        life.store.close()
    assert life.delivered == life.expected
    assert not [name for name in life.log.names if name.startswith("tick.")] or "tick.crashed" not in life.log.names
