"""The token endpoints: the org's own server, and a custom one. Rule: a refused request has used up its assertion.

https://developer.okta.com/docs/reference/api/oidc/#token; errors by RFC 6749 §5.2 and RFC 9449 §8.
"""

import binascii
import hmac
import json
import secrets
from base64 import b64decode
from collections.abc import Callable
from urllib.parse import parse_qsl, unquote_plus

from examples.okta_org.assertion_check import ASSERTION_TYPE, AssertionJudge, AssertionRefusedError
from examples.okta_org.bodies import JSON, oauth_error
from examples.okta_org.dpop_check import ProofError, ProofJudge
from examples.okta_org.nonces import Nonces
from examples.okta_org.records import Answer, Call, RefusedError
from examples.okta_org.tokens import IssuedToken, Tokens

TOKEN_PATH = "/oauth2/v1/token"  # noqa: S105  # a path
CUSTOM_TOKEN_PATH = "/oauth2/default/v1/token"  # noqa: S105  # a path
DISCOVERY_PATH = "/.well-known/openid-configuration"

_NO_STORE = (JSON, ("cache-control", "no-store"), ("pragma", "no-cache"))


class ProofDemand:
    """What a token endpoint wants of DPoP.

    Args:
        policy: `required`, `allowed`, or `off`: proofs are not looked at and tokens are bearer tokens.
        judge: Judges the proofs.
        nonces: This endpoint's nonces; None demands none.
        challenged: Is told of each challenge.
    """

    def __init__(
        self, policy: str, judge: ProofJudge, nonces: Nonces | None, challenged: Callable[[], None] = lambda: None
    ) -> None:
        self.policy = policy
        self.nonces = nonces
        self._judge = judge
        self._challenged = challenged

    def check(self, call: Call) -> str | None:
        """The thumbprint that the token is to be bound to; None for a bearer token.

        Raises:
            RefusedError: The proof is missing or doesn't hold, or lacks the nonce.
        """
        if self.policy == "off" or (self.policy == "allowed" and not call.values("dpop")):
            return None
        try:
            return self._judge.check(call, self.nonces)
        except ProofError as error:
            headers = []
            if error.error == "use_dpop_nonce" and self.nonces is not None:
                headers.append(("dpop-nonce", self.nonces.current))
                self._challenged()
            raise RefusedError(oauth_error(400, error.error, error.description, headers), error.violation) from error


class OrgTokenEndpoint:
    """`POST /oauth2/v1/token`: client credentials with `private_key_jwt`, nothing else.

    Args:
        judge: Judges the assertions.
        proofs: What it wants of DPoP.
        tokens: Where tokens are issued.
        granted: Is told of each token.
    """

    def __init__(
        self,
        judge: AssertionJudge,
        proofs: ProofDemand,
        tokens: Tokens,
        granted: Callable[[], None] = lambda: None,
    ) -> None:
        self._judge = judge
        self._proofs = proofs
        self._tokens = tokens
        self._granted = granted

    def answer(self, call: Call) -> Answer:
        """Issue a token.

        Raises:
            RefusedError: It doesn't.
        """
        form = read_form(call)
        if form.get("grant_type") != "client_credentials":
            raise RefusedError(
                oauth_error(
                    400, "unsupported_grant_type", "The grant type is not supported by the authorization server."
                )
            )
        if form.get("client_assertion_type") != ASSERTION_TYPE or "client_assertion" not in form:
            raise RefusedError(
                oauth_error(
                    401,
                    "invalid_client",
                    "Client Credentials requests to the Org Authorization Server must use the private_key_jwt "
                    "token_endpoint_auth_method.",
                )
            )
        try:
            self._judge.check(call, form["client_assertion"])
        except AssertionRefusedError as error:
            raise RefusedError(oauth_error(401, "invalid_client", error.description), error.violation) from error
        jkt = self._proofs.check(call)
        scopes = tuple(form.get("scope", "").split())
        if not scopes:
            raise RefusedError(
                oauth_error(400, "invalid_scope", "The authorization server has no default scopes: name one."),
                "a token was asked for without a scope",
            )
        if not all(scope.startswith("okta.") for scope in scopes):
            raise RefusedError(
                oauth_error(400, "invalid_scope", "One or more scopes are not configured for the authorization server.")
            )
        token = self._tokens.issue(scopes, jkt)
        self._granted()
        return token_answer(token, self._tokens.lifetime_s)


