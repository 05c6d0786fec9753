import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hel.policy import rate_headers
from hel.policy.rate_headers import http_date, retry_after_s
from hel.records import Reply

NOW = 1_777_636_800.0
NAMES = ("x-rate-limit-limit", "x-rate-limit-remaining", "x-rate-limit-reset")


def reply(*headers: tuple[str, str]) -> Reply:
    return Reply(200, headers, b"", NOW)


def named(*values: str) -> Reply:
    return reply(*zip(NAMES, values, strict=True))


@pytest.mark.parametrize(
    "text",
    ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"],
    ids=["IMF-fixdate", "RFC 850", "asctime"],
)
def test_each_date_of_rfc_9110_is_the_same_moment_wherever_the_machine_stands(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as there:
        there.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        moment = http_date(text)
    time.tzset()
    assert moment == 784_111_777


@given(st.text())
@example("Sun, 06 Nov 1994 08:49:37 +9999999999")
@example("Fri, 31 Dec 9999 23:59:59 -2359")
@example("0")
def test_what_is_no_date_is_none(text: str) -> None:
    assert isinstance(http_date(text), float | None)


def test_the_reset_is_judged_against_the_answers_own_date() -> None:
    skewed = reply(
        ("date", "Fri, 01 May 2026 11:58:30 GMT"),
        (NAMES[0], "60"),
        (NAMES[1], "59"),
        (NAMES[2], str(int(NOW))),
    )
    reading = rate_headers.read(skewed)
    assert reading is not None
    assert (reading.limit, reading.remaining, reading.reset_in_s) == (60, 59, 90.0)


@pytest.mark.parametrize(
    ("given_headers", "expected"),
    [
        ((), None),
        ((("x-rate-limit-limit", "60"),), None),
        ((("x-rate-limit-limit", "60"), ("x-rate-limit-remaining", "many"), ("x-rate-limit-reset", "1")), None),
        ((("x-rate-limit-limit", "-1"), ("x-rate-limit-remaining", "1"), ("x-rate-limit-reset", "1")), None),
        ((("x-rate-limit-limit", "٣"), ("x-rate-limit-remaining", "1"), ("x-rate-limit-reset", "1")), None),
        ((("x-rate-limit-limit", "9" * 5000), ("x-rate-limit-remaining", "1"), ("x-rate-limit-reset", "1")), None),
    ],
    ids=["absent", "only one", "no number", "negative", "other digits", "endless"],
)
def test_rate_headers_that_are_absent_or_malformed_do_no_harm(
    given_headers: tuple[tuple[str, str], ...], expected: None
) -> None:
    """Lesson 22."""
    assert rate_headers.read(reply(*given_headers)) is expected


def test_of_repeated_rate_headers_the_strictest_counts() -> None:
    """Lesson 22: as lines of their own, and joined by a proxy."""
    reading = rate_headers.read(
        reply(
            (NAMES[0], "1200, 60"),
            (NAMES[1], "55"),
            (NAMES[1], "3"),
            (NAMES[2], str(int(NOW) + 10)),
            (NAMES[2], str(int(NOW) + 30)),
        )
    )
    assert reading is not None
    assert (reading.limit, reading.remaining, reading.reset_in_s) == (60, 3, 30.0)


@given(st.lists(st.tuples(st.sampled_from([*NAMES, "date", "retry-after"]), st.text(max_size=30)), max_size=8))
def test_no_header_makes_the_reading_fail(headers: list[tuple[str, str]]) -> None:
    reading = rate_headers.read(reply(*headers))
    assert reading is None or (reading.limit >= 0 and reading.remaining >= 0)
    assert (retry_after_s(reply(*headers)) or 0.0) >= 0.0


def test_zero_of_zero_is_a_concurrency_limit() -> None:
    concurrency, empty = rate_headers.read(named("0", "0", "1")), rate_headers.read(named("60", "0", "1"))
    assert concurrency is not None
    assert empty is not None
    assert concurrency.is_concurrency
    assert not empty.is_concurrency


@pytest.mark.parametrize(
    ("text", "wait_s"),
    [
        ("120", 120.0),
        ("0", 0.0),
        (" 7 ", 7.0),
        ("1.5", 1.5),
        ("-5", None),
        ("soon", None),
        ("", None),
        ("9" * 99, None),
    ],
)
def test_retry_after_is_seconds(text: str, wait_s: float | None) -> None:
    assert retry_after_s(reply(("retry-after", text))) == wait_s


def test_a_retry_after_date_that_has_passed_is_no_wait() -> None:
    assert retry_after_s(reply(("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"))) == 0.0
