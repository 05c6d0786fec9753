"""A week of the whole program in simulated time: only the network is made up, and the disk has no threads."""

import asyncio
import gc
import io
import json
import math
import random
import signal
import sqlite3
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import anyio.to_thread
import pytest
from joserfc.jwk import ECKey

from hel.collector import Collector, Outcome
from hel.config.load import load
from hel.control import Surroundings
from hel.errors import SinkError, SourceError, Trouble, UnreachableError
from hel.poller import Poller
from hel.records import Position, Reply, Request
from hel.sinks.file import FileSink
from hel.telemetry.log import Level, Taps, make_log
from hel.tick import Tick
from hel.timestamps import parse_time, utc_text
from hel.transport.client import Begins, Bounds, Transports, at_once
from hel.transport.pools import KEEP_S
from tests.virtual_time import START, VirtualClock, run

T = TypeVar("T")

API = "https://api.example"
HOUR = 3600.0
DAY = 24 * HOUR
DAYS = 7
EVERY_S = 1500.0
"""From one event of the API to the next."""

ENVIRON = {"KEY": ECKey.generate_key("P-256").as_pem(private=True).decode(), "TOKEN": "00hush-hush"}
OAUTH2 = {
    "type": "oauth2",
    "token_url": f"{API}/token",
    "client_id": "0oa1",
    "client_private_key_env": "KEY",
    "scopes": ["logs.read"],
    "dpop": True,
}
LINKS = {"url": f"{API}/links", "auth": OAUTH2, "pagination": {"strategy": "link_header", "rel": "next"}}
SOURCES: dict[str, dict[str, Any]] = {
    "links": LINKS | {"schedule": {"interval_secs": 900, "jitter_secs": 90}},
    "twin": LINKS | {"schedule": {"interval_secs": 1200, "jitter_secs": 0}},
    "marked": {
        "url": f"{API}/marked",
        "auth": {"type": "bearer", "token_env": "TOKEN"},
        "schedule": {"interval_secs": 1800, "jitter_secs": 1800},
        "pagination": {"strategy": "cursor", "cursor_path": "next", "cursor_param": "after"},
        "events_path": "events",
        "watermark": {"path": "published", "format": "rfc3339", "param": "since", "overlap_secs": 4000},
        "dedupe": {"id_path": "id", "capacity": 50},
    },
    "windows": {
        "url": f"{API}/windows",
        "schedule": {"interval_secs": 1800, "jitter_secs": 120},
        "from": utc_text(START),
        "pagination": {"strategy": "none"},
        "window": {"start_param": "since", "end_param": "until", "overlap_secs": 4000, "max_secs": 86_400},
    },
    "recent": {
        "url": f"{API}/recent",
        "schedule": {"interval_secs": 7200, "jitter_secs": 600},
        "pagination": {"strategy": "none"},
        "dedupe": {"id_path": "id", "capacity": 50},
    },
}


