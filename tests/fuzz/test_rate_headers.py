"""Headers that lie about time and limits: what is waited is a number of seconds within the bounds that are promised."""

import math
from datetime import UTC, datetime
from email.utils import format_datetime
from random import Random

import anyio
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hel.budget import Budget
from hel.errors import ThrottledError
from hel.policy import rate_headers
from hel.policy.limiter import ASK_AGAIN_S, Limiter
from hel.policy.rate_headers import RateReading, http_date, retry_after_s, server_time
from hel.policy.retry import asked_wait_s
from hel.records import Reply
from tests.doubles import FakeClock, HeardLog
from tests.policy.test_limiter import Org, journeys

NOW = 1_777_636_800.0
LAST = 253_402_300_799  # the last second of the year 9999
KINDS = ("limit", "remaining", "reset")
SPELLINGS = ("x-rate-limit-", "x-ratelimit-")

DAYS = ("Fri, ", "Friday, ", "Fri ", "", "Xxx, ", ", ", ",", "Fri,")
DATES_OF_MONTH = ("01", "31", "1", "00", "32", "-1", "", "#", "1,", "0x1", "٣", "01May2026")
MONTHS = ("May", "may", "Dec", "Maj", "", "05", "May,", "May-")
YEARS = ("2026", "26", "9999", "0000", "0001", "10000", "-1", "68", "69", "999", "", ",", "9" * 30, "2026,")
TIMES = ("12:00:00", "00:00:00", "23:59:59", "24:00:00", "23:59:60", "12:00", "12", "12.00.00", ":", "::", "",
         "1:2:3:4", "-1:00:00", "12:00:00.5", "#:0:0", "12:00:00,")  # fmt: skip
ZONES = ("GMT", "", "UTC", "EST", "-0000", "+0000", "-2359", "+2359", "+9999", "-9999", "+9999999999", "--1", "+", "-",
         "Z", "GMT+1", "#", "(x)", "GMT (", "-00:30", "+1_0")  # fmt: skip
GAPS = (" ", "-", "")
# "#" stands for five thousand digits
ODD = ("#", " ", ",", ":", "-", "+", ".", "/", "\t", "\x00", "\n", "0", "9", "_", "e", "GMT", "May", "٣", "\xa0")


