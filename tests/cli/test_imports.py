"""What a command does without: each library here costs a start more than Hel's own work does."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from examples.okta_org import Org, running

EXAMPLE = Path(__file__).parents[2] / "examples" / "okta_token.yaml"
NEVER = {"attr", "better_exceptions", "click", "dotenv", "pygments", "rich"}
"""What the libraries of others bring along where it is installed."""
NOT_HERE = NEVER | {
    *("aiolimiter", "cryptography", "joserfc", "prometheus_client", "pydantic_settings", "starlette"),
    "uvicorn",
}
"""Beside these, what an API token without more needs nothing of."""
SPIED = """
import atexit, os, pathlib, sys
from hel.cli import main

def note():
    pathlib.Path("imported").write_text("\\n".join(sys.modules))

atexit.register(note)
end = os._exit  # which a command uses where a thread is still at work
os._exit = lambda code: (note(), end(code))
main()
"""


@pytest.fixture
def environ(tmp_path: Path) -> Iterator[dict[str, str]]:
    """What the example's configuration needs, and an org that listens there without TLS."""
    with running(Org(events=10), tls=False) as server:
        (tmp_path / "hel.yaml").write_text(EXAMPLE.read_text().replace("https://", "http://"))
        yield {"PATH": os.environ["PATH"], **server.environment()}


def imported(environ: dict[str, str], folder: Path, *arguments: str) -> set[str]:
    """The packages that a command has imported when it ends."""
    subprocess.run([sys.executable, "-c", SPIED, *arguments], cwd=folder, env=environ, check=True, capture_output=True)
    return {name.partition(".")[0] for name in (folder / "imported").read_text().splitlines()}


def test_a_command_imports_no_library_that_it_does_not_use(environ: dict[str, str], tmp_path: Path) -> None:
    network = {"anyio", "asyncio", "httpcore", "httpx", "ssl", "stamina"}
    asked = imported(environ, tmp_path, "run", "--once", "-o", "events.ndjson")
    validated = imported(environ, tmp_path, "validate")
    helped = imported(environ, tmp_path, "--help")
    assert len((tmp_path / "events.ndjson").read_text().splitlines()) == 10
    assert {"httpx", "msgspec", "pydantic", "ruamel"} <= asked, "they are looked for by their right names"
    assert asked & NOT_HERE == set()
    assert validated & (NOT_HERE | network - {"ssl"}) == set()
    assert helped & (NOT_HERE | network | {"msgspec", "pydantic", "ruamel", "sqlite3"}) == set()
    assert {name for name in helped if name.startswith("pydantic")} == set()
