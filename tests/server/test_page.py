import math
import re
import time
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hel.server.look import STYLE
from hel.server.page import page
from hel.telemetry.redaction import conceal

HOSTILE = "</td></tr></table><script>alert(1)</script><img src=//evil.example onerror='x()'>\"' style=x &lt;"
VOID = {"meta", "wbr", "path"}


class Document(HTMLParser):
    """What a browser makes of a page, as far as the tests ask; refuses what is not closed in its order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.title = ""
        self.rows: list[list[str]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open, "something was left open"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), "an attribute stands there twice"
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag == "tr":
            self.rows.append([])
        elif tag in {"td", "th"}:
            self.rows[-1].append("")
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in VOID
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        assert self._open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        if "style" in self._open:
            return
        if self.tags[-1][0] == "wbr":
            self.texts[-1] += data
        else:
            self.texts.append(data)
        if "title" in self._open:
            self.title += data
        if {"td", "th"} & set(self._open):
            self.rows[-1][-1] += data

    def each(self, tag: str) -> list[dict[str, str]]:
        """The attributes of every such element."""
        return [attributes for name, attributes in self.tags if name == tag]


def source(name: str = "okta", **keys: Any) -> dict[str, Any]:
    return {
        "name": name,
        "url": "https://acme.okta.com/api/v1/logs",
        "state": "ok",
        "last_success": "2026-05-01T11:59:48Z",
        "next_poll": "2026-05-01T12:00:40Z",
        "newest_event": "2026-05-01T11:57:02Z",
        "lag_s": 178.3,
        "events": 123_456,
        "duplicates": 12,
        "events_per_minute": [0] * 57 + [10, 40, 20],
        "rate_limit": {"limit": 60, "remaining": 45},
        "circuit": "closed",
        "failures": 0,
        "error": None,
        **keys,
    }


ERROR = {"message": "it answered 403", "fix": "grant the scope", "since": "2026-05-01T09:00:00Z"}


def snapshot(*sources: dict[str, Any], **keys: Any) -> dict[str, Any]:
    return {
        "version": "0.1.0",
        "now": "2026-05-01T12:00:00Z",
        "started_at": "2026-04-27T08:00:00Z",
        "ready": True,
        "because": [],
        "queue": {"events": 1200, "bytes": 16_000_000, "max_events": 20_000, "max_bytes": 32_000_000},
        "output": {"path": "/data/events.ndjson", "error": None},
        "state": {"path": "/data/hel-state.db", "error": None},
        "sources": list(sources),
        **keys,
    }


def read(*sources: dict[str, Any], **keys: Any) -> Document:
    return Document(page(snapshot(*sources, **keys)))


def cells(document: Document, row: int = 1) -> dict[str, str]:
    """A row's texts by the header of their column."""
    return dict(zip(document.rows[0], document.rows[row], strict=True))


def test_a_row_says_all_of_a_source_under_the_headers_of_its_columns() -> None:
    said = cells(read(source()))
    assert said["Source"] == "okta✓ okhttps://acme.okta.com/api/v1/logs"
    assert said["Last success"] == "12 s agonext in 40 s"
    assert said["Newest event"] == "2 min old11:57:02 UTC"
    assert said["Rate limit"] == "45 of 60 left"
    assert said["Circuit"] == "closed"
    assert "70 in 60 min, at most 40 in one" in said["Events per minute"]
    assert "123,456 since the start12 duplicates left out" in said["Events per minute"]
    assert said["Last error"] == "none"


def test_a_failing_source_says_what_is_wrong_the_fix_since_when_and_how_often() -> None:
    said = cells(read(source(state="failing", failures=14, circuit="open", error=ERROR)))
    assert said["Source"].startswith("okta✕ failing")
    assert said["Last error"] == "✕\u00a0it answered 403Fix: grant the scope14 ticks failed in a row, for 3 h 0 min"
    assert said["Circuit"] == "✕ openit is left alone for now"


