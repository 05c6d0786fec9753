"""Proofs, against RFC 9449's own examples."""

from base64 import urlsafe_b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws, jwt
from joserfc.jwk import ECKey, RSAKey

from hel.auth.client import fresh_jti
from hel.auth.dpop import ProofKey, ath, htu

LOG = "https://org.okta.com/api/v1/logs"

RFC9449_TOKEN = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
RFC9449_ATH = "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"
RFC9449_REQUEST = "https://resource.example.org/protectedresource"
RFC9449_JWK: dict[str, str | list[str]] = {
    "kty": "EC",
    "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
    "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
    "crv": "P-256",
}
RFC9449_JKT = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
RFC7638_JWK: dict[str, str | list[str]] = {
    "kty": "RSA",
    "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3"
    "oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6"
    "qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJ"
    "zKnqDKgw",
    "e": "AQAB",
}


def claims_of(proof: str, key: ECKey | None = None) -> dict[str, object]:
    header = jws.extract_compact(proof.encode()).headers()
    return dict(jwt.decode(proof, key or ECKey.import_key(header["jwk"]), algorithms=["ES256"]).claims)


def test_ath_is_that_of_rfc_9449_section_7_1() -> None:
    assert ath(RFC9449_TOKEN) == RFC9449_ATH


def test_htu_is_that_of_rfc_9449_section_4_1() -> None:
    assert htu(RFC9449_REQUEST) == RFC9449_REQUEST


@pytest.mark.parametrize(
    ("key", "thumbprint"),
    [
        (RSAKey.import_key(RFC7638_JWK), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"),
        (ECKey.import_key(RFC9449_JWK), RFC9449_JKT),
    ],
    ids=["RFC 7638 §3.1", "RFC 9449 §6.1"],
)
def test_the_library_names_a_public_key_by_its_thumbprint(key: RSAKey | ECKey, thumbprint: str) -> None:
    assert key.thumbprint() == thumbprint


def test_the_proof_of_rfc_9449_is_a_proof_to_the_same_reader_as_ours() -> None:
    proof = (
        "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJo"
        "RjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19"
        ".eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0"
        "IjoxNTYyMjYyNjE2fQ"
        ".2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg"
    )
    theirs = claims_of(proof)
    ours = claims_of(
        ProofKey().proof("POST", "https://server.example.com/token", jti="-BwC3ESc6acc2lTc", issued_at=1562262616.9)
    )
    assert ours == theirs


def test_the_header_names_each_thing_once_and_only_public_members_of_the_key() -> None:
    """Lesson 19."""
    proof = ProofKey().proof("GET", LOG, jti="j", issued_at=1.0)
    header = jws.extract_compact(proof.encode()).headers()
    assert sorted(header) == ["alg", "jwk", "typ"]
    assert (header["typ"], header["alg"]) == ("dpop+jwt", "ES256")
    assert sorted(header["jwk"]) == ["crv", "kty", "x", "y"]
    raw = urlsafe_b64decode(proof.split(".")[0] + "==")
    assert [raw.count(name) for name in (b'"typ"', b'"alg"', b'"jwk"', b'"d"')] == [1, 1, 1, 0]


def test_htm_is_the_exact_method() -> None:
    """Lesson 13."""
    for method in ("GET", "POST"):
        assert claims_of(ProofKey().proof(method, LOG, jti="j", issued_at=1.0))["htm"] == method


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (f"{LOG}?since=x&limit=1000#part", LOG),
        ("https://org.okta.com/api/v1/users/a%2fB%20c/logs?q=%2F", "https://org.okta.com/api/v1/users/a%2fB%20c/logs"),
        ("https://Org.Okta.com:8443/x?y", "https://Org.Okta.com:8443/x"),
        (f"{LOG}?redirect=https://x/#?", LOG),
        ("https://org.okta.com//api", "https://org.okta.com//api"),
    ],
)
def test_htu_is_the_url_as_sent_without_query_and_fragment(url: str, expected: str) -> None:
    """Lesson 14."""
    assert htu(url) == expected


@given(st.text(st.sampled_from("abZ%2fF/:.;,='~")), st.text(st.sampled_from("ab?/#%&=")))
def test_htu_is_always_a_beginning_of_the_url(path: str, query: str) -> None:
    assert htu(f"https://org/{path}?{query}") == f"https://org/{path}"


def test_a_nonce_and_a_tokens_hash_stand_in_the_proof_only_where_there_are_any() -> None:
    key = ProofKey()
    assert sorted(claims_of(key.proof("GET", LOG, jti="j", issued_at=1.0))) == ["htm", "htu", "iat", "jti"]
    both = claims_of(key.proof("GET", LOG, jti="j", issued_at=1.0, nonce="n", access_token=RFC9449_TOKEN))
    assert (both["nonce"], both["ath"]) == ("n", RFC9449_ATH)


def test_the_moment_is_a_whole_second_and_never_ahead() -> None:
    assert claims_of(ProofKey().proof("GET", LOG, jti="j", issued_at=1562262616.999))["iat"] == 1562262616


def test_each_process_has_a_key_of_its_own() -> None:
    proofs = [ProofKey().proof("GET", LOG, jti="j", issued_at=1.0) for _ in range(2)]
    keys = [jws.extract_compact(proof.encode()).headers()["jwk"]["x"] for proof in proofs]
    assert keys[0] != keys[1]


def test_two_proofs_within_a_second_have_different_jti() -> None:
    """Lesson 20."""
    made = {fresh_jti() for _ in range(1000)}
    assert len(made) == 1000
    assert all(len(jti) >= 22 for jti in made)
