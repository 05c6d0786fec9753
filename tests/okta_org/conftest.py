from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from examples.okta_org import Org, running
from tests.okta_org.visitor import Visitor


@pytest.fixture
def visit() -> Iterator[Callable[..., Visitor]]:
    """Visits an org of these properties, over plain http unless told otherwise."""
    with ExitStack() as stack:

        def visit_one(*, tls: bool = False, names: tuple[str, ...] = (), **properties: Any) -> Visitor:
            server = stack.enter_context(running(Org(**{"events": 25} | properties), tls=tls, names=names))
            visitor = Visitor(server)
            stack.callback(visitor.http.close)
            return visitor

        yield visit_one


@pytest.fixture
def visitor(visit: Callable[..., Visitor]) -> Visitor:
    """A visitor of an ordinary org of 25 events."""
    return visit()
