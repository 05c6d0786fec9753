"""The configuration and the secrets anew, while every source is in the middle of something."""

import json
import os
import random
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from examples.okta_org import Fault
from tests.journeys.service import SERVER, TOKEN, Service, service
from tests.journeys.workshop import OAUTH2, QUICK, SSWS, Workshop, source, until

SMALL = {"limit": "100"}


def labelled(workshop: Workshop, name: str) -> list[str]:
    """The uuids of one source's lines."""
    text = workshop.output.read_bytes() if workshop.output.exists() else b""
    lines = (json.loads(line) for line in text.split(b"\n")[:-1])
    return [line["event"]["uuid"] for line in lines if line["source"] == name]


def is_done(workshop: Workshop, *names: str) -> bool:
    wanted = len(workshop.org.log.uuids)
    return all(len(labelled(workshop, name)) >= wanted for name in names)


def test_one_of_three_sources_changes_while_all_are_in_the_middle_of_a_page(workshop: Workshop) -> None:
    """The two others are not disturbed: their requests are answered, not sent again, with the token that they had."""
    sources = {name: source(query_params=SMALL) for name in ("left", "middle", "right")}
    workshop.configure(sources, server=SERVER)
    workshop.org.fault(Fault(kind="stall", seconds=60, skip=9, times=3))
    with service(workshop) as hel:
        until(lambda: sum(request.path == "/api/v1/logs" for request in workshop.org.ledger.requests) >= 12)
        asked = len(workshop.org.ledger.requests)
        sources["middle"] = source(query_params=SMALL, resilience={**QUICK, "timeout_secs": 6})
        workshop.configure(sources, server=SERVER)
        line = hel.reload()
        assert (line["changed"], line["unchanged"], line["added"], line["removed"]) == (["middle"], 2, [], [])
        until(lambda: len(workshop.org.ledger.requests) > asked)
        workshop.org.release()
        until(lambda: is_done(workshop, "left", "middle", "right"))
        workshop.org.log.append(7)
        until(lambda: is_done(workshop, "left", "middle", "right"))
        mints = hel.logged("token.minted")
        ended = hel.stop()
    assert ended.code == 0
    assert len(mints) == 1, "the token of all three is the same one after the reload"
    for name in sources:
        assert labelled(workshop, name) == workshop.org.log.uuids, name
    assert not hel.logged("question.changed")
    assert workshop.org.ledger.violations == []


def test_a_configuration_that_is_not_right_is_refused_and_the_old_one_goes_on(workshop: Workshop) -> None:
    workshop.configure(server=SERVER)
    with service(workshop) as hel:
        until(lambda: is_done(workshop, "okta-audit"))
        path = workshop.folder / "hel.yaml"
        path.write_text(path.read_text().replace('"url"', '"ulr"'))
        line = hel.reload()
        assert line["event"] == "config.refused"
        assert not hel.logged("audit.config_refused"), "the audit is off"
        assert any("unknown key" in problem for problem in line["problems"])
        assert "hel validate" in line["fix"]
        workshop.org.log.append(5)
        until(lambda: is_done(workshop, "okta-audit"))
        path.unlink()
        assert hel.reload()["event"] == "config.refused"
        assert hel.stop().code == 0
    assert labelled(workshop, "okta-audit") == workshop.org.log.uuids


def test_removed_sources_drain_and_new_ones_start(workshop: Workshop) -> None:
    workshop.configure({"old": source(), "kept": source()}, server=SERVER)
    with service(workshop) as hel:
        until(lambda: is_done(workshop, "old", "kept"))
        workshop.configure({"kept": source(), "new": source()}, server=SERVER)
        line = hel.reload()
        assert (line["added"], line["removed"], line["changed"], line["unchanged"]) == (["new"], ["old"], [], 1)
        until(lambda: is_done(workshop, "new"))
        until(lambda: [each["name"] for each in hel.snapshot()["sources"]] == ["kept", "new"])
        before = len(labelled(workshop, "old"))
        workshop.org.log.append(5)
        until(lambda: is_done(workshop, "new", "kept"))
        workshop.configure({"old": source(), "kept": source(), "new": source()}, server=SERVER)
        assert hel.reload()["added"] == ["old"]
        until(lambda: is_done(workshop, "old"))
        assert hel.stop().code == 0
    assert before == 1200
    for name in ("old", "kept", "new"):
        assert labelled(workshop, name) == workshop.org.log.uuids, name


