"""`hel init`: a ready-made configuration that is valid once its variables are set."""

import json
import re
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from hel.ready_made import names, ready_made
from tests.journeys.workshop import Workshop

ROOT = Path(__file__).parents[2]
SAMPLES = {
    "OKTA_DOMAIN": "your-org.okta.com",
    "AUTH0_URL": "https://your-tenant.eu.auth0.com",
    "START": f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}",  # within every API's retention
    "API": "https://audit.example.com",
}


@pytest.fixture(scope="session")
def pem() -> str:
    key = rsa.generate_private_key(65_537, 2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def service_account(pem: str) -> str:
    members = {"type": "service_account", "client_email": "hel@p.iam.gserviceaccount.com", "private_key": pem}
    return json.dumps(members | {"private_key_id": "k1", "token_uri": "https://oauth2.googleapis.com/token"})


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


@pytest.mark.parametrize("name", names())
def test_what_it_writes_is_valid_with_just_the_variables_that_it_names(workshop: Workshop, name: str, pem: str) -> None:
    written = workshop.hel("init", name)
    assert (written.code, written.out) == (0, b"")
    config = workshop.folder / "hel.yaml"
    assert config.read_text() == (ROOT / "examples" / f"{name.replace('-', '_')}.yaml").read_text()
    listed = re.findall(r"^  ([A-Z0-9_]+)  +\S", written.err, re.MULTILINE)
    chosen = ready_made(name)
    assert listed == [*chosen.wanted, *chosen.optional]
    assert f"hel test --source {re.findall(r'^  ([a-z0-9-]+):$', config.read_text(), re.MULTILINE)[-1]}" in written.err
    values = {
        variable: SAMPLES.get(variable) or SAMPLES.get(variable.rpartition("_")[2], "a-value")
        for variable in chosen.wanted
    }
    values |= {"OKTA_CLIENT_PRIVATE_KEY": pem, "GOOGLE_SERVICE_ACCOUNT_KEY": service_account(pem)}
    checked = workshop.hel("validate", env=values)
    assert checked.code == 0, checked.err
    assert "!" not in checked.err, "there is nothing to advise"
    for variable in chosen.wanted:
        without = workshop.hel("validate", env={**values, variable: None})
        assert without.code == 2
        assert variable in without.err, f"{variable} is said to be wanted, and nothing wants it"


def test_without_a_name_it_lists_them_on_stdout(workshop: Workshop) -> None:
    listed = workshop.hel("init")
    assert (listed.code, listed.err) == (0, "")
    assert [line.split()[0] for line in listed.out.decode().splitlines()] == names()
    assert names()[:2] == ["okta", "okta-token"]
    assert "okta-token        Okta's System Log, by an API token (SSWS)\n" in listed.out.decode()


def page(name: str) -> Path:
    return ROOT / "examples" / ("okta.md" if name == "okta-token" else f"{name.replace('-', '_')}.md")


@pytest.mark.parametrize("name", names())
def test_the_guide_is_the_page_in_the_project(workshop: Workshop, name: str) -> None:
    shown = workshop.hel("init", name, "--guide")
    assert (shown.code, shown.err) == (0, "")
    assert shown.out.decode().strip() == page(name).read_text().strip()
    assert not (workshop.folder / "hel.yaml").exists()


def test_a_file_that_is_there_is_left_as_it_is(workshop: Workshop) -> None:
    config = workshop.folder / "hel.yaml"
    config.write_text("sources: {}\n")
    refused = workshop.hel("init", "github")
    assert refused.code == 2
    assert refused.err == (
        "hel: hel.yaml is there already, and was left as it is (write another file, and copy its source into yours: "
        "hel -c hel-github.yaml init github)\n"
    )
    assert config.read_text() == "sources: {}\n"
    beside = workshop.hel("-c", "hel-github.yaml", "init", "github")
    assert beside.code == 0
    assert "Then: hel -c hel-github.yaml validate, and hel -c hel-github.yaml test --source github-audit" in beside.err


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gihtub", "there is no ready-made configuration 'gihtub' (did you mean 'github'?)"),
        ("Google_Workspace", "(did you mean 'google-workspace'?)"),
        ("../../etc/passwd", "(there are: okta, okta-token, "),
    ],
)
def test_a_name_that_is_none_is_answered_with_those_there_are(workshop: Workshop, name: str, words: str) -> None:
    refused = workshop.hel("init", name)
    assert refused.code == 2
    assert words in refused.err
    assert not (workshop.folder / "hel.yaml").exists()


def test_a_file_that_can_not_be_written_is_told(workshop: Workshop) -> None:
    refused = workshop.hel("-c", "missing/hel.yaml", "init", "okta")
    assert refused.code == 2
    assert "hel: missing/hel.yaml can't be written: No such file or directory (name a file" in refused.err


def test_every_page_and_example_of_an_api_is_in_the_wheel() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    inside = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    there = {f"examples/{name.replace('-', '_')}.yaml" for name in names()}
    there |= {str(page(name).relative_to(ROOT)) for name in names()}
    assert inside == {path: f"hel/{path}" for path in sorted(there)}
