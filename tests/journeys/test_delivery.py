"""The delivery promise: nothing lost, nothing twice to a file, whatever befalls the process, the disk, the reader."""

import json
import os
import random
import resource
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from examples.okta_org import Fault
from tests.journeys.crashes import VARIANTS, crash_and_recover, written_lines
from tests.journeys.service import service
from tests.journeys.workshop import HEL, SSWS, Process, Workshop, source, stop, until, until_full

Opening = Callable[..., Workshop]
TO_FILE = ("--output", "events.ndjson")
SMALL = {"limit": "100"}
FILES_OF_700_KB = ("prlimit", "--fsize=700000:unlimited")


@pytest.mark.parametrize("variant", VARIANTS)
def test_killed_at_random_moments_the_file_holds_every_event_once_byte_for_byte(
    open_workshop: Opening, variant: str
) -> None:
    workshop = open_workshop(events=400, rate_limit=100_000)
    crash_and_recover(workshop, variant, kills=7, seed=random.SystemRandom().randrange(10**6))


def line_of(workshop: Workshop, number: int) -> bytes:
    """The line that Hel makes of the org's event."""
    event = workshop.org.log.events[number]
    published = json.loads(event)["published"]
    head = f'{{"ts":"{published}","source":"okta-audit","endpoint":"/api/v1/logs","event":'.encode()
    return head + event + b',"meta":{}}\n'


@contextmanager
def crash_before_commit(workshop: Workshop) -> Iterator[None]:
    """What is run inside is as if the process had been killed after its lines were fsynced and before its commit."""
    state = workshop.folder / "hel-state.db"
    saved = state.read_bytes()
    yield
    for path in workshop.folder.glob("hel-state.db*"):
        path.unlink()
    state.write_bytes(saved)


@pytest.mark.parametrize("dedupe", [None, {"id_path": "uuid"}], ids=["without dedupe", "with dedupe"])
def test_lines_that_were_written_and_not_committed_are_adopted(
    workshop: Workshop, dedupe: dict[str, str] | None
) -> None:
    workshop.configure({"okta-audit": source(SSWS, query_params=SMALL, dedupe=dedupe)})
    assert workshop.hel("run", "--once", *TO_FILE).code == 0
    workshop.org.log.append(250)
    with crash_before_commit(workshop):
        assert workshop.hel("run", "--once", *TO_FILE).code == 0
    assert len(workshop.written()) == 1450
    ended = workshop.hel("run", "--once", *TO_FILE)
    assert ended.code == 0
    assert ended.logged("output.adopted")[0]["events"] == 250
    assert workshop.written() == workshop.org.log.uuids


@pytest.mark.parametrize("between", ["other source only", "other source removed from the config", "other spelling"])
def test_adopted_lines_wait_for_their_source_whatever_runs_first(workshop: Workshop, between: str) -> None:
    one, two = source(SSWS, query_params=SMALL), source(SSWS, query_params=SMALL, source_label_key="from")
    workshop.configure({"one": one, "two": two})
    assert workshop.hel("run", "--once", *TO_FILE).code == 0
    workshop.org.log.append(50)
    with crash_before_commit(workshop):
        assert workshop.hel("run", "--once", *TO_FILE).code == 0
    if between == "other spelling":
        (workshop.folder / "x").mkdir()
        assert workshop.hel("run", "--once", "--output", "x/../events.ndjson").code == 0
    elif between == "other source only":
        assert workshop.hel("run", "--once", *TO_FILE, "--source", "one").code == 0
    else:
        workshop.configure({"one": one})
        assert workshop.hel("run", "--once", *TO_FILE).code == 0
        workshop.configure({"one": one, "two": two})
    assert workshop.hel("run", "--once", *TO_FILE).code == 0
    lines = [json.loads(line) for line in workshop.output.read_bytes().splitlines()]
    for key, name in (("source", "one"), ("from", "two")):
        uuids = [line["event"]["uuid"] for line in lines if line.get(key) == name]
        assert uuids == workshop.org.log.uuids


