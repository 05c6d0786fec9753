import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hel.config.load import Loaded, load
from hel.errors import ConfigError

SOURCE = "sources:\n  a:\n    url: https://dev.okta.com/api/v1/logs\n"

Load = Callable[..., Loaded]
Problems = Callable[..., list[str]]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("", "hel.yaml: the file is empty (name a source below 'sources:')"),
        ("# nothing\n", "hel.yaml: the file is empty (name a source below 'sources:')"),
        ("hello", "hel.yaml:1:1: expected a mapping with the keys 'global' and 'sources'"),
        ("\n- a\n", "hel.yaml:2:1: expected a mapping with the keys 'global' and 'sources'"),
        ("sources:\n\ta: 1\n", "hel.yaml:2:1: a tab or"),
        ("a:\n  b: 1\n c: 1\n", "hel.yaml:3:2: the indentation does not match"),
        ("a: b: c\n", "hel.yaml:1:5: a ':' stands where no key can be"),
        ('a: 1\nb: "c\n', "hel.yaml:2:4: a quote is opened but not closed"),
        ("a: {b: 1\n", "hel.yaml:1:4: a bracket, quote or value is not complete"),
        ("a: 1\nkey\n", "hel.yaml:2:1: a key has no ':' after it"),
        ('a: "\\q"\n', "hel.yaml:1:6: an escape in double quotes is not known"),
        ("a: *secret\n", "hel.yaml:1:4: an alias (*name) has no anchor"),
        (SOURCE + "---\na: 1\n", "hel.yaml:4:1: a second document begins here"),
        (SOURCE + "    from: !env X\n", "hel.yaml:4:11: sources.a.from: YAML tags are not used here"),
        (SOURCE + "    from: !!python/name:os.system x\n", "hel.yaml:4:11: sources.a.from: YAML tags"),
        (SOURCE + "    ? [x]\n    : y\n", "hel.yaml:4:7: sources.a: a key must be plain text"),
        (SOURCE + "    <<: x\n", "hel.yaml:4:5: sources.a: '<<' merges mappings only"),
        ("sources: &s\n  a: *s\n", "hel.yaml:1:10: sources.a: an alias must not stand inside what it repeats"),
        (b"\xff\xfes\x00", "hel.yaml:1:1: the file is not UTF-8 (save it as UTF-8)"),
        ("a: äö\nb: ".encode() + b"\xfc", "hel.yaml:2:4: the file is not UTF-8 (save it as UTF-8)"),
        ("a: 1\nb: \x1b[31m", "hel.yaml:2:4: the character U+001B is not allowed in YAML (remove it)"),
    ],
)
def test_what_is_not_a_yaml_mapping_is_one_sentence_with_its_place(
    problems: Problems, content: str | bytes, line: str
) -> None:
    found = problems(content)
    assert len(found) == 1
    assert found[0].startswith(line)


def test_a_parser_message_never_repeats_the_file(problems: Problems) -> None:
    for content in (
        "a: *TopSecret\n",
        "a: !TopSecret!x y\n",
        "a: @TopSecret\n",
        'a: "TopSecret\n',
        "a: b: TopSecret\n",
    ):
        assert "TopSecret" not in "".join(problems(content))


def test_a_duplicate_key_names_both_places(problems: Problems) -> None:
    assert problems(SOURCE + "    url: https://other.okta.com\n") == [
        "hel.yaml:4:5: sources.a.url: duplicate key (it stands in line 3 too)"
    ]


def test_a_file_that_can_not_be_read_is_named_as_given(tmp_path: Path) -> None:
    for path, words in (
        (tmp_path, "this is a directory"),
        (tmp_path / "no.yaml", "there is no such file"),
        (tmp_path / "x\0y", "it can't be read"),
        (tmp_path / ("x" * 300), "it can't be read"),
    ):
        with pytest.raises(ConfigError) as raised:
            load(path, {})
        assert words in str(raised.value)


def test_a_huge_file_is_refused(problems: Problems) -> None:
    assert "larger than 10,000,000 bytes" in problems("#" * 10_000_001)[0]


