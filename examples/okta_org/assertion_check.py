"""Judges client assertions, RFC 7523 §3, by Okta's rules. Rule: an assertion counts once, even if it is refused.

https://developer.okta.com/docs/guides/build-api-integration/main/
"""

from collections.abc import Callable
from typing import Any

from examples.okta_org import jws_text
from examples.okta_org.jws_text import PublicKey
from examples.okta_org.records import Call

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LONGEST_S = 3600


class AssertionRefusedError(Exception):
    """An assertion that is refused.

    Attributes:
        description: For the client.
        violation: The rule that was broken; empty for a wrong key or id, or a clock that was not known to be wrong.
    """

    def __init__(self, description: str, violation: str = "") -> None:
        super().__init__(description)
        self.description = description
        self.violation = violation


class AssertionJudge:
    """Judges every assertion that the org gets, and remembers them.

    Args:
        client_id: The app's.
        keys: The app's public keys by `kid`.
        now: The org's clock, epoch seconds.
    """

    def __init__(self, client_id: str, keys: dict[str, PublicKey], now: Callable[[], float]) -> None:
        self._client_id = client_id
        self._keys = keys
        self._now = now
        self._used: set[str] = set()
        self._off_clock = False

    def check(self, call: Call, assertion: str) -> None:
        """Check an assertion sent with a token request.

        Raises:
            AssertionRefusedError: It doesn't hold.
        """
        try:
            header, claims = jws_text.parts(assertion)
        except ValueError as error:
            raise _broken(f"it {error}") from error
        self._check_signature(assertion, header)
        jti = claims.get("jti")
        if not isinstance(jti, str) or not jti:
            raise _broken("jti is missing")
        if jti in self._used:
            raise _broken("jti was used before")
        self._used.add(jti)
        if claims.get("iss") != claims.get("sub"):
            raise _broken("iss and sub differ")
        if claims.get("iss") != self._client_id:
            raise AssertionRefusedError("Invalid value for 'client_id' parameter.")
        if claims.get("aud") not in (call.url, [call.url]):
            raise _broken(f"aud is {claims.get('aud')!r}, the token URL is {call.url!r}")
        self._check_time(claims)

    def _check_signature(self, assertion: str, header: dict[str, Any]) -> None:
        algorithm, kid = header.get("alg"), header.get("kid")
        if algorithm not in jws_text.ALGORITHMS:
            raise _broken(f"alg is {algorithm!r}, not one of {', '.join(jws_text.ALGORITHMS)}")
        if kid is None and len(self._keys) > 1:
            raise AssertionRefusedError("The client_assertion has no 'kid', and the client has more than one key.")
        key = next(iter(self._keys.values())) if kid is None else self._keys.get(str(kid))
        if key is None:
            raise AssertionRefusedError("The client_assertion's 'kid' is none of the client's keys.")
        if not jws_text.is_signed_by(assertion, key, algorithm):
            raise AssertionRefusedError("The client_assertion signature is invalid.")

    def _check_time(self, claims: dict[str, Any]) -> None:
        """An hour is the longest, by the org's clock; a clock may be wrong once."""
        expires_at, issued_at = claims.get("exp"), claims.get("iat")
        if not isinstance(expires_at, int) or isinstance(expires_at, bool):
            raise _broken("exp is not a whole number of seconds")
        ahead_s = expires_at - self._now()
        if isinstance(issued_at, int) and expires_at - issued_at > LONGEST_S:
            raise _broken("it lives for more than an hour")
        if 0 < ahead_s <= LONGEST_S:
            self._off_clock = False
            return
        violation = "assertion: exp is off again, though Date showed the time" if self._off_clock else ""
        self._off_clock = True
        raise AssertionRefusedError(
            "The client_assertion token is expired."
            if ahead_s <= 0
            else "The client_assertion token has an expiration too far into the future.",
            violation,
        )


def _broken(what: str) -> AssertionRefusedError:
    return AssertionRefusedError(f"The client_assertion is invalid: {what}.", f"assertion: {what}")
