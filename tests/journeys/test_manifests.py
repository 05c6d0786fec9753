"""The examples for Kubernetes, Compose, systemd and cron say what those understand, and what Hel understands."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate  # type: ignore[import-untyped]
import pytest
from ruamel.yaml import YAML

from examples.okta_org.keys import make
from hel.config.load import Loaded, load
from hel.config.models import GlobalConfig
from tests.journeys.workshop import HEL, Workshop

EXAMPLES = Path(__file__).parents[2] / "examples"
KUBERNETES = EXAMPLES / "kubernetes"
SYSTEMD = EXAMPLES / "systemd"
NEWEST, OLDEST = "1.37", "1.32"
IMAGE_SETS = {"HEL_GLOBAL__SERVER__ENABLED": "true", "HEL_GLOBAL__OUTPUT__PATH": "/data/events.ndjson"}

# What the operator's API says of a PodMonitor, as far as the example goes: monitoring.coreos.com/v1.
LABELS = {"type": "object", "additionalProperties": {"type": "string"}}
DURATION = {
    "type": "string",
    "pattern": r"^(0|(([0-9]+)y)?(([0-9]+)w)?(([0-9]+)d)?(([0-9]+)h)?(([0-9]+)m)?(([0-9]+)s)?)$",
}
ENDPOINT = {"port": {"type": "string"}, "path": {"type": "string"}, "interval": DURATION, "scrapeTimeout": DURATION}
POD_MONITOR = {
    "type": "object",
    "additionalProperties": False,
    "required": ["apiVersion", "kind", "metadata", "spec"],
    "properties": {
        "apiVersion": {"const": "monitoring.coreos.com/v1"},
        "kind": {"const": "PodMonitor"},
        "metadata": {"type": "object", "properties": {"name": {"type": "string"}, "labels": LABELS}},
        "spec": {
            "type": "object",
            "additionalProperties": False,
            "required": ["selector", "podMetricsEndpoints"],
            "properties": {
                "jobLabel": {"type": "string"},
                "selector": {"type": "object", "additionalProperties": False, "properties": {"matchLabels": LABELS}},
                "podMetricsEndpoints": {
                    "type": "array",
                    "items": {"type": "object", "additionalProperties": False, "properties": ENDPOINT},
                },
            },
        },
    },
}


def documents(path: Path) -> list[dict[str, Any]]:
    return list(YAML(typ="safe", pure=True).load_all(path.read_text()))


def manifests() -> Iterator[dict[str, Any]]:
    for path in sorted(KUBERNETES.glob("*.yaml")):
        if path.name != "kustomization.yaml":
            yield from documents(path)


@pytest.fixture(scope="module")
def by_kind() -> dict[str, dict[str, Any]]:
    """One manifest of a kind; the ConfigMaps by their names."""
    return {
        found["metadata"]["name"] if found["kind"] == "ConfigMap" else found["kind"]: found for found in manifests()
    }


@pytest.mark.parametrize("version", [NEWEST, OLDEST])
def test_kubernetes_takes_each_manifest_without_an_unknown_key(version: str) -> None:
    checked = [found for found in manifests() if found["kind"] != "PodMonitor"]
    assert len(checked) == 6
    for found in checked:
        kubernetes_validate.validate(found, version, strict=True)


def test_the_operator_takes_the_pod_monitor(by_kind: dict[str, dict[str, Any]]) -> None:
    jsonschema.validate(by_kind["PodMonitor"], POD_MONITOR)


def test_kustomize_is_told_of_every_manifest() -> None:
    (told,) = documents(KUBERNETES / "kustomization.yaml")
    assert sorted([*told["resources"], "kustomization.yaml"]) == sorted(path.name for path in KUBERNETES.iterdir())


def test_the_manifests_speak_of_each_other(by_kind: dict[str, dict[str, Any]]) -> None:
    stateful = by_kind["StatefulSet"]["spec"]
    labels, pod = stateful["template"]["metadata"]["labels"], stateful["template"]["spec"]
    monitor = by_kind["PodMonitor"]["spec"]
    assert stateful["serviceName"] == by_kind["Service"]["metadata"]["name"]
    assert labels == stateful["selector"]["matchLabels"] == by_kind["Service"]["spec"]["selector"]
    assert labels == monitor["selector"]["matchLabels"]
    assert labels[monitor["jobLabel"]] == "hel", "the job for which the alerts look"
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert all(volume.get("configMap", {"name": "hel"})["name"] in by_kind for volume in volumes.values())
    keys = {item["key"] for volume in volumes.values() for item in volume.get("secret", {}).get("items", ())}
    mounted = set()
    for container in pod["containers"]:
        mounted |= {mount["name"] for mount in container["volumeMounts"]}
        keys |= {of["valueFrom"]["secretKeyRef"]["key"] for of in container.get("env", ()) if "valueFrom" in of}
    assert mounted == volumes.keys() | {claim["metadata"]["name"] for claim in stateful["volumeClaimTemplates"]}
    assert keys == by_kind["Secret"]["stringData"].keys()
    hel = pod["containers"][0]
    (port,) = hel["ports"]
    assert port == {"name": "http", "containerPort": GlobalConfig().server.port}
    (endpoint,) = monitor["podMetricsEndpoints"]
    probes = {hel[name]["httpGet"]["path"] for name in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert probes == {"/startupz", "/healthz", "/readyz"}
    assert (
        {hel[name]["httpGet"]["port"] for name in hel if name.endswith("Probe")} == {port["name"]} == {endpoint["port"]}
    )
    assert pod["terminationGracePeriodSeconds"] > GlobalConfig().shutdown_secs


def test_the_pod_is_what_the_restricted_standard_wants(by_kind: dict[str, dict[str, Any]]) -> None:
    pod = by_kind["StatefulSet"]["spec"]["template"]["spec"]
    assert by_kind["Namespace"]["metadata"]["labels"] == {"pod-security.kubernetes.io/enforce": "restricted"}
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"requests", "limits"} == container["resources"].keys()


def test_the_config_map_holds_a_valid_configuration_and_the_shippers_own(
    by_kind: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    hel = by_kind["StatefulSet"]["spec"]["template"]["spec"]["containers"][0]
    environment = {of["name"]: of["value"] for of in hel["env"]}
    text = by_kind["hel"]["data"]["hel.yaml"]
    assert text.count("/run/secrets/hel/okta_private_key") == 1
    assert loaded(text.replace("/run/secrets/hel/okta_private_key", "key"), tmp_path, environment).warnings == ()
    assert by_kind["hel-vector"]["data"]["hel.yaml"] == (EXAMPLES / "shippers" / "vector.yaml").read_text()


def loaded(text: str, folder: Path, environment: dict[str, str]) -> Loaded:
    key = folder / "key"
    key.write_text(make("key").pem)
    key.chmod(0o400)
    (folder / "hel.yaml").write_text(text)
    return load(folder / "hel.yaml", environment | IMAGE_SETS)


def test_compose_runs_every_service_without_rights_and_with_what_it_names() -> None:
    (compose,) = documents(EXAMPLES / "compose.yaml")
    mounted = set()
    for service in compose["services"].values():
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        mounted |= {volume.partition(":")[0] for volume in service["volumes"]}
    named = {name for name in mounted if not name.startswith(".")}
    assert named == compose["volumes"].keys()
    hel = compose["services"]["hel"]
    assert hel["secrets"] == list(compose["secrets"])
    assert (EXAMPLES / hel["build"] / "Dockerfile").is_file()
    assert {path for path in mounted - named if (EXAMPLES / path).exists()} == {"./shippers/vector.yaml"}
    assert mounted - named == {"./shippers/vector.yaml", "./hel.yaml"}
    assert int(hel["stop_grace_period"].removesuffix("s")) > GlobalConfig().shutdown_secs


@pytest.fixture
def units(tmp_path: Path) -> list[Path]:
    """The units, with a program that is there."""
    for path in SYSTEMD.iterdir():
        (tmp_path / path.name).write_text(path.read_text().replace("/opt/hel/bin/hel", str(HEL)))
    return sorted(tmp_path.iterdir())


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed (.ci/run installs it)")
def test_systemd_finds_nothing_wrong_with_the_units_and_little_that_the_services_may(units: list[Path]) -> None:
    assert [unit.name for unit in units] == ["hel-once.service", "hel-once.timer", "hel.service"]
    verified = subprocess.run(["systemd-analyze", "verify", "--man=no", *units], capture_output=True, check=False)
    assert (verified.returncode, verified.stderr) == (0, b"")
    services = [unit for unit in units if unit.suffix == ".service"]
    options = ("--no-pager", "--offline=true", "--threshold=15")
    judged = subprocess.run(["systemd-analyze", "security", *options, *services], capture_output=True, check=False)
    assert judged.returncode == 0, judged.stdout.decode()


def test_the_service_and_the_one_of_the_timer_may_the_same() -> None:
    service, once = ((SYSTEMD / name).read_text() for name in ("hel.service", "hel-once.service"))
    part = slice(service.index("Environment=HEL"), service.index("\n[Install]"))
    assert once.endswith(service[part])
    assert "\nExecReload=kill -HUP $MAINPID\n" in service
    assert re.search(r"^TimeoutStopSec=(\d+)s$", service, re.MULTILINE)[1] == "30"  # type: ignore[index]
    assert GlobalConfig().shutdown_secs < 30


def cron_line(folder: Path) -> tuple[str, dict[str, str]]:
    """What cron hands to the shell every five minutes, and the environment, with this machine's places."""
    environment = {}
    command = ""
    for line in (EXAMPLES / "cron" / "hel").read_text().splitlines():
        if found := re.fullmatch(r"([A-Z_]+)=(.*)", line):
            environment[found[1]] = found[2].replace("/var/lib/hel", str(folder)).replace("/etc/hel", str(folder))
        elif line.startswith("*/5 * * * * hel "):
            command = line.removeprefix("*/5 * * * * hel ")
    assert "%" not in command.replace(r"\%", "")  # cron makes a newline of one without a backslash
    environment["PATH"] = environment["PATH"].replace("/opt/hel/bin", str(HEL.parent))
    return command.replace(r"\%", "%"), environment


def test_cron_mails_what_failed_and_nothing_else(workshop: Workshop) -> None:
    command, environment = cron_line(workshop.folder)
    environment |= workshop.server.environment() if workshop.server else {}

    def mailed(**more: str) -> str:
        shell = [environment["SHELL"], "-c", command]
        done = subprocess.run(shell, env=environment | more, cwd="/", capture_output=True, check=False, timeout=60)
        return (done.stdout + done.stderr).decode()

    assert mailed() == ""
    assert len(workshop.written()) == 1200
    mail = mailed(OKTA_CLIENT_ID="somebody-else").splitlines()
    assert [line.partition(" (")[0] for line in mail] == ["okta-audit: failed: the token server answered 401"]
    assert len(workshop.written()) == 1200
    running = workshop.start("run", "--output", "other.ndjson")
    assert running.stderr is not None
    running.stderr.readline()
    assert mailed() == "", "the state is held by a running Hel"
