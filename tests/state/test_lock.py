import fcntl
import multiprocessing
import os
import signal
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from hel.errors import StateError, StateLockedError
from hel.state.lock import Holder, StateLock, holder


def hold(state: Path, said: Connection) -> None:
    with StateLock(state):
        said.send(os.getpid())
        signal.pause()


def test_a_second_holder_is_told_who_holds_it_and_a_killed_holder_lets_go(tmp_path: Path) -> None:
    state = tmp_path / "hel-state.db"
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=hold, args=(state, there))
    process.start()
    pid = here.recv()
    with pytest.raises(StateLockedError, match=f"process {pid}"), StateLock(state):
        pass
    process.kill()
    process.join()
    with StateLock(state):
        pass


def test_who_looks_whether_it_is_held_bars_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = tmp_path / "hel-state.db"
    assert holder(state) == Holder(is_there=False)
    with StateLock(state):
        assert holder(state) == Holder(is_there=True, pid=os.getpid())
    with (tmp_path / "hel-state.db.lock").open() as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        waits = iter((lambda: None, lambda: None, lambda: fcntl.flock(looking, fcntl.LOCK_UN)))
        monkeypatch.setattr("hel.state.lock.time.sleep", lambda _: next(waits)())  # the look ends in the third of them
        with StateLock(state):
            assert holder(state).is_there


def test_a_lock_is_let_go_at_the_end(tmp_path: Path) -> None:
    state = tmp_path / "hel-state.db"
    for _ in range(2):
        with StateLock(state):
            pass


def test_a_missing_folder_is_named_with_its_fix(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="nowhere") as error, StateLock(tmp_path / "nowhere" / "hel-state.db"):
        pass
    assert "make the folder" in error.value.fix
