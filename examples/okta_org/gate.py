"""Who may read the log: the `Authorization` of an API call. Rule: scheme, token and proof must fit together.

`SSWS` and OAuth at Okta: https://developer.okta.com/docs/guides/implement-oauth-for-okta/. DPoP: RFC 9449 §7.
"""

import hmac

from examples.okta_org.bodies import okta_error
from examples.okta_org.dpop_check import ProofError, ProofJudge
from examples.okta_org.nonces import Nonces
from examples.okta_org.records import Answer, Call, RefusedError
from examples.okta_org.tokens import IssuedToken, Tokens

SCOPE = "okta.logs.read"


class Gate:
    """Lets a call to the API in, or says why not.

    Attributes:
        admin_role: Whether the app has one that may read the log.
        granted_scopes: Those granted to the app.
        demands_nonces: Whether a proof must carry the API's nonce.
    """

    def __init__(self, api_token: str, tokens: Tokens, judge: ProofJudge, nonces: Nonces) -> None:
        self.admin_role = True
        self.granted_scopes = frozenset({SCOPE})
        self.demands_nonces = False
        self.api_token = api_token
        self._tokens = tokens
        self._judge = judge
        self._nonces = nonces

    def admit(self, call: Call) -> None:
        """Let a call in.

        Raises:
            RefusedError: It may not.
        """
        credentials = call.values("authorization")
        if not credentials:
            raise RefusedError(okta_error(403, "E0000005"))
        if len(credentials) > 1:
            raise RefusedError(_invalid_token(), "more than one Authorization header")
        scheme, _, value = credentials[0].partition(" ")
        if scheme == "SSWS":
            if not hmac.compare_digest(value.encode(), self.api_token.encode()):
                raise RefusedError(_invalid_token())
            return
        if scheme not in {"Bearer", "DPoP"}:
            raise RefusedError(_invalid_token())
        proven = self._check_proof(call, value) if scheme == "DPoP" else None
        token = self._tokens.find(value)
        if token is None:
            raise RefusedError(_invalid_token(scheme))
        self._check_binding(token, scheme, proven)
        self._check_rights(token)

    def _check_proof(self, call: Call, value: str) -> str:
        try:
            return self._judge.check(call, self._nonces if self.demands_nonces else None, access_token=value)
        except ProofError as error:
            challenge = f'DPoP error="{error.error}", error_description="{error.description}"'.replace("'", "")
            headers = [("www-authenticate", challenge)]
            if error.error == "use_dpop_nonce":
                headers.append(("dpop-nonce", self._nonces.current))
            # Okta's answers to a bad proof may have no body at all; the header says it.
            raise RefusedError(Answer(401, tuple(headers), note=error.description), error.violation) from error

    def _check_binding(self, token: IssuedToken, scheme: str, proven: str | None) -> None:
        if token.kind != scheme:
            raise RefusedError(_invalid_token(scheme), f"a {token.kind} token was sent as {scheme}")
        if token.jkt != proven:
            raise RefusedError(
                _invalid_token(scheme), "DPoP: the proof's key is not the one that the token is bound to"
            )

    def _check_rights(self, token: IssuedToken) -> None:
        if token.by_custom_server:
            raise RefusedError(okta_error(403, "E0000006", note="a token of a custom authorization server"))
        if SCOPE not in token.scopes or SCOPE not in self.granted_scopes:
            challenge = f'{token.kind} error="insufficient_scope", scope="{SCOPE}"'
            raise RefusedError(
                okta_error(403, "E0000006", headers=[("www-authenticate", challenge)], note=f"{SCOPE} is not granted")
            )
        if not self.admin_role:
            raise RefusedError(okta_error(403, "E0000006", note="the app has no admin role"))


def _invalid_token(scheme: str = "") -> Answer:
    challenge = [("www-authenticate", f'{scheme} error="invalid_token"')] if scheme else []
    return okta_error(401, "E0000011", headers=challenge)
