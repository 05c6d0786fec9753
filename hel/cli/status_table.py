"""The words and the table of `hel status`. What a server says is made printable; nothing is shown of what is not known.

On a terminal that is too narrow for the table each source is a paragraph; in a pipe a row is a line, however long.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from io import StringIO
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from hel.cli.marks import ADVICE, CROSSED, marked
from hel.cli.wording import lasting
from hel.telemetry.printable import printable
from hel.telemetry.stderr import wants_colour
from hel.timestamps import parse_time

_STYLES = {"ok": "green", "catching_up": "yellow", "starting": "yellow", "failing": "red", "finished": "dim"}
_PIPE_WIDTH = 10_000

Known = Mapping[str, Any]
"""What is known, in the shape of `/api/v1/sources`."""


def shown(known: Known) -> str:
    """A row a source, as stdout can show it."""
    sources, now = [_mapping(source) for source in known.get("sources") or ()], _moment(known.get("now"))
    found = {heading: [cell(source, now) for source in sources] for heading, cell in _COLUMNS.items()}
    columns = {heading: cells for heading, cells in found.items() if heading == "source" or any(cells)}
    on_terminal = sys.stdout.isatty()
    console = Console(
        file=StringIO(),
        width=None if on_terminal else _PIPE_WIDTH,
        force_terminal=on_terminal,
        color_system="standard" if wants_colour(sys.stdout) else None,
        highlight=False,
    )
    short = {**columns, "newest event": [_age(source) for source in sources]}
    table = next((each for each in (columns, short) if _width(each) <= console.width), None)
    with console.capture() as captured:
        if table is not None:
            console.print(_table(table, sources))
        else:
            for at, source in enumerate(sources):
                _tell(console, {heading: cells[at] for heading, cells in columns.items()}, source)
    return "\n".join(line.rstrip() for line in captured.get().rstrip("\n").splitlines())


def whole(known: Known) -> str:
    """What is known of the whole: its version, whether it is ready, how long it has run, and what waits."""
    began, now, queue = _moment(known.get("started_at")), _moment(known.get("now")), _mapping(known.get("queue"))
    up = f" for {lasting(max(0.0, now - began))}" if began is not None and now is not None else ""
    waits = f", {printable(str(queue['events']))} events wait for the output" if queue.get("events") else ""
    ready = "ready" if known.get("ready") else "not ready"
    return f"Hel {printable(str(known.get('version')))} runs{up}: {ready}{waits}"


def for_stdout(line: str) -> str:
    """A line with a mark, as stdout can show it."""
    return marked(line, sys.stdout)


def troubles(known: Known) -> Iterator[str]:
    """What is wrong, with its fix below it; nothing where all is well."""
    for of in ("state", "output"):
        if error := _mapping(known.get(of)).get("error"):
            yield from _trouble(f"the {of}", _mapping(error))
    for source in map(_mapping, known.get("sources") or ()):
        if error := source.get("error"):
            failures = source.get("failures")
            counted = f" ({failures} times in a row)" if isinstance(failures, int) and failures > 1 else ""
            yield from _trouble(f"{printable(str(source.get('name')))}{counted}", _mapping(error))
    for reason in known.get("because") or ():
        yield f"{ADVICE} not ready: {printable(str(reason), 2000)}"


def _trouble(what: str, error: Known) -> Iterator[str]:
    since = f", since {printable(str(error['since']))}" if error.get("since") else ""
    yield f"{CROSSED} {what}{since}: {printable(str(error.get('message')), 2000)}"
    if error.get("fix"):
        yield f"  fix: {printable(str(error['fix']), 2000)}"


def _width(columns: Mapping[str, list[str]]) -> int:
    return sum(2 + max(map(cell_len, (heading, *cells))) for heading, cells in columns.items()) - 2


def _table(columns: Mapping[str, list[str]], sources: list[Known]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for heading in columns:
        table.add_column(heading, no_wrap=True, justify="right" if heading == "events/min" else "left")
    for source, *cells in zip(sources, *columns.values(), strict=True):
        style = _STYLES.get(str(source.get("state")), "")
        table.add_row(
            *(Text(cell or "-", style if name == "state" else "") for name, cell in zip(columns, cells, strict=True))
        )
    return table


def _tell(console: Console, cells: Mapping[str, str], source: Known) -> None:
    """A source in a paragraph."""
    for heading, cell in cells.items():
        if heading == "source":
            console.print(Text(cell, "bold"), soft_wrap=True)
        elif cell:
            style = _STYLES.get(str(source.get("state")), "") if heading == "state" else ""
            console.print(Text(f"  {heading}: ").append(cell, style), soft_wrap=True)


def _state(source: Known, _: float | None) -> str:
    return printable(str(source["state"])).replace("_", " ") if source.get("state") else ""


def _newest(source: Known, _: float | None) -> str:
    newest, age = source.get("newest_event"), _age(source)
    return f"{printable(str(newest))}{f' ({age})' if age else ''}" if newest else "none yet"


def _age(source: Known) -> str:
    lag_s = source.get("lag_s")
    return f"{lasting(lag_s)} ago" if isinstance(lag_s, int | float) else ""


def _last_success(source: Known, now: float | None) -> str:
    at = _moment(source.get("last_success"))
    return "" if at is None or now is None else f"{lasting(max(0.0, now - at))} ago"


def _rate(source: Known, _: float | None) -> str:
    """Events a minute, over the last five whole minutes."""
    minutes = source.get("events_per_minute")
    if not isinstance(minutes, list) or not all(isinstance(minute, int | float) for minute in minutes):
        return ""
    whole = minutes[-6:-1] or minutes
    mean = sum(whole) / len(whole) if whole else 0
    return f"{mean:,.0f}" if mean >= 10 or mean == int(mean) else f"{mean:.1f}"


def _budget(source: Known, _: float | None) -> str:
    limit = _mapping(source.get("rate_limit"))
    left = f"{limit.get('remaining')} of {limit.get('limit')}" if limit else ""
    return f"{left}, paused".removeprefix(", ") if source.get("paused_until") else left


def _circuit(source: Known, _: float | None) -> str:
    return printable(str(source["circuit"])).replace("_", " ") if source.get("circuit") else ""


_COLUMNS: Mapping[str, Callable[[Known, float | None], str]] = {
    "source": lambda source, _: printable(str(source.get("name"))),
    "state": _state,
    "newest event": _newest,
    "last success": _last_success,
    "events/min": _rate,
    "rate limit": _budget,
    "circuit": _circuit,
}


def _moment(text: Any) -> float | None:
    return parse_time(text) if isinstance(text, str) else None


def _mapping(value: Any) -> Known:
    return value if isinstance(value, Mapping) else {}
