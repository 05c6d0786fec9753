import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from hel.dedupe import event_key
from hel.records import Batch, Checkpoint
from hel.state import transfer
from hel.state.keeping import Keep
from hel.state.store import Store

NOON = 1_777_636_800.0
CHECKPOINT = Checkpoint("q", "https://org/next", "2026-05-01T12:00:00Z", NOON, events=2, updated_at=NOON + 5)


def filled(path: Path) -> Store:
    store = Store(path, writable=True)
    passed = Batch("okta", b"", 2, event_key(b"a") * 2, event_key(b"1") + event_key(b"2"), b"", CHECKPOINT)
    beyond = Batch("okta", b"", 1, event_key(b"b"), b"", b"", None)
    store.commit([passed, beyond], {"https://org:443": "n"}, keeps={"okta": Keep(10)})
    return store


def test_a_state_moves_through_json_unchanged(tmp_path: Path) -> None:
    exported = transfer.export(filled(tmp_path / "one.db"))
    other = Store(tmp_path / "two.db", writable=True)
    transfer.restore(other, transfer.parse(json.dumps(exported)))
    assert transfer.export(other) == exported
    assert other.checkpoint("okta") == CHECKPOINT
    assert other.ground("okta") == Counter([event_key(b"b")])
    assert other.reach("okta") == Counter([event_key(b"a"), event_key(b"a"), event_key(b"b")])
    assert list(other.seen("okta")) == [event_key(b"1"), event_key(b"2")]
    assert other.nonces() == {"https://org:443": "n"}


def test_an_import_leaves_other_sources_alone(tmp_path: Path) -> None:
    exported = transfer.export(filled(tmp_path / "one.db"))
    other = Store(tmp_path / "two.db", writable=True)
    other.put("github", CHECKPOINT)
    transfer.restore(other, transfer.parse(json.dumps(exported)))
    assert list(other.checkpoints()) == ["github", "okta"]


def test_what_a_hel_of_before_exported_is_read() -> None:
    assert transfer.parse('{"version": 1, "sources": {}}').sources == {}


@pytest.mark.parametrize(
    "value",
    [
        [],
        {},
        {"version": 3, "sources": {}},
        {"version": 0, "sources": {}},
        {"version": 1, "sources": {"okta": {}}},
        {"version": 1, "sources": {"okta": {"checkpoint": {"question": "q"}, "seen": ["zz"]}}},
        {"version": 1, "sources": {"okta": {"checkpoint": {"question": "q"}, "surprise": 1}}},
    ],
)
def test_what_is_no_exported_state_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        transfer.parse(json.dumps(value))