def test_a_reload_while_nobody_reads_the_output_waits_for_that_and_loses_nothing(workshop: Workshop) -> None:
    one = {"okta-audit": source(query_params=SMALL), "other": source(query_params=SMALL)}
    workshop.configure(one, server=SERVER, queue={"max_events": 300})
    with service(workshop, output="-") as hel:
        until(lambda: hel.snapshot()["queue"]["events"] >= 100)
        for jitter_s in (0.1, 0.2, 0.3):
            one["other"] = source(query_params=SMALL, schedule={"interval_secs": 0.2, "jitter_secs": jitter_s})
            workshop.configure(one, server=SERVER, queue={"max_events": 300})
            assert hel.reload()["changed"] == ["other"]
        assert hel.process.stdout is not None
        read: dict[str, list[str]] = {"okta-audit": [], "other": []}
        for line in hel.process.stdout:
            event = json.loads(line)
            read[event["source"]].append(event["event"]["uuid"])
            if all(len(uuids) == 1200 for uuids in read.values()):
                break
        until(lambda: hel.source("other")["state"] == "ok")
        ended = hel.stop()
    assert ended.code == 0
    assert ended.out == b""
    assert read == {"okta-audit": workshop.org.log.uuids, "other": workshop.org.log.uuids}


def test_many_reloads_leave_nothing_behind(workshop: Workshop) -> None:
    workshop.org.rate.limit = 100_000  # on a slow machine these are more than 600 requests, and a pause
    path = in_file(workshop, workshop.org.api_token)
    auth = {"type": "bearer", "token_file": path.name, "prefix": "SSWS"}
    sources = {"sso": source(), "token": source(auth), "kept": source()}

    authority = Path(workshop.environ()["SSL_CERT_FILE"]).read_text()

    def change(number: int) -> None:
        (workshop.folder / f"ca{number}.pem").write_text(f"{authority}\n# {number}\n")
        sources["sso"] = source(overlap_secs=600 + number, resilience={**QUICK, "timeout_secs": 5 + number})
        sources["token"] = source(auth, tls={"ca_file": f"ca{number}.pem"})
        workshop.configure(sources, server=SERVER)

    change(0)
    with service(workshop) as hel:
        until(lambda: is_done(workshop, *sources))
        held: list[int] = []
        for number in range(1, 21):
            change(number)
            assert hel.reload()["changed"] == ["sso", "token"]
            until(lambda: all(source["state"] == "ok" for source in hel.snapshot()["sources"]))
            held.append(len(list(Path(f"/proc/{hel.process.pid}/fd").iterdir())))
        assert len(hel.logged("token.minted")) == 1
        ended = hel.stop()
    assert ended.code == 0
    assert max(held[-5:]) <= max(held[:5]) + 3, held
    for name in sources:
        assert labelled(workshop, name) == workshop.org.log.uuids, name


