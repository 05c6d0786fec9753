import base64
import json
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given
from hypothesis import strategies as st
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, RSAKey

from hel.config.keys import read_private_key

PASSWORD = BestAvailableEncryption(b"x")


def pem(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey,
    kind: PrivateFormat = PrivateFormat.PKCS8,
) -> str:
    return key.private_bytes(Encoding.PEM, kind, NoEncryption()).decode()


@pytest.mark.parametrize("kind", [PrivateFormat.TraditionalOpenSSL, PrivateFormat.PKCS8, PrivateFormat.OpenSSH])
def test_an_rsa_key_is_read_from_pkcs1_pkcs8_and_openssh(rsa_key: rsa.RSAPrivateKey, kind: PrivateFormat) -> None:
    key = read_private_key(pem(rsa_key, kind), "k1")
    assert (key.algorithm, key.kid) == ("RS256", "k1")
    assert key.key.as_dict(private=True)["n"] == RSAKey.import_key(rsa_key).as_dict()["n"]


@pytest.mark.parametrize("kind", [PrivateFormat.TraditionalOpenSSL, PrivateFormat.PKCS8])
@pytest.mark.parametrize(
    ("curve", "algorithm"), [(ec.SECP256R1(), "ES256"), (ec.SECP384R1(), "ES384"), (ec.SECP521R1(), "ES512")]
)
def test_an_ec_keys_curve_decides_its_algorithm(kind: PrivateFormat, curve: ec.EllipticCurve, algorithm: str) -> None:
    assert read_private_key(pem(ec.generate_private_key(curve), kind)).algorithm == algorithm


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace("\n", "\\n"),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "\\r\\n"),
        lambda text: text.replace("\n", " "),
        lambda text: f'  "{text}"\n',
        lambda text: "\ufeff" + text,
        lambda text: "Bag Attributes\n  friendlyName: x\n" + text,
        lambda text: "\n".join("    " + line for line in text.splitlines()),
    ],
    ids=["literal n", "CRLF", "literal CRLF", "one line", "quoted", "BOM", "text before", "indented"],
)
def test_a_pem_is_read_however_the_environment_has_bent_it(rsa_pem: str, spoil: Callable[[str], str]) -> None:
    assert read_private_key(spoil(rsa_pem)).key == read_private_key(rsa_pem).key


def test_the_ec_key_is_found_behind_its_parameters() -> None:
    text = pem(ec.generate_private_key(ec.SECP256R1()), PrivateFormat.TraditionalOpenSSL)
    parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    assert read_private_key(parameters + text).algorithm == "ES256"


def test_a_jwks_own_alg_and_kid_count_and_the_given_kid_wins(rsa_key: rsa.RSAPrivateKey) -> None:
    jwk = json.dumps({**RSAKey.import_key(rsa_key).as_dict(private=True), "alg": "RS384", "kid": "own", "x5t": 5})
    assert (read_private_key(jwk).algorithm, read_private_key(jwk).kid) == ("RS384", "own")
    assert read_private_key(jwk, "given").kid == "given"


def test_an_ec_jwk_is_read() -> None:
    jwk = ECKey.generate_key("P-384").as_dict(private=True)
    assert read_private_key(json.dumps(jwk)).algorithm == "ES384"


def test_no_repr_shows_the_key(rsa_key: rsa.RSAPrivateKey) -> None:
    assert repr(read_private_key(pem(rsa_key))) == "PrivateKey(algorithm='RS256', kid=None)"


def refused(text: str) -> str:
    with pytest.raises(ValueError) as raised:
        read_private_key(text)
    assert raised.value.__cause__ is None
    return str(raised.value)


def test_a_text_that_is_no_private_key_is_told_what_it_is(rsa_key: rsa.RSAPrivateKey, rsa_pem: str) -> None:
    public = rsa_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    encrypted = rsa_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, PASSWORD).decode()
    old_encrypted = rsa_key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, PASSWORD).decode()
    assert "public key" in refused(public)
    assert "public key" in refused("ssh-rsa AAAAB3Nz x@y")
    assert "encrypted" in refused(encrypted)
    assert "encrypted" in refused(old_encrypted)
    assert "certificate" in refused("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----")
    assert "cut off" in refused(rsa_pem[:800])
    assert "no beginning" in refused(rsa_pem[100:])
    assert "damaged" in refused(rsa_pem.replace(rsa_pem[100:900], ""))
    assert "Base64" in refused(f"{rsa_pem[:100]}\u00e9{rsa_pem[101:]}")
    assert "empty" in refused(" \n")
    assert "no private key" in refused("./priv.pem")
    assert "neither RSA nor EC" in refused(pem(ed25519.Ed25519PrivateKey.generate()))
    assert "curve is not supported" in refused(pem(ec.generate_private_key(ec.SECP256K1())))


