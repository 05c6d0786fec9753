"""What an overlap may meet again is remembered for as long as it may."""

from pathlib import Path

import pytest

from hel import asking, assembly
from hel.config.source import SourceConfig
from hel.records import Batch, Checkpoint
from hel.state.store import Store
from hel.timestamps import read_value

KEYS = (b"the first line 1", b"the other line 2")


@pytest.mark.parametrize("dated", [100.2, 130.0], ids=["in the second of its collection", "by a clock that is ahead"])
def test_a_line_is_remembered_until_no_walk_can_begin_before_it(tmp_path: Path, dated: float) -> None:
    source = SourceConfig.model_validate(
        {"url": "https://api.example.com/log", "watermark": {"path": "at", "param": "since", "overlap_secs": 600}}
    )
    walks = asking.walks(source)
    assert walks is not None
    first = Checkpoint("", newest_at=dated, watermark=min(dated, 100.3), events=1, updated_at=100.3)
    now = 701.1
    second = Checkpoint("", newest_at=dated + 600.7, watermark=min(dated + 600.7, now), events=2, updated_at=now)
    with Store(tmp_path / "state.db", writable=True) as store:
        for key, checkpoint in zip(KEYS, (first, second), strict=True):
            batch = Batch("audit", b"line\n", 1, key, b"", b"", checkpoint)
            store.commit([batch], keeps={"audit": assembly.keep(source)})
        begun = walks.begin(second, now)
        assert begun is not None
        assert begun.resume is not None
        since = read_value(f'"{walks.question.asking.read(begun.resume, "it").query["since"]}"'.encode(), "rfc3339")
        assert since is not None
        assert since <= dated  # so the first line comes again
        assert set(store.reach("audit")) == set(KEYS)