@pytest.mark.parametrize("kills", [False, True])
def test_any_row_of_reloads_writes_every_event_once_for_each_source(workshop: Workshop, kills: bool) -> None:
    """Labels that are swapped, credentials and settings that change, sources that go and come again, in mid-page."""
    workshop.org.rate.limit = 100_000  # on a slow machine these are more than 600 requests, and a pause
    seed = time.time_ns()
    chance = random.Random(seed)  # noqa: S311  # an order, not a secret

    def sources() -> dict[str, Any]:
        labels = "xyz" if kills else chance.sample("xyz", 3)
        found = {
            name: source(
                OAUTH2 if chance.random() < 0.5 else SSWS,
                query_params=SMALL,
                source_label_value=label,
                checkpoint="end_of_tick" if name == "b" else "per_page",
                resilience={**QUICK, "timeout_secs": chance.choice([4, 5, 6])},
            )
            for name, label in zip("abc", labels, strict=True)
        }
        found.pop(chance.choice("abcde"), None)
        return found

    def counts() -> Counter[str]:
        return Counter(workshop.written())

    workshop.configure(sources(), server=SERVER)
    for _ in range(4 if kills else 1):
        with service(workshop) as hel:
            for _ in range(8 if kills else 24):
                workshop.configure(sources(), server=SERVER)
                hel.process.send_signal(signal.SIGHUP)
                workshop.org.log.append(chance.choice([0, 0, 60, 250]))
                time.sleep(chance.choice([0, 0.02, 0.1, 0.2]))
            if kills:  # the next start knows what was not committed by its label, which so is always the same
                workshop.org.log.append(300)
                time.sleep(chance.random() * 0.3)
                hel.process.kill()
                hel.process.communicate()
    everything = {
        name: source(query_params=SMALL, source_label_value=label) for name, label in zip("abc", "xyz", strict=True)
    }
    everything["b"]["checkpoint"] = "end_of_tick"
    workshop.configure(everything, server=SERVER)
    with service(workshop) as hel:
        until(lambda: sum(counts().values()) >= 3 * len(workshop.org.log.uuids))
        asked = len(workshop.org.ledger.requests)
        until(lambda: len(workshop.org.ledger.requests) >= asked + 6)
        hel.stop()
    assert Counter(counts().values()) == {3: len(workshop.org.log.uuids)}, f"seed {seed}"
    assert workshop.org.ledger.violations == []


def test_signals_that_come_together_end_it_in_order(workshop: Workshop) -> None:
    for number in range(3):
        workshop.configure({"okta-audit": source()}, server=SERVER)
        with service(workshop) as hel:
            workshop.configure({"okta-audit": source(), f"new-{number}": source(SSWS)}, server=SERVER)
            for _ in range(5):
                hel.process.send_signal(signal.SIGHUP)
            hel.process.terminate()
            while hel.process.poll() is None:
                hel.process.send_signal(signal.SIGHUP)
                time.sleep(0.002)
            ended = hel.stop()
        assert ended.code == 0, ended.err
        assert "Traceback" not in ended.err


def test_a_source_that_cannot_start_is_shown_as_failing_and_starts_when_that_is_mended(workshop: Workshop) -> None:
    workshop.configure({"okta-audit": source()}, server=SERVER)
    (workshop.folder / "recordings").mkdir()
    (workshop.folder / "recordings" / "second").write_text("in the way")
    with service(workshop, "--record-dir", "recordings") as hel:
        workshop.configure({"okta-audit": source(), "second": source()}, server=SERVER)
        assert hel.reload()["added"] == ["second"]
        until(lambda: hel.source("second")["state"] == "failing")
        assert "recordings" in hel.source("second")["error"]["message"]
        assert len(hel.logged("source.not_started")) == 1
        (workshop.folder / "recordings" / "second").unlink()
        hel.reload()
        until(lambda: hel.source("second")["state"] == "ok")
        assert hel.stop().code == 0


def test_a_secrets_file_that_hangs_holds_up_neither_the_others_nor_the_end(workshop: Workshop) -> None:
    path = in_file(workshop, workshop.org.api_token)
    auth = {"type": "bearer", "token_file": path.name, "prefix": "SSWS"}
    workshop.configure({"okta-audit": source(auth), "other": source()}, server=SERVER)
    with service(workshop) as hel:
        until(lambda: is_done(workshop, "okta-audit", "other"))
        path.unlink()
        os.mkfifo(path)
        workshop.org.replace_api_token("00the-token-after-a-rotation")
        until(lambda: any(request.status == 401 for request in workshop.org.ledger.requests))
        hel.process.send_signal(signal.SIGHUP)
        workshop.org.log.append(3)
        until(lambda: is_done(workshop, "other"))
        assert hel.ask("/healthz")[0] == 200
        hel.process.send_signal(signal.SIGUSR1)
        until(lambda: bool(hel.logged("dump.process")))
        assert hel.stop().code == 0


