"""What is known of the sources: from the server of the Hel that runs, or from the state where none answers.

Both give the shape of `/api/v1/sources`; what the state does not know is None there.
"""

import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hel import __version__
from hel.cli.inquiry import SilentError, address, ask
from hel.config.models import GlobalConfig
from hel.config.server import ServerConfig
from hel.records import Checkpoint
from hel.state.store import Store
from hel.timestamps import utc_seconds


def from_server(server: ServerConfig) -> dict[str, Any]:
    """What the server knows.

    Raises:
        SilentError: It does not answer, or is none of Hel's.
    """
    body = ask(server, "/api/v1/sources")
    try:
        known = json.loads(body)
        if isinstance(known["version"], str) and all(isinstance(source["name"], str) for source in known["sources"]):
            return dict(known)
    except (ValueError, TypeError, KeyError, RecursionError):
        pass
    raise SilentError(f"what answers at {address(server)} is not Hel", "give Hel another port (`global.server.port`)")


def checkpoints_in(state: Path) -> dict[str, Checkpoint]:
    """Where each source stands; nothing where there is no state yet.

    Raises:
        StateError: It can't be read.
    """
    if not state.exists():
        return {}
    with Store(state, writable=False) as store:
        return store.checkpoints()


def from_state(settings: GlobalConfig, names: Iterable[str], checkpoints: Mapping[str, Checkpoint]) -> dict[str, Any]:
    """What the state knows, of the sources of the configuration and of those that are only in the state."""
    path, now = settings.state.path, time.time()
    output = settings.output.path
    return {
        "version": __version__,
        "now": utc_seconds(now),
        "started_at": None,
        "ready": None,
        "because": [],
        "queue": None,
        "output": {"path": None if output is None else str(output), "error": None},
        "state": {"path": str(path), "error": None},
        "sources": [
            _source(name, checkpoints.get(name, Checkpoint("")), now) for name in dict.fromkeys((*names, *checkpoints))
        ],
    }


def _source(name: str, checkpoint: Checkpoint, now: float) -> dict[str, Any]:
    newest_at = checkpoint.newest_at
    return {
        "name": name,
        "url": None,
        "state": "finished" if checkpoint.finished else None,
        "last_success": utc_seconds(checkpoint.updated_at) if checkpoint.updated_at else None,
        "next_poll": None,
        "newest_event": None if newest_at is None else utc_seconds(newest_at),
        "lag_s": None if newest_at is None else round(max(0.0, now - newest_at), 1),
        "events": None,
        "duplicates": None,
        "events_per_minute": None,
        "rate_limit": None,
        "paused_until": None,
        "circuit": None,
        "failures": None,
        "error": None,
    }
