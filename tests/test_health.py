"""What the events of the log add up to."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hel.health import MINUTES, Health, Live, Minutes
from hel.telemetry.redaction import conceal

NOW = 1_777_636_800.0
AT_NOW = "2026-05-01T12:00:00.000Z"
FINISHED = {"source": "okta", "behind": False, "finished": False}
FAILED = {"source": "okta", "because": "503 from the API", "fix": "wait", "failures": 1}


class Bench:
    """A health whose clock is set by hand."""

    def __init__(self) -> None:
        self.at = NOW
        self.health = Health(lambda: self.at)

    def hear(self, event: str, **fields: Any) -> None:
        self.health.hear(event, fields)

    def okta(self, circuit: str = "closed", newest_at: float | None = None) -> dict[str, Any]:
        return self.health.source(Live("okta", "https://org.okta.com/api/v1/logs", newest_at, None, None, circuit))

    def because(self, circuit: str = "closed") -> list[str]:
        return self.health.because([self.okta(circuit)])


@pytest.mark.parametrize(
    ("event", "fields", "state"),
    [
        ("tick.finished", FINISHED, "ok"),
        ("tick.finished", FINISHED | {"behind": True}, "catching_up"),
        ("tick.finished", FINISHED | {"finished": True}, "finished"),
        ("source.finished", {"source": "okta"}, "finished"),
        ("tick.failed", FAILED, "failing"),
        ("tick.crashed", FAILED, "failing"),
        ("request.answered", {"source": "okta"}, "starting"),
    ],
)
def test_the_state_follows_the_last_tick(event: str, fields: dict[str, Any], state: str) -> None:
    bench = Bench()
    bench.hear(event, **fields)
    assert bench.okta()["state"] == state


def test_an_error_stays_with_its_beginning_until_a_tick_succeeds() -> None:
    bench = Bench()
    bench.hear("tick.failed", **FAILED)
    bench.at += 60
    bench.hear("tick.failed", **FAILED | {"because": "500", "failures": 2})
    assert bench.okta()["error"] == {"message": "500", "fix": "wait", "since": AT_NOW}
    assert bench.okta()["failures"] == 2
    bench.hear("tick.finished", **FINISHED)
    assert (bench.okta()["error"], bench.okta()["failures"]) == (None, 0)
    assert bench.okta()["last_success"] == "2026-05-01T12:01:00.000Z"


def test_what_is_committed_counts_and_its_newest_event_tells_the_lag() -> None:
    bench = Bench()
    assert bench.okta(newest_at=NOW - 9)["lag_s"] == 9
    part = {"events": 5, "bytes": 50, "newest_at": NOW - 4}
    bench.hear("batch.committed", by_source={"okta": part, "other": part | {"events": 1}})
    bench.hear("batch.committed", by_source={"okta": part | {"newest_at": None}})
    bench.hear("page.fetched", source="okta", duplicates=3)
    found = bench.okta(newest_at=NOW - 9)
    assert (found["events"], found["duplicates"], found["lag_s"]) == (10, 3, 4)
    assert found["events_per_minute"][-1] == 10
    bench.at = NOW - 10
    assert bench.okta()["lag_s"] == 0, "an event that is dated ahead lags behind nothing"


def test_ready_is_a_writable_state_and_output_and_a_source_that_succeeded_and_is_not_left_alone() -> None:
    bench = Bench()
    assert "no source has succeeded yet" in bench.because()[0]
    bench.hear("tick.finished", **FINISHED)
    assert bench.because() == bench.because("off") == []
    assert len(bench.because("open")) == len(bench.because("half_open")) == 1
    bench.hear("tick.failed", **FAILED)
    assert bench.because() == [], "one failure is no outage"
    for of in ("output", "state"):
        bench.hear(f"{of}.failed", because="the disk is full", fix="make room")
        assert bench.because() == [f"the {of} can't be written: the disk is full"]
        assert bench.health.trouble(of) == {"message": "the disk is full", "fix": "make room", "since": AT_NOW}
        bench.hear(f"{of}.recovered")
        assert bench.because() == []


def test_a_source_that_fails_again_and_again_does_not_make_the_whole_ready_though_its_circuit_is_closed() -> None:
    bench = Bench()
    bench.hear("tick.finished", **FINISHED)
    for failures in range(1, 5):
        bench.hear("tick.failed", **FAILED | {"failures": failures})
        assert bench.because() == bench.because("off") == []
    bench.hear("tick.failed", **FAILED | {"failures": 5})
    assert len(bench.because()) == len(bench.because("off")) == 1


def test_a_source_that_is_to_be_something_else_begins_anew_and_keeps_its_error_until_a_success() -> None:
    bench = Bench()
    bench.hear("tick.finished", **FINISHED)
    bench.hear("tick.failed", **FAILED)
    bench.hear("source.restarted", source="okta")
    found = bench.okta()
    assert (found["state"], found["last_success"]) == ("starting", None)
    assert found["error"]["message"] == "503 from the API"
    assert len(bench.because()) == 1


def test_a_pause_is_shown_until_it_is_over() -> None:
    bench = Bench()
    assert bench.okta()["paused_until"] is None
    bench.hear("limit.paused", source="okta", wait_s=60)
    assert bench.okta()["paused_until"] == "2026-05-01T12:01:00.000Z"
    bench.at += 60
    assert bench.okta()["paused_until"] is None


@pytest.mark.parametrize("how", ["failed", "stalled"])
def test_what_is_wrong_with_the_output_hides_the_secrets_in_it(how: str) -> None:
    bench = Bench()
    conceal("00TopSecretToken")
    bench.hear(f"output.{how}", because="00TopSecretToken is no path", fix="drop 00TopSecretToken")
    bench.hear("tick.failed", **FAILED | {"because": "it says 00TopSecretToken"})
    assert "TopSecret" not in repr((bench.health.trouble("output"), bench.because(), bench.okta()))


def test_a_source_that_was_finished_before_the_start_has_done_its_part() -> None:
    bench = Bench()
    bench.hear("source.finished", source="okta")
    assert bench.because() == []


def test_a_source_that_is_removed_leaves_nothing_behind() -> None:
    bench = Bench()
    bench.hear("tick.failed", **FAILED)
    bench.hear("source.removed", source="okta")
    assert bench.okta()["state"] == "starting"


@given(st.lists(st.tuples(st.integers(0, 90), st.integers(0, 9))))
def test_any_row_of_counts_is_found_in_its_minutes(steps: list[tuple[int, int]]) -> None:
    minutes, counted, at = Minutes(), dict[int, int](), 0
    for minutes_later, events in steps:
        at += minutes_later
        minutes.add(events, at * 60.0)
        counted[at] = counted.get(at, 0) + events
    assert minutes.counted(at * 60.0 + 59) == [counted.get(at - back, 0) for back in reversed(range(MINUTES))]
