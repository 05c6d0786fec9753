"""The Dockerfile, without a container engine: its own commands in a root folder of their own, then Hel as it says."""

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

from examples.okta_org import Org, running
from hel.config.models import GlobalConfig
from tests.journeys.dockerfile import Stage, parse, sent
from tests.journeys.image import PYTHON, Image, build
from tests.journeys.workshop import free_port, source, until

PROJECT = Path(__file__).parents[2]
IGNORE = (PROJECT / ".dockerignore").read_text()
CAN_BUILD = (
    os.geteuid() == 0
    and (PYTHON / "bin" / "python").exists()
    and subprocess.run(["unshare", "--mount", "true"], check=False, capture_output=True).returncode == 0
)


@pytest.fixture
def stages() -> list[Stage]:
    return parse((PROJECT / "Dockerfile").read_text())


def test_the_image_runs_hel_as_a_number_with_all_that_it_writes_in_one_volume(stages: list[Stage]) -> None:
    last = stages[-1]
    assert [stage.base for stage in stages] == ["python:3.11-slim-trixie"] * 2
    assert (last.one("ENTRYPOINT").words, last.one("CMD").words) == (["hel"], ["run"])
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", last.one("USER").text)
    assert last.one("VOLUME").words == ["/data"]
    assert last.one("STOPSIGNAL").text == "SIGTERM"
    assert health_check(last) == ["hel", "status", "--check"]
    environment = last.one("ENV").pairs
    assert environment["HEL_CONFIG"] == "/etc/hel/hel.yaml"
    for name, value in environment.items():
        if name.startswith("HEL_GLOBAL__"):
            section, key = name.removeprefix("HEL_GLOBAL__").lower().split("__")
            assert key in type(getattr(GlobalConfig(), section)).model_fields
            assert key != "path" or value.startswith("/data/")
    assert last.one("EXPOSE").text == environment["HEL_GLOBAL__SERVER__PORT"]


def test_the_builder_is_sent_what_the_wheel_is_made_of_and_nothing_secret(tmp_path: Path) -> None:
    for name in ("hel.yaml", "priv.pem", ".git/config", "hel/__init__.py", "hel/cli/__pycache__/a.pyc", "LICENSE",
                 "examples/okta.yaml", "examples/hel-state.db", "examples/secrets/key.yaml", "tests/a.py"):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    names = [str(path.relative_to(tmp_path)) for path in sent(tmp_path, IGNORE)]
    assert names == ["LICENSE", "examples/okta.yaml", "hel/__init__.py"]


def health_check(stage: Stage) -> list[str]:
    kind, _, words = stage.one("HEALTHCHECK").text.partition(" ")
    assert kind == "CMD"
    found: list[str] = json.loads(words)
    return found


def wanted(name: str, found: dict[NormalizedName, str] | None = None) -> dict[NormalizedName, str]:
    """What runs Hel, itself among it, each with its version: the closure of what the distributions say they need."""
    found = {} if found is None else found
    here = distribution(name)
    found[canonicalize_name(here.name)] = here.version
    for need in map(Requirement, here.requires or ()):
        applies = need.marker is None or need.marker.evaluate({"extra": ""})
        if applies and canonicalize_name(need.name) not in found:
            wanted(need.name, found)
    return found


def installed(root: Path) -> dict[NormalizedName, str]:
    found = {}
    for path in (root / "opt/hel/lib").glob("python3.*/site-packages/*.dist-info"):
        name, version = path.stem.rsplit("-", 1)
        found[canonicalize_name(name)] = version
    return found


@contextmanager
def built(stages: list[Stage], folder: Path) -> Iterator[Image]:
    """The image; its hundreds of megabytes do not outlive the test."""
    cache = folder / "cache"
    cache.mkdir()
    try:
        yield build(stages, PROJECT, IGNORE, folder / "image", cache)
    finally:
        shutil.rmtree(folder / "image")
        shutil.rmtree(cache)


