"""A credential whose secret stands in a file: after a 401 the file is read again, for it may have been replaced."""

from collections.abc import Callable
from dataclasses import replace

import anyio.to_thread

from hel.auth.credential import Credential, Renewal
from hel.config.secrets import Secrets
from hel.records import Reply, Request
from hel.telemetry.log import Log


class Rereader:
    """Knows the secrets as they were read last.

    Args:
        secrets: As they were read at first.
        log: Told of those that have changed since.
    """

    def __init__(self, secrets: Secrets, log: Log) -> None:
        self._secrets = secrets
        self._log = log

    async def changed(self) -> Secrets | None:
        """The secrets as their files have them now, if they are others; whoever renews a file may just be at it."""
        fresh = await anyio.to_thread.run_sync(self._secrets.again, abandon_on_cancel=True)
        for what, origin in (fresh.origins if fresh else {}).items():
            self._log.info("audit.secret_read", secret=what, origin=origin, reason="refused")
        fresh = fresh and replace(fresh, tls=self._secrets.tls)  # which are not read for this
        if fresh is None or fresh.are(self._secrets):
            return None
        self._secrets = fresh
        self._log.info("secret.changed", secrets=sorted(fresh.origins), origins=sorted(set(fresh.origins.values())))
        return fresh


class RereadCredential:
    """What sends the same with every request, until its file says otherwise.

    Args:
        secrets: As they were read at first.
        make: Makes the credential of secrets.
        log: Told of secrets that have changed.
    """

    def __init__(self, secrets: Secrets, make: Callable[[Secrets], Credential], log: Log) -> None:
        self._rereader = Rereader(secrets, log)
        self._make = make
        self._now = make(secrets)

    async def ready(self) -> None:
        """Nothing is needed."""

    def is_ready(self) -> bool:
        """Always."""
        return True

    async def sign(self, request: Request) -> dict[str, str]:
        """The headers with the secret that is known now."""
        return await self._now.sign(request)

    def learn(self, signed: Request, reply: Reply) -> Renewal | None:  # noqa: ARG002  # nothing to learn from it
        """Nothing to learn."""
        return None

    async def reread(self) -> bool:
        """Whether the file holds another secret by now, which is taken."""
        fresh = await self._rereader.changed()
        if fresh is not None:
            self._now = self._make(fresh)
        return fresh is not None

    async def aclose(self) -> None:
        """Nothing under way."""
