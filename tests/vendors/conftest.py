from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.vendors.bench import Bench
from tests.vendors.vendor import Vendor, serving


@pytest.fixture
def open_bench(tmp_path: Path) -> Iterator[Callable[[Vendor], Bench]]:
    """Opens a bench with this vendor beside it."""
    with ExitStack() as stack:

        def open_one(vendor: Vendor) -> Bench:
            bench = Bench.of(vendor, stack.enter_context(serving(vendor)), tmp_path)
            stack.callback(bench.workshop.close)
            return bench

        yield open_one