@pytest.mark.parametrize("spoilt", [("d", "dmp1"), ("d", "dmq1"), ("d", "iqmp")])
def test_an_rsa_key_whose_numbers_sign_what_its_public_half_refuses_is_damaged(
    rsa_key: rsa.RSAPrivateKey, spoilt: tuple[str, str]
) -> None:
    """Whether its factors are prime is not asked: that takes 60 ms. (One wrong number alone OpenSSL makes good.)"""
    numbers = rsa_key.private_numbers()
    parts = {name: getattr(numbers, name) + 2 * (name in spoilt) for name in ("p", "q", "d", "dmp1", "dmq1", "iqmp")}
    odd = rsa.RSAPrivateNumbers(**parts, public_numbers=numbers.public_numbers)
    assert "damaged" in refused(pem(odd.private_key(unsafe_skip_rsa_key_validation=True)))


def test_a_small_rsa_key_is_refused() -> None:
    small = rsa.generate_private_key(65537, 1024)  # noqa: S505  # it is to be refused
    assert "1024 bits" in refused(pem(small))
    with pytest.warns(SecurityWarning):
        jwk = RSAKey.import_key(small).as_dict(private=True)
    assert "1024 bits" in refused(json.dumps(jwk))


def test_a_jwk_that_can_not_sign_is_told_why(rsa_key: rsa.RSAPrivateKey) -> None:
    good = RSAKey.import_key(rsa_key).as_dict(private=True)
    public = RSAKey.import_key(rsa_key).as_dict(private=False)
    assert "set of keys" in refused(json.dumps({"keys": [good]}))
    assert "set of keys" in refused(json.dumps([good]))
    assert "public key" in refused(json.dumps(public))
    assert "not valid JSON" in refused(json.dumps(good)[:-9])
    assert "not valid JSON" in refused("{" * 100_000)
    assert "'kty'" in refused(json.dumps({"kty": "oct", "k": "x"}))
    assert "'kty'" in refused(json.dumps({"kty": ["RSA"]}))
    assert "'alg'" in refused(json.dumps({**good, "alg": "ES256"}))
    assert "'alg'" in refused(json.dumps({**good, "alg": ["RS256"]}))
    assert "signing" in refused(json.dumps({**good, "use": "enc"}))
    assert "signing" in refused(json.dumps({**good, "key_ops": ["verify"]}))
    assert "'kid'" in refused(json.dumps({**good, "kid": 5}))
    assert "make no key" in refused(json.dumps({**good, "p": "AQAB"}))
    assert "make no key" in refused(json.dumps({"kty": "RSA", "d": "AQAB"}))
    assert "make no key" in refused(json.dumps({"kty": "EC", "crv": "P-999", "d": "x", "x": "x", "y": "x"}))
    assert "make no key" in refused(json.dumps({**good, "n": 5}))


def test_no_message_repeats_a_part_of_the_key(rsa_pem: str) -> None:
    body = "".join(rsa_pem.splitlines()[1:-1])
    for text in (rsa_pem[:500], rsa_pem[200:], body, rsa_pem.replace(body[64:128], "")):
        message = refused(text)
        assert not any(body[start : start + 8] in message for start in range(len(body) - 8))


@given(st.one_of(st.text(), st.binary().map(lambda data: base64.b64encode(data).decode())))
def test_any_text_is_refused_in_words(text: str) -> None:
    for written in (text, f"-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----", "{" + text):
        assert refused(written)


@given(
    st.dictionaries(
        st.sampled_from(["kty", "n", "e", "d", "p", "q", "dp", "dq", "qi", "oth", "crv", "x", "y", "use", "key_ops"]),
        st.one_of(
            st.sampled_from(["RSA", "EC", "P-256", "AQAB", "sig"]),
            st.text(),
            st.integers(),
            st.none(),
            st.lists(st.integers()),
        ),
    )
)
def test_any_jwk_is_refused_in_words(jwk: dict[str, object]) -> None:
    assert refused(json.dumps(jwk))
