"""`hel state`: inspect and repair the checkpoints."""

import json

from tests.journeys.workshop import Workshop, source


def test_show_says_where_each_source_stands(workshop: Workshop) -> None:
    workshop.hel("run", "--once")
    shown = workshop.hel("state", "show")
    assert shown.code == 0, shown.err
    text = shown.out.decode()
    assert text.startswith("okta-audit\n")
    newest = max(json.loads(event)["published"] for event in workshop.org.log.events)
    for said in ("events       1200", f"newest       {newest} (", "resumes at   https://localhost:", "updated      20"):
        assert said in text
    assert workshop.hel("state", "show", "okta-audit").out.startswith(b"okta-audit\n  events       1200\n")


def test_show_of_an_unknown_source_names_the_known_ones(workshop: Workshop) -> None:
    workshop.hel("run", "--once")
    ended = workshop.hel("state", "show", "okta-adit")
    assert (ended.code, ended.out) == (2, b"")
    assert "did you mean 'okta-audit'?" in ended.err


def test_before_the_first_run_there_is_no_state_and_none_is_made(workshop: Workshop) -> None:
    ended = workshop.hel("state", "show")
    assert ended.code == 2
    assert "there is no state" in ended.err
    assert [path.name for path in workshop.folder.iterdir()] == ["hel.yaml"]


def test_reset_starts_a_source_anew(workshop: Workshop) -> None:
    workshop.hel("run", "--once")
    assert workshop.hel("state", "reset", "okta-audit").code == 0
    assert workshop.hel("run", "--once").uuids == workshop.org.log.uuids


def test_set_moves_a_source_to_another_place(workshop: Workshop) -> None:
    workshop.hel("run", "--once")
    page = [request.target for request in workshop.org.ledger.requests if request.path == "/api/v1/logs"][1]
    ended = workshop.hel("state", "set", "okta-audit", "resume", f"{workshop.org_url}{page}")
    assert ended.code == 0, ended.err
    assert workshop.hel("run", "--once").uuids == workshop.org.log.uuids[500:]


def test_set_refuses_what_makes_no_sense(workshop: Workshop) -> None:
    for key, value in (("resume", "yesterday"), ("newest", "yesterday"), ("finished", "maybe"), ("cursor", "1")):
        ended = workshop.hel("state", "set", "okta-audit", key, value)
        assert (ended.code, ended.out) == (2, b"")
        assert key in ended.err


def test_set_of_a_source_that_is_nowhere_is_refused_and_one_that_has_not_run_yet_may_be_set(workshop: Workshop) -> None:
    ended = workshop.hel("state", "set", "okta-adit", "finished", "false")
    assert (ended.code, ended.out) == (2, b"")
    assert "did you mean 'okta-audit'?" in ended.err
    url = f"{workshop.org_url}/api/v1/logs?limit=500&since=2020-01-01T00%3A00%3A00Z"
    assert workshop.hel("state", "set", "okta-audit", "resume", url).code == 0
    assert b"1970" not in workshop.hel("state", "show").out
    assert workshop.hel("run", "--once").uuids == workshop.org.log.uuids


def test_a_state_moves_to_another_machine_by_export_and_import(workshop: Workshop) -> None:
    workshop.configure({"okta-audit": source(dedupe={"id_path": "uuid"})})
    workshop.hel("run", "--once")
    exported = workshop.hel("state", "export")
    assert exported.code == 0
    (workshop.folder / "hel-state.db").unlink()
    imported = workshop.hel("state", "import", text=exported.out.decode())
    assert (imported.code, imported.out) == (0, b""), imported.err
    assert workshop.hel("state", "export").out == exported.out
    workshop.org.log.append(2)
    assert workshop.hel("run", "--once").uuids == workshop.org.log.uuids[-2:]


def test_an_import_of_something_else_changes_nothing(workshop: Workshop) -> None:
    workshop.hel("run", "--once")
    before = workshop.hel("state", "export").out
    for text in ("", "{}", "not json", "[1]", '{"version": 9, "sources": {}}'):
        ended = workshop.hel("state", "import", text=text)
        assert ended.code == 2
        assert "hel state export" in ended.err
    assert workshop.hel("state", "export").out == before


def test_problems_elsewhere_in_the_config_do_not_keep_from_looking_at_the_state(workshop: Workshop) -> None:
    workshop.hel("run", "--once")
    env = {"OKTA_DOMAIN": None, "OKTA_CLIENT_ID": None}
    assert workshop.hel("state", "show", env=env).code == 0
