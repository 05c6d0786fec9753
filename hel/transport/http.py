"""httpx, without its own command line, which it imports where it can: click, rich and pygments, half of its start."""

from hel.lean import without

with without("httpx._main"):
    import httpx

__all__ = ["httpx"]