def test_a_link_to_the_output_is_followed_and_rotation_stays_beside_the_file(workshop: Workshop) -> None:
    (workshop.folder / "disk").mkdir()
    workshop.output.symlink_to("disk/real.ndjson")
    workshop.configure({"okta-audit": source(SSWS, query_params=SMALL)})
    assert workshop.hel("run", "--once", *TO_FILE, "--output-rotate", "size:0.5").code == 0
    assert workshop.output.is_symlink()
    assert all(path.name.startswith("real.ndjson") for path in (workshop.folder / "disk").iterdir())
    assert len(list((workshop.folder / "disk").iterdir())) > 2


def test_a_torn_line_is_completed_so_that_a_shipper_which_has_read_half_of_it_goes_on_undisturbed(
    workshop: Workshop,
) -> None:
    assert workshop.hel("run", "--once", *TO_FILE).code == 0
    workshop.org.log.append(3)
    half = line_of(workshop, 1201)[:700]
    with workshop.output.open("ab") as file:
        file.write(line_of(workshop, 1200) + half)
    size = workshop.output.stat().st_size
    ended = workshop.hel("run", "--once", *TO_FILE)
    assert ended.code == 0, ended.err
    assert workshop.output.read_bytes()[size - len(half) :].startswith(line_of(workshop, 1201))
    assert workshop.written() == workshop.org.log.uuids
    assert ended.logged("output.adopted")[0]["events"] == 1


def test_a_torn_line_whose_event_does_not_come_again_is_cut(workshop: Workshop) -> None:
    assert workshop.hel("run", "--once", *TO_FILE).code == 0
    with workshop.output.open("ab") as file:
        file.write(b'{"ts":"1999-01-01T00:00:00Z","source":"gone","eve')
    workshop.org.log.append(2)
    assert workshop.hel("run", "--once", *TO_FILE).code == 0
    assert workshop.written() == workshop.org.log.uuids
    assert list(written_lines(workshop.folder))[-1] + b"\n" == line_of(workshop, 1201)


def test_zeros_after_a_power_loss_are_cut(workshop: Workshop) -> None:
    assert workshop.hel("run", "--once", *TO_FILE).code == 0
    with workshop.output.open("ab") as file:
        file.write(bytes(4096))
    workshop.org.log.append(2)
    assert workshop.hel("run", "--once", *TO_FILE).code == 0
    assert workshop.written() == workshop.org.log.uuids


def test_a_tick_that_fails_on_page_three_doubles_nothing(workshop: Workshop) -> None:
    for checkpoint in ("per_page", "end_of_tick"):
        workshop.configure({checkpoint: source(SSWS, query_params=SMALL, checkpoint=checkpoint)})
        workshop.org.fault(Fault(kind="status", status=404, skip=2))
        assert workshop.hel("run", "--once", "--output", checkpoint).code == 1
        assert (workshop.folder / checkpoint).read_bytes().count(b"\n") == 200
        assert workshop.hel("run", "--once", "--output", checkpoint).code == 0
        lines = (workshop.folder / checkpoint).read_bytes().splitlines()
        assert [json.loads(line)["event"]["uuid"] for line in lines] == workshop.org.log.uuids


def test_whole_ticks_that_fail_again_and_again_in_one_process_double_nothing(workshop: Workshop) -> None:
    workshop.configure({"okta-audit": source(SSWS, query_params=SMALL, checkpoint="end_of_tick")})
    for skip in (2, 4, 6):
        workshop.org.fault(Fault(kind="status", status=404, skip=skip))
    process = workshop.start("run", *TO_FILE)
    until(lambda: len(workshop.written()) == 1200)
    stop(process)
    assert workshop.written() == workshop.org.log.uuids


def test_lesson_32_a_refused_cursor_falls_back_to_the_last_time_minus_an_overlap_and_says_so(
    workshop: Workshop,
) -> None:
    assert workshop.hel("run", "--once", *TO_FILE).code == 0
    workshop.org.forget_cursors()
    workshop.org.log.append(3)
    ended = workshop.hel("run", "--once", *TO_FILE)
    assert ended.code == 0, ended.err
    assert workshop.written() == workshop.org.log.uuids
    (said,) = ended.logged("cursor.refused")
    assert said["since"].startswith("20")


