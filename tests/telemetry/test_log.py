import io
import json
import os
import re
import select
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Literal, NoReturn

import pytest

from hel.telemetry.log import Level, Log, Taps, make_log
from hel.telemetry.redaction import conceal

SECRET = "00TopSecretToken"
HOSTILE = "\x1b[31mred\r\n2026-05-01T12:00:00Z [info     ] all.well\x07\u202e\x9b"
LEVELS = ["debug", "info", "warning", "error"]
Style = Literal["auto", "pretty", "json"]


class Heard:
    """A log, and what it wrote."""

    def __init__(self, style: Style, level: str = "debug", **more: Any) -> None:
        self.stream = io.StringIO()
        self.log: Log = make_log(level, style, stream=self.stream, **more)

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.split("\n")[:-1]]


def fail(message: str) -> NoReturn:
    raise KeyError(message)


def raised(message: str) -> Exception:
    """An error with a traceback and a cause, both of which say the message."""
    try:
        try:
            fail(message)
        except KeyError as cause:
            raise ValueError(message) from cause
    except ValueError as error:
        return error


def test_an_event_is_one_line_of_json_with_its_name_level_time_and_fields() -> None:
    heard = Heard("json")
    heard.log.bind(source="okta-audit").bind(number=1).info("page.fetched", events=3, took_s=0.5, new=None, last=True)
    (event,) = heard.events
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", event.pop("timestamp"))
    assert event == {
        "event": "page.fetched", "level": "info", "source": "okta-audit", "number": 1, "events": 3, "took_s": 0.5,
        "new": None, "last": True,
    }  # fmt: skip


def test_an_event_for_people_begins_with_its_time_level_and_name() -> None:
    heard = Heard("pretty")
    heard.log.warning("clock.skewed", skew_s=61, fix="set this machine's clock")
    pattern = r"\S+T\S+Z \[warning  \] clock\.skewed fix=\"set this machine's clock\" skew_s=61\n"
    assert re.fullmatch(pattern, heard.text)


@pytest.mark.parametrize("style", ["pretty", "json"])
@pytest.mark.parametrize("level", LEVELS)
def test_what_is_less_important_than_the_level_is_not_written_and_is_heard_all_the_same(
    style: Style, level: str
) -> None:
    taps: list[tuple[str, Mapping[str, Any]]] = []
    heard = Heard(style, level, taps=(lambda name, fields: taps.append((name, fields)),))
    for name in LEVELS:
        getattr(heard.log.bind(source="a"), name)(f"it.was.{name}", of=4)
    assert re.findall(r"it\.was\.(\w+)", heard.text) == LEVELS[LEVELS.index(level) :]
    assert taps == [(f"it.was.{name}", {"level": name, "source": "a", "of": 4}) for name in LEVELS]


def test_what_people_are_told_otherwise_is_left_out_for_people_and_not_for_machines() -> None:
    for style, names in (("pretty", ["tick.failed"]), ("json", ["tick.done", "tick.failed"])):
        heard = Heard(style, said_otherwise={"tick.done"})  # type: ignore[arg-type]  # one of the two
        heard.log.info("tick.done")
        heard.log.error("tick.failed")
        assert re.findall(r"tick\.\w+", heard.text) == names


@pytest.mark.parametrize("style", ["pretty", "json"])
@pytest.mark.parametrize(
    "value",
    [
        f"401 ({SECRET})",
        [SECRET, 1],
        (f"a {SECRET}", None),
        {"authorization": f"SSWS {SECRET}", "other": [{"deep": SECRET}]},
        {SECRET: 1},
        ValueError(SECRET),
        Path("folder") / SECRET,
        f"{SECRET}\n{SECRET}",
        SECRET.encode(),
        frozenset({SECRET}),
    ],
    ids=["text", "list", "tuple", "mapping", "key", "error", "path", "lines", "bytes", "set"],
)
def test_no_field_shows_a_secret_whatever_it_is(style: Style, value: object) -> None:
    conceal(SECRET)
    heard = Heard(style)
    heard.log.info("said", field=value, other="stays")
    heard.log.bind(bound=value).error("said.again", other="stays")
    assert SECRET not in heard.text
    assert heard.text.count("***") >= 2
    assert heard.text.count("stays") == len(heard.lines) == 2


def test_numbers_and_what_holds_no_secret_stay_what_they_are_for_machines() -> None:
    conceal(SECRET)
    heard = Heard("json")
    fields: dict[str, Any] = {"a": 1, "b": 1.5, "c": True, "d": None, "e": [1, {"f": "text"}], "g": {"h": []}}
    heard.log.info("said", **fields)
    assert {name: heard.events[0][name] for name in fields} == fields


@pytest.mark.parametrize("style", ["pretty", "json"])
def test_no_name_of_an_event_shows_a_secret(style: Style) -> None:
    conceal(SECRET)
    heard = Heard(style)
    name = f"page.{SECRET}"
    heard.log.info(name)
    assert "page.***" in heard.text
    assert SECRET not in heard.text


@pytest.mark.parametrize("style", ["pretty", "json"])
def test_a_traceback_shows_where_and_no_secret(style: Style) -> None:
    conceal(SECRET)
    heard = Heard(style)
    heard.log.error("tick.crashed", exc_info=raised(f"said {SECRET} and {SECRET}"))
    assert SECRET not in heard.text
    for words in ("KeyError: 'said *** and ***'", "ValueError: said *** and ***", "test_log.py", "in raised"):
        assert words in heard.text


