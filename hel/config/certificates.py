"""The certificates that a source's `tls` names, checked when they are read and loaded without touching a disk."""

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from pydantic import SecretStr

_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
_BEGIN = "-----BEGIN CERTIFICATE-----"
_MAX_BYTES = 60_000  # what a pipe takes at once on any system


@dataclass(frozen=True, slots=True)
class Tls:
    """How one source uses TLS; sources with equal ones share a client.

    Attributes:
        ca: CA certificates to trust, as PEM; None for the usual ones alone.
        ca_only: Trust no other.
        cert: The client certificate and its chain, as PEM; None for no certificate.
        key: Its private key, as PEM; None where it stands in `cert`.
        min_version: The oldest version to speak.
    """

    ca: str | None = field(default=None, repr=False)
    ca_only: bool = False
    cert: SecretStr | None = None
    key: SecretStr | None = None
    min_version: Literal["1.2", "1.3"] = "1.2"

    def onto(self, context: ssl.SSLContext) -> ssl.SSLContext:
        """The context, with what is set here.

        Raises:
            CertificateError: It can't be used, by the key that names it.
        """
        context.minimum_version = _VERSIONS[self.min_version]
        if self.ca is not None:
            try:
                # Only the comments between the certificates may hold more than ASCII, and OpenSSL skips them.
                context.load_verify_locations(cadata=self.ca.encode("ascii", "replace").decode())
            except (ssl.SSLError, ValueError):
                raise _unreadable("ca", self.ca) from None
        if self.cert is not None:
            cert = self.cert.get_secret_value()
            key = cert if self.key is None else self.key.get_secret_value()
            key_is_in = "client_cert" if self.key is None else "client_key"
            _check_pair(cert, key, key_is_in)
            with _as_file(cert, "client_cert") as cert_path, _as_file(key, key_is_in) as key_path:
                try:
                    context.load_cert_chain(cert_path, key_path)
                except OSError as error:
                    raise _refused(error) from None
        return context


class CertificateError(Exception):
    """A certificate or its key can't be used.

    Args:
        what: `ca`, `client_cert` or `client_key`.
        message: What is wrong.
    """

    def __init__(self, what: str, message: str) -> None:
        super().__init__(message)
        self.what = what


def _unreadable(what: str, text: str) -> CertificateError:
    if _BEGIN in text:
        return CertificateError(what, "a certificate in it can't be read (copy it again, whole)")
    return CertificateError(what, f"no certificate in PEM in it ({_BEGIN})")


def _refused(error: OSError) -> CertificateError:
    reason = getattr(error, "reason", None)
    said = reason.replace("_", " ").lower() if isinstance(reason, str) else error.strerror
    return CertificateError(
        "client_cert", f"OpenSSL refuses it: {said} (copy it again, whole; an RSA key needs 2048 bits or more)"
    )


def _check_pair(cert: str, key: str, key_is_in: str) -> None:
    """See whether the key is that of the certificate; OpenSSL's own words for it are no help."""
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415  # loaded only for a certificate
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415
    from cryptography.x509 import load_pem_x509_certificate  # noqa: PLC0415

    try:
        public = load_pem_x509_certificate(cert.encode()).public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise _unreadable("client_cert", cert) from None
    start = key.find("PRIVATE KEY-----")
    if start < 0:
        raise CertificateError(key_is_in, "no private key in PEM in it (name the key's own file in 'client_key_file')")
    try:
        private = load_pem_private_key(key[key.rindex("-----BEGIN", 0, start) :].encode(), None)
    except TypeError:
        raise CertificateError(
            key_is_in, "the key is encrypted, and Hel can't ask for its password (decrypt it: openssl pkey)"
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise CertificateError(key_is_in, "the private key can't be read (copy it again, whole)") from None
    if private.public_key() != public:
        raise CertificateError(key_is_in, "the key is not that of the client certificate (name its own)")


@contextmanager
def _as_file(text: str, what: str) -> Iterator[str]:
    """A path at which OpenSSL can read this text, which lies on no disk: memory, or the end of a pipe (macOS)."""
    data = text.encode()
    if len(data) > _MAX_BYTES:
        raise CertificateError(what, f"it is larger than {_MAX_BYTES:,} bytes (is it the right file?)")
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("hel-tls", os.MFD_CLOEXEC)
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write(data)
        os.lseek(descriptor, 0, os.SEEK_SET)
    else:
        descriptor, write_end = os.pipe()
        with os.fdopen(write_end, "wb") as file:
            file.write(data)
    try:
        yield f"/dev/fd/{descriptor}"
    finally:
        os.close(descriptor)