def test_a_cursor_that_is_refused_while_it_runs_doubles_nothing(workshop: Workshop) -> None:
    process = workshop.start("run", *TO_FILE)
    until(lambda: len(workshop.written()) == 1200)
    for _ in range(2):
        workshop.org.forget_cursors()
        before = len(workshop.written())
        workshop.org.log.append(3)
        until(lambda: len(workshop.written()) == before + 3)  # noqa: B023  # called before the next round
    ended = stop(process)
    assert ended.code == 0
    assert workshop.written() == workshop.org.log.uuids


def test_a_cursor_that_is_refused_fails_where_that_was_asked_for(workshop: Workshop) -> None:
    workshop.configure({"okta-audit": source(on_cursor_error="fail")})
    assert workshop.hel("run", "--once", *TO_FILE).code == 0
    workshop.org.forget_cursors()
    ended = workshop.hel("run", "--once", *TO_FILE)
    assert ended.code == 1
    assert "refuses the stored cursor" in ended.err
    assert "hel state reset" in ended.err


def test_lesson_30_rotation_by_rename_keeps_lines_whole_and_every_event_once(open_workshop: Opening) -> None:
    workshop = open_workshop(events=1500)
    workshop.configure({"okta-audit": source(SSWS, query_params=SMALL)})
    for _ in range(3):
        ended = workshop.hel("run", "--once", *TO_FILE, "--output-rotate", "size:0.5")
        assert ended.code == 0, ended.err
        workshop.org.log.append(100)
    names = sorted(path.name for path in workshop.folder.glob("events.ndjson.*"))
    assert len(names) >= 5
    uuids = [json.loads(line)["event"]["uuid"] for line in written_lines(workshop.folder)]
    assert uuids == workshop.org.log.uuids[:-100]


def test_a_rotation_that_was_cut_short_loses_and_doubles_nothing(workshop: Workshop) -> None:
    workshop.configure({"okta-audit": source(SSWS, query_params=SMALL)})
    assert workshop.hel("run", "--once", *TO_FILE, "--output-rotate", "size:100").code == 0
    workshop.output.rename(workshop.folder / "events.ndjson.20260501T120000Z")  # and then it was killed
    workshop.org.log.append(5)
    assert workshop.hel("run", "--once", *TO_FILE, "--output-rotate", "size:100").code == 0
    uuids = [json.loads(line)["event"]["uuid"] for line in written_lines(workshop.folder)]
    assert uuids == workshop.org.log.uuids


def test_a_full_disk_is_waited_out_said_once_and_nothing_is_torn_or_skipped(open_workshop: Opening) -> None:
    workshop = open_workshop(events=1000)
    workshop.configure({"okta-audit": source(SSWS, query_params=SMALL)})
    log = workshop.folder / "hel.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [*FILES_OF_700_KB, HEL, "run", *TO_FILE], cwd=workshop.folder, env=workshop.environ(), stderr=file
        )
    until(lambda: b"output.failed" in log.read_bytes())
    time.sleep(2)  # so that it is tried again, and fails again
    assert workshop.output.stat().st_size == 700_000
    assert len(workshop.written()) < 1000
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    until(lambda: len(workshop.written()) == 1000)
    process.terminate()
    assert process.wait(timeout=30) == 0
    assert workshop.written() == workshop.org.log.uuids
    said = [json.loads(line)["event"] for line in log.read_bytes().splitlines()]
    assert [event for event in said if event.startswith("output.")] == [
        "output.failed",
        "output.recovered",
    ]


def test_once_gives_a_full_disk_up_after_a_while_and_the_next_run_repairs_it(workshop: Workshop) -> None:
    workshop.configure({"okta-audit": source(SSWS, query_params=SMALL)}, shutdown_secs=1)
    done = subprocess.run(
        [*FILES_OF_700_KB, HEL, "run", "--once", *TO_FILE],
        cwd=workshop.folder,
        env=workshop.environ(),
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert b"can't be written" in done.stderr
    assert workshop.hel("run", "--once", *TO_FILE).code == 0
    assert workshop.written() == workshop.org.log.uuids


def test_a_full_device_ends_a_single_run_with_its_reason(workshop: Workshop) -> None:
    workshop.configure({"okta-audit": source(SSWS)}, shutdown_secs=1)
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [HEL, "run", "--once"],
            cwd=workshop.folder,
            env=workshop.environ(),
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=30,
            check=False,
        )
    assert done.returncode == 1
    assert b"No space left on device" in done.stderr
    assert b"Traceback" not in done.stderr
    assert workshop.hel("run", "--once").uuids == workshop.org.log.uuids


