import ssl
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from hel.config.certificates import CertificateError, Tls
from hel.config.load import Loaded
from hel.config.section import keys_of
from hel.config.tls import TlsConfig
from hel.transport.environment import context_of

Load = Callable[..., Loaded]
Problems = Callable[..., list[str]]

SOURCE = "sources:\n  a:\n    url: https://dev.okta.com/api/v1/logs\n"
BEGIN = "-----BEGIN CERTIFICATE-----"
DAMAGED = f"{BEGIN}\nAAAA\n-----END CERTIFICATE-----\n"
AUTHORITY = trustme.CA()
CA = AUTHORITY.cert_pem.bytes().decode()
OTHER_CA = trustme.CA().cert_pem.bytes().decode()
CLIENT = AUTHORITY.issue_cert("hel@collector.example")
CERT = CLIENT.cert_chain_pems[0].bytes().decode()
KEY = CLIENT.private_key_pem.bytes().decode()
OTHER_KEY = AUTHORITY.issue_cert("other@collector.example").private_key_pem.bytes().decode()


def written(key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def encrypted(form: PrivateFormat) -> str:
    key = load_pem_private_key(KEY.encode(), None)
    return key.private_bytes(Encoding.PEM, form, BestAvailableEncryption(b"password")).decode()


def short() -> tuple[str, str]:
    """A certificate that signs itself, with a key of 1024 bits, and that key."""
    key = rsa.generate_private_key(65537, 1024)  # noqa: S505  # a key that must be refused
    name, day = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "short")]), datetime(2026, 5, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(day).not_valid_after(day.replace(year=2027))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode(), written(key)


def tls(loaded: Loaded) -> Tls:
    return loaded.secrets["a"].tls


def bare() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def test_without_a_tls_section_nothing_is_changed(loaded: Load) -> None:
    assert tls(loaded(SOURCE)) == tls(loaded(SOURCE + "    tls:\n")) == tls(loaded(SOURCE + "    tls: {}\n")) == Tls()
    assert Tls() == Tls(None, ca_only=False, cert=None, key=None, min_version="1.2")


def test_a_ca_comes_from_a_file_or_a_variable_and_the_file_wins(loaded: Load, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text(CA)
    by_file = loaded(SOURCE + "    tls: {ca_file: ca.pem, ca_env: CA}\n", {"CA": "not looked at"})
    by_env = loaded(SOURCE + "    tls: {ca_env: CA}\n", {"CA": OTHER_CA})
    assert tls(by_file) == Tls(CA.rstrip("\n"))
    assert tls(by_env) == Tls(OTHER_CA.rstrip("\n"))
    assert not by_file.secrets["a"].origins


def test_a_ca_may_be_trusted_alone_or_besides_the_usual_ones(loaded: Load) -> None:
    besides = tls(loaded(SOURCE + "    tls: {ca_env: CA, ca_only: false}\n", {"CA": CA}))
    alone = tls(loaded(SOURCE + "    tls: {ca_env: CA, ca_only: true}\n", {"CA": CA}))
    several = tls(loaded(SOURCE + "    tls: {ca_env: CA, ca_only: true}\n", {"CA": CA + OTHER_CA}))
    usual = len(context_of(Tls()).get_ca_certs())
    assert usual > 10
    assert len(context_of(besides).get_ca_certs()) == usual + 1
    assert context_of(alone).get_ca_certs(binary_form=True) == [ssl.PEM_cert_to_DER_cert(CA)]
    assert len(context_of(several).get_ca_certs()) == 2


@pytest.mark.parametrize("around", ["# Jürgen Groß, Zürich, 日本\n{}", "{}\ufffd behind it", "Bag Attributes\n{}\r\n"])
def test_comments_around_a_certificate_may_hold_any_letters(loaded: Load, tmp_path: Path, around: str) -> None:
    (tmp_path / "ca.pem").write_text(around.format(CA), "utf-8")
    found = tls(loaded(SOURCE + "    tls: {ca_file: ca.pem, ca_only: true}\n"))
    assert len(context_of(found).get_ca_certs()) == 1


@pytest.mark.parametrize(
    ("keys", "files"),
    [
        ("client_cert_file: cert.pem, client_key_file: key.pem", {"cert.pem": CERT, "key.pem": KEY}),
        ("client_cert_file: cert.pem, client_key_env: TLS_KEY", {"cert.pem": CERT}),
        ("client_cert_env: TLS_CERT, client_key_file: key.pem", {"key.pem": KEY}),
        ("client_cert_env: TLS_CERT, client_key_env: TLS_KEY", {}),
        ("client_cert_file: cert.pem, client_cert_env: X, client_key_file: key.pem, client_key_env: X",
         {"cert.pem": CERT, "key.pem": KEY}),
    ],
)  # fmt: skip
def test_a_client_certificate_and_its_key_come_from_files_or_variables(
    loaded: Load, tmp_path: Path, keys: str, files: dict[str, str]
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    limited = "    query_params: {limit: '1000'}\n"
    found = loaded(SOURCE + f"    tls: {{{keys}}}\n{limited}", {"TLS_CERT": CERT, "TLS_KEY": KEY, "X": "not looked at"})
    assert tls(found) == Tls(cert=SecretStr(CERT.rstrip("\n")), key=SecretStr(KEY.rstrip("\n")))
    assert found.warnings == ()


@pytest.mark.parametrize(
    "both",
    [CERT + KEY, KEY + CERT, CERT + CA + KEY, f"{KEY}\nBag Attributes\n{CERT}{CA}"],
    ids=["key behind", "key before", "key behind the chain", "with comments"],
)
def test_the_key_may_stand_in_the_certificates_own_file_or_variable(loaded: Load, tmp_path: Path, both: str) -> None:
    (tmp_path / "both.pem").write_text(both)
    (tmp_path / "both.pem").chmod(0o600)
    by_file = tls(loaded(SOURCE + "    tls: {client_cert_file: both.pem}\n"))
    by_env = tls(loaded(SOURCE + "    tls: {client_cert_env: BOTH}\n", {"BOTH": both}))
    assert by_file == by_env == Tls(cert=SecretStr(both.rstrip("\n")))


NOT_ITS_KEY = "the key is not that of the client certificate (name its own)"
ENCRYPTED = "the key is encrypted, and Hel can't ask for its password (decrypt it: openssl pkey)"
UNREADABLE_KEY = "the private key can't be read (copy it again, whole)"
NO_KEY = "no private key in PEM in it (name the key's own file in 'client_key_file')"
NO_PEM = f"no certificate in PEM in it ({BEGIN})"
UNREADABLE = "a certificate in it can't be read (copy it again, whole)"
REFUSED = "OpenSSL refuses it: {} (copy it again, whole; an RSA key needs 2048 bits or more)"
BEYOND = "it is larger than 60,000 bytes (is it the right file?)"
OF_ANOTHER_KIND = written(ed25519.Ed25519PrivateKey.generate())


@pytest.mark.parametrize(
    ("cert", "key", "guilty", "words"),
    [
        (CERT, OTHER_KEY, "key", NOT_ITS_KEY),
        (CERT, OF_ANOTHER_KIND, "key", NOT_ITS_KEY),
        (CERT + OTHER_KEY, None, "cert", NOT_ITS_KEY),
        (CERT, encrypted(PrivateFormat.PKCS8), "key", ENCRYPTED),
        (CERT, encrypted(PrivateFormat.TraditionalOpenSSL), "key", ENCRYPTED),
        (CERT, KEY[:100], "key", UNREADABLE_KEY),
        (CERT, KEY.partition("\n")[2], "key", UNREADABLE_KEY),
        (CERT, CERT, "key", NO_KEY),
        (CERT, None, "cert", NO_KEY),
        (KEY, CERT, "cert", NO_PEM),
        ("x", KEY, "cert", NO_PEM),
        (DAMAGED, KEY, "cert", UNREADABLE),
        (CERT + CA[:200], KEY, "cert", REFUSED.format("bad end line")),
        (*short(), "cert", REFUSED.format("ee key too small")),
        (CERT + "x" * 60_000, KEY, "cert", BEYOND),
        (CERT, KEY + "x" * 60_000, "key", BEYOND),
    ],
    ids=["mismatched", "of another kind", "mismatched in one file", "encrypted", "encrypted in the old way", "cut off",
         "without its first line", "a certificate for a key", "no key", "swapped", "no PEM", "damaged",
         "chain cut off", "short", "certificate beyond a pipe", "key beyond a pipe"],
)  # fmt: skip
def test_a_client_certificate_that_cannot_be_used_is_told_at_the_key_that_names_it(
    problems: Problems, tmp_path: Path, cert: str, key: str | None, guilty: str, words: str
) -> None:
    (tmp_path / "cert.pem").write_text(cert)
    (tmp_path / "key.pem").write_text(key or "")
    by_file, by_env = "client_cert_file: cert.pem", "client_cert_env: TLS_CERT"
    if key is not None:
        by_file, by_env = f"{by_file}, client_key_file: key.pem", f"{by_env}, client_key_env: TLS_KEY"
    place = f"{by_file.index(f'client_{guilty}') + 11}: sources.a.tls.client_{guilty}_file"
    assert problems(SOURCE + f"    tls: {{{by_file}}}\n") == [
        f"hel.yaml:4:{place}: file {tmp_path}/{guilty}.pem: {words}"
    ]
    environ = {"TLS_CERT": cert} if key is None else {"TLS_CERT": cert, "TLS_KEY": key}
    place = f"{by_env.index(f'client_{guilty}') + 11}: sources.a.tls.client_{guilty}_env"
    assert problems(SOURCE + f"    tls: {{{by_env}}}\n", environ) == [
        f"hel.yaml:4:{place}: environment variable TLS_{guilty.upper()}: {words}"
    ]


@pytest.mark.parametrize("guilty", ["ca", "client_cert", "client_key"])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ("x" * 1_000_001, "is larger than 1,000,000 bytes (is it the right one?)"),
    ],
    ids=["empty", "blank", "too large"],
)
def test_a_certificates_file_that_holds_nothing_or_far_too_much_is_told(
    problems: Problems, tmp_path: Path, guilty: str, content: str, words: str
) -> None:
    for name, text in {"ca": CA, "client_cert": CERT, "client_key": KEY, guilty: content}.items():
        (tmp_path / name).write_text(text)
    keys = "{ca_file: ca, client_cert_file: client_cert, client_key_file: client_key}"
    assert problems(SOURCE + f"    tls: {keys}\n") == [
        f"hel.yaml:4:{keys.index(guilty + '_file') + 10}: sources.a.tls.{guilty}_file: file {tmp_path}/{guilty} {words}"
    ]


@pytest.mark.parametrize(
    ("ca", "words"),
    [
        ("x", NO_PEM),
        (KEY, NO_PEM),
        (DAMAGED, UNREADABLE),
        (CA[:200], UNREADABLE),
        (CA + CA[:200], UNREADABLE),
        (CA[:200] + "ü" + CA[200:], UNREADABLE),
    ],
    ids=["no PEM", "a key", "damaged", "cut off", "the second one cut off", "not Base64"],
)
def test_a_ca_that_cannot_be_used_is_told_at_the_key_that_names_it(
    problems: Problems, tmp_path: Path, ca: str, words: str
) -> None:
    (tmp_path / "ca.pem").write_text(ca, "utf-8")
    assert problems(SOURCE + "    tls: {ca_file: ca.pem, ca_only: true}\n") == [
        f"hel.yaml:4:11: sources.a.tls.ca_file: file {tmp_path}/ca.pem: {words}"
    ]
    assert problems(SOURCE + "    tls: {min_version: 1.3, ca_env: MY_CA}\n", {"MY_CA": ca}) == [
        f"hel.yaml:4:29: sources.a.tls.ca_env: environment variable MY_CA: {words}"
    ]


def test_every_certificate_that_is_missing_is_named_at_once(problems: Problems, tmp_path: Path) -> None:
    (tmp_path / "key.pem").mkdir()
    keys = "ca_file: nowhere.pem, client_cert_env: TLS_CERT, client_key_file: key.pem"
    nowhere = f"file {tmp_path}/nowhere.pem does not exist (relative paths start at the configuration's folder)"
    assert problems(SOURCE + f"    tls: {{{keys}}}\n") == [
        f"hel.yaml:4:11: sources.a.tls.ca_file: {nowhere}",
        "hel.yaml:4:33: sources.a.tls.client_cert_env: environment variable TLS_CERT is not set (export TLS_CERT=…)",
        f"hel.yaml:4:60: sources.a.tls.client_key_file: {tmp_path}/key.pem is a directory (name the file in it)",
    ]


def test_der_in_place_of_pem_is_told(problems: Problems, tmp_path: Path) -> None:
    (tmp_path / "ca.der").write_bytes(ssl.PEM_cert_to_DER_cert(CA))
    assert problems(SOURCE + "    tls: {ca_file: ca.der}\n") == [
        f"hel.yaml:4:11: sources.a.tls.ca_file: file {tmp_path}/ca.der is not text in UTF-8 (is it the right one?)"
    ]


def test_no_message_about_a_certificate_holds_a_part_of_a_key(problems: Problems) -> None:
    content = SOURCE + "    tls: {client_cert_env: TLS_CERT, client_key_env: TLS_KEY}\n"
    pieces = [line[at : at + 8] for line in (KEY + OTHER_KEY).splitlines()[1:] for at in range(0, len(line) - 8, 8)]
    for cert, key in (
        (CERT, OTHER_KEY),
        (KEY, KEY),
        (CERT, KEY[:150]),
        (KEY + DAMAGED, KEY),
        (CERT, KEY + "x" * 60_000),
    ):
        (line,) = problems(content, {"TLS_CERT": cert, "TLS_KEY": key})
        assert not any(piece in line for piece in pieces if "PRIVATE" not in piece and "-" not in piece)


NO_CA = "there is no CA to trust alone (add 'ca_file: PATH' or 'ca_env: NAME')"
NO_CERT = "there is a key but no certificate (add 'client_cert_file: PATH')"
NO_VALUE = "the key has no value (give it one, or remove the key)"


@pytest.mark.parametrize(
    ("keys", "place", "words"),
    [
        ("ca_only: true", "11: sources.a.tls.ca_only", NO_CA),
        ("ca_only: TRUE", "11: sources.a.tls.ca_only", NO_CA),
        ("ca_only: ", "11: sources.a.tls.ca_only", NO_VALUE),
        ("ca_only: yes", "11: sources.a.tls.ca_only", "expected true or false"),
        ("ca_only: [true]", "11: sources.a.tls.ca_only", "expected true or false, found a list"),
        ("ca_only: {}", "11: sources.a.tls.ca_only", "expected true or false, found keys with values"),
        ("client_key_file: k", "11: sources.a.tls.client_key_file", NO_CERT),
        ("client_key_env: K", "11: sources.a.tls.client_key_env", NO_CERT),
        ("client_key_env: K, client_key_file: k", "30: sources.a.tls.client_key_file", NO_CERT),
        ("client_key_file: ", "11: sources.a.tls.client_key_file", NO_VALUE),
        ("min_version: 1.1", "11: sources.a.tls.min_version",
         "expected '1.2' or '1.3', not '1.1' (did you mean '1.3'?)"),
        ("min_version: TLSv1.2", "11: sources.a.tls.min_version",
         "expected '1.2' or '1.3', not 'TLSv1.2' (did you mean '1.2'?)"),
        ("min_version: [1.2]", "11: sources.a.tls.min_version", "expected '1.2' or '1.3'"),
        ("ca_env: 'a b'", "11: sources.a.tls.ca_env",
         "expected the NAME of an environment variable, not its value (letters, digits, '_')"),
        ("ca_file: ''", "11: sources.a.tls.ca_file", "expected a path, which is not empty and holds no NUL"),
    ],
)  # fmt: skip
def test_a_tls_section_that_cannot_work_is_told_once(problems: Problems, keys: str, place: str, words: str) -> None:
    assert problems(SOURCE + f"    tls: {{{keys}}}\n") == [f"hel.yaml:4:{place}: {words}"]


@pytest.mark.parametrize(
    "key",
    ["verify", "verify_certificate", "verify_certificates", "verify_hostname", "check_hostname", "validate_certs",
     "insecure", "insecure_skip_verify", "skip_verify", "ssl_verify", "tls_verify", "verification_mode"],
)  # fmt: skip
@pytest.mark.parametrize("value", ["false", "true", "none", "{}"])
def test_verification_cannot_be_switched_off(problems: Problems, key: str, value: str) -> None:
    words = "certificates are always verified (for a private CA name its certificate in 'ca_file')"
    assert problems(SOURCE + f"    tls: {{{key}: {value}}}\n") == [f"hel.yaml:4:11: sources.a.tls.{key}: {words}"]


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("ca_flie", "ca_file"),
        ("ca-env", "ca_env"),
        ("ca_olny", "ca_only"),
        ("client_cert_fiel", "client_cert_file"),
        ("clientCertEnv", "client_cert_env"),
        ("client_key_fle", "client_key_file"),
        ("client_keyenv", "client_key_env"),
        ("min_versoin", "min_version"),
    ],
)
def test_a_tls_key_that_is_misspelt_is_answered_with_the_one_that_was_meant(
    problems: Problems, key: str, meant: str
) -> None:
    assert problems(SOURCE + f"    tls: {{{key}: x}}\n") == [
        f"hel.yaml:4:11: sources.a.tls.{key}: unknown key (did you mean '{meant}'?)"
    ]


