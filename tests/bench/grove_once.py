"""Grove's own entry point, led to the load server: it knows no address but https://NAME.okta.com.

Run by the Python of Grove's venv: `grove_once.py PORT`. Nothing else of Grove is changed.
"""

import sys

from grove.connectors.okta import api  # type: ignore[import-not-found]  # it is in a venv of its own
from grove.entrypoints import local_process  # type: ignore[import-not-found]

if __name__ == "__main__":
    api.API_BASE_URI = f"http://127.0.0.1:{sys.argv[1]}"
    local_process.entrypoint()