@st.composite
def edited(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> str:
    """A text with a few of its parts cut, repeated, moved or replaced."""
    text = draw(texts)
    for _ in range(draw(st.sampled_from((0, 0, 1, 2, 4)))):
        begin = draw(st.integers(0, len(text)))
        end = draw(st.integers(begin, min(len(text), begin + 8)))
        text = text[:begin] + draw(st.sampled_from((*ODD, "", text[begin:end] * 2, text[end : end + 4]))) + text[end:]
    return text.replace("#", "9" * 5000)


DATES = st.integers(0, LAST).map(lambda at: format_datetime(datetime.fromtimestamp(at, UTC), usegmt=True))
FORMS = (
    (DAYS, DATES_OF_MONTH, GAPS, MONTHS, GAPS, YEARS, GAPS, TIMES, GAPS, ZONES),  # RFC 9110 §5.6.7, and RFC 5322
    (DAYS, MONTHS, GAPS, DATES_OF_MONTH, GAPS, TIMES, GAPS, YEARS),  # asctime
)


@st.composite
def texts_like_dates(draw: st.DrawFn) -> str:
    """A date, three of its parts wrong at most."""
    form = draw(st.sampled_from(FORMS))
    where = draw(st.lists(st.integers(0, len(form) - 1), max_size=3))
    text = "".join(draw(st.sampled_from(part)) if at in where else part[0] for at, part in enumerate(form))
    return text.replace("#", "9" * 5000)


TEXTS_LIKE_DATES = texts_like_dates() | texts_like_dates() | edited(DATES | texts_like_dates())
NUMBERS = st.one_of(
    st.integers(0, 200).map(str),
    st.integers(-100, 1000).map(lambda ahead_s: str(int(NOW) + ahead_s)),
    st.integers(0, 10**16).map(str),
    st.sampled_from(
        ["0", "-1", "+1", "1.5", "1e3", "1_0", "٣", "²", "½", "inf", "nan", "", " 7 ", "1.", ".5", "0x1f", "7;w=60",
         "9" * 15, "9" * 16, "9" * 15 + ".999999999", "0" * 15, str(int(NOW * 1000)), "#"]
    ).map(lambda text: text.replace("#", "9" * 5000)),
)  # fmt: skip
VALUES = st.one_of(edited(NUMBERS), TEXTS_LIKE_DATES, edited(st.lists(NUMBERS, max_size=4).map(", ".join)))
NAMES = st.sampled_from(["date", "retry-after", *(spelling + kind for spelling in SPELLINGS for kind in KINDS)])


def window(
    limit: object, remaining: object, reset: object, spelling: str = SPELLINGS[0]
) -> tuple[tuple[str, str], ...]:
    return tuple((spelling + kind, str(value)) for kind, value in zip(KINDS, (limit, remaining, reset), strict=True))


HEADERS = st.builds(
    lambda read, others: (*read, *others),
    st.just(()) | st.builds(window, NUMBERS, NUMBERS, NUMBERS, st.sampled_from(SPELLINGS)),
    st.lists(st.tuples(NAMES, VALUES), max_size=4),
)
STATUSES = st.sampled_from([429, 429, 429, 200, 403, 408, 425, 500, 503])
WAITS = st.sampled_from([0.0, 0.1, 1.0, 900.0, 604_800.0])


def reply(*headers: tuple[str, str], status: int = 429, received_at: float = NOW) -> Reply:
    return Reply(status, headers, b"", received_at)


@given(TEXTS_LIKE_DATES)
@settings(max_examples=300)
def test_what_is_nearly_a_date_is_a_moment_of_the_calendar_or_none(text: str) -> None:
    moment = http_date(text)
    assert moment is None or abs(moment) <= LAST + 86_400


@given(st.integers(0, LAST), st.sampled_from(["%a, %d %b %Y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"]))
def test_every_second_of_the_calendar_is_read_back_from_its_date(at: int, form: str) -> None:
    assert http_date(datetime.fromtimestamp(at, UTC).strftime(form)) == at


@given(HEADERS, STATUSES, WAITS)
@example((("date", "Fri, 31 Dec 9999 23:59:59 -2359"), ("retry-after", "Mon, 01 Jan 0001 00:00:00 +2359")), 503, 900.0)
@example((("date", "Mon, 01 Jan 0001 00:00:00 +2359"), *window(1, 0, "9" * 15)), 429, 0.0)
@settings(max_examples=400)
def test_whatever_the_headers_say_a_wait_is_a_number_of_seconds_within_its_bound(
    headers: tuple[tuple[str, str], ...], status: int, max_wait_s: float
) -> None:
    """Lessons 22 and 23."""
    answer = reply(*headers, status=status)
    reading, asked, after = rate_headers.read(answer), asked_wait_s(answer, max_wait_s), retry_after_s(answer)
    assert math.isfinite(server_time(answer))
    assert reading is None or (min(reading.limit, reading.remaining) >= 0 and math.isfinite(reading.reset_in_s))
    assert after is None or (after >= 0.0 and math.isfinite(after))
    if after is None:
        assert asked is None or 0.0 <= asked <= max_wait_s
    else:
        assert asked == after


@st.composite
def dated_replies(draw: st.DrawFn) -> tuple[float, tuple[tuple[str, str], ...]]:
    """A `Retry-After` in any of its forms among other headers, and the seconds that it means."""
    now, wait_s = draw(st.integers(0, LAST - 10_000)), draw(st.integers(0, 10_000))
    then = datetime.fromtimestamp(now + wait_s, UTC)
    date = ("date", format_datetime(datetime.fromtimestamp(now, UTC), usegmt=True))
    text = draw(st.sampled_from([str(wait_s), f" 000{wait_s}", f"{wait_s}.0", format_datetime(then, usegmt=True),
                                 then.strftime("%a %b %e %H:%M:%S %Y")]))  # fmt: skip
    others = draw(HEADERS.map(lambda found: [header for header in found if header[0] not in {"date", "retry-after"}]))
    return wait_s, tuple(draw(st.permutations([date, ("retry-after", text), *others])))


@given(dated_replies(), STATUSES, WAITS, st.floats(0, 1e10))
def test_a_retry_after_is_neither_undercut_nor_capped_whatever_stands_beside_it(
    dated: tuple[float, tuple[tuple[str, str], ...]], status: int, max_wait_s: float, received_at: float
) -> None:
    """Lesson 31; judged against the answer's own `Date`, wherever the machine's clock stands."""
    wait_s, headers = dated
    assert asked_wait_s(reply(*headers, status=status, received_at=received_at), max_wait_s) == wait_s


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=4), st.booleans())
@example([5, 120], False)
@example([120, 120], True)
def test_of_a_repeated_retry_after_the_longest_counts(waits_s: list[int], joined: bool) -> None:
    """Lesson 22: a proxy may add its own, or join the two."""
    texts = [str(wait_s) for wait_s in waits_s]
    values = [", ".join(texts)] if joined else texts
    assert asked_wait_s(reply(*(("retry-after", value) for value in values), status=503), 900.0) == max(waits_s)


class StoppedError(Exception):
    """Somebody wanted to sleep."""


class StoppedClock(FakeClock):
    async def sleep(self, wait_s: float) -> None:
        self.slept.append(wait_s)
        raise StoppedError


