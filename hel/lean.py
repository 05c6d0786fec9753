"""Keeps optional parts of a library out of the process that imports it; what they bring is half of a start."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without(*modules: str) -> Iterator[None]:
    """Let these modules be as if they were not installed, while a library is imported that does well without them.

    The library must look for them itself and take an ImportError for an answer. What somebody has imported before
    stays as it is.

    Args:
        modules: Their full names.
    """
    hidden = [name for name in modules if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None: Python raises ImportError
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
