"""`hel run` as a service: schedules, signals, and a failing source among others."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from itertools import pairwise

import pytest

from examples.okta_org import Fault
from tests.journeys.workshop import HEL, SSWS, Workshop, catches, source, stop, until, until_full

Opening = Callable[..., Workshop]


def starts(workshop: Workshop, limit: str) -> list[float]:
    return [request.at for request in workshop.org.ledger.requests if f"limit={limit}" in request.target]


def test_each_source_has_its_own_interval(open_workshop: Opening) -> None:
    workshop = open_workshop(events=0)
    quick = source(SSWS, query_params={"limit": "11"}, schedule={"interval_secs": 0.2, "jitter_secs": 0})
    slow = source(SSWS, query_params={"limit": "22"}, schedule={"interval_secs": 1, "jitter_secs": 0})
    workshop.configure({"quick": quick, "slow": slow}, log_level="debug")
    process = workshop.start("run")
    until(lambda: len(starts(workshop, "22")) >= 4)
    ended = stop(process)
    assert min(ended.gaps("tick.started", source="slow")) > 0.95
    assert min(ended.gaps("tick.started", source="quick")) > 0.19
    assert len(starts(workshop, "11")) > 2 * len(starts(workshop, "22"))


def test_there_are_never_two_ticks_of_one_source_at_once(open_workshop: Opening) -> None:
    workshop = open_workshop(events=0)
    workshop.configure({"okta-audit": source(SSWS, schedule={"interval_secs": 0.1, "jitter_secs": 0})})
    workshop.org.fault(Fault(kind="delay", seconds=0.5, times=3))
    process = workshop.start("run")
    until(lambda: len(workshop.org.ledger.requests) >= 4)
    stop(process)
    at = [request.at for request in workshop.org.ledger.requests[:4]]
    assert min(later - sooner for sooner, later in pairwise(at)) >= 0.45


def test_an_outage_is_waited_out_and_nothing_is_lost(workshop: Workshop) -> None:
    workshop.configure({"okta-audit": source(schedule={"interval_secs": 0.2, "jitter_secs": 0})})
    workshop.org.fault(Fault(kind="status", status=503, skip=1, times=9))
    process = workshop.start("run", "-o", "events.ndjson")
    until(lambda: len(workshop.written()) == 1200)
    ended = stop(process)
    assert ended.code == 0
    assert workshop.written() == workshop.org.log.uuids
    assert ended.logged("tick.failed")


def test_a_circuit_opens_after_repeated_failures_and_closes_again(workshop: Workshop) -> None:
    breaker = {"failure_threshold": 2, "success_threshold": 1, "half_open_timeout_secs": 0.5}
    resilience = {"retries": {"max_attempts": 1}, "circuit_breaker": breaker}
    workshop.configure({"okta-audit": source(SSWS, resilience=resilience)})
    workshop.org.fault(Fault(kind="status", status=500, times=2))
    process = workshop.start("run", "-o", "events.ndjson")
    until(lambda: len(workshop.written()) == 1200)
    ended = stop(process)
    opened = [line["event"] for line in ended.log if line["event"].startswith("circuit.")]
    assert opened == ["circuit.open", "circuit.closed"]
    failed = [request.at for request in workshop.org.ledger.requests if request.status == 500]
    answered = [request.at for request in workshop.org.ledger.requests if request.status == 200]
    assert answered[0] - failed[-1] >= 0.45, "left alone for half a second"


def test_a_failing_source_leaves_the_others_on_their_schedule(open_workshop: Opening) -> None:
    workshop = open_workshop(events=0)
    bad = source(SSWS, url="https://${OKTA_DOMAIN}/api/v1/nothing")
    workshop.configure({"bad": bad, "good": source(SSWS)})
    process = workshop.start("run", "-o", "events.ndjson")
    until(lambda: len(starts(workshop, "500")) >= 6)
    workshop.org.log.append(1)
    until(lambda: len(workshop.written()) == 1)
    ended = stop(process)
    assert ended.code == 0
    assert {line["source"] for line in ended.logged("tick.failed")} == {"bad"}
    assert workshop.written() == workshop.org.log.uuids


def test_a_second_signal_ends_it_at_once_and_loses_nothing(workshop: Workshop) -> None:
    workshop.configure(shutdown_secs=60)
    log = workshop.folder / "hel.log"
    with log.open("wb") as file:
        process = workshop.start("run", stderr=file.fileno())  # nobody reads its stdout: the pipe fills up
    assert process.stdout is not None
    until_full(process.stdout)
    process.send_signal(signal.SIGTERM)
    until(lambda: b"stop.asked" in log.read_bytes())  # two signals of one number that wait are one
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 1
    process.communicate()
    assert set(workshop.hel("run", "--once").uuids) == set(workshop.org.log.uuids)


def test_a_reader_that_has_stopped_does_not_hold_up_the_exit(workshop: Workshop) -> None:
    workshop.configure(shutdown_secs=1)
    process = workshop.start("run")
    assert process.stdout is not None
    until_full(process.stdout)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 1  # the reader would hold it up for ever
    _, err = process.communicate()
    assert b"will be collected again" in err
    assert set(workshop.hel("run", "--once").uuids) == set(workshop.org.log.uuids)


def test_a_closed_pipe_ends_it_with_one_line_and_what_was_not_read_comes_again(workshop: Workshop) -> None:
    reader, writer = os.pipe()
    process = workshop.start("run", "--once", stdout=writer)
    os.close(writer)
    read = os.read(reader, 1000)
    os.close(reader)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert read.startswith(b'{"ts":')
    said = [line for line in err.decode().splitlines() if not line.startswith("{")]
    assert len([line for line in said if "stdout was closed by its reader" in line]) == 1, err
    assert "Traceback" not in err.decode()
    assert set(workshop.hel("run", "--once").uuids) == set(workshop.org.log.uuids)


def test_stdout_holds_ndjson_and_nothing_else_at_the_loudest_level(workshop: Workshop) -> None:
    workshop.configure(log_level="debug")
    ended = workshop.hel("run", "--once")
    assert len(ended.lines) == 1200
    assert {json.loads(line)["event"] for line in ended.err.splitlines() if line.startswith("{")} >= {
        "page.fetched",
        "batch.committed",
        "token.minted",
        "tick.finished",
    }


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("command", [("run", "--once"), ("test", "--source", "okta-audit")])
def test_a_single_run_that_was_stopped_is_no_success(
    open_workshop: Opening, command: tuple[str, ...], number: int
) -> None:
    workshop = open_workshop(events=3000)
    slow = {"rate_limit": {"page_delay_secs": 0.1}}
    workshop.configure({"okta-audit": source(SSWS, query_params={"limit": "100"}, resilience=slow)})
    with (workshop.folder / "out").open("wb") as out:
        process = workshop.start(*command, stdout=out.fileno())
        until(lambda: len(workshop.org.ledger.requests) >= 3)
        ended = stop(process, number)
    assert ended.code == 1
    assert "stopped before it was done" in ended.err
    delivered = (workshop.folder / "out").read_bytes().splitlines()
    assert delivered
    if command[0] == "run":
        uuids = [json.loads(line)["event"]["uuid"] for line in delivered]
        assert uuids + workshop.hel("run", "--once").uuids == workshop.org.log.uuids


@pytest.mark.parametrize("once", [(), ("--once",)])
def test_a_signal_while_it_starts_is_obeyed_quietly(workshop: Workshop, once: tuple[str, ...]) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        for delay_s in (0, 0.1, 0.2, 0.3):
            process = workshop.start("run", *once, "-o", "events.ndjson")
            # Until it has one for SIGTERM, Python itself is starting, and SIGINT ends that with a traceback.
            until(lambda: catches(process, signal.SIGTERM) or process.poll() is not None)  # noqa: B023  # called at once
            time.sleep(delay_s)
            ended = stop(process, number)
            assert ended.code in {0, 1, -number}, ended.err  # Python itself may be ending
            assert "Traceback" not in ended.err


@pytest.mark.parametrize("stderr", ["/dev/full", "a reader that is gone"])
def test_a_log_that_cannot_be_written_does_not_stop_the_collecting(workshop: Workshop, stderr: str) -> None:
    workshop.configure(log_level="debug")
    if stderr == "/dev/full":
        writer = os.open("/dev/full", os.O_WRONLY)
    else:
        reader, writer = os.pipe()
        os.close(reader)
    process = subprocess.Popen(
        [HEL, "run", "-o", "events.ndjson"], cwd=workshop.folder, env=workshop.environ(), stderr=writer
    )
    os.close(writer)
    until(lambda: len(workshop.written()) == 1200)
    workshop.org.log.append(3)
    until(lambda: len(workshop.written()) == 1203)
    process.terminate()
    assert process.wait(timeout=20) == 0


@pytest.mark.parametrize("closed", ["0<&-", "2>&-", "0<&- 2>&-"])
def test_closed_standard_streams_do_no_harm(workshop: Workshop, closed: str) -> None:
    done = subprocess.run(
        ["sh", "-c", f'exec "{HEL}" run --once -o events.ndjson {closed}'],
        cwd=workshop.folder,
        env=workshop.environ(),
        timeout=30,
        check=False,
    )
    assert done.returncode == 0
    assert workshop.written() == workshop.org.log.uuids


def test_a_closed_stdout_is_refused_unless_there_is_another_output(workshop: Workshop) -> None:
    for flags, code in (("", 2), ("-o events.ndjson", 0)):
        done = subprocess.run(
            ["sh", "-c", f'exec "{HEL}" run --once {flags} >&-'],
            cwd=workshop.folder,
            env=workshop.environ(),
            stderr=subprocess.PIPE,
            timeout=30,
            check=False,
        )
        assert done.returncode == code
        assert (b"stdout is closed" in done.stderr) == (code == 2)


def test_it_says_what_it_does_when_it_starts(workshop: Workshop) -> None:
    process = workshop.start("run", "-o", "events.ndjson")
    until(lambda: len(workshop.written()) == 1200)
    ended = stop(process)
    (started,) = ended.logged("run.started")
    assert started["sources"] == 1
    assert started["output"].endswith("events.ndjson")
    assert started["state"].endswith("hel-state.db")


def test_sources_that_wait_for_their_api_take_no_room_from_the_others(open_workshop: Opening) -> None:
    ailing = open_workshop(events=10)
    url = f"{ailing.org_url}/api/v1/logs"
    ailing.org.fault(Fault(kind="status", status=429, times=99, headers={"retry-after": "60"}))
    workshop = open_workshop(events=100)
    bad = source(SSWS, url=url, query_params={"limit": "10"}, schedule={"interval_secs": 1, "jitter_secs": 0})
    workshop.configure({f"bad{number}": bad for number in range(20)} | {"good": source(SSWS)})
    process = workshop.start("run", "-o", "events.ndjson")
    until(lambda: len(ailing.org.ledger.requests) >= 1)
    until(lambda: len(workshop.written()) == 100)
    assert stop(process).code == 0
