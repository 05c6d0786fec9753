"""Runs an org under uvicorn in a thread. Rule: nothing is left behind, no thread, no file, no socket."""

import asyncio
import socket
import ssl
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from examples.okta_org import certificates
from examples.okta_org.app import make_app
from examples.okta_org.certificates import Certificates
from examples.okta_org.org import Org
from examples.okta_org.wire import OrgProtocol

_NAMES = ("localhost", "127.0.0.1", "::1")
_START_S = 30
_STOP_S = 2
_IDLE_S = 60
_LARGEST_HEAD = 256 * 1024
"""Bytes; a request line with a long cursor must pass."""


@dataclass(frozen=True, slots=True)
class Running:
    """An org that answers.

    Attributes:
        org: The org.
        domain: Its host and port, for `OKTA_DOMAIN`.
        url: Its origin.
        ca_file: The PEM of the CA that its certificate is from; None without TLS.
        client_cert_file: The PEM of a certificate that it takes from clients; None without mutual TLS.
        client_key_file: The PEM of that certificate's key; None without mutual TLS.
    """

    org: Org
    domain: str
    url: str
    ca_file: Path | None
    client_cert_file: Path | None = None
    client_key_file: Path | None = None

    def environment(self) -> dict[str, str]:
        """The variables that a client of this org needs, `SSL_CERT_FILE` among them."""
        trust = {} if self.ca_file is None else {"SSL_CERT_FILE": str(self.ca_file)}
        return self.org.environment(self.domain) | trust


@contextmanager
def running(
    org: Org,
    *,
    tls: bool = True,
    names: Sequence[str] = (),
    host: str = "127.0.0.1",
    port: int = 0,
    mutual_tls: bool = False,
    tls_max: ssl.TLSVersion | None = None,
) -> Iterator[Running]:
    """Serve an org until the block ends.

    Args:
        org: What answers.
        tls: Whether by https, with a certificate from this process's own CA.
        names: More names for the certificate.
        host: The address to listen on.
        port: The port to listen on; 0 for a free one.
        mutual_tls: With TLS: clients must show a certificate from the same CA.
        tls_max: With TLS: the newest version spoken; None for the newest there is.
    """
    with tempfile.TemporaryDirectory(prefix="okta-org-") as directory:
        files = certificates.write(Path(directory), (*_NAMES, *names), client=mutual_tls) if tls else None
        config = _config(org, files, tls_max)
        listener = socket.create_server((host, port))
        domain = f"localhost:{listener.getsockname()[1]}"
        server = _Server(config)
        thread = threading.Thread(target=server.run, args=([listener],), name=f"okta-org {domain}", daemon=True)
        thread.start()
        try:
            if not server.ready.wait(_START_S):
                raise RuntimeError(f"the local org did not start within {_START_S} s")
            yield _running(org, domain, files)
        finally:
            server.stop()
            org.release()
            thread.join()


def _running(org: Org, domain: str, files: Certificates | None) -> Running:
    if files is None:
        return Running(org, domain, f"http://{domain}", None)
    client = files.client
    return Running(
        org,
        domain,
        f"https://{domain}",
        files.ca,
        None if client is None else client.chain,
        None if client is None else client.key,
    )


class _Server(uvicorn.Server):
    """uvicorn's server, which says when it is ready and stops without waiting for its next tick."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped = asyncio.Event()

    async def main_loop(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.ready.set()
        if not self.should_exit:
            await self._stopped.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002  # asyncio closes them
        for server in self.servers:
            server.close()
        for connection in tuple(self.server_state.connections):
            connection.shutdown()
        if tasks := tuple(self.server_state.tasks):
            _, late = await asyncio.wait(tasks, timeout=_STOP_S)
            for task in late:
                task.cancel()
        for connection in tuple(self.server_state.connections):
            connection.transport.abort()
        while self.server_state.connections:  # noqa: ASYNC110  # uvicorn's bookkeeping has no event; it takes one turn
            await asyncio.sleep(0)

    def stop(self) -> None:
        """From any thread, at any time: before the loop runs, the flag alone ends it."""
        self.should_exit = True
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has ended already
                self._loop.call_soon_threadsafe(self._stopped.set)


def _config(org: Org, files: Certificates | None, tls_max: ssl.TLSVersion | None) -> uvicorn.Config:
    mutual = files is not None and files.client is not None
    config = uvicorn.Config(
        make_app(org),
        http=OrgProtocol,
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        timeout_keep_alive=_IDLE_S,
        # `Date` is by the org's clock, which may be off on purpose.
        date_header=False,
        server_header=False,
        h11_max_incomplete_event_size=_LARGEST_HEAD,
        ssl_certfile=None if files is None else files.server.chain,
        ssl_keyfile=None if files is None else files.server.key,
        ssl_ca_certs=str(files.ca) if files is not None and mutual else None,
        ssl_cert_reqs=ssl.CERT_REQUIRED if mutual else ssl.CERT_NONE,
    )
    # uvicorn makes its SSLContext here, and has no option for the version.
    config.load()
    if config.ssl is not None and tls_max is not None:
        config.ssl.maximum_version = tls_max
    return config
