"""What Hel knows of Okta's System Log without being told (https://developer.okta.com/docs/reference/api/system-log/)."""

from urllib.parse import urlsplit

LOG_PATH = "/api/v1/logs"
START_PARAM = "since"
MAX_LIMIT = 1000


def is_log(url: str) -> bool:
    """Whether this is a System Log's URL, as its path tells."""
    try:
        return urlsplit(url).path.rstrip("/") == LOG_PATH
    except ValueError:
        return False
