import json
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey

from hel.config.load import load
from hel.policy.diagnosis import complaint
from hel.records import Reply
from hel.telemetry.printable import printable
from hel.telemetry.redaction import Register, conceal, redacted

SECRET = "Top+Secret/42=="
KEY = rsa.generate_private_key(65537, 2048)
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
JWK: Mapping[str, str] = ECKey.import_key(
    ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
).as_dict(private=True)  # type: ignore[assignment]  # an EC key's members are texts


def knowing(*secrets: str) -> Register:
    register = Register()
    for secret in secrets:
        register.conceal(secret)
    return register


def test_stars_stand_wherever_a_secret_stood() -> None:
    register = knowing(SECRET, "another secret")
    assert register.redacted(f"{SECRET}: 401 ({SECRET}, another secret)") == "***: 401 (***, ***)"
    assert register.redacted(SECRET * 3) == "*********"


@pytest.mark.parametrize("secret", [SECRET, "a b&c=d%e", 'quote"d\\back', "Grüße & Küsse", "tab\tand\nline"])
@pytest.mark.parametrize(
    "write",
    [str, lambda text: quote(text, safe=""), quote_plus, lambda text: json.dumps(text)[1:-1]],
    ids=["as it is", "in a URL", "in a form", "in JSON"],
)
def test_a_secret_is_known_however_it_is_written(secret: str, write: type[str]) -> None:
    assert knowing(secret).redacted(f"<{write(secret)}>") == "<***>"


@pytest.mark.parametrize(
    "text",
    [PEM, PEM.replace("\n", "\\n"), PEM.replace("\n", "\r\n"), PEM.replace("\n", "\\r\\n"), f"x\n{PEM}"],
    ids=["PEM", "on one line", "of another system", "of that on one line", "with a comment"],
)
def test_of_a_key_each_of_its_lines_is_known_and_none_of_its_words(text: str) -> None:
    register = knowing(text)
    lines = [line for line in PEM.splitlines()[1:-1] if len(line) == 64]
    assert len(lines) > 20
    assert {register.redacted(f"({line})") for line in lines} == {"(***)"}
    assert register.redacted("a PRIVATE KEY in PEM") == "a PRIVATE KEY in PEM"


def test_of_a_jwk_each_number_is_known_and_none_of_its_words() -> None:
    register = knowing(json.dumps({**JWK, "kid": "key-1", "use": "sig"}))
    assert register.redacted(f"d is {JWK['d']}") == "d is ***"
    assert register.redacted("the EC key key-1 of P-256 with use sig") == "the EC key key-1 of P-256 with use sig"


def test_of_what_is_no_key_no_part_is_looked_for() -> None:
    long = "a-word-of-more-than-thirty-two-characters"
    assert knowing(f"{long} {long}").redacted(long) == long


def test_a_secret_of_five_characters_is_not_looked_for_and_one_of_six_is() -> None:
    assert knowing("", "token", "a", "events").redacted("a token of the events") == "a token of the ***"


@pytest.mark.parametrize("secrets", [("secret-1", "secret-1-and-more"), ("secret-1-and-more", "secret-1")])
def test_a_secret_that_begins_as_another_one_leaves_no_rest(secrets: tuple[str, str]) -> None:
    assert knowing(*secrets).redacted("secret-1, secret-1-and-more, secret-1-and") == "***, ***, ***-and"


def test_of_many_that_pass_the_oldest_are_forgotten_and_those_of_the_configuration_never_are() -> None:
    register = Register(most=3)
    register.conceal("configured", for_good=True)
    for name in ("token-1", "token-2", "token-3", "token-1", "token-4"):
        register.conceal(name)
    shown = register.redacted("configured token-1 token-2 token-3 token-4")
    assert shown == "*** *** token-2 *** ***"
    for number in range(1000):
        register.conceal(f"minted-{number}")
    assert register.redacted("configured token-1 minted-996 minted-999") == "*** token-1 minted-996 ***"


def test_of_thousands_each_is_found_like_one_of_a_few_and_one_that_is_forgotten_is_not() -> None:
    register = Register(most=3000)
    secrets = [f"secret{number:05}" for number in range(3001)]
    for secret in secrets:
        register.conceal(secret)
    assert {register.redacted(f"it is {secret}!") for secret in secrets[1:]} == {"it is ***!"}
    assert register.redacted(secrets[0]) == secrets[0]
    assert not register.repeats_secret(secrets[1]), "it is short enough to stand there by chance"
    register.conceal("a" * 30)
    assert register.repeats_secret(f"{'x' * 50}{'a' * 31}")