def test_the_title_says_ready_or_not_and_how_many_sources_fail() -> None:
    failing = source("b", state="failing", error=ERROR)
    assert read(source()).title == "Ready, 1 source | Hel"
    assert read(source(), failing, failing).title == "Ready, 2 of 3 sources failing | Hel"
    assert read(failing, ready=False, because=["x"]).title == "Not ready, 1 of 1 source failing | Hel"
    assert read(ready=None).title == "Not ready, no sources | Hel"


def test_why_it_is_not_ready_and_what_is_wrong_with_output_and_state_stands_above_the_sources() -> None:
    disk = ERROR | {"message": "no space left", "fix": "free some"}
    document = read(
        source(),
        ready=False,
        because=["the output can't be written", "no source has succeeded"],
        output={"path": "/data/out", "error": disk},
        state={"path": "/data/state", "error": disk | {"message": "read-only"}},
    )
    words = "|".join(document.texts)
    places = [words.index(text) for text in ("can't be", "has succeeded", "no space left", "free some", "read-only")]
    assert places == sorted(places)
    assert places[-1] < words.index("/data/out") < words.index("okta")


def test_output_state_queue_version_and_since_when_it_runs_are_said() -> None:
    words = "|".join(read().texts)
    for text in ("Output|/data/events.ndjson", "State|/data/hel-state.db", "Version|0.1.0", "Runs|for 4 d 4 h"):
        assert text in words
    assert "Queue|50% full|1,200 of 20,000 events|16.0 of 32 MB" in words, "the fuller of the two bounds counts"
    assert "Output|stdout" in "|".join(read(output={"path": None, "error": None}).texts)


def test_sources_that_fail_come_first_then_odd_ones_and_the_others_keep_their_order() -> None:
    given_sources = [
        source("z"),
        source("done", state="finished"),
        source("probed", circuit="half_open"),
        source("a"),
        source("new", state="starting"),
        source("strange", state="?"),
        source("bad2", state="failing"),
        source("late", state="catching_up"),
        source("bad1", state="failing"),
    ]
    document = read(*given_sources)
    names = [re.split("[✕»…✓■?]", row[0])[0] for row in document.rows[1:]]
    assert names == ["bad2", "bad1", "probed", "strange", "late", "new", "z", "a", "done"]


@pytest.mark.parametrize(
    ("state", "word"),
    [("ok", "✓ ok"), ("failing", "✕ failing"), ("catching_up", "» catching up"), ("starting", "… starting")],
)
def test_a_state_is_said_in_a_word_and_a_sign_and_not_by_colour_alone(state: str, word: str) -> None:
    assert word in cells(read(source(state=state)))["Source"]


@pytest.mark.parametrize(
    ("at", "words"),
    [
        ("2026-05-01T12:00:03Z", "0 s ago"),
        ("2026-05-01T11:58:01Z", "119 s ago"),
        ("2026-05-01T11:58:00Z", "2 min ago"),
        ("2026-05-01T09:55:00Z", "2 h 5 min ago"),
        ("2026-04-28T09:00:00Z", "3 d 3 h ago"),
        (None, "never"),
    ],
)
def test_how_long_ago_is_said_in_two_units_and_the_exact_time_in_the_title(at: str | None, words: str) -> None:
    document = read(source(last_success=at, next_poll=None))
    assert cells(document)["Last success"] == words
    titles = [each["title"] for each in document.each("time") if "title" in each]
    assert at is None or at.replace("Z", ".000Z") in titles


def test_the_sparkline_has_a_step_a_minute_the_newest_at_the_right_and_says_itself_in_words() -> None:
    document = read(source(events_per_minute=[0] * 56 + [10, 40, 20, 1]))
    (picture,) = document.each("svg")
    assert picture["role"] == "img"
    assert picture["aria-label"] == "Events per minute: 71 in 60 min, at most 40 in one"
    _, path = document.each("path")
    heights = [24 - float(height) for height in re.findall(r"V([\d.]+)h2", path["d"])]
    assert heights == [0] * 56 + [6, 24, 12, 1.5], "what is not nothing is seen"
    assert path["d"].startswith("M0 24V")


