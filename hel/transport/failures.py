"""The words for a request that got no answer, by the exception that started it."""

import socket
import ssl
from typing import TypeGuard

from hel.errors import RefusedError, ReplyError, SourceError, Trouble, UnreachableError
from hel.telemetry.printable import printable
from hel.transport.http import httpx

AGAIN_FIX = "nothing to do unless it lasts: Hel asks again by itself; then look at what stands between it and the API"


def unsendable(origin: str) -> RefusedError:
    """The request holds what HTTP does not allow."""
    return RefusedError(
        f"the request to {origin} can't be sent: its URL or one of its headers holds what HTTP does not allow",
        "look for a line break, a space at an end or a letter outside ASCII in the token and the URL",
    )


def timed_out(origin: str, within_s: float) -> UnreachableError:
    """The request as a whole took too long."""
    return UnreachableError(
        f"no complete answer from {origin} within {within_s:g} s",
        "if the API is slow, raise `resilience.timeout_secs` or lower `limit`",
        trouble=Trouble.TIMEOUT,
    )


Failure = httpx.HTTPError | ssl.SSLError
"""What the client raises where there is no answer."""


def explain_failure(error: Failure, origin: str) -> SourceError:
    """What a failed request means."""
    causes = list(_causes(error))
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return UnreachableError(
            f"the name of {origin} can't be resolved",
            "check that name, in hel.yaml or in the variable that it comes from (OKTA_DOMAIN is the domain alone, such "
            "as dev-12345.okta.com), and this machine's DNS",
            trouble=Trouble.DNS,
        )
    if isinstance(error, httpx.TimeoutException):
        return _explain_timeout(error, origin)
    if found := next((cause for cause in causes if _is_refusal(cause, error)), None):
        return _explain_tls(found, origin)
    if isinstance(error, httpx.ProxyError):
        return UnreachableError(
            f"the proxy refused the way to {origin}: {printable(str(error))}",
            "check HTTPS_PROXY and NO_PROXY",
            trouble=Trouble.CONNECT,
        )
    if isinstance(error, httpx.ConnectError):
        return UnreachableError(
            f"no connection to {origin}: {printable(str(causes[-1]))}",
            "check the domain, proxy and firewall",
            trouble=Trouble.CONNECT,
        )
    return _explain_break(error, origin)


def _is_refusal(cause: BaseException, error: Failure) -> TypeGuard[ssl.SSLError]:
    """Whether one side would not have the other's TLS: in the handshake, or by an alert that came after it."""
    if not isinstance(cause, ssl.SSLError) or isinstance(cause, ssl.SSLWantReadError | ssl.SSLWantWriteError):
        return False
    return isinstance(error, httpx.ConnectError) or "ALERT" in (cause.reason or "")


def _explain_timeout(error: httpx.TimeoutException, origin: str) -> UnreachableError:
    if isinstance(error, httpx.ConnectTimeout):
        message = f"no connection to {origin} in time"
        fix = "check the domain, proxy and firewall; on a slow network raise `resilience.connect_timeout_secs`"
    else:
        message = f"nothing came from {origin} for too long"
        fix = "if the API is slow, raise `resilience.read_timeout_secs` or lower `limit`"
    return UnreachableError(message, fix, Trouble.TIMEOUT)


def _explain_tls(error: ssl.SSLError, origin: str) -> UnreachableError:
    """A TLS handshake that failed, or an alert that came with the first answer (RFC 8446 §6.2)."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return UnreachableError(
            f"the certificate of {origin} can't be trusted: {printable(error.verify_message)}",
            _CERTIFICATE_FIXES.get(error.verify_code, _ANY_CERTIFICATE_FIX),
            trouble=Trouble.CERTIFICATE,
        )
    reason = error.reason or ""
    fix = next((fix for words, fix in _TLS_FIXES if any(word in reason for word in words)), _ANY_TLS_FIX)
    return UnreachableError(f"no TLS connection to {origin}: {printable(str(error))}", fix, trouble=Trouble.TLS)


_ANY_CERTIFICATE_FIX = "if a private CA signed it, name its file in `tls.ca_file` or SSL_CERT_FILE"
_DATED = "if this machine's clock is right, the server needs a new certificate"
_MISNAMED = "check the domain in the URL; the server has a certificate for other names"
_CERTIFICATE_FIXES = {9: _DATED, 10: _DATED, 62: _MISNAMED, 64: _MISNAMED}
"""By OpenSSL's X509_V_ERR_* codes: not yet valid, expired, another host name, another address."""


_TLS_FIXES = (
    (("WRONG_VERSION_NUMBER", "HTTP_REQUEST"), "is that port an https one?"),
    (
        ("CERTIFICATE_REQUIRED", "BAD_CERTIFICATE", "UNKNOWN_CA", "HANDSHAKE_FAILURE"),
        "if the server wants a client certificate, name one in `tls.client_cert_file`, from a CA that it trusts",
    ),
    (
        ("VERSION", "PROTOCOL"),
        "the two share no TLS version: the server must speak TLS 1.2 or newer, and no less than `tls.min_version`",
    ),
)
"""By what OpenSSL's reason holds; the first that fits."""

_ANY_TLS_FIX = (
    "is that port an https one? If it is, the two may share no TLS version (the server must speak TLS 1.2 or newer, "
    "and no less than `tls.min_version`), or it wants a client certificate (`tls.client_cert_file`)"
)


def _explain_break(error: Failure, origin: str) -> SourceError:
    """The connection was there, and what came over it was no answer, or not all of it."""
    said = printable(str(error).partition(": bytearray(")[0]) or type(error).__name__  # h11 quotes what came
    if "_SWITCH_UPGRADE" in said:
        said = "it answered 101, a switch to another protocol that nobody asked for"
    if "buffer limit" in said or "too long" in said:  # h11 tells it by its words alone
        return ReplyError(
            f"the head of the answer from {origin} is larger than 100 KiB",
            "look at what answers there, which may be a proxy",
            trouble=Trouble.TOO_LARGE,
        )
    is_cut = "complete message body" in said or "chunked" in said
    fix = AGAIN_FIX
    if "without sending a response" in said:
        fix += "; if it never works, the server may want a client certificate (`tls.client_cert_file`)"
    return UnreachableError(
        f"the connection to {origin} broke: {said}", fix, trouble=Trouble.CUT if is_cut else Trouble.RESET
    )


def _causes(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found