def test_a_source_that_only_has_another_name_is_called_a_new_one(workshop: Workshop) -> None:
    workshop.configure({"old": source(), "kept": source(query_params=SMALL)}, server=SERVER)
    with service(workshop) as hel:
        workshop.configure({"new": source(), "kept": source(query_params=SMALL)}, server=SERVER)
        hel.reload()
        until(lambda: bool(hel.logged("source.renamed")))
        (line,) = hel.logged("source.renamed")
        assert line["names"] == {"old": "new"}
        assert "hel state export" in line["fix"]


def test_what_needs_a_restart_is_named_and_the_log_level_does_not(workshop: Workshop) -> None:
    workshop.configure(server=SERVER)
    with service(workshop) as hel:
        until(lambda: is_done(workshop, "okta-audit"))
        workshop.configure(server=SERVER, queue={"max_mb": 16}, shutdown_secs=3, log_level="debug")
        hel.reload()
        until(lambda: bool(hel.logged("config.restart_needed")))
        (line,) = hel.logged("config.restart_needed")
        assert line["keys"] == ["global.queue", "global.shutdown_secs"]
        until(lambda: bool(hel.logged("page.fetched")))
        assert hel.stop().code == 0


def in_file(workshop: Workshop, text: str) -> Path:
    path = workshop.folder / "secret"
    path.write_text(text)
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("by", ["SIGHUP", "401"])
def test_a_token_that_changed_in_its_file_is_taken(workshop: Workshop, by: str) -> None:
    path = in_file(workshop, workshop.org.api_token)
    auth = {"type": "bearer", "token_file": path.name, "prefix": "SSWS"}
    workshop.configure({"okta-audit": source(auth)}, server=SERVER)
    with service(workshop) as hel:
        until(lambda: is_done(workshop, "okta-audit"))
        if by == "SIGHUP":
            path.write_text("00another-token-that-is-not-known")
            assert hel.reload()["changed"] == ["okta-audit"]
            until(lambda: hel.source()["state"] == "failing")
            path.write_text(workshop.org.api_token)
            assert hel.reload()["changed"] == ["okta-audit"]
            until(lambda: bool(hel.logged("source.recovered")))
        else:
            workshop.org.replace_api_token("00the-token-after-a-rotation")
            until(lambda: hel.source()["state"] == "failing")
            in_file(workshop, "00the-token-after-a-rotation")
        until(lambda: hel.source()["state"] == "ok")
        workshop.org.log.append(2)
        until(lambda: is_done(workshop, "okta-audit"))
        assert len(hel.logged("secret.changed")) == (by == "401")
        ended = hel.stop()
    assert labelled(workshop, "okta-audit") == workshop.org.log.uuids
    assert "00the-token" not in ended.err


def test_a_client_key_that_changed_in_its_file_is_taken_when_the_old_one_is_refused(workshop: Workshop) -> None:
    path = in_file(workshop, workshop.org.client_key.pem)
    auth = {key: value for key, value in OAUTH2.items() if key != "client_private_key_env"}
    workshop.configure({"okta-audit": source({**auth, "client_private_key_file": path.name})}, server=SERVER)
    with service(workshop) as hel:
        until(lambda: is_done(workshop, "okta-audit"))
        workshop.org.replace_key("second")
        workshop.org.revoke_tokens()
        until(lambda: hel.source()["state"] == "failing")
        path.write_text(workshop.org.client_key.pem)
        until(lambda: hel.source()["state"] == "ok")
        workshop.org.log.append(2)
        until(lambda: is_done(workshop, "okta-audit"))
        assert len(hel.logged("secret.changed")) == 1
        hel.stop()
    assert labelled(workshop, "okta-audit") == workshop.org.log.uuids


