"""A process run to its end, and what it cost: `python -S measured.py OUT COMMAND…`, itself small.

A child's peak memory, as the system tells it, is never less than its parent's was when it started; so what starts a
process that is measured must be small itself. Standard library only.
"""

import json
import os
import sys


def main(report: str, command: list[str]) -> None:
    """Run it, and write down what it cost and how it ended."""
    pid = os.posix_spawnp(command[0], command, os.environ)
    _, status, used = os.wait4(pid, 0)
    found = {
        "exit": os.waitstatus_to_exitcode(status),
        "cpu_s": used.ru_utime + used.ru_stime,
        "peak_mb": used.ru_maxrss / 1024,
    }
    with open(report, "w", encoding="utf-8") as file:  # noqa: PTH123  # pathlib would make this process larger
        json.dump(found, file)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
