from collections import OrderedDict

import pytest
from hypothesis import settings

settings.register_profile("hel", deadline=None)  # the machine's other work is none of a law's business
settings.load_profile("hel")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def _nothing_is_concealed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process knows its secrets to its end; but what one test hides, the next may show."""
    register = "hel.telemetry.redaction._REGISTER"
    monkeypatch.setattr(f"{register}._kept", {})
    monkeypatch.setattr(f"{register}._passing", OrderedDict())
    monkeypatch.setattr(f"{register}._ends", {})
