"""What each part is given: a folder, how many rounds, where to say how it goes; and Hel's configuration in it."""

import json
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.children import ROOT, environment

SSWS = {"type": "bearer", "token_env": "OKTA_API_TOKEN", "prefix": "SSWS"}


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a part plays.

    Attributes:
        folder: Its own; empty at first.
        rounds: How often what is short is measured.
        say: Prints a line.
    """

    folder: Path
    rounds: int
    say: Callable[[str], None]

    def room(self, name: str) -> Path:
        """A folder in it, empty."""
        path = self.folder / name
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir()
        return path


def source(origin: str, auth: Mapping[str, Any] = SSWS, **keys: Any) -> dict[str, Any]:
    """A source as in examples/okta_token.yaml, of another address and with enough pages; keys replace or add."""
    return {
        "url": f"{origin}/api/v1/logs",
        "schedule": {"interval_secs": 60, "jitter_secs": 10},
        "auth": dict(auth),
        "pagination": {"strategy": "link_header", "rel": "next", "max_pages": 1000},
        "query_params": {"limit": "1000"},
        **keys,
    }


def configure(folder: Path, sources: Mapping[str, Any], **global_: Any) -> None:
    """Write a `hel.yaml`; JSON is YAML."""
    config = {"global": {"state": {"path": "./hel-state.db"}, **global_}, "sources": sources}
    (folder / "hel.yaml").write_text(json.dumps(config, indent=1))


@contextmanager
def served(module: str, *arguments: str) -> Iterator[int]:
    """A server in a process of its own, and its port; it ends when nobody holds its stdin any more."""
    process = subprocess.Popen(
        [sys.executable, "-m", f"tests.bench.{module}", *arguments],
        cwd=ROOT,
        env=environment({}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        preexec_fn=_raise_limit,  # noqa: PLW1509  # nothing here has threads
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.stdin.close()
        process.wait(30)
        process.stdout.close()


def _raise_limit() -> None:
    """Let a server have all the sockets that it may; Hel sees to its own."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
