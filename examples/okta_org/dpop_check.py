"""Judges DPoP proofs, RFC 9449 §4.3, as strictly as Okta. Rule: a proof counts once, even if it is refused.

https://developer.okta.com/docs/guides/dpop/nonoktaresourceserver/main/
"""

from base64 import urlsafe_b64encode
from collections.abc import Callable, Collection
from hashlib import sha256
from typing import Any

from examples.okta_org import jws_text
from examples.okta_org.nonces import Nonces
from examples.okta_org.records import Call

LEEWAY_S = 300
_PRIVATE_MEMBERS = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


class ProofError(Exception):
    """A proof that is refused.

    Attributes:
        error: `invalid_dpop_proof` or `use_dpop_nonce`.
        description: For the client.
        violation: The rule that was broken; empty where the client could not know better.
    """

    def __init__(self, description: str, violation: str = "", error: str = "invalid_dpop_proof") -> None:
        super().__init__(description)
        self.error = error
        self.description = description
        self.violation = violation


class ProofJudge:
    """Judges every proof that the org gets, and remembers them.

    Args:
        now: The org's clock, epoch seconds.
        client_thumbprints: The thumbprints (RFC 7638) of the app's own keys, which no proof may use.
    """

    def __init__(self, now: Callable[[], float], client_thumbprints: Callable[[], Collection[str]]) -> None:
        self._now = now
        self._client_thumbprints = client_thumbprints
        self._used: set[str] = set()
        self._off_clock: set[str] = set()

    def check(self, call: Call, nonces: Nonces | None, access_token: str | None = None) -> str:
        """Check a request's proof; returns the thumbprint of its key.

        Args:
            call: The request.
            nonces: The nonces to demand, if any are.
            access_token: On a resource call, the token that goes along.

        Raises:
            ProofError: No proof, or one that doesn't hold.
        """
        proofs = call.values("dpop")
        if not proofs:
            raise ProofError("The DPoP proof JWT header is missing.")
        if len(proofs) > 1:
            raise _broken("there is more than one DPoP header")
        try:
            header, claims = jws_text.parts(proofs[0])
        except ValueError as error:
            raise _broken(f"the proof {error}") from error
        jkt = self._check_key(proofs[0], header)
        self._check_jti(claims.get("jti"))
        _check_request(call, claims, access_token)
        self._check_time(jkt, claims.get("iat"))
        if nonces is not None and not nonces.accepts(claims.get("nonce")):
            repeated = nonces.hand_to(jkt)
            raise ProofError(
                "Authorization server requires nonce in DPoP proof.",
                "DPoP: the nonce that was handed out was not used" if repeated else "",
                "use_dpop_nonce",
            )
        return jkt

    def _check_key(self, proof: str, header: dict[str, Any]) -> str:
        """The header and signature; returns the key's thumbprint."""
        if header.get("typ") != "dpop+jwt":
            raise _broken(f"typ is {header.get('typ')!r}, not 'dpop+jwt'")
        algorithm = header.get("alg")
        if algorithm not in jws_text.ALGORITHMS:
            raise _broken(f"alg is {algorithm!r}, not one of {', '.join(jws_text.ALGORITHMS)}")
        jwk = header.get("jwk")
        if not isinstance(jwk, dict):
            raise _broken("jwk is missing")
        if private := _PRIVATE_MEMBERS & jwk.keys():
            raise _broken(f"jwk has private members: {', '.join(sorted(private))}")
        try:
            key = jws_text.public_key(jwk)
        except ValueError as error:
            raise _broken(f"jwk {error}") from error
        if not jws_text.is_signed_by(proof, key, algorithm):
            raise _broken("the signature is not that of its jwk")
        jkt = key.thumbprint()
        if jkt in self._client_thumbprints():
            raise _broken("jwk is the client's own key")
        return jkt

    def _check_jti(self, jti: object) -> None:
        if not isinstance(jti, str) or not jti:
            raise _broken("jti is missing")
        if jti in self._used:
            raise _broken("jti was used before")
        self._used.add(jti)

    def _check_time(self, jkt: str, issued_at: object) -> None:
        """A clock may be wrong once: the refusal's `Date` shows by how much."""
        if not isinstance(issued_at, int) or isinstance(issued_at, bool):
            raise _broken("iat is not a whole number of seconds")
        off_s = issued_at - self._now()
        if abs(off_s) <= LEEWAY_S:
            self._off_clock.discard(jkt)
            return
        violation = "DPoP: iat is off again, though Date showed the time" if jkt in self._off_clock else ""
        self._off_clock.add(jkt)
        way = "in the future" if off_s > 0 else "expired"
        raise ProofError(f"The DPoP proof JWT is {way}: iat is off by {off_s:.0f} s.", violation)


def _check_request(call: Call, claims: dict[str, Any], access_token: str | None) -> None:
    """The proof is for this request and this token."""
    if claims.get("htm") != call.method:
        raise _broken(f"htm is {claims.get('htm')!r}, the method is {call.method!r}")
    if claims.get("htu") != call.url:
        raise _broken(f"htu is {claims.get('htu')!r}, the URL is {call.url!r}")
    if access_token is not None and claims.get("ath") != ath(access_token):
        raise _broken("ath is not the access token's hash" if "ath" in claims else "ath is missing")


def ath(access_token: str) -> str:
    """The hash of an access token (RFC 9449 §4.2)."""
    return urlsafe_b64encode(sha256(access_token.encode()).digest()).rstrip(b"=").decode()


def _broken(what: str) -> ProofError:
    return ProofError(f"The DPoP proof JWT is invalid: {what}.", f"DPoP: {what}")
