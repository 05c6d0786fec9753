"""Record once with credentials, replay as often as wanted without."""

import os

from examples.okta_org import Fault
from tests.journeys.workshop import SSWS, Workshop, source, stop, until

OFFLINE = {"OKTA_API_TOKEN": None, "OKTA_CLIENT_ID": None, "OKTA_CLIENT_PRIVATE_KEY": None, "SSL_CERT_FILE": None}


def test_a_replay_yields_the_same_lines_byte_for_byte_without_credentials_network_or_state(
    workshop: Workshop,
) -> None:
    recorded = workshop.hel("run", "--once", "--record-dir", "recordings")
    assert recorded.code == 0, recorded.err
    requests = len(workshop.org.ledger.requests)
    (workshop.folder / "hel-state.db").unlink()
    workshop.hel("run", "--once", "--replay-dir", "recordings", env=OFFLINE)
    replayed = workshop.hel("run", "--once", "--replay-dir", "recordings", env=OFFLINE)
    assert (replayed.code, replayed.out) == (0, recorded.out), replayed.err
    assert len(workshop.org.ledger.requests) == requests
    assert not (workshop.folder / "hel-state.db").exists()
    assert "4 pages, 1200 events" in replayed.err


def test_a_replay_needs_the_placeholders_and_another_domain_does_no_harm(workshop: Workshop) -> None:
    recorded = workshop.hel("run", "--once", "--record-dir", "recordings")
    env = OFFLINE | {"OKTA_DOMAIN": "elsewhere.example"}
    assert workshop.hel("run", "--once", "--replay-dir", "recordings", env=env).out == recorded.out
    missing = workshop.hel("run", "--once", "--replay-dir", "recordings", env=OFFLINE | {"OKTA_DOMAIN": None})
    assert missing.code == 2
    assert "OKTA_DOMAIN" in missing.err


def test_recordings_are_one_readable_file_a_response_and_hold_no_credential(workshop: Workshop) -> None:
    workshop.configure({"one": source(), "two": source(SSWS)})
    assert workshop.hel("run", "--once", "--record-dir", "recordings").code == 0
    org, folder = workshop.org, workshop.folder / "recordings"
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*.http")) == [
        f"{name}/00000{number}.http" for name in ("one", "two") for number in (1, 2, 3, 4)
    ]
    secrets = [org.api_token.encode(), b"DPoP ", b"SSWS", b"eyJ", b"access_token", b"set-cookie"]
    for path in folder.rglob("*.http"):
        assert path.stat().st_mode & 0o777 == 0o600
        content = path.read_bytes()
        assert content.startswith(b"GET https://localhost:")
        assert [secret for secret in secrets if secret in content] == []


def test_a_replay_follows_every_tick_of_a_continuous_run(workshop: Workshop) -> None:
    process = workshop.start("run", "--record-dir", "recordings", "-o", "events.ndjson")
    until(lambda: len(workshop.written()) == 1200)
    workshop.org.log.append(5)
    until(lambda: len(workshop.written()) == 1205)
    stop(process)
    replayed = workshop.hel("run", "--once", "--replay-dir", "recordings", env=OFFLINE)
    assert replayed.out == workshop.output.read_bytes()


def test_a_recording_that_was_interrupted_and_continued_replays_every_event_once(workshop: Workshop) -> None:
    reader, writer = os.pipe()
    process = workshop.start("run", "--once", "--record-dir", "recordings", stdout=writer)
    until(lambda: len(workshop.org.ledger.served) >= 1000)
    process.kill()  # nobody has read what was written
    process.communicate()
    os.close(reader)
    os.close(writer)
    continued = workshop.hel("run", "--once", "--record-dir", "recordings")
    assert continued.uuids == workshop.org.log.uuids
    replayed = workshop.hel("run", "--once", "--replay-dir", "recordings", env=OFFLINE)
    assert replayed.uuids == workshop.org.log.uuids


def test_a_page_that_was_spoiled_and_asked_for_again_does_not_spoil_the_replay(workshop: Workshop) -> None:
    workshop.org.fault(Fault(kind="bad_json", skip=1, times=3))
    assert workshop.hel("run", "--once", "--record-dir", "recordings").code == 1
    assert workshop.hel("run", "--once", "--record-dir", "recordings").code == 0
    replayed = workshop.hel("run", "--once", "--replay-dir", "recordings", env=OFFLINE)
    assert (replayed.code, replayed.uuids) == (0, workshop.org.log.uuids), replayed.err


def test_an_event_without_a_time_keeps_the_time_of_its_collection(workshop: Workshop) -> None:
    workshop.configure({"okta-audit": source(transform={"timestamp_field": "nothing.here"})})
    recorded = workshop.hel("run", "--once", "--record-dir", "recordings")
    replayed = workshop.hel("run", "--once", "--replay-dir", "recordings", env=OFFLINE)
    assert replayed.out == recorded.out


def test_a_folder_without_recordings_is_named_with_the_way_to_make_them(workshop: Workshop) -> None:
    ended = workshop.hel("run", "--once", "--replay-dir", "nowhere")
    assert ended.code == 2
    assert "nowhere" in ended.err
    assert "--record-dir" in ended.err


def test_recordings_of_other_sources_are_named(workshop: Workshop) -> None:
    workshop.hel("run", "--once", "--record-dir", "recordings")
    workshop.configure({"renamed": source()})
    ended = workshop.hel("run", "--once", "--replay-dir", "recordings")
    assert ended.code == 2
    assert "renamed" in ended.err
    assert "okta-audit" in ended.err
