import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import structs

from hel.policy import rate_headers
from hel.policy.rate_headers import HeaderNames, RateReading, http_date, is_exhausted, retry_after_s
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
        ("9" * 99, 1e15),
    ],
)
def test_retry_after_is_seconds(text: str, wait_s: float | None) -> None:
    assert retry_after_s(reply(("retry-after", text))) == wait_s


def test_a_retry_after_date_that_has_passed_is_no_wait() -> None:
    assert retry_after_s(reply(("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"))) == 0.0


GITHUB = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset")
IN_A_MINUTE = str(int(NOW) + 60)
READ = RateReading(60, 7, NOW + 60, 60.0)


@pytest.mark.parametrize(
    "spelt",
    [NAMES, GITHUB, (NAMES[0], GITHUB[1], NAMES[2]), (GITHUB[0], NAMES[1], GITHUB[2])],
    ids=["Okta's", "GitHub's", "mixed", "mixed the other way"],
)
def test_both_spellings_are_read_alone_and_mixed(spelt: tuple[str, str, str]) -> None:
    assert rate_headers.read(reply(*zip(spelt, ("60", "7", IN_A_MINUTE), strict=True))) == READ


def test_where_both_spellings_are_there_the_first_counts_and_neither_is_mixed_into_the_other() -> None:
    both = (
        *zip(GITHUB, ("5000", "1", str(int(NOW) + 3600)), strict=True),
        *zip(NAMES, ("60", "7", IN_A_MINUTE), strict=True),
    )
    assert rate_headers.read(reply(*both)) == READ


def test_names_of_its_own_are_read_instead_of_the_usual_ones() -> None:
    own = HeaderNames(("quota-limit",), ("quota-left",), ("quota-reset",))
    headers = (("quota-limit", "60"), ("quota-left", "7"), ("quota-reset", IN_A_MINUTE))
    usual = zip(NAMES, ("9", "0", "1"), strict=True)
    assert rate_headers.read(reply(*usual, *headers), own) == READ
    assert rate_headers.read(reply(*headers)) is None
    assert rate_headers.read(named("60", "7", IN_A_MINUTE), own) is None


def test_one_name_of_its_own_goes_with_the_usual_others() -> None:
    names = rate_headers.NAMES
    mixed = HeaderNames(names.limit, names.remaining, ("x-rate-limit-resets-in",))
    headers = ((GITHUB[0], "60"), (NAMES[1], "7"), ("x-rate-limit-resets-in", "60"))
    assert rate_headers.read(reply(*headers), mixed) == structs.replace(READ, blur_s=2.0)


@pytest.mark.parametrize(
    ("reset", "in_s"),
    [("0", 0.0), ("60", 60.0), ("86400", 86_400.0), ("99999999", 99_999_999.0), ("100000000", 100_000_000 - NOW)],
)
def test_a_small_reset_counts_seconds_from_the_answers_own_date_on(reset: str, in_s: float) -> None:
    reading = rate_headers.read(named("60", "7", reset))
    assert reading is not None
    assert (reading.reset_in_s, reading.reset_at) == (in_s, NOW + in_s)
    dated = rate_headers.read(
        reply(("date", "Fri, 01 May 2026 11:58:30 GMT"), *zip(NAMES, ("60", "7", "60"), strict=True))
    )
    assert dated is not None
    assert (dated.reset_in_s, dated.reset_at) == (60.0, NOW - 30)


@pytest.mark.parametrize("odd", ["", "soon", "-1", "6.5", "1e3", "0x10", "60;w=60", "²", "\uff19", "9" * 16, "1_0"])
@pytest.mark.parametrize("which", [0, 1, 2])
def test_one_malformed_header_makes_no_reading_whatever_the_others_say(odd: str, which: int) -> None:
    values = ["60", "7", IN_A_MINUTE]
    values[which] = odd
    assert rate_headers.read(named(*values)) is None
    with_policy = [f"{value}, 60;w=60, {odd}" for value in ("60", "7", IN_A_MINUTE)]
    assert rate_headers.read(named(*with_policy)) == READ, "what is malformed beside it does no harm"


@pytest.mark.parametrize(
    ("headers", "is_so"),
    [
        ((), False),
        ((("retry-after", "0"),), True),
        ((("retry-after", "Fri, 01 May 2026 12:02:00 GMT"),), True),
        ((("retry-after", "later"),), False),
        (tuple(zip(NAMES, ("60", "0", IN_A_MINUTE), strict=True)), True),
        (tuple(zip(GITHUB, ("60", "0", IN_A_MINUTE), strict=True)), True),
        (tuple(zip(NAMES, ("0", "0", IN_A_MINUTE), strict=True)), True),
        (tuple(zip(NAMES, ("60", "1", IN_A_MINUTE), strict=True)), False),
        (((NAMES[1], "0"),), False),
    ],
    ids=["nothing said", "retry-after", "a date", "no time", "Okta's", "GitHub's", "concurrency", "some left", "alone"],
)
def test_a_refusal_is_for_the_rate_limit_where_it_says_when_to_come_back_or_nothing_is_left(
    headers: tuple[tuple[str, str], ...], is_so: bool
) -> None:
    assert is_exhausted(Reply(403, headers, b"", NOW)) is is_so


def test_a_refusal_is_for_the_rate_limit_by_names_of_its_own_too() -> None:
    own = HeaderNames(("quota-limit",), ("quota-left",), ("quota-reset",))
    headers = (("quota-limit", "60"), ("quota-left", "0"), ("quota-reset", "30"))
    assert is_exhausted(Reply(403, headers, b"", NOW), own)
    assert not is_exhausted(Reply(403, headers, b"", NOW))