def test_scalars_mean_what_is_written(loaded: Load) -> None:
    source = loaded(
        SOURCE + "    from: 2024-01-01T00:00:00Z\n"
        "    query_params: {limit: 100, q: on, x: 1.0, y: True, z: 0x1F, o: 010, e: '', n: 'null', t: 12:30:00}\n"
    ).config.sources["a"]
    assert source.from_ == "2024-01-01T00:00:00Z"
    assert source.query_params == {
        "limit": "100", "q": "on", "x": "1.0", "y": "True", "z": "0x1F", "o": "010", "e": "", "n": "null",
        "t": "12:30:00",
    }  # fmt: skip


def test_anchors_aliases_and_merge_keys_work_and_the_nearest_key_wins(loaded: Load) -> None:
    sources = loaded(
        "sources:\n"
        "  a: &a\n    url: https://a.okta.com/x\n    resilience: &r {timeout_secs: 5, retries: {max_attempts: 7}}\n"
        "  b:\n    <<: *a\n    url: https://b.okta.com/x\n"
        "  c:\n    url: https://c.okta.com/x\n    resilience:\n      <<: [{timeout_secs: 6}, *r]\n"
    ).config.sources
    assert sources["b"].url == "https://b.okta.com/x"
    assert sources["b"].resilience == sources["a"].resilience
    assert (sources["c"].resilience.timeout_secs, sources["c"].resilience.retries.max_attempts) == (6, 7)


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(loaded: Load) -> None:
    assert loaded(b"\xef\xbb\xbf" + SOURCE.replace("\n", "\r\n").encode()).config.sources.keys() == {"a"}


def test_a_section_left_empty_stands_for_its_defaults(loaded: Load) -> None:
    source = loaded("global:\n" + SOURCE + "    schedule:\n    query_params:\n    pagination:\n").config.sources["a"]
    assert source.schedule.interval_secs == 60
    assert source.query_params == {}


def test_an_empty_auth_is_not_taken_for_none(problems: Problems) -> None:
    assert problems(SOURCE + "    auth:\n") == [
        "hel.yaml:4:5: sources.a.auth: the key has no value (give it one, or remove the key)"
    ]


@pytest.mark.parametrize(
    "content",
    [
        "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 40)),
        "a0: &a0 {x: 1}\n"
        + "".join(f"a{i}: &a{i} {{{','.join(f'k{j}: *a{i - 1}' for j in range(9))}}}\n" for i in range(1, 40)),
        "[" * 100_000,
        "{a: " * 100_000,
        "- " * 100_000,
        "a:\n" + "".join(f"{' ' * depth}a:\n" for depth in range(1, 300)),
    ],
    ids=["alias bomb of lists", "alias bomb of mappings", "brackets", "braces", "dashes", "deep"],
)
def test_a_bomb_ends_soon_in_one_sentence(problems: Problems, content: str) -> None:
    began = time.process_time()
    assert len(problems(content)) == 1
    assert time.process_time() - began < 30


LINES = st.sampled_from(
    ["sources:", "  a:", "    url: https://x.okta.com/", "    auth:", "      type: oauth2", "    <<: *x", "  b: &x",
     "global:", "  output: {path: x}", "- x", "? a", ": b", "...", "---", "%YAML 1.2", "\t", "    from: ${X", "'", '"',
     "    query_params: {a: ${X:-5}}", "    dedupe: []", "  ? {a: b}", "    schedule: !!int 5",
     "    dedupe: ~", "|", "!!"]
)  # fmt: skip


@given(
    st.one_of(
        st.binary(max_size=200),
        st.text(max_size=200).map(str.encode),
        st.text(alphabet="a:-{}[],&*!|>'\"%@`#?<$~ \n\t\\x0", max_size=80).map(str.encode),
        st.lists(LINES, max_size=12).map(lambda lines: "\n".join(lines).encode()),
    )
)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_load_or_are_a_config_error(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "hel.yaml"
    path.write_bytes(data)
    try:
        lines = tuple(load(path, {}).config.sources)
    except ConfigError as error:
        lines = error.problems
    assert lines
    assert all("\n" not in line for line in lines)