def configure(image: Image, org: Org, ca_file: Path | None) -> dict[str, str]:
    """Put the configuration and its secrets where Docker or Kubernetes would mount them; the variables with that."""
    assert ca_file is not None
    etc = image.root / "etc/hel"
    auth = source()["auth"] | {"client_private_key_file": "/etc/hel/key.pem"}
    del auth["client_private_key_env"]
    (etc / "hel.yaml").write_text(json.dumps({"sources": {"okta-audit": source(auth)}}))
    (etc / "key.pem").write_text(org.client_key.pem)
    uid, _, gid = image.user.partition(":")
    os.chown(etc / "key.pem", int(uid), int(gid))
    (etc / "key.pem").chmod(0o400)
    shutil.copy(ca_file, etc / "ca.pem")
    return {"HEL_GLOBAL__SERVER__PORT": str(free_port()), "SSL_CERT_FILE": "/etc/hel/ca.pem"}


def volume_for(image: Image, folder: Path) -> Path:
    """A new volume takes over the owner and the mode of the image's folder."""
    before = (image.root / "data").stat()
    volume = folder / "volume"
    volume.mkdir()
    os.chown(volume, before.st_uid, before.st_gid)
    volume.chmod(before.st_mode & 0o7777)
    return volume


@pytest.mark.skipif(not CAN_BUILD, reason="only root can mount, which building needs")
@pytest.mark.timeout(600)
def test_what_the_dockerfile_builds_collects_on_a_read_only_root_until_it_is_stopped(
    stages: list[Stage], tmp_path: Path
) -> None:
    last = stages[-1]
    with built(stages, tmp_path) as image, running(Org(events=50)) as server:
        assert installed(image.root) == wanted("hel-collector", wanted("isal"))
        variables = server.org.environment(server.domain) | configure(image, server.org, server.ca_file)
        del variables["OKTA_CLIENT_PRIVATE_KEY"]
        volume = volume_for(image, tmp_path)

        def said(*words: str) -> tuple[int, str]:
            command = image.enter(list(words), variables, volume)
            done = subprocess.run(command, capture_output=True, check=False, timeout=60)
            return done.returncode, (done.stdout + done.stderr).decode()

        def health() -> int:
            return said(*health_check(last))[0]

        assert "Read-only file system" in said("touch", "/opt/hel/a")[1]
        assert health() == 1
        with run(image, last, variables, volume) as process:
            until(lambda: (volume / "events.ndjson").exists() and len(uuids(volume)) == 50)
            assert health() == 0
            process.send_signal(signal.Signals[last.one("STOPSIGNAL").text])
            out, err = process.communicate(timeout=30)
        assert (process.returncode, out) == (0, b""), err.decode()
        assert health() == 1
        assert sorted(uuids(volume)) == sorted(server.org.log.uuids)
        assert {path.name for path in volume.iterdir()} == {"events.ndjson", "hel-state.db", "hel-state.db.lock"}
        uid, _, gid = image.user.partition(":")
        owned = (volume / "events.ndjson").stat()
        assert (owned.st_mode & 0o777, str(owned.st_uid), str(owned.st_gid)) == (0o640, uid, gid)
        assert compiled(image.root)


@contextmanager
def run(image: Image, stage: Stage, variables: Mapping[str, str], volume: Path) -> Iterator[subprocess.Popen[bytes]]:
    """ENTRYPOINT with CMD."""
    words = [*stage.one("ENTRYPOINT").words, *stage.one("CMD").words]
    with subprocess.Popen(
        image.enter(words, variables, volume), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
                print(process.communicate()[1].decode())  # noqa: T201  # pytest shows it where the test failed


def uuids(volume: Path) -> list[str]:
    lines = (volume / "events.ndjson").read_bytes().splitlines(keepends=True)
    return [json.loads(line)["event"]["uuid"] for line in lines if line.endswith(b"\n")]


def compiled(root: Path) -> bool:
    """Whether each module has its bytecode."""
    packages = root / "opt/hel/lib"
    modules = set(packages.rglob("*.py"))
    ready = {path.parents[1] / f"{path.name.partition('.')[0]}.py" for path in packages.rglob("*.pyc")}
    return len(modules) > 500 and modules == ready