class Network:
    """Every API at once: an event each 25 minutes, and now and then what happens to APIs in a week."""

    def __init__(self, luck: random.Random) -> None:
        self._luck = luck
        self.troubles: Counter[str] = Counter()

    async def send(self, request: Request, bounds: Bounds, begins: Begins = at_once) -> Reply:
        del bounds, begins  # nothing is timed out, so that a tick may overrun
        if request.path == "/token":
            await asyncio.sleep(0.2)
            return self._reply(
                {"access_token": self._luck.randbytes(20).hex(), "token_type": "DPoP", "expires_in": 43_200}
            )
        trouble = self._trouble(request.path)
        self.troubles[trouble] += 1
        await asyncio.sleep(self._luck.uniform(600, 4000) if trouble == "slow" else self._luck.uniform(0.1, 2))
        if trouble == "reset":
            raise UnreachableError("reset", trouble=Trouble.RESET)
        if trouble == "garbage":
            return self._reply("<html>")
        if trouble == "429":
            return self._reply({}, 429, ("retry-after", "90"))
        return self._answer(request) if trouble in {"", "slow"} else self._reply({}, int(trouble))

    def _trouble(self, path: str) -> str:
        hour = asyncio.get_running_loop().time() % DAY / HOUR
        if path == "/marked" and 3 <= hour < 9:
            return "503"
        return self._luck.choices(["", "slow", "reset", "garbage", "429", "500", "401"], [900, 14, 20, 6, 6, 20, 4])[0]

    def _answer(self, request: Request) -> Reply:
        """The events from where the request asks for them to the latest."""
        asked, latest = request.query, int(asyncio.get_running_loop().time() // EVERY_S)
        since, until = (parse_time(asked.get(name, "")) for name in ("since", "until"))
        first = latest - 20 if request.path == "/recent" else math.ceil(((since or START) - START) / EVERY_S)
        end = latest + 1 if until is None else min(latest + 1, int((until - START) // EVERY_S) + 1)
        first = int(asked.get("after", max(0, first)))
        last = first + 3 if request.path in {"/links", "/marked"} else end
        events = [{"id": f"e{n}", "published": utc_text(START + n * EVERY_S)} for n in range(first, min(last, end))]
        if request.path == "/marked":
            return self._reply({"events": events, "next": str(last) if last < end else ""})
        link = f'<{API}/links?after={first + len(events)}>; rel="next"'
        window = (("x-rate-limit-limit", "60"), ("x-rate-limit-remaining", "50"), ("x-rate-limit-reset", "60"))
        return self._reply(events, 200, *((("link", link), *window) if request.path == "/links" else ()))

    def _reply(self, body: Any, status: int = 200, *headers: tuple[str, str]) -> Reply:
        now = VirtualClock().now()
        return Reply(status, (("date", formatdate(now, usegmt=True)), *headers), json.dumps(body).encode(), now)


class Diary:
    """When one source's ticks start and end; what the schedule does not allow fails at once."""

    def __init__(self, name: str) -> None:
        schedule = SOURCES[name]["schedule"]
        self.interval_s, self.jitter_s = float(schedule["interval_secs"]), float(schedule["jitter_secs"])
        self.started_at = self.ended_at = -1.0
        self.runs = False
        self.seen: Counter[str] = Counter()
        self.least, self.most = 1.0, 0.0

    def begin(self, now: float) -> None:
        assert not self.runs, "two ticks at once"
        self.runs = True
        soonest = 0.0 if self.started_at < 0 else self.started_at + self.interval_s
        if self.ended_at > soonest + self.jitter_s:
            assert now == self.ended_at, "an overrun starts at once"
            self.seen["overruns"] += 1
        else:
            assert soonest - 1e-6 <= now <= soonest + self.jitter_s + 1e-6
            assert now >= self.ended_at
            if self.jitter_s and self.ended_at < soonest:
                share = (now - soonest) / self.jitter_s
                self.least, self.most = min(self.least, share), max(self.most, share)
        self.started_at = now
        self.seen["ticks"] += 1

    def end(self, now: float) -> None:
        self.runs = False
        self.ended_at = now


@dataclass(frozen=True, slots=True)
class Footprint:
    """What the process holds after so many ticks.

    Attributes:
        ticks: Of all sources.
        objects: That can hold others.
        blocks: Of memory, for all that is small.
        tasks: Under way.
        files: Open.
        rows: In the state.
    """

    ticks: int
    objects: int
    blocks: int
    tasks: int
    files: int
    rows: int

    @classmethod
    def taken(cls, ticks: int, state: Path) -> "Footprint":
        gc.collect()
        objects, blocks = len(gc.get_objects()), sys.getallocatedblocks()
        with closing(sqlite3.connect(f"file:{state}?mode=ro", uri=True)) as db:
            tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            rows = sum(db.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables)  # noqa: S608
        return cls(ticks, objects, blocks, len(asyncio.all_tasks()), len(list(Path("/proc/self/fd").iterdir())), rows)


class Week:
    """The program, and what is watched of it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.network = Network(random.Random(7))  # noqa: S311  # luck, not secrecy
        self.diaries = {name: Diary(name) for name in SOURCES}
        self.said: Counter[str] = Counter()
        self.tidied = 0
        self.crashes: list[str] = []
        self.footprints: list[Footprint] = []
        self._watch(monkeypatch)
        output = {"path": "events.ndjson", "rotate": "daily"}
        server = {"enabled": True, "port": 0}
        config = {"global": {"state": {"path": "state.db"}, "output": output, "server": server}, "sources": SOURCES}
        (folder / "hel.yaml").write_text(json.dumps(config))

    def _watch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        attempt, flush, diaries = Poller.attempt, FileSink.flush, self.diaries

        async def watched(poller: Poller) -> Tick | SourceError:
            diaries[poller.name].begin(asyncio.get_running_loop().time())
            ended = await attempt(poller)
            diaries[poller.name].end(asyncio.get_running_loop().time())
            diaries[poller.name].seen["failures"] += isinstance(ended, SourceError)
            return ended

        def full_for_an_hour(sink: FileSink) -> Position:
            if 7 <= asyncio.get_running_loop().time() % DAY / HOUR < 8:
                raise SinkError("the disk is full")
            return flush(sink)

        async def at_once(act: Callable[[], T], **_: Any) -> T:
            """Time would fly while a thread works."""
            await asyncio.sleep(0)
            return act()

        async def tidied(_: Transports) -> None:
            self.tidied += 1

        monkeypatch.setattr("hel.poller.random", random.Random(7))  # noqa: S311  # as above
        monkeypatch.setattr("hel.telemetry.redaction._REGISTER._most", 50)  # what is known for a secret is bounded
        monkeypatch.setattr(Poller, "attempt", watched)
        monkeypatch.setattr(FileSink, "flush", full_for_an_hour)
        monkeypatch.setattr(anyio.to_thread, "run_sync", at_once)
        monkeypatch.setattr(Transports, "of", lambda *_: self.network)
        monkeypatch.setattr(Transports, "tidy", tidied)

    def hear(self, event: str, fields: Mapping[str, Any]) -> None:
        self.said[event] += 1
        if event == "tick.crashed":
            self.crashes.append(repr(fields["exc_info"]))

    async def pass_by(self) -> Outcome:
        """Seven days, and what is held after the second, when what is remembered for a while is full, and the last."""
        path, taps, level = self.folder / "hel.yaml", Taps(), Level("critical")
        taps.add(self.hear)
        log = make_log(level, "json", (taps.hear,), io.StringIO())
        around = Surroundings(lambda: load(path, ENVIRON), taps, level)
        running = asyncio.create_task(Collector(load(path, ENVIRON), VirtualClock(), log).run(around=around))
        for days in (2, DAYS - 2):
            await asyncio.wait([running], timeout=days * DAY)
            assert not running.done(), running
            ticks = sum(diary.seen["ticks"] for diary in self.diaries.values())
            self.footprints.append(Footprint.taken(ticks, self.folder / "state.db"))
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
        signal.raise_signal(signal.SIGTERM)
        return await running

    def delivered(self) -> dict[str, list[str]]:
        """The IDs of each source's events, in the order of the output."""
        found: dict[str, list[str]] = defaultdict(list)
        for path in [*sorted(self.folder.glob("events.ndjson.*")), self.folder / "events.ndjson"]:
            for line in path.read_bytes().splitlines():
                one = json.loads(line)
                found[one["source"]].append(one["event"]["id"])
        return found


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """In memory where there is such a place, for a week has thousands of fsyncs."""
    memory = Path("/dev/shm")  # noqa: S108  # a folder of its own in there
    with TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as name:
        yield Path(name)


def test_a_week_goes_by_with_every_start_where_it_belongs_every_event_once_and_nothing_left_behind(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    week = Week(folder, monkeypatch)
    outcome = run(week.pass_by)
    assert outcome.ok
    seen = Counter[str]()
    for diary in week.diaries.values():
        seen += diary.seen
        assert diary.seen["ticks"] > 0.8 * DAYS * DAY / (diary.interval_s + diary.jitter_s / 2)
        assert diary.jitter_s == 0 or (diary.least < 0.15 and diary.most > 0.85), "starts are spread over the jitter"
    assert min(seen["overruns"], seen["failures"]) > 10, "there was something to go wrong"
    assert len(week.network.troubles) == 8
    assert week.said["circuit.open"] > week.said["circuit.closed"] == DAYS
    assert week.said["output.failed"] == week.said["output.recovered"] == DAYS
    assert week.crashes == []
    assert week.tidied > DAYS * DAY / KEEP_S, "connections that nobody uses do not stay open for much longer"
    for name, ids in week.delivered().items():
        assert len(ids) == len(set(ids)), f"{name}: once"
        assert set(ids) == {f"e{number}" for number in range(len(ids))}, f"{name}: all"
        assert len(ids) > DAYS * DAY / EVERY_S - 12
    assert len(week.delivered()) == len(SOURCES)
    first, last = week.footprints
    ticks = last.ticks - first.ticks
    assert ticks > 1000
    assert max(last.objects - first.objects, last.blocks - first.blocks) < ticks / 2, "no tick leaves anything behind"
    assert (last.tasks, last.files) == (first.tasks, first.files)
    assert last.rows - first.rows < 20