def test_sigusr1_logs_states_and_queues_whatever_the_level(workshop: Workshop) -> None:
    workshop.configure({"one": source(), "two": source(SSWS)}, log_level="error", log_format="json")
    with service(workshop, waits=False) as hel:
        until(lambda: is_done(workshop, "one", "two"))

        def dumped() -> dict[str, Any]:
            """Each source's line, and the process's."""
            told = len(hel.logged("dump.process"))
            hel.process.send_signal(signal.SIGUSR1)
            until(lambda: len(hel.logged("dump.process")) > told)
            lines = hel.logged("dump.source")[-2:] + hel.logged("dump.process")[-1:]
            return {line.get("source", "process"): line for line in lines}

        def is_over() -> bool:
            """Whether what is written is committed, and its tick at its end."""
            lines = dumped()
            return all((lines[name]["state"], lines[name]["events"]) == ("ok", 1200) for name in ("one", "two"))

        until(is_over)
        lines = dumped()
        assert hel.stop().code == 0
    assert lines.keys() == {"one", "two", "process"}
    assert lines["one"]["circuit"] == "closed"
    assert lines["process"]["queue"]["events"] == 0
    assert {line["event"] for line in hel.log} == {"dump.source", "dump.process"}
    assert len(hel.logged("dump.source")) == 2 * len(hel.logged("dump.process"))


def test_a_sighup_before_the_configuration_was_read_is_heeded_afterwards(workshop: Workshop) -> None:
    workshop.configure(server=SERVER)
    path = workshop.folder / "hel.yaml"
    text = path.read_text()
    path.unlink()
    os.mkfifo(path)
    with service(workshop, waits=False) as hel:
        with path.open("w") as pipe:  # it is open once Hel reads, which waits until there is something to be read
            hel.process.send_signal(signal.SIGHUP)
            path.unlink()
            path.write_text(text)
            assert not hel.log
            pipe.write(text)
        until(lambda: bool(hel.logged("config.reloaded")) or hel.process.poll() is not None)
        until(lambda: is_done(workshop, "okta-audit"))
        assert hel.stop().code == 0


def audited(hel: Service) -> list[tuple[Any, ...]]:
    lines = [line for line in hel.log if line["event"].startswith("audit.")]
    return [(line["event"], line.get("secret"), line.get("reason")) for line in lines]


def test_the_audit_tells_which_secret_was_read_and_which_configuration_counts(workshop: Workshop) -> None:
    path = in_file(workshop, workshop.org.api_token)
    auth = {"type": "bearer", "token_file": path.name, "prefix": "SSWS"}
    workshop.configure({"okta-audit": source(auth)}, server=SERVER, audit={"enabled": True}, log_level="warning")
    with service(workshop, waits=False) as hel:
        until(lambda: is_done(workshop, "okta-audit"))
        in_file(workshop, "00the-token-after-a-rotation")  # first, or a refusal in between reads the old one again
        workshop.org.replace_api_token("00the-token-after-a-rotation")
        until(lambda: len(audited(hel)) == 4)
        hel.process.send_signal(signal.SIGHUP)
        until(lambda: len(audited(hel)) == 7)
        (workshop.folder / "hel.yaml").write_text("")
        hel.process.send_signal(signal.SIGHUP)
        until(lambda: len(audited(hel)) == 8)
        ended = hel.stop()
    assert audited(hel) == [
        ("audit.config_loaded", None, None),
        ("audit.secret_read", "token", "loaded"),
        ("audit.secret_read", "server's token", "loaded"),
        ("audit.secret_read", "token", "refused"),
        ("audit.config_reloaded", None, None),
        ("audit.secret_read", "token", "loaded"),
        ("audit.secret_read", "server's token", "loaded"),
        ("audit.config_refused", None, None),
    ]
    first, second = hel.logged("audit.config_loaded") + hel.logged("audit.config_reloaded")
    assert len(first["sha256"]) == 64
    assert first["sha256"] == second["sha256"]
    assert str(path) in hel.logged("audit.secret_read")[0]["origin"]
    path.unlink()
    assert workshop.leaks(ended) == []
    assert TOKEN not in ended.err


def test_without_the_audit_nothing_of_it_is_written(workshop: Workshop) -> None:
    ended = workshop.hel("run", "--once", "-o", "events.ndjson", env={"HEL_LOG_LEVEL": "debug"})
    assert ended.code == 0
    assert "audit." not in ended.err