def test_a_vanished_folder_is_waited_for(workshop: Workshop) -> None:
    folder = workshop.folder / "log"
    folder.mkdir()

    def lines() -> int:
        path = folder / "events.ndjson"
        return path.read_bytes().count(b"\n") if path.exists() else 0

    with service(workshop, output="log/events.ndjson", waits=False) as hel:
        until(lambda: lines() == 1200)
        folder.rename(workshop.folder / "old")
        workshop.org.log.append(5)
        until(lambda: bool(hel.logged("output.failed")))
        time.sleep(1)  # so that it is tried again, and fails again
        folder.mkdir()
        until(lambda: lines() == 5)
        ended = hel.stop()
    assert ended.code == 0
    assert len(ended.logged("output.failed")) == 1


def test_a_slow_pipe_gets_every_line_and_slows_the_polling(workshop: Workshop) -> None:
    workshop.configure({"okta-audit": source(SSWS, query_params=SMALL)}, queue={"max_events": 100})
    process = workshop.start("run", "--once")
    assert process.stdout is not None
    time.sleep(1.5)
    served = len(workshop.org.ledger.served)
    assert served <= 400, "what the pipe, one page in delivery and one in the queue hold"
    text, _ = process.communicate(timeout=30)
    assert [json.loads(line)["event"]["uuid"] for line in text.splitlines()] == workshop.org.log.uuids


def memory_mib(process: Process) -> float:
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def test_a_stopped_reader_keeps_memory_flat_and_no_timeout_fires(open_workshop: Opening) -> None:
    workshop = open_workshop(events=5000, rate_limit=100_000)
    idle = source(SSWS, query_params={"limit": "1"}, schedule={"interval_secs": 60, "jitter_secs": 0})
    workshop.configure({f"s{number}": idle for number in range(20)})
    process = workshop.start("run", *TO_FILE, by_exec=True)
    until(lambda: len(workshop.org.ledger.requests) >= 20)
    time.sleep(1)
    at_rest = memory_mib(process)
    process.kill()
    process.communicate()
    (workshop.folder / "hel-state.db").unlink()
    once = {"timeout_secs": 2, "retries": {"max_attempts": 1}}  # a timeout that fires is a failure
    large = source(SSWS, query_params={"limit": "1000"}, resilience=once)
    workshop.configure({f"s{number}": large for number in range(20)})
    before = len(workshop.org.ledger.requests)
    process = workshop.start("run", by_exec=True)
    most, end = 0.0, time.monotonic() + 6
    while time.monotonic() < end:
        most = max(most, memory_mib(process))
        time.sleep(0.05)
    requests = len(workshop.org.ledger.requests) - before
    process.send_signal(signal.SIGKILL)
    _, err = process.communicate()
    assert most - at_rest < 64, f"{most:.0f} MiB with a stopped reader, {at_rest:.0f} MiB at rest"
    assert b"failed" not in err, err.decode()
    assert 10 < requests < 20, "as many pages as there is room for, and the other sources wait for it"


@pytest.mark.parametrize(
    ("moment", "fault"),
    [
        ("a catch-up", None),
        ("a retry wait", Fault(kind="status", status=503, times=99)),
        ("a token request", Fault(kind="stall", path="/oauth2/v1/token", seconds=60, skip=1)),
        ("a rate-limit pause", Fault(kind="status", status=429, times=99, headers={"retry-after": "60"})),
        ("a request", Fault(kind="stall", seconds=60)),
    ],
)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_obeyed_in_the_middle_of(
    open_workshop: Opening, moment: str, fault: Fault | None, number: int
) -> None:
    workshop = open_workshop(events=3000)
    waits = {"retries": {"max_attempts": 9, "initial_backoff_secs": 60, "max_backoff_secs": 60}, "timeout_secs": 90}
    workshop.configure({"okta-audit": source(query_params=SMALL, resilience=waits)}, shutdown_secs=60)
    if fault is not None:
        workshop.org.fault(fault)
    process = workshop.start("run", *TO_FILE)
    until(lambda: len(workshop.org.ledger.requests) >= (1 if "token" in moment else 3))
    time.sleep(0.2)
    began = time.monotonic()
    ended = stop(process, number)
    assert ended.code == 0, ended.err
    assert time.monotonic() - began < 20, "whatever it waited for would have lasted a minute"
    assert "Traceback" not in ended.err
    workshop.org.faults.clear()
    assert workshop.hel("run", "--once", *TO_FILE).code == 0
    assert workshop.written() == workshop.org.log.uuids


