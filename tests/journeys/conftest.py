from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from examples.okta_org import Org, running
from tests.journeys.workshop import Workshop


@pytest.fixture
def open_workshop(tmp_path: Path) -> Iterator[Callable[..., Workshop]]:
    """Opens a workshop with an org of these properties."""
    with ExitStack() as stack:

        def open_one(*, tls: bool = True, names: tuple[str, ...] = (), **properties: Any) -> Workshop:
            server = stack.enter_context(running(Org(**{"events": 1200} | properties), tls=tls, names=names))
            workshop = Workshop(tmp_path, server)
            stack.callback(workshop.close)
            workshop.configure()
            return workshop

        yield open_one


@pytest.fixture
def workshop(open_workshop: Callable[..., Workshop]) -> Workshop:
    """A workshop with an ordinary org of 1200 events."""
    return open_workshop()


@pytest.fixture
def bare(tmp_path: Path) -> Workshop:
    """A workshop without an org: nothing may be requested."""
    return Workshop(tmp_path)