@given(dated_replies() | st.tuples(st.just(0.0), HEADERS), WAITS)
@example((0.0, (("retry-after", "9" * 15),)), 900.0)
@example((0.0, (("date", "Mon, 01 Jan 0001 00:00:00 GMT"), ("retry-after", "Fri, 31 Dec 9999 23:59:59 GMT"))), 900.0)
@settings(max_examples=50)
def test_a_pause_of_any_length_is_begun_and_told_or_refused_in_words(
    dated: tuple[float, tuple[tuple[str, str], ...]], max_wait_s: float
) -> None:
    clock, log, limiter = StoppedClock(NOW), HeardLog(), Limiter(max_wait_s)
    wait_s = asked_wait_s(reply(*dated[1]), max_wait_s) or 0.0
    limiter.hold(clock.monotonic() + wait_s)
    said = ""
    try:
        anyio.run(Budget(limiter).reserve, clock, log, max_wait_s)
    except ThrottledError as error:
        said = str(error)
    except StoppedError:
        pass
    assert (bool(said), len(clock.slept)) in {(False, 0 if wait_s == 0 else 1), (wait_s > max_wait_s, 0)}
    assert log.names == ["limit.paused"] * (not said and wait_s > 1.0)
    assert said.isprintable()


READINGS = st.builds(
    lambda headers: rate_headers.read(reply(*headers)),
    HEADERS
    | st.builds(window, st.integers(0, 9), st.integers(0, 9), st.integers(int(NOW) - 10, int(NOW) + 1000))
    | st.builds(window, st.integers(0, 9), st.integers(0, 9), NUMBERS, st.sampled_from(SPELLINGS)),
)
STEPS = st.one_of(
    st.just(("sent", None)), st.just(("sent", None)), st.tuples(st.just("answered"), READINGS),
    st.just(("lost", None)), st.just(("withdrawn", None)),
    st.tuples(st.just("hold"), st.floats(-10, 100) | st.just(1e15)),
    st.tuples(st.just("pass"), st.floats(0, 100)), st.just(("wait", None)),
)  # fmt: skip


@given(st.lists(STEPS, max_size=25), WAITS, st.integers(0, 10))
@settings(max_examples=300)
def test_whatever_the_answers_say_a_pause_is_bounded_never_shorter_than_a_hold_and_comes_to_an_end(
    steps: list[tuple[str, RateReading | float | None]], max_wait_s: float, reserve: int
) -> None:
    limiter, now, held_until, in_flight = Limiter(max_wait_s, reserve), 1000.0, 0.0, 0
    for step, value in [*steps, *[("lost", None)] * len(steps)]:
        if step == "sent":
            limiter.sent()
            in_flight += 1
        elif step == "hold" and isinstance(value, float):
            limiter.hold(now + value)
            held_until = max(held_until, now + value)
        elif step == "pass" and isinstance(value, float):
            now += value
        elif step == "wait":
            now += min(limiter.delay(now), max_wait_s)
        elif in_flight > 0:
            in_flight -= 1
            if step == "answered":
                limiter.answered(value if isinstance(value, RateReading) else None, now)
            else:
                limiter.lost() if step == "lost" else limiter.withdrawn()
        delay = limiter.delay(now)
        bound_s = max(held_until - now, max_wait_s, ASK_AGAIN_S)
        assert max(0.0, held_until - now) <= delay <= bound_s + 1e-6  # the last digits of a sum of clock and wait
    now = max(now, held_until)
    pauses = [0.0]
    while (delay := limiter.delay(now)) > 0:
        now = max(now + delay, math.nextafter(now, math.inf))
        pauses.append(delay)
    assert len(pauses) <= 3


class HeaderOrg(Org):
    """An org whose window is told in header texts only: under either name, as a moment or as seconds to come."""

    def __init__(self, limit: int, spelling: str, style: str, skew_s: int, random: Random) -> None:
        super().__init__(limit)
        self._spelling = spelling
        self._style = style
        self._skew_s = skew_s
        self._random = random

    def serve(self, now: float) -> RateReading:
        exact = super().serve(now)
        server_now = NOW + now
        left = (now // 60 + 1) * 60 - now
        reset = {"moment": int(NOW + exact.reset_at), "up": math.ceil(left), "down": math.floor(left)}[self._style]
        date = ("date", format_datetime(datetime.fromtimestamp(int(server_now), UTC), usegmt=True))
        headers = window(exact.limit, exact.remaining, reset, self._spelling)
        received_at = server_now + self._skew_s + self._random.uniform(0, 1)
        dated = [] if self._skew_s == 0 and self._random.random() < 0.5 else [date]
        reading = rate_headers.read(reply(*dated, *headers, received_at=received_at))
        assert reading is not None
        return reading


@pytest.mark.parametrize("style", ["moment", "up", "down"])
@given(
    limit=st.integers(1, 60),
    sources=st.integers(1, 12),
    spelling=st.sampled_from(SPELLINGS),
    skew_s=st.sampled_from([0, -90, 90, 3600]),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=30)
def test_a_window_that_is_told_in_any_way_is_never_overdrawn(
    style: str, limit: int, sources: int, spelling: str, skew_s: int, seed: int
) -> None:
    random = Random(seed)  # noqa: S311  # a simulation
    org = HeaderOrg(limit, spelling, style, skew_s, random)
    journeys(org, Limiter(max_wait_s=900), sources, random, until=400)
    assert org.refused == 0
    assert org.served >= 3