def test_a_secret_of_the_configuration_that_also_passed_is_never_forgotten() -> None:
    register = Register(most=2)
    register.conceal("of-the-config", for_good=True)
    for secret in ("of-the-config", "another-one", "a-third-one"):
        register.conceal(secret)
    assert register.redacted("of-the-config " * 30) == "*** " * 30
    assert register.redacted("of-the-config") == "***"


def test_text_that_is_not_unicode_is_hidden_too() -> None:
    assert knowing("p\udcffssword", "\ud800secret").redacted("p\udcffssword \ud800secret") == "*** ***"


@given(st.text(), st.lists(st.text(st.characters(exclude_characters="*"), min_size=6), min_size=1, max_size=4))
def test_of_any_secrets_nothing_is_left_in_any_text(text: str, secrets: list[str]) -> None:
    shown = knowing(*secrets).redacted(text + text.join(secrets) + secrets[0])
    assert not [secret for secret in secrets if secret in shown]


@given(st.text(st.characters(exclude_characters="z")), st.text("z", min_size=6))
def test_a_text_without_a_secret_stays_as_it_is(text: str, secret: str) -> None:
    assert knowing(secret).redacted(text) == text


@given(
    st.lists(st.integers(0, 40) | st.text("abc", min_size=6, max_size=40), max_size=12),
    st.text("abc", min_size=6, max_size=40),
    st.integers(0, 60),
)
def test_no_cut_goes_through_a_secret(parts: list[int | str], last: str, length: int) -> None:
    secrets = [part for part in parts if isinstance(part, str)] + [last]
    text = ".".join("x" * part if isinstance(part, int) else part for part in [*parts, last])
    shown = knowing(*secrets).redacted_start(text, length)
    assert not set("abc") & set(shown)
    assert len(shown) <= length + 1
    if "…" not in shown:
        assert shown == knowing(*secrets).redacted(text)


def test_a_secret_that_the_end_of_what_is_looked_at_cuts_is_not_shown_where_much_before_it_was_hidden() -> None:
    secret, other = "s" * 50 + "t" * 50, "u" * 50 + "v" * 50
    text = secret * 10 + "." + other + "." * 10_000
    shown = [knowing(secret, other).redacted_start(text, length) for length in range(60)]
    assert not set("stuv") & set("".join(shown))
    assert shown[59] == "*" * 30 + ".***" + "." * 25 + "…"


def test_a_text_is_cut_after_so_many_characters_of_what_is_shown() -> None:
    register = knowing("secret-of-20-letters")
    text = "a secret-of-20-letters is here"
    assert [register.redacted_start(text, length) for length in (0, 2, 3, 12, 13)] == [
        "…",
        "a …",
        "a *…",
        "a *** is her…",
        "a *** is here",
    ]
    assert register.redacted_start("x" * 1_000_000, 5) == "xxxxx…"


@pytest.mark.parametrize("before", [0, 250, 259, 280, 299, 300, 301])
def test_an_api_that_repeats_a_secret_where_its_text_is_cut_shows_no_part_of_it(before: int) -> None:
    conceal("00abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMN")
    said = "." * before + "00abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMN" + "." * 300
    assert set(printable(said)) <= set(".*…")
    body = json.dumps({"errorCode": "E0000011", "errorSummary": said}).encode()
    text = complaint(Reply(status=401, headers=(), body=body, received_at=0.0)).text
    assert set(text) <= set(".*…")
    assert len(text) == 301


def test_what_the_configuration_names_is_concealed_and_what_is_public_is_not(tmp_path: Path) -> None:
    (tmp_path / "refresh").write_text("refresh-token-1\n")
    auth = (
        "{type: oauth2, token_url: 'https://dev.okta.com/t', client_id_env: ID, client_private_key_env: KEY, "
        "refresh_token_file: refresh, scopes: [x]}"
    )
    (tmp_path / "hel.yaml").write_text(
        f"sources:\n  a: {{url: https://dev.okta.com/x, auth: {auth}}}\n"
        "  b: {url: https://dev.okta.com/y, auth: {type: bearer, token_env: TOKEN}}\n"
    )
    load(tmp_path / "hel.yaml", {"ID": "0oa1client", "KEY": PEM, "TOKEN": "00token-of-b", "OTHER": "of-no-use"})
    assert redacted("0oa1client refresh-token-1 00token-of-b of-no-use") == "0oa1client *** *** of-no-use"
    assert redacted(PEM.splitlines()[3]) == "***"


def test_a_secret_that_could_not_be_used_is_concealed_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "hel.yaml").write_text(
        "sources:\n  a: {url: https://dev.okta.com/x, tls: {client_cert_env: CERT, client_key_env: KEY}}\n"
    )
    with pytest.raises(Exception, match="no certificate in PEM in it"):
        load(tmp_path / "hel.yaml", {"CERT": "none", "KEY": PEM})
    assert redacted(PEM.splitlines()[3]) == "***"
