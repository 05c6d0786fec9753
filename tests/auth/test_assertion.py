import pytest
from joserfc import jws, jwt
from joserfc.jwk import ECKey, RSAKey

from hel.auth.assertion import LIFETIME_S, client_assertion
from hel.config.keys import PrivateKey

TOKEN_URL = "https://org.okta.com/oauth2/v1/token"
RSA = RSAKey.generate_key(2048)


def keys() -> list[PrivateKey]:
    curves = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
    made = [PrivateKey(ECKey.generate_key(curve), algorithm, None) for algorithm, curve in curves.items()]
    return made + [PrivateKey(RSA, algorithm, "kid-1") for algorithm in ("RS256", "RS384", "RS512")]


@pytest.mark.parametrize("key", keys(), ids=lambda key: key.algorithm)
def test_each_kind_of_key_signs_what_rfc_7523_asks_for(key: PrivateKey) -> None:
    text = client_assertion(key, client_id="0oa1", audience=TOKEN_URL, jti="j-1", issued_at=1000.9)
    token = jwt.decode(text, key.key, algorithms=[key.algorithm])
    assert token.claims == {
        "iss": "0oa1", "sub": "0oa1", "aud": TOKEN_URL, "jti": "j-1", "iat": 1000, "exp": 1000 + LIFETIME_S,
    }  # fmt: skip
    assert token.header == {"typ": "JWT", "alg": key.algorithm} | ({"kid": key.kid} if key.kid else {})
    assert "d" not in jws.extract_compact(text.encode()).headers()


def test_an_assertion_lives_far_less_than_the_hour_that_is_refused_under_skew() -> None:
    """Lesson 18."""
    assert LIFETIME_S <= 300