def test_two_programs_cannot_write_one_file(workshop: Workshop) -> None:
    process = workshop.start("run", *TO_FILE)
    until(workshop.output.exists)
    other = workshop.hel("run", "--once", *TO_FILE, env={"HEL_GLOBAL__STATE__PATH": "other.db"})
    assert (other.code, other.out) == (2, b"")
    assert "written by another running Hel" in other.err
    stop(process)


def test_a_reader_that_is_gone_at_once_is_one_line(workshop: Workshop) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    process = workshop.start("run", stdout=writer)
    os.close(writer)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert err.decode().count("closed by its reader") == 1


def test_a_reader_that_has_stopped_for_lines_and_log_holds_up_neither_signal(workshop: Workshop) -> None:
    workshop.configure({"okta-audit": source(SSWS)}, shutdown_secs=1, log_level="debug")
    for signals in (1, 2):
        reader, writer = os.pipe()
        process = subprocess.Popen(
            [HEL, "run"], cwd=workshop.folder, env=workshop.environ(), stdout=writer, stderr=writer
        )
        os.close(writer)
        until_full(reader)
        for _ in range(signals):
            process.send_signal(signal.SIGTERM)
            time.sleep(0.2)
        assert process.wait(timeout=20) == 1  # the reader would hold it up for ever
        os.close(reader)


def test_a_state_that_another_program_holds_is_named_and_does_not_hold_up_the_exit(workshop: Workshop) -> None:
    workshop.configure({"okta-audit": source(SSWS)}, shutdown_secs=1)
    assert workshop.hel("run", "--once", *TO_FILE).code == 0
    other = sqlite3.connect(workshop.folder / "hel-state.db", isolation_level=None)
    before = len(workshop.org.ledger.requests)
    with service(workshop, waits=False) as hel:
        until(lambda: len(workshop.org.ledger.requests) >= before + 2)
        other.execute("BEGIN IMMEDIATE")
        workshop.org.log.append(3)
        until(lambda: bool(hel.logged("state.failed")))
        ended = hel.stop()
    other.rollback()
    other.close()
    assert ended.code == 1
    assert "database is locked" in ended.err
    assert workshop.hel("run", "--once", *TO_FILE).code == 0
    assert workshop.written() == workshop.org.log.uuids


@pytest.mark.parametrize("key_value", [("newest", "2026-01-01T00:00:00Z"), ("finished", "false")])
def test_a_checkpoint_that_is_set_by_hand_doubles_nothing_that_was_delivered_beyond_it(
    workshop: Workshop, key_value: tuple[str, str]
) -> None:
    workshop.configure({"okta-audit": source(SSWS, query_params=SMALL, checkpoint="end_of_tick")})
    workshop.org.fault(Fault(kind="status", status=404, skip=4))
    assert workshop.hel("run", "--once", *TO_FILE).code == 1
    assert workshop.hel("state", "set", "okta-audit", *key_value).code == 0
    assert workshop.hel("run", "--once", *TO_FILE).code == 0
    assert workshop.written() == workshop.org.log.uuids


def test_a_state_that_was_exported_and_imported_doubles_nothing(workshop: Workshop) -> None:
    workshop.configure({"okta-audit": source(SSWS, query_params=SMALL, checkpoint="end_of_tick")})
    workshop.org.fault(Fault(kind="status", status=404, skip=4))
    assert workshop.hel("run", "--once", *TO_FILE).code == 1
    exported = workshop.hel("state", "export").out.decode()
    workshop.org.fault(Fault(kind="status", status=404, skip=6))
    assert workshop.hel("run", "--once", *TO_FILE).code == 1  # 200 more, which the export does not know
    for path in workshop.folder.glob("hel-state.db*"):
        path.unlink()
    assert workshop.hel("state", "import", text=exported).code == 0
    assert workshop.hel("run", "--once", *TO_FILE).code == 0
    assert workshop.written() == workshop.org.log.uuids