def test_fewer_minutes_than_sixty_stand_at_the_right() -> None:
    assert read(source(events_per_minute=[1, 2])).each("path")[1]["d"].startswith("M116 24V")
    assert read(source(events_per_minute=list(range(100)))).each("path")[1]["d"].count("h2") == 60


@pytest.mark.parametrize(
    ("limit", "remaining", "width"), [(60, 45, "75.0%"), (0, 0, "0.0%"), (60, 90, "100.0%"), (60, -1, "0.0%")]
)
def test_the_budget_is_a_bar_and_numbers(limit: int, remaining: int, width: str) -> None:
    document = read(source(rate_limit={"limit": limit, "remaining": remaining}))
    assert f"{remaining} of {limit} left" in cells(document)["Rate limit"]
    assert [each["style"] for each in document.each("i")][-1] == f"width:{width}"


def test_a_pause_is_told_until_it_is_over() -> None:
    for until, said in (
        ("2026-05-01T12:01:00Z", "45 of 60 leftpaused for 60 s"),
        ("2026-05-01T12:00:00Z", "45 of 60 left"),
    ):
        assert cells(read(source(paused_until=until)))["Rate limit"] == said


def test_it_is_a_table_whose_headers_are_told_and_whose_cells_name_theirs_where_they_become_cards() -> None:
    document = read(source("a"), source("b", error=ERROR))
    assert len(document.each("table")) == 1
    assert [each.get("scope") for each in document.each("th")] == ["col"] * 7 + ["row"] * 2
    labels = [each["data-label"] for each in document.each("td") if "data-label" in each]
    assert labels == document.rows[0][1:-1] * 2
    roles = {"table": "table", "thead": "rowgroup", "tbody": "rowgroup", "tr": "row", "td": "cell"}
    for tag, role in roles.items():
        assert all(each["role"] == role for each in document.each(tag)), "the style takes the tags' own roles away"


def test_the_document_names_its_language_fits_a_phone_renews_itself_and_loads_nothing() -> None:
    text = page(snapshot(source(error=ERROR)))
    document = Document(text)
    assert text.startswith("<!DOCTYPE html>")
    assert document.each("html") == [{"lang": "en"}]
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in document.each("meta")
    assert {"http-equiv": "refresh", "content": "15"} in document.each("meta")
    assert not {"script", "link", "img", "iframe", "base", "form", "use"} & {tag for tag, _ in document.tags}
    assert not re.search(r"url\(|@import|src=", STYLE)
    assert [each["href"] for each in document.each("a")] == ["api/v1/sources", "metrics"]


PARTS = {tag for tag, _ in read(source(error=ERROR), ready=False, because=["x"]).tags} | {"code"}


def hostile_everywhere() -> dict[str, Any]:
    error = {"message": HOSTILE, "fix": HOSTILE, "since": HOSTILE}
    keys = ("name", "url", "state", "circuit", "last_success", "newest_event")
    return snapshot(
        source(error=error, **dict.fromkeys(keys, HOSTILE)),
        ready=False,
        because=[HOSTILE],
        **dict.fromkeys(("version", "now", "started_at"), HOSTILE),
        output={"path": HOSTILE, "error": error},
        state={"path": HOSTILE, "error": error},
    )


def test_hostile_text_in_any_place_is_text_and_changes_nothing_of_the_page() -> None:
    document = Document(page(hostile_everywhere()))
    assert "".join(document.texts).count(HOSTILE) >= 19
    assert {tag for tag, _ in document.tags} <= PARTS
    assert len(document.rows) == 2


def test_control_characters_are_shown_and_not_obeyed_and_text_does_not_go_on_for_ever() -> None:
    said = cells(read(source(error=ERROR | {"message": "\x1b[31m\u202eright\x00", "fix": "x" * 100_000})))["Last error"]
    assert r"\x1b[31m\u202eright\x00" in said
    assert len(said) < 1000


