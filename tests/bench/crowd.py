"""A Hel with many sources: each its own org at its own address, by TLS."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from examples.okta_org import keys
from tests.bench import metrics
from tests.bench.children import HEL, BenchError, Live, live
from tests.bench.metrics import Scrape, Scraper
from tests.bench.org_server import address
from tests.bench.stage import Stage, configure, served, source

KEYS = 30
"""Clients share a few RSA keys, for to make a thousand takes minutes; Hel does not know that they are equal."""


class Crowd:
    """Writes the configuration and starts it.

    Args:
        stage: Where.
        port: The orgs' server.
        certificates: The folder of its CA, and of the clients' keys.
    """

    def __init__(self, stage: Stage, port: int, certificates: Path) -> None:
        self.port = port
        self.ca = certificates / "ca.pem"
        self._stage = stage
        self._certificates = certificates

    def source(self, number: int, auth: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        """The source of this org."""
        return source(f"https://{address(number)}:{self.port}", auth, tls={"ca_file": str(self.ca)}, **more)

    def client(self, number: int) -> dict[str, Any]:
        """The `auth` of this org's client: a private key and DPoP."""
        return {
            "type": "oauth2",
            "token_url": f"https://{address(number)}:{self.port}/oauth2/v1/token",
            "client_id_env": f"CLIENT_{number}",
            "client_private_key_file": str(self._key(number % KEYS)),
            "scopes": ["okta.logs.read"],
            "dpop": True,
        }

    @contextmanager
    def hel(self, sources: Mapping[str, Any], environment: Mapping[str, str]) -> Iterator[tuple[Live, Scraper]]:
        """One that runs, once its server listens."""
        room = self._stage.room(f"hel-{len(sources)}")
        configure(room, sources, server=metrics.SERVER)
        with live([HEL, "run", "--output", "events"], room, environment) as hel:
            yield hel, Scraper(hel, room, within_s=300)

    def _key(self, number: int) -> Path:
        path = self._certificates / f"key-{number}.pem"
        if not path.exists():
            path.write_text(keys.make(path.stem).pem)
        return path


@contextmanager
def crowd(stage: Stage, orgs: int) -> Iterator[Crowd]:
    """So many orgs, and who starts a Hel for them."""
    certificates = stage.room("certificates")
    with served("org_server", str(orgs), str(certificates)) as port:
        yield Crowd(stage, port, certificates)


def check(scrape: Scrape, count: int, ticks: int = 1) -> None:
    """Each source had so many ticks, none failed, and Hel knows of each how late it was.

    Raises:
        BenchError: It is not so.
    """
    done, failures = scrape.by_source("hel_ticks_total"), scrape.total("hel_tick_failures_total")
    known = scrape.buckets(metrics.DELAY).get(math.inf, 0)
    if len(done) != count or min(done) < ticks or failures or known < sum(done):
        raise BenchError(
            f"of {count} sources {sum(one >= ticks for one in done)} had {ticks} ticks, {failures:.0f} failed; "
            f"of {sum(done):.0f} ticks {known:.0f} said how late they were"
        )