@pytest.mark.parametrize(
    "say",
    [
        lambda log: log.info("said", because=HOSTILE),
        lambda log: log.bind(bound=HOSTILE).info("said"),
        lambda log: log.info(HOSTILE),
        lambda log: log.info("said", because=HOSTILE.replace(" ", "")),
    ],
    ids=["field", "bound", "name", "without a space"],
)
def test_nothing_from_outside_is_obeyed_by_a_terminal_or_makes_a_line_of_its_own(say: Callable[[Log], None]) -> None:
    heard = Heard("pretty")
    say(heard.log)
    assert len(heard.text.split("\n")) == 2
    assert heard.text.removesuffix("\n").isprintable()
    assert "\\x1b[31mred" in heard.text
    assert "all.well" in heard.text


@pytest.mark.parametrize("value", [[HOSTILE], {"a": HOSTILE}, {HOSTILE: 1}, ValueError(HOSTILE), HOSTILE.encode()])
def test_what_holds_a_text_from_outside_is_no_way_around_that(value: object) -> None:
    heard = Heard("pretty")
    heard.log.info("said", field=value)
    assert heard.text.removesuffix("\n").isprintable()
    assert "red" in heard.text


def test_a_traceback_for_people_has_its_lines_and_each_of_them_is_printable() -> None:
    heard = Heard("pretty")
    heard.log.error("tick.crashed", exc_info=raised(HOSTILE))
    lines = heard.text.split("\n")
    assert all(line.isprintable() for line in lines)
    assert [line for line in lines if line.startswith("ValueError: \\x1b[31mred\\r")]
    assert lines.count("Traceback (most recent call last):") == 2


def test_for_machines_everything_is_escaped_as_json_does_and_read_back_whole() -> None:
    heard = Heard("json")
    heard.log.info("said", field=HOSTILE, other="Grüße, 世界\x7f\x00", many=[HOSTILE])
    heard.log.error("tick.crashed", exc_info=raised(HOSTILE))
    assert len(heard.text.split("\n")) == 3
    assert heard.text.replace("\n", "").isprintable()
    assert heard.text.isascii()
    said, crashed = heard.events
    assert (said["field"], said["other"], said["many"]) == (HOSTILE, "Grüße, 世界\x7f\x00", [HOSTILE])
    assert f"ValueError: {HOSTILE}" in crashed["exception"]


def test_a_long_text_is_cut_for_people_line_by_line_and_not_for_machines() -> None:
    pretty, machine = Heard("pretty"), Heard("json")
    for heard in (pretty, machine):
        heard.log.info("said", field="x" * 5_000)
        heard.log.error("tick.crashed", exc_info=raised("y" * 5_000))
    assert pretty.text.count("x" * 2_000 + "…") == 1
    assert pretty.text.count("y" * 1_900) == 2
    assert max(map(len, pretty.lines)) < 2_200
    assert "x" * 5_000 in machine.text
    assert "y" * 5_000 in machine.text


@contextmanager
def terminal() -> Iterator[tuple[io.TextIOWrapper, Callable[[], str]]]:
    """A terminal's own end, and what is shown on it."""
    shown, own = os.openpty()
    with closing(open(own, "w", encoding="utf-8")) as stream:  # noqa: PTH123  # a descriptor

        def read() -> str:
            text = b""
            while select.select([shown], [], [], 0 if text else 5)[0]:
                text += os.read(shown, 65_536)
            return text.decode()

        yield stream, read
    os.close(shown)


def test_by_default_a_terminal_gets_colours_and_anything_else_json(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = Heard("auto")
    heard.log.info("said", field="x")
    assert heard.events[0]["field"] == "x"
    for no_color, is_coloured in (("", True), ("1", False)):
        monkeypatch.setenv("NO_COLOR", no_color)
        with terminal() as (stream, read):
            make_log(stream=stream).info("said", field="x\x07y")
            text = read()
        assert ("\x1b[" in text) is is_coloured
        assert "said" in text
        assert "\x07" not in text
        assert not text.startswith("{")


def test_the_level_may_change_while_the_program_runs() -> None:
    level = Level("warning")
    stream = io.StringIO()
    log = make_log(level, "json", stream=stream)
    for name in ("info", "debug", "error"):
        log.info("told.info")
        level.name = name
    log.info("told.info")
    assert stream.getvalue().count("told.info") == 2


def test_what_is_only_for_who_looks_for_a_fault_is_written_at_debug_alone() -> None:
    for level, wanted in (("debug", 1), ("info", 0)):
        heard = Heard("json", level, only_debug={"request.retried"})
        heard.log.warning("request.retried")
        assert [event["level"] for event in heard.events] == ["debug"] * wanted


@pytest.mark.parametrize(
    ("event", "audit", "wanted"), [("audit.x", True, 1), ("audit.x", False, 0), ("dump.x", False, 1)]
)
def test_what_somebody_asked_for_is_written_whatever_the_level(event: str, audit: bool, wanted: int) -> None:
    for level in ("debug", "critical"):
        heard = Heard("json", level, audit=audit)
        heard.log.info(event)
        assert len(heard.events) == wanted


def test_all_who_listen_hear_every_event_from_when_they_came() -> None:
    taps, first, second = Taps(), list[str](), list[str]()
    log = make_log("critical", "json", (taps.hear,), stream=io.StringIO())
    taps.add(lambda event, fields: first.append(f"{event} {fields['number']}"))
    log.debug("one", number=1)
    taps.add(lambda event, _: second.append(event))
    log.debug("two", number=2)
    assert (first, second) == (["one 1", "two 2"], ["two"])
