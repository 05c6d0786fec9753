"""One question to the server of a running Hel on this machine, by the standard library's own client."""

from http.client import HTTPConnection, HTTPException

from hel.config.server import ServerConfig
from hel.errors import HelError
from hel.telemetry.printable import printable

TIMEOUT_S = 3.0
_MOST_BYTES = 16_000_000
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # where it listens, and so where it is asked


class SilentError(HelError):
    """The server did not answer as Hel's does."""


def address(server: ServerConfig) -> str:
    """Where the server answers on this machine, such as `http://127.0.0.1:8080`."""
    host = _EVERYWHERE.get(server.host, server.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{server.port}"


def ask(server: ServerConfig, path: str) -> bytes:
    """The body of the server's answer, which no proxy passes on.

    Raises:
        SilentError: There is none, or it is no success.
    """
    if not server.enabled:
        raise SilentError("there is no server to ask", "set `global.server.enabled: true`, and so where Hel runs")
    if server.port == 0:
        raise SilentError(
            "the server's port is any free one (`global.server.port: 0`), which only its log names (server.listening)",
            "give it a number",
        )
    where = address(server)
    connection = HTTPConnection(_EVERYWHERE.get(server.host, server.host), server.port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read(_MOST_BYTES)
    except (OSError, HTTPException) as error:
        because = "it took too long" if isinstance(error, TimeoutError) else _words(error)
        raise SilentError(
            f"{where} does not answer: {because}", "is `hel run` running, with this configuration?"
        ) from None
    finally:
        connection.close()
    if answer.status != 200:
        text = printable(" ".join(body.decode(errors="replace").split()))
        raise SilentError(f"{where}{path} answered {answer.status}{f': {text}' if text else ''}")
    return body


def _words(error: Exception) -> str:
    return printable(getattr(error, "strerror", None) or str(error) or type(error).__name__).lower()
