"""What Hel says of its own doings for an auditor: which secret was read when and where, which configuration counts.

The log writes these events only where `global.audit` is on, and then whatever its level; no secret's value is in any.
"""

from hel.config.load import Loaded
from hel.telemetry.log import Log


def say_loaded(loaded: Loaded, log: Log, *, again: bool = False) -> None:
    """Say which configuration counts from now on, and which secrets were read for it.

    Args:
        loaded: The configuration.
        log: The program's log.
        again: It was reloaded.
    """
    log.info(
        "audit.config_reloaded" if again else "audit.config_loaded",
        path=str(loaded.path.absolute()),
        sha256=loaded.digest,
        sources=sorted(loaded.config.sources),
    )
    for name, secrets in loaded.secrets.items():
        for what, origin in secrets.origins.items():
            log.info("audit.secret_read", source=name, secret=what, origin=origin, reason="loaded")
    if (token := loaded.server_token) is not None:
        what = "server's token"
        log.info("audit.secret_read", secret=what, origin=token.origin, reason="loaded")
