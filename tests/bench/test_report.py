"""The verdict and the table, from figures that were not measured."""

from pathlib import Path

from tests.bench import report, results
from tests.bench.bars import PARTS, TABLE, Line, fallen
from tests.bench.results import Results

HELD = {"throughput.against_grove": [11.0, 12.5, 30.0], "throughput.hel_peak": [90.0, 80.0, 70.0]}
FELL = {"throughput.against_grove": [11.9, 11.0, 30.0], "throughput.hel_peak": [80.1]}


def test_the_median_holds_a_bar_or_does_not() -> None:
    assert fallen(HELD, PARTS) == []
    assert [line.key for line in fallen(FELL, PARTS)] == list(FELL)


def test_what_was_not_measured_now_is_not_judged() -> None:
    assert fallen(FELL, {"start", "stalled"}) == []


def test_a_figure_without_a_bar_always_holds() -> None:
    assert Line("part.name", "words", " s").holds([10.0**9])


def test_no_figure_stands_in_the_table_twice() -> None:
    assert len({line.key for line in TABLE}) == len(TABLE)


def test_the_table_shows_median_spread_and_bar_then_the_machine() -> None:
    assert report.table(Results("A machine.", dict(HELD))).splitlines() == [
        "| what | median | spread | bar |",
        "|---|---|---|---|",
        "| Events per CPU second, whole process, times Grove's | 12.5x | 11.0 to 30.0 | at least 12x |",
        "| Peak memory, 100,000 events | 80.0 MB | 70.0 to 90.0 | at most 80 MB |",
        "",
        "A machine. Made by `make bench`.",
    ]


def test_the_verdict_names_figure_and_bar() -> None:
    assert report.verdict(Results("", {"throughput.hel_peak": [80.1]})) == (
        "not held: Peak memory, 100,000 events: 80.1 MB, bar: at most 80 MB (throughput.hel_peak)"
    )


def test_a_part_that_is_measured_again_leaves_nothing_of_its_old_figures(tmp_path: Path) -> None:
    found = Results("A machine.", {"start.help": [1.0], "start.gone": [1.0], "stalled.cpu": [2.0]})
    found.add("start", {"help": (3.0,)})
    found.save(tmp_path / "results.json")
    assert results.load(tmp_path / "results.json").figures == {"stalled.cpu": [2.0], "start.help": [3.0]}


def test_what_another_machine_measured_is_not_mixed_with_what_this_one_does(tmp_path: Path) -> None:
    Results("Another machine.", {"stalled.cpu": [2.0]}).save(tmp_path / "results.json")
    assert results.on_this_machine(tmp_path / "results.json") == Results(results.machine())