class CustomTokenEndpoint:
    """`POST /oauth2/default/v1/token`: a client secret or a refresh token, which is rotated at each use.

    Args:
        client_id: The app's.
        client_secret: For HTTP Basic (RFC 6749 §2.3.1).
        proofs: What it wants of DPoP.
        tokens: Where tokens are issued.
    """

    def __init__(self, client_id: str, client_secret: str, proofs: ProofDemand, tokens: Tokens) -> None:
        self.refresh_token = _new_refresh_token()
        self._client_id = client_id
        self._client_secret = client_secret
        self._proofs = proofs
        self._tokens = tokens

    def answer(self, call: Call) -> Answer:
        """Issue a token.

        Raises:
            RefusedError: It doesn't.
        """
        form = read_form(call)
        self._check_client(call)
        jkt = self._proofs.check(call)
        scopes = tuple(form.get("scope", "").split())
        if form.get("grant_type") == "client_credentials":
            if not scopes:
                raise RefusedError(oauth_error(400, "invalid_scope", "The request names no scope."))
            token = self._tokens.issue(scopes, jkt, by_custom_server=True)
            return token_answer(token, self._tokens.lifetime_s)
        if form.get("grant_type") != "refresh_token":
            raise RefusedError(oauth_error(400, "unsupported_grant_type", "The grant type is not supported."))
        if not hmac.compare_digest(form.get("refresh_token", "").encode(), self.refresh_token.encode()):
            raise RefusedError(oauth_error(400, "invalid_grant", "The refresh token is invalid or expired."))
        self.refresh_token = _new_refresh_token()
        token = self._tokens.issue(scopes or ("offline_access",), jkt, by_custom_server=True)
        return token_answer(token, self._tokens.lifetime_s, self.refresh_token)

    def _check_client(self, call: Call) -> None:
        client_id, secret = _basic(call)
        if client_id != self._client_id or not hmac.compare_digest(secret.encode(), self._client_secret.encode()):
            challenge = [("www-authenticate", 'Basic realm="okta"')]
            raise RefusedError(
                oauth_error(
                    401, "invalid_client", "The client id or secret is wrong, or not sent by HTTP Basic.", challenge
                )
            )


def read_form(call: Call) -> dict[str, str]:
    """The form of a token request (RFC 6749 §3.2).

    Raises:
        RefusedError: It is no POST, no form, or repeats a parameter.
    """
    if call.method != "POST":
        raise RefusedError(oauth_error(405, "invalid_request", "The token endpoint takes POST.", [("allow", "POST")]))
    kind = ";".join(call.values("content-type")).partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise RefusedError(oauth_error(400, "invalid_request", "The body must be application/x-www-form-urlencoded."))
    pairs = parse_qsl(call.body.decode("utf-8", "replace"), keep_blank_values=True)
    if len({name for name, _ in pairs}) < len(pairs):
        raise RefusedError(
            oauth_error(400, "invalid_request", "A parameter is repeated."), "a token request repeats a parameter"
        )
    return dict(pairs)


def token_answer(token: IssuedToken, lifetime_s: float, refresh_token: str | None = None) -> Answer:
    """A token's answer (RFC 6749 §5.1)."""
    body = {
        "token_type": token.kind,
        "expires_in": int(lifetime_s),
        "access_token": token.value,
        "scope": " ".join(token.scopes),
    }
    if refresh_token is not None:
        body["refresh_token"] = refresh_token
    return Answer(200, _NO_STORE, json.dumps(body).encode(), note=f"{token.kind} token")


def _basic(call: Call) -> tuple[str, str]:
    """Client id and secret by HTTP Basic; empty where they are not sent so."""
    for value in call.values("authorization"):
        scheme, _, text = value.partition(" ")
        if scheme.lower() == "basic":
            try:
                client_id, _, secret = b64decode(text, validate=True).decode().partition(":")
            except (binascii.Error, ValueError):
                continue
            return unquote_plus(client_id), unquote_plus(secret)
    return "", ""


def _new_refresh_token() -> str:
    return f"rt{secrets.token_urlsafe(32)}"


def discovery(call: Call) -> Answer:
    """The org server's metadata: https://developer.okta.com/docs/reference/api/oidc/#well-known-openid-configuration."""
    origin = f"{call.scheme}://{call.host}"
    body = {
        "issuer": origin,
        "token_endpoint": f"{origin}{TOKEN_PATH}",
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "dpop_signing_alg_values_supported": ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512"],
    }
    return Answer(200, (JSON,), json.dumps(body).encode())
