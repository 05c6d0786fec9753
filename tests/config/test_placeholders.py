from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hel.config.load import Loaded
from hel.config.placeholders import expand

Load = Callable[..., Loaded]
Problems = Callable[..., list[str]]

SOURCE = 'sources:\n  a:\n    url: "https://${OKTA_DOMAIN}/api/v1/logs"\n'


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${A}", "1"),
        ("x${A}y${B}z", "x1yz"),
        ("${A:-2}", "1"),
        ("${B:-2}", "2"),
        ("${C:-2}", "2"),
        ("${C:-}", ""),
        ("${C:-a b:-c}", "a b:-c"),
        ("$${A}", "${A}"),
        ("$A $$ {A} $(A)", "$A $$ {A} $(A)"),
        ("${D}", "${A}"),
    ],
)
def test_a_placeholder_is_filled_in_once_as_a_shell_would(text: str, value: str) -> None:
    assert expand(text, {"A": "1", "B": "", "D": "${A}"}) == value


@pytest.mark.parametrize(
    "text", ["${", "${A", "a${}b", "${1A}", "${A-b}", "${A:?b}", "${C:-${A}}", "${A B}", "${A:-{}"]
)
def test_an_incomplete_placeholder_is_an_error(text: str) -> None:
    with pytest.raises(ValueError) as raised:
        expand(text, {"A": "1"})
    assert "${NAME} or ${NAME:-default}" in str(raised.value)


def test_every_unset_variable_is_named_with_its_place(problems: Problems) -> None:
    assert problems(SOURCE + "    from: ${START}\n") == [
        (
            "hel.yaml:3:5: sources.a.url: environment variable OKTA_DOMAIN is not set "
            "(export OKTA_DOMAIN=your-org.okta.com)"
        ),
        "hel.yaml:4:5: sources.a.from: environment variable START is not set (export START=…)",
    ]


@pytest.mark.parametrize(
    ("domain", "words"),
    [
        ("https://dev.okta.com", "OKTA_DOMAIN holds the domain alone, without https://"),
        ("dev.okta.com/", "OKTA_DOMAIN holds the domain alone, without a '/' at its end"),
        ("", "environment variable OKTA_DOMAIN is empty"),
        (" dev.okta.com", "OKTA_DOMAIN begins or ends with a space"),
        ("user:TopSecret@dev.okta.com", "a URL must not hold a user or password"),
        ("TopSecret dev", "the URL holds a space"),
        ("{TopSecret}", "the URL still holds a template in braces"),
        ("TopSecret:99999", "the URL can't be read"),
    ],
)
def test_a_domain_that_is_more_than_a_domain_is_told_without_repeating_it(
    problems: Problems, domain: str, words: str
) -> None:
    (line,) = problems(SOURCE, {"OKTA_DOMAIN": domain})
    assert line.startswith(f"hel.yaml:3:5: sources.a.url: {words}")
    assert "TopSecret" not in line
    assert "dev" not in line


def test_a_placeholder_in_a_comment_or_a_key_is_left_alone(loaded: Load) -> None:
    content = SOURCE + "    # ${NOT_SET}\n    query_params:\n      '${KEY}': x\n"
    assert loaded(content, {"OKTA_DOMAIN": "dev.okta.com"}).config.sources["a"].query_params == {"${KEY}": "x"}


def test_a_value_with_a_placeholder_may_become_a_number_or_a_boolean(loaded: Load) -> None:
    source = loaded(
        SOURCE
        + "    schedule: {interval_secs: '${SECS}'}\n    resilience: {circuit_breaker: {enabled: '${ON:-false}'}}\n",
        {"OKTA_DOMAIN": "dev.okta.com", "SECS": "2.5"},
    ).config.sources["a"]
    assert source.schedule.interval_secs == 2.5
    assert source.resilience.circuit_breaker.enabled is False


def test_no_error_repeats_the_value_of_a_variable(problems: Problems) -> None:
    found = problems(
        "global: {log_level: '${X}', shutdown_secs: '${X}', output: {rotate: '${X}'}}\n"
        "sources:\n  a:\n    url: '${X}'\n    auth: {type: '${X}', token_env: A}\n    pagination: {strategy: '${X}'}\n"
        "    schedule: {interval_secs: '${X}'}\n    resilience: {retries: {max_attempts: '${X}'}}\n"
        "    dedupe: {id_path: '${X}.'}\n    source_label_key: \"${X}\"\n    transform: '${X}'\n"
        "  b:\n    url: https://x.okta.com/\n    auth: {type: oauth2, token_url: '${X}', client_id: 'c',\n"
        "      client_private_key_env: '${X}-', dpop: '${X}', scopes: ['${X} x']}\n",
        {"X": "TopSecret"},
    )
    assert len(found) >= 14
    assert "TopSecret" not in "".join(found)


@given(st.text(alphabet="${}:-A1 x"), st.text())
def test_any_text_is_expanded_or_refused_in_words(text: str, value: str) -> None:
    try:
        expand(text, {"A": value})
    except ValueError as error:
        words = str(error)
    else:
        return
    assert "${NAME}" in words or "is not set" in words
