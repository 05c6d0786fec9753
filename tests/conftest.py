import os
from collections import OrderedDict

import pytest
from hypothesis import Phase, settings

# No deadline: the machine's other work is none of a law's business. The same examples each time: what an unlucky draw
# finds is no fault of the change at hand; `make fuzz` draws others. To explain a failure takes so long that all that is
# read of it is a timeout.
_PHASES = [phase for phase in Phase if phase is not Phase.explain]
settings.register_profile("same", deadline=None, phases=_PHASES, derandomize=True)
settings.register_profile("random", deadline=None, phases=_PHASES, derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


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
