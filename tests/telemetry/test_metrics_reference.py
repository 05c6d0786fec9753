from pathlib import Path

import pytest

from hel.marked import write_between
from hel.telemetry.metrics_reference import BEGIN, END, reference
from hel.telemetry.metrics_table import METRICS
from tests.documents import README


def test_the_readme_shows_the_metrics_that_there_are() -> None:
    shown = README.read_text().partition(BEGIN)[2].partition(END)[0]
    assert shown.strip() == reference().strip(), "run: make reference"


def test_the_reference_has_a_row_for_each_metric_with_type_labels_and_meaning() -> None:
    rows = [line.strip("| ").split(" | ") for line in reference().splitlines()[2:]]
    assert [row[0].strip("`") for row in rows][: len(METRICS)] == [metric.name for metric in METRICS]
    assert all(len(row) == 4 and all(row) for row in rows)
    assert "| `hel_ready` | gauge | none | 1 while `/readyz` answers 200. |" in reference()
    assert "| `hel_wait_seconds_total` | counter | `source`, `reason` (`rate_limit`, `output`, " in reference()


def test_a_generated_part_is_replaced_between_its_marks_and_nothing_else(tmp_path: Path) -> None:
    document = tmp_path / "page.md"
    document.write_text("# Above\nBEGIN\nold\nEND\nbelow\n")
    write_between(document, "BEGIN\n", "END\n", "\nnew\n")
    write_between(document, "BEGIN\n", "END\n", "newer")
    assert document.read_text() == "# Above\nBEGIN\n\nnewer\n\nEND\nbelow\n"


def test_a_document_without_the_marks_is_left_as_it_is(tmp_path: Path) -> None:
    document = tmp_path / "page.md"
    document.write_text("# Above\nBEGIN\n")
    with pytest.raises(ValueError, match="lacks a mark"):
        write_between(document, "BEGIN\n", "END\n", "new")
    assert document.read_text() == "# Above\nBEGIN\n"
