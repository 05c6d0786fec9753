"""How times and numbers are read and written."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hel.timestamps import Format, parse_text, parse_time, read_value, utc_text, write_value, written_start

NOON = 1_777_636_800.0
LOG_ID = "900%Y%m%d%H%M%S" + 39 * "0"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-05-01T12:00:00.000Z", 1_777_636_800.0),
        ("2026-05-01T12:00:00Z", 1_777_636_800.0),
        ("2026-05-01t14:00:00+02:00", 1_777_636_800.0),
        ("2026-05-01t12:00:00z", 1_777_636_800.0),
        ("2026-05-01T12:00:00.123456789Z", 1_777_636_800.123456),
        ("2026-05-01T12:00:00", 1_777_636_800.0),
        ("0001-01-01T00:00:00+23:59", -62_135_683_140.0),
        ("yesterday", None),
        ("", None),
        ("2026-02-30T00:00:00Z", None),
    ],
)
def test_a_time_is_read_as_rfc_3339(text: str, seconds: float | None) -> None:
    assert parse_time(text) == seconds


@given(st.text())
def test_no_text_makes_the_reading_of_a_time_fail(text: str) -> None:
    assert isinstance(parse_time(text), float | None)


@given(st.integers(0, 253_402_300_799))
def test_a_time_that_is_written_is_read_back(at: int) -> None:
    assert parse_time(utc_text(at)) == at
    assert len(utc_text(at)) == len("2026-05-01T12:00:00.000Z")


@pytest.mark.parametrize(
    ("raw", "form", "at"),
    [
        ('"2026-05-01T12:00:00Z"', "rfc3339", NOON),
        ('"2026-05-01T14:00:00+02:00"', "rfc3339", NOON),
        ('"2026-05-01T06:30:00-05:30"', "rfc3339", NOON),
        ('"2026-05-01t12:00:00.5z"', "rfc3339", NOON + 0.5),
        ('"2026-05-01T12:00:00.123456789Z"', "rfc3339", NOON + 0.123456),
        ("1777636800", "epoch", NOON),
        ("1777636800.25", "epoch", NOON + 0.25),
        ('"1777636800"', "epoch", NOON),
        ("1.7776368e9", "epoch", NOON),
        ("1777636800250", "epoch_ms", NOON + 0.25),
        ('"1777636800250"', "epoch_ms", NOON + 0.25),
        ("7", "number", 7.0),
        ('"-7.5"', "number", -7.5),
    ],
)
def test_a_value_is_read_as_a_time_or_a_number(raw: str, form: Format, at: float) -> None:
    assert read_value(raw.encode(), form) == pytest.approx(at, abs=1e-6)


@pytest.mark.parametrize("form", ["rfc3339", "epoch", "epoch_ms", "number"])
@pytest.mark.parametrize(
    "raw",
    [
        *("null", "true", "false", "{}", "[1]", '""', '"soon"', '"1_000"', '" 1"', '"١٢"', '"nan"', '"Infinity"'),
        *("1e999", '"1e999"', "9" * 5000, '"' + "9" * 5000 + '"', '"0x10"', '"2026-13-01T00:00:00Z"', '"\\ud800"'),
    ],
)
def test_nonsense_is_no_value_and_no_crash(raw: str, form: Format) -> None:
    assert read_value(raw.encode(), form) is None


def test_a_number_is_no_rfc_3339_and_a_time_is_no_number() -> None:
    assert read_value(b"1777636800", "rfc3339") is None
    assert read_value(b'"2026-05-01T12:00:00Z"', "epoch") is None


@given(st.integers(0, 10**21))
def test_a_number_is_written_no_higher_than_it_was_read(number: int) -> None:
    for raw in (str(number), f'"{number}"'):
        value = read_value(raw.encode(), "number")
        assert value is not None
        written = int(write_value(value, "number"))
        assert written <= number
        assert number - written <= number / 2**51


@given(st.integers(0, 4 * 10**12), st.sampled_from(["epoch_ms", "epoch", "rfc3339"]))
def test_a_time_is_written_no_later_than_it_was_read_and_less_than_its_unit_earlier(at_ms: int, form: Format) -> None:
    value = read_value(str(at_ms).encode(), "epoch_ms")
    assert value is not None
    raw = write_value(value, form)
    again = read_value(json.dumps(raw).encode(), form)
    assert again is not None
    assert again <= at_ms / 1000
    assert at_ms / 1000 - again <= (0.0011 if form == "epoch_ms" else 1)


@given(st.floats(-1e12, 1e12), st.sampled_from(["epoch_ms", "epoch", "rfc3339"]))
def test_no_time_is_written_before_1970(value: float, form: Format) -> None:
    if value < 0:
        assert write_value(value, form) == write_value(0.0, form)


def test_times_are_compared_as_times_whatever_their_text() -> None:
    texts = ["2026-05-01T23:00:00+12:00", "2026-05-01T11:00:00.1Z", "2026-05-01T06:00:01-05:00", "2026-05-01T11:00:02Z"]
    values = [read_value(json.dumps(text).encode(), "rfc3339") or math.nan for text in texts]
    assert values == sorted(values)
    assert texts != sorted(texts)
    assert (read_value(b'"9"', "number") or 0) < (read_value(b'"10"', "number") or 0)


@given(st.integers(0, 253_402_300_799))
def test_a_pattern_is_read_back_as_it_was_written(at: int) -> None:
    for pattern in ("%Y-%m-%d %H:%M:%S", "%d.%m.%Y, %H:%M:%S Uhr", LOG_ID):
        assert parse_text(write_value(at + 0.9, pattern), pattern) == at


def test_a_pattern_of_days_is_written_as_the_days_beginning() -> None:
    assert write_value(NOON, "%Y-%m-%d") == "2026-05-01"
    assert parse_text("2026-05-01", "%Y-%m-%d") == NOON - 43_200
    assert parse_text("yesterday", "%Y-%m-%d") is None


@pytest.mark.parametrize(
    ("text", "form", "written"),
    [
        ("2026-05-01T12:00:00Z", "rfc3339", "2026-05-01T12:00:00Z"),
        ("2026-05-01T14:00:00+02:00", "epoch", "1777636800"),
        ("2026-05-01T12:00:00.5Z", "epoch_ms", "1777636800500"),
        ("1777636800", "epoch", "1777636800"),
        ("2026-05-01T12:00:00Z", LOG_ID, "90020260501120000" + 39 * "0"),
        ("90020260501120000" + 39 * "0", LOG_ID, "90020260501120000" + 39 * "0"),
        ("90020260501120000123", LOG_ID, "90020260501120000123"),
        ("12", "number", "12"),
    ],
)
def test_a_start_in_rfc_3339_is_rewritten_and_any_other_stays(text: str, form: str, written: str) -> None:
    assert written_start(text, form) == written
