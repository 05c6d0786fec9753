"""Who a source trusts and how it shows who it is, on the level of TLS. Verification can't be switched off."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import Field

from hel.config.fields import EnvName, Flag, LocatedPath, is_true
from hel.config.section import Conflict, Section

_OFF = frozenset(
    {"verify", "verify_certificate", "verify_certificates", "verify_hostname", "check_hostname", "validate_certs"}
    | {"insecure", "insecure_skip_verify", "skip_verify", "ssl_verify", "tls_verify", "verification_mode"}
)
"""What other programs call the switch."""


class TlsConfig(Section):
    """Certificates, of the server's CA and of the client."""

    ca_file: LocatedPath | None = Field(
        None, description="A file of CA certificates (PEM) to trust besides the usual ones."
    )
    ca_env: EnvName | None = Field(
        None, description="The environment variable that holds such certificates; `ca_file` wins."
    )
    ca_only: Flag = Field(default=False, description="Trust the CA named here and no other.")
    client_cert_file: LocatedPath | None = Field(
        None, description="The file of the client certificate (PEM, its chain behind it), for mutual TLS."
    )
    client_cert_env: EnvName | None = Field(
        None, description="The environment variable that holds the client certificate; `client_cert_file` wins."
    )
    client_key_file: LocatedPath | None = Field(
        None, description="The file of its private key (PEM); default: it stands in the certificate's file."
    )
    client_key_env: EnvName | None = Field(
        None, description="The environment variable that holds its private key; `client_key_file` wins."
    )
    min_version: Literal["1.2", "1.3"] = Field("1.2", description="The oldest version of TLS to speak.")

    @classmethod
    def unknown_key(cls, key: str) -> str:
        """There is no way to trust everybody."""
        if key in _OFF:
            return "certificates are always verified (for a private CA name its certificate in 'ca_file')"
        return super().unknown_key(key)

    @classmethod
    def conflicts(cls, given: Mapping[str, Any]) -> Iterator[Conflict]:
        """No CA to trust alone, or a key without its certificate."""

        def names(what: str) -> bool:
            return given.get(f"{what}_file") is not None or given.get(f"{what}_env") is not None

        if is_true(given.get("ca_only")) and not names("ca"):
            yield ("ca_only",), "there is no CA to trust alone (add 'ca_file: PATH' or 'ca_env: NAME')"
        if names("client_key") and not names("client_cert"):
            where = "client_key_file" if given.get("client_key_file") is not None else "client_key_env"
            yield (where,), "there is a key but no certificate (add 'client_cert_file: PATH')"
