from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from hel.config.load import Loaded, load
from hel.errors import ConfigError

GUIDE = Path(__file__).parent
SOURCE = "sources:\n  okta-audit:\n    url: https://dev.okta.com/api/v1/logs\n"

Write = Callable[[str | bytes], Path]
Problems = Callable[..., list[str]]


@pytest.fixture(scope="session")
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="session")
def rsa_pem(rsa_key: rsa.RSAPrivateKey) -> str:
    return rsa_key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()


@pytest.fixture(scope="session")
def ec_pem() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes `hel.yaml`."""

    def write_file(content: str | bytes) -> Path:
        path = tmp_path / "hel.yaml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write_file


@pytest.fixture
def loaded(write: Write) -> Callable[..., Loaded]:
    """Loads a configuration from its text."""

    def load_text(content: str | bytes, environ: Mapping[str, str] | None = None, **more: object) -> Loaded:
        return load(write(content), environ or {}, **more)  # type: ignore[arg-type]  # the caller's own keywords

    return load_text


@pytest.fixture
def problems(write: Write) -> Problems:
    """The problems of a configuration, each from its place on."""

    def find(content: str | bytes, environ: Mapping[str, str] | None = None, **more: object) -> list[str]:
        path = write(content)
        with pytest.raises(ConfigError) as raised:
            load(path, environ or {}, **more)  # type: ignore[arg-type]  # the caller's own keywords
        return [line.replace(str(path), "hel.yaml") for line in raised.value.problems]

    return find