@pytest.mark.parametrize("key", keys_of(TlsConfig))
def test_an_unset_placeholder_in_tls_is_all_that_is_said_of_its_key(problems: Problems, key: str) -> None:
    assert problems(SOURCE + f"    tls: {{{key}: '${{UNSET}}'}}\n") == [
        f"hel.yaml:4:11: sources.a.tls.{key}: environment variable UNSET is not set (export UNSET=…)"
    ]


def test_what_depends_on_an_unset_placeholder_is_not_called_missing(problems: Problems, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text(KEY)
    for keys in ("ca_only: true, ca_file: '${UNSET}'", "client_key_file: key.pem, client_cert_file: '${UNSET}'"):
        (line,) = problems(SOURCE + f"    tls: {{{keys}}}\n")
        assert line.endswith("_file: environment variable UNSET is not set (export UNSET=…)")
    assert problems(SOURCE + "    tls: '${UNSET}'\n") == [
        "hel.yaml:4:5: sources.a.tls: environment variable UNSET is not set (export UNSET=…)"
    ]


def test_a_fault_in_tls_hides_none_in_auth_nor_the_other_way_round(problems: Problems) -> None:
    keys = [
        line.split(": ")[1].removeprefix("sources.")
        for line in problems(
            SOURCE + "    auth: {type: bearer, token_env: NO_TOKEN}\n    tls: {verify: false, ca_env: NO_CA}\n"
            "  b: {url: https://b.okta.com/, auth: {type: bearer}, tls: {ca_env: NO_CA}}\n"
            "  c: {url: https://c.okta.com/, auth: {type: bearer, token_env: NO_TOKEN}, tls: {ca_env: NO_CA}}\n"
        )
    ]
    assert keys == ["a.auth.token_env", "a.tls.verify", "b.auth", "b.tls.ca_env", "c.auth.token_env", "c.tls.ca_env"]


def test_a_wrong_tls_section_is_not_taken_for_another_way_to_use_a_refresh_token(
    problems: Problems, tmp_path: Path
) -> None:
    (tmp_path / "refresh").write_text("refresh-1")
    auth = "auth: {type: oauth2, token_url: 'https://dev.okta.com/t', client_id: c, refresh_token_file: refresh}"
    content = f"{SOURCE}    {auth}\n    tls: {{min_version: 1}}\n  b: {{url: https://b.okta.com/, {auth}}}\n"
    (line,) = problems(content)
    assert "sources.a.tls.min_version" in line


@pytest.mark.parametrize(
    ("version", "least"),
    [("", ssl.TLSVersion.TLSv1_2), ("1.2", ssl.TLSVersion.TLSv1_2), ("1.3", ssl.TLSVersion.TLSv1_3)],
)
def test_the_oldest_version_is_the_one_that_is_configured(loaded: Load, version: str, least: ssl.TLSVersion) -> None:
    for text in {version, f"'{version}'"} if version else {""}:
        content = SOURCE + (f"    tls: {{min_version: {text}}}\n" if text else "")
        assert context_of(tls(loaded(content))).minimum_version == least


def test_equal_settings_are_equal_wherever_they_were_read(loaded: Load, tmp_path: Path) -> None:
    for name, text in {"ca": CA, "cert": CERT, "key": KEY}.items():
        (tmp_path / name).write_text(text)
    by_file = tls(loaded(SOURCE + "    tls: {ca_file: ca, client_cert_file: cert, client_key_file: ./key}\n"))
    by_env = tls(
        loaded(
            SOURCE
            + "    tls: {ca_env: A, client_cert_env: B, client_key_env: C, min_version: '1.2', ca_only: false}\n",
            {"A": CA, "B": CERT, "C": KEY},
        )
    )
    assert by_file == by_env
    assert {by_file: "shared"}[by_env] == "shared"


def test_sources_with_the_same_section_have_one_copy_of_it_and_each_is_told_what_is_wrong_with_it(
    loaded: Load, problems: Problems
) -> None:
    both = "".join(f"  {name}: {{url: 'https://{name}.okta.com/api/v1/logs', tls: {{ca_env: CA}}}}\n" for name in "ab")
    found = loaded(f"sources:\n{both}", {"CA": CA}).secrets
    assert found["a"].tls is found["b"].tls
    told = problems(f"sources:\n{both}", {"CA": DAMAGED})
    assert [problem.partition(": ")[2].partition(":")[0] for problem in told] == [
        "sources.a.tls.ca_env",
        "sources.b.tls.ca_env",
    ]


def test_settings_that_differ_in_anything_are_different() -> None:
    one = Tls(CA, ca_only=False, cert=SecretStr(CERT), key=SecretStr(KEY), min_version="1.2")
    others = [
        replace(one, ca=OTHER_CA),
        replace(one, ca=None),
        replace(one, ca_only=True),
        replace(one, cert=SecretStr(CERT + KEY), key=None),
        replace(one, key=SecretStr(KEY + "\n")),
        replace(one, min_version="1.3"),
    ]
    assert one == replace(one)
    assert len({one, replace(one), *others}) == 1 + len(others)


def test_no_repr_shows_a_certificate_or_its_key(loaded: Load) -> None:
    content = SOURCE + "    tls: {ca_env: A, client_cert_env: B, client_key_env: C}\n"
    for both in ({"A": CA, "B": CERT, "C": KEY}, {"A": CA, "B": KEY + CERT, "C": KEY}):
        found = loaded(content, both)
        shown = f"{found!r} {found.secrets!r} {tls(found)!r} {tls(found)} {found.config!r}"
        assert "min_version='1.2'" in shown
        assert not [line for line in (CA + CERT + KEY).splitlines() if line in shown]


PROFILES = [
    Tls(),
    Tls(CA),
    Tls(CA, ca_only=True),
    Tls(cert=SecretStr(CERT + KEY)),
    Tls(CA, ca_only=True, cert=SecretStr(CERT), key=SecretStr(KEY), min_version="1.3"),
]


@pytest.mark.parametrize("profile", PROFILES, ids=["none", "a CA", "a CA alone", "a client", "everything"])
def test_certificates_and_host_names_are_verified_whatever_is_configured(profile: Tls) -> None:
    for context in (context_of(profile), profile.onto(bare()), profile.onto(ssl.create_default_context())):
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname is True


def test_reading_a_certificate_leaves_no_descriptor_open() -> None:
    before = sorted(Path("/dev/fd").iterdir())
    for _ in range(3):
        Tls(cert=SecretStr(CERT), key=SecretStr(KEY)).onto(bare())
        for cert, key in ((CERT + CA[:200], KEY), (CERT, KEY + "x" * 60_000)):
            with pytest.raises(CertificateError):
                Tls(cert=SecretStr(cert), key=SecretStr(key)).onto(bare())
    assert sorted(Path("/dev/fd").iterdir()) == before