def test_a_secret_that_an_error_repeats_is_hidden() -> None:
    conceal("00hush-hush")
    text = page(snapshot(source(error=ERROR | {"message": "no token 00hush-hush"})))
    assert "hush" not in text
    assert "no token ***" in text


def test_nothing_known_is_a_page_too() -> None:
    words = "".join(Document(page({})).texts)
    assert "Not ready" in words
    assert "There are no sources" in words
    nulls = dict.fromkeys(source())
    document = Document(page(dict.fromkeys(snapshot()) | {"sources": [nulls, {}, None]}))
    assert len(document.rows) == 4
    assert cells(document) == cells(document, 3)
    assert cells(document)["Last success"] == "never"


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, 10**400, "12", [], True])
def test_a_number_that_is_none_is_taken_for_nothing(number: Any) -> None:
    counts: dict[str, Any] = dict.fromkeys(("lag_s", "events", "duplicates", "failures"), number)
    budget = {"limit": number, "remaining": number}
    said = cells(read(source(error=ERROR, events_per_minute=[number], rate_limit=budget, **counts)))
    assert re.match("[01] s old", said["Newest event"])
    assert re.match("[01] of [01] left", said["Rate limit"])
    assert "nan" not in "".join(said.values())


WORDS = st.text(st.characters(), max_size=20) | st.sampled_from(
    [HOSTILE, "2026-05-01T12:00:00Z", "ok", "failing", "open"]
)
NUMBERS = st.integers() | st.floats()
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=5,
)


def like(example: Any) -> st.SearchStrategy[Any]:
    """Anything, mostly of this shape."""
    if isinstance(example, dict):
        shaped: st.SearchStrategy[Any] = st.fixed_dictionaries(
            {}, optional={key: like(v) for key, v in example.items()}
        )
    elif isinstance(example, list):
        shaped = st.lists(like(example[0]) if example else WORDS, max_size=4)
    else:
        shaped = WORDS if isinstance(example, str) else NUMBERS
    return shaped | JSON


@given(
    like(snapshot(source(error=ERROR), because=["x"], output={"path": "/", "error": ERROR})).filter(
        lambda said: isinstance(said, dict)
    )
)
def test_whatever_is_said_becomes_a_whole_page_of_known_parts(said: dict[str, Any]) -> None:
    document = Document(page(said))
    assert {tag for tag, _ in document.tags} <= PARTS
    assert len({len(row) for row in document.rows}) <= 1
    names = {name for _, attributes in document.tags for name in attributes}
    assert not {name for name in names if name.startswith("on")} | names & {"src", "srcset", "action"}


def luminance(colour: str) -> float:
    """WCAG 2.2's relative luminance of `#rgb` or `#rrggbb`."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_every_text_has_the_contrast_of_wcag_aa_and_every_picture_that_of_its_own(scheme: int) -> None:
    colours = dict(re.findall(r"--(\w+):(#\w+)", re.findall(r":root\{([^}]*)\}", STYLE)[scheme]))
    for ground in ("ground", "sheet", "alarm"):
        for ink in ("ink", "faint", "bad"):
            assert contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)
    for ink in ("good", "busy", "link"):
        assert all(contrast(colours[ink], colours[ground]) >= 4.5 for ground in ("ground", "sheet")), ink
    assert all(contrast(colours["fill"], colours[ground]) >= 3 for ground in ("ground", "sheet"))


def test_two_hundred_failing_sources_are_a_page_at_once() -> None:
    many = snapshot(*(source(f"source-{number}", state="failing", error=ERROR) for number in range(200)))

    def took_s() -> float:
        started = time.process_time()
        page(many)
        return time.process_time() - started

    assert len(Document(page(many)).rows) == 201
    assert min(took_s() for _ in range(10)) < 0.1, "less than 20 ms where nothing else runs"
