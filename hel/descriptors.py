"""How many files and sockets the process may have open: enough for each source's connections, or said early.

The usual soft limit (1024) is from the time of `select`, which nothing here uses; the hard one is what is allowed.
"""

import resource

from hel.telemetry.log import Log

_EACH = 2
"""An API and a token server."""

_OTHERS = 128
"""The output, the state, look-ups, the server's connections, and some to spare."""


def suffice(sources: int, log: Log) -> None:
    """Raise the soft limit so far that so many sources can be connected at once; warn where that is not allowed.

    Args:
        sources: How many there are.
        log: The program's log.
    """
    needed = _EACH * sources + _OTHERS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if _is_enough(soft, needed):
        return
    reached = needed if _is_enough(hard, needed) else hard
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (reached, hard))
    except (OSError, ValueError):
        reached = soft  # macOS has a bound of its own below a hard limit of infinity
    if reached < needed:
        log.warning(
            "files.few",
            because=f"{sources:,} sources may need {needed:,} open files and sockets, and {reached:,} are allowed",
            fix=f"allow more before starting Hel: `ulimit -n {needed}` in the shell, `LimitNOFILE={needed}` for "
            f"systemd, `--ulimit nofile={needed}` for a container",
        )


def _is_enough(limit: int, needed: int) -> bool:
    return limit == resource.RLIM_INFINITY or limit >= needed
