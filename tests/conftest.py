import pytest
from hypothesis import settings

settings.register_profile("hel", deadline=None)  # the machine's other work is none of a law's business
settings.load_profile("hel")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
