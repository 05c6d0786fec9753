"""How a service account of Google's asks for a token: a signed assertion is the grant (RFC 7523 §2.1).

Source: https://developers.google.com/identity/protocols/oauth2/service-account#httprest
"""

from typing import TYPE_CHECKING
from urllib.parse import urlencode

import msgspec

from hel.auth.assertion import GRANT_TYPE, grant_assertion
from hel.records import Request
from hel.telemetry.redaction import conceal

if TYPE_CHECKING:
    from hel.config.service_account import ServiceAccount


class ServiceAccountGrant(msgspec.Struct, frozen=True):
    """What a token request of a service account is made of.

    Attributes:
        account: The service account, with its key and the token endpoint.
        scopes: What to ask for.
        subject: The user for whom it acts, None for itself.
    """

    account: "ServiceAccount"
    scopes: tuple[str, ...]
    subject: str | None = None

    @property
    def token_url(self) -> str:
        """The token endpoint; also the assertion's audience."""
        return self.account.token_url

    @property
    def refresh_token(self) -> None:
        """None: each token is asked for anew."""
        return None

    def token_request(self, issued_at: float) -> Request:
        """A token request signed for this send alone.

        Args:
            issued_at: Epoch seconds by the server's clock.
        """
        assertion = grant_assertion(
            self.account.key,
            issuer=self.account.email,
            audience=self.token_url,
            scopes=self.scopes,
            issued_at=issued_at,
            subject=self.subject,
        )
        conceal(assertion)
        form = {"grant_type": GRANT_TYPE, "assertion": assertion}
        headers = {"accept": "application/json", "content-type": "application/x-www-form-urlencoded"}
        return Request("POST", self.token_url, headers, urlencode(form).encode())
