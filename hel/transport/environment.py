"""What the environment says of the way to the network: which CAs to trust, and which proxies to go through."""

import os
import ssl
from base64 import b64encode
from urllib.parse import unquote, urlsplit

from hel.config.certificates import Tls
from hel.errors import ConfigError
from hel.telemetry.redaction import conceal
from hel.transport.http import httpx

BAD_PROXY = ConfigError(
    "the environment names a proxy that can't be used",
    "HTTPS_PROXY, HTTP_PROXY and ALL_PROXY take http://host:port, NO_PROXY a list of hosts",
)
"""Whichever it is: its URL may hold a password."""


def context_of(tls: Tls) -> ssl.SSLContext:
    """Who is trusted: the CAs of certifi or of the environment, and those that `tls` names, or these alone.

    Raises:
        ConfigError: The environment names some that can't be loaded.
    """
    if tls.ca_only:
        return tls.onto(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    try:
        context = httpx.create_ssl_context()
    except OSError as error:
        raise ConfigError(
            f"the CA certificates can't be loaded: {error.strerror or error}",
            "SSL_CERT_FILE must name a readable file of PEM certificates, SSL_CERT_DIR a folder of them",
        ) from error
    return tls.onto(context)


def check_proxies() -> None:
    """See whether the environment's proxies have ports that exist, and hide their passwords.

    A proxy's error must not show the password that the environment gives for it, nor the header made of it.

    Raises:
        ConfigError: One has not.
    """
    for name, value in os.environ.items():
        if name.lower() not in {"http_proxy", "https_proxy", "all_proxy"}:
            continue
        try:
            urlsplit(value if "://" in value else f"//{value}").port  # noqa: B018  # it raises
        except ValueError:
            raise BAD_PROXY from None
        user, _, written = value.rpartition("@")[0].rpartition("//")[2].partition(":")
        if written:
            password = unquote(written)
            basic = b64encode(f"{unquote(user)}:{password}".encode(errors="surrogateescape")).decode()
            for secret in (written, password, basic):
                conceal(secret, for_good=True)
