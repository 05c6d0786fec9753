"""The certificates of a local org and its clients. Rule: one CA per process; a key is in a file of its owner only."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import trustme

_CLIENT = "client.example.com"


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key, each a PEM file.

    Attributes:
        chain: The certificate.
        key: Its private key, for its owner only.
    """

    chain: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Certificates:
    """What an org and its clients need.

    Attributes:
        ca: The PEM of the CA that all are from.
        server: The org's own.
        client: One for its clients; None where it asks for none.
    """

    ca: Path
    server: Pair
    client: Pair | None


def write(directory: Path, names: Sequence[str], *, client: bool) -> Certificates:
    """Issue certificates and write them to a directory.

    Args:
        directory: Where; whose it is removes it.
        names: Host names and addresses of the org.
        client: Whether clients get one, too.
    """
    ca = directory / "ca.pem"
    _authority().cert_pem.write_to_path(ca)
    return Certificates(
        ca, _issue(directory / "server", names), _issue(directory / "client", [_CLIENT]) if client else None
    )


@functools.cache
def _authority() -> trustme.CA:
    return trustme.CA(organization_name="Local Okta org")


def _issue(directory: Path, names: Sequence[str]) -> Pair:
    directory.mkdir()
    pair = Pair(directory / "chain.pem", directory / "key.pem")
    # trustme's certificates are good for servers and clients (RFC 5280 §4.2.1.12).
    certificate = _authority().issue_cert(*names)
    for blob in certificate.cert_chain_pems:
        blob.write_to_path(pair.chain, append=True)
    pair.key.touch(mode=0o600)
    certificate.private_key_pem.write_to_path(pair.key)
    return pair
