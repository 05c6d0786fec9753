"""Configurations of any kind: each loads into what can be used, or every problem of it is one line for a person."""

import json
import os
import tempfile
import tracemalloc
from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import example, given, settings
from hypothesis import strategies as st
from joserfc.jwk import ECKey
from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML

from hel import asking, assembly
from hel.config.auth import BearerAuth, OAuth2Auth
from hel.config.load import Loaded, load, load_global
from hel.config.models import Config, GlobalConfig
from hel.config.placeholders import expand
from hel.config.section import Section, keys_of, sections_in
from hel.config.source import SourceConfig
from hel.errors import ConfigError
from hel.ready_made import names, ready_made
from hel.records import origin_of
from tests.lines import line

GUIDES = [path.read_bytes() for path in sorted(Path(__file__).parent.parent.glob("config/guide_*.yaml"))]
SOURCE = "sources:\n  a:\n    url: https://dev.okta.com/api/v1/logs\n"
PORTS = {"http": 80, "https": 443}
SECRET = "TopSecret42"
PEM = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
JWK: dict[str, Any] = {**ECKey.import_key(PEM).as_dict(private=True), "kid": "k", "use": "sig"}
ENVIRON = {
    "OKTA_DOMAIN": "dev.okta.com", "OKTA_API_TOKEN": SECRET, "OKTA_CLIENT_ID": "id", "OKTA_CLIENT_PRIVATE_KEY": PEM,
    "EMPTY": "", "LINES": f"{SECRET}\n\x1b[31m", "BYTES": f"{SECRET}\udcff", "NESTED": "${OKTA_DOMAIN}",
}  # fmt: skip


def leaves(value: Any) -> Iterator[Any]:
    """Every key and value of a section, down to those that hold no other."""
    if isinstance(value, BaseModel):
        value = dict(value)
    if isinstance(value, Mapping):
        value = [*value.keys(), *value.values()]
    if isinstance(value, list | tuple):
        for part in value:
            yield from leaves(part)
    else:
        yield value


def judge(data: bytes, environ: Mapping[str, str] = ENVIRON, *, whole: bool = True) -> tuple[str, ...]:
    """The problems of a configuration; none where it loads, and then its parts can be built and written."""
    loaded: Loaded | None = None
    globals_: GlobalConfig | None = None
    refusal = ConfigError("")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "hel.yaml"
        path.write_bytes(data)
        try:
            loaded = load(path, environ) if whole else None
            globals_ = loaded.config.global_ if loaded else load_global(path, environ)
        except ConfigError as error:
            refusal = error
            assert refusal.problems
    assert str(refusal) == "\n".join(refusal.problems)
    assert all(line and line.isprintable() and len(line) <= 2_001 for line in refusal.problems)
    assert SECRET not in str(refusal)
    for leaf in leaves([globals_, loaded.config if loaded else None]):
        if isinstance(leaf, Path):
            assert os.fsencode(leaf)
        elif isinstance(leaf, str):
            assert leaf.encode() or not leaf
    for source in loaded.config.sources.values() if loaded else ():
        for url in (source.url, *source.allowed_origins, getattr(source.auth, "token_url", source.url)):
            connects = httpx.URL(url)
            host, port = connects.raw_host.decode().lower(), connects.port or PORTS[connects.scheme]
            assert origin_of(url) == f"{connects.scheme}://{host}:{port}"
        assert asking.pager(source).first(None).url.startswith(source.url)
        assert json.loads(line(assembly.line_maker(source), b"{}").text)["event"] == {}
        assert assembly.rules(source).max_attempts > 0
    assert SECRET not in repr(loaded.secrets if loaded else "")
    return refusal.problems


URLS = (
    "https://x.okta.com/api/v1/logs", "http://x.example/", "https://x.okta.com", "https://u:p@x/", "https://[::1/",
    "https", "https://[::1]8080/", "https://999.1.1.1/", "HTTPS://ORG.okta.com:0443/", "https://[v1.x]/",
    "https://[::1]:443/", "https://xn--a.b/", "https://x:0/", "https://x:99999/", "https://x/?a=b", "https://x/{y}",
    "https://${OKTA_DOMAIN}/x", "https://${UNSET}/x", "https://${EMPTY}/x", "https://x//y", "https://[", "//x/",
    "https://x..y/", "https://\u00fc.de/",
)  # fmt: skip
PATHS = ("~", "~nobody-here/x", "../x", "/dev/null", "\x00", "\ud800", "\udcff", "", ".", "x" * 5000, "${BYTES}")
SCALARS = st.sampled_from([
    "", "x", "a.b", "5", "0", "-1", "1.5", "1e400", "nan", "inf", "9" * 40, "true", "false", "no", "null", "~",
    *PATHS, "daily", "size:5", "size:1e9", "bearer", "oauth2", "link_header", "none", "1.3", "${EMPTY}", "${UNSET}",
    "${LINES}", "${NESTED}", "${", "$${X}", "OKTA_API_TOKEN", "OKTA_CLIENT_PRIVATE_KEY", "OKTA_CLIENT_ID", "BYTES",
    "EMPTY", "UNSET", "\x1b[31m", "a\nb", 'a"b', "a\\b", "a..b", "\u202e", "\u2028", "\x85", "ts", "limit", "after",
    "since", "X-Limit", "2024-01-01T00:00:00Z", *URLS[:4], "x" * 300,
])  # fmt: skip
ODD_VALUES = st.one_of(
    SCALARS, st.none(), st.booleans(), st.integers(-1, 2000), st.just([]), st.just({}), st.lists(SCALARS, max_size=2),
    st.dictionaries(SCALARS, SCALARS, max_size=2), st.just([[]]), st.just({"a": {"b": []}}),
)  # fmt: skip


def good_for(name: str, annotation: Any) -> st.SearchStrategy[Any]:
    """What stands rightly at a key of this name and type."""
    kinds = [
        get_args(kind)[0] if get_origin(kind) is Annotated else kind for kind in [annotation, *get_args(annotation)]
    ]
    words = [word for kind in kinds if get_origin(kind) is Literal for word in get_args(kind)]
    url = st.sampled_from(["https://dev.okta.com/api/v1/logs", "https://${OKTA_DOMAIN}:8443/x", "https://[::1]/"])
    choices = (
        (words, st.sampled_from(words or [""])),
        (name.endswith("_env"), st.sampled_from(["OKTA_API_TOKEN", "OKTA_API_TOKEN", "OKTA_CLIENT_PRIVATE_KEY"])),
        (name.endswith("url"), url),
        (name == "allowed_origins", st.just(["https://x.okta.com", "https://[::1]:8443/"])),
        (name == "rotate", st.sampled_from(["daily", "size:5"])),
        (bool in kinds, st.booleans()),
        ({int, float} & set(kinds), st.integers(1, 50) | st.sampled_from(["5", "2048"])),
        (get_origin(annotation) is dict, st.fixed_dictionaries({}, optional={"limit": st.just("7"), "a": SCALARS})),
        (get_origin(annotation) is tuple, st.lists(st.just("x"), min_size=1, max_size=2)),
        (True, st.just("x.y")),
    )
    return next(strategy for applies, strategy in choices if applies)


@st.composite
def filled(draw: st.DrawFn, section: type[Section]) -> dict[str, Any]:
    """Some of a section's keys, those that it needs among them."""
    fields = {field.alias or name: field for name, field in section.model_fields.items()}
    names = draw(st.lists(st.sampled_from(keys_of(section)), max_size=4, unique=True))
    needed = [name for name, field in fields.items() if field.is_required()]
    found: dict[str, Any] = {}
    for name in dict.fromkeys([*needed, *names]):
        inner = [filled(kind) for kind in sections_in(fields[name].annotation)]
        found[name] = draw(st.one_of(inner or [good_for(name, fields[name].annotation)]))
    return {**found, **draw(st.sampled_from(PROOFS[section]))} if section in PROOFS else found


PROOFS: dict[type[Section], list[dict[str, Any]]] = {
    BearerAuth: [{"token_env": "OKTA_API_TOKEN"}],
    OAuth2Auth: [
        {"client_id": "x", "client_private_key_env": "OKTA_CLIENT_PRIVATE_KEY", "scopes": ["x"]},
        {"client_id_env": "OKTA_CLIENT_ID", "client_secret_env": "OKTA_API_TOKEN"},
        {},
    ],
}
SOURCES = st.dictionaries(st.sampled_from(["a", "b", "c.d_e-1"]), filled(SourceConfig), min_size=1, max_size=2)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """A configuration that is nearly right: a wrong value or a wrong key or two."""
    document = deepcopy(draw(st.fixed_dictionaries({"sources": SOURCES}, optional={"global": filled(GlobalConfig)})))
    for _ in range(draw(st.sampled_from([0, 1, 1, 1, 2]))):
        places = list(places_in(document))
        holder, key = places[draw(st.integers(0, len(places) - 1))]
        if draw(st.integers(0, 4)) == 0 and isinstance(holder, dict):
            key = draw(SCALARS)
        special = URLS if "url" in str(key) else PATHS if str(key).endswith(("path", "file")) else None
        holder[key] = deepcopy(draw(ODD_VALUES | st.sampled_from(special) if special else ODD_VALUES))
    return document


def places_in(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a document, as what holds it and its key or position there."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from places_in(value[key])


@given(documents(), st.booleans())
@example({"sources": {"a": {"url": "https://x.okta.com/", "dedupe": {"id_path": 'a"b'}}}}, True)
@example({"sources": {"a": {"url": "https://x.okta.com/", "transform": {"id_field": "a\\b"}}}}, True)
@example({"sources": {"a": {"url": "https://x.okta.com/", "source_label_value": "\ud800"}}}, True)
@example({"sources": {"a": {"url": "https://x.okta.com/", "source_label_value": "${BYTES}"}}}, True)
@example({"sources": {"a": {"url": "https://x.okta.com/", "query_params": {"a": "\ud800"}}}}, True)
@example({"sources": {"a": {"url": "https://x.okta.com/"}}, "global": {"output": {"path": "\ud800"}}}, True)
@example({"sources": {"a": {"url": "https://x.okta.com/", "auth": {"type": "x"}, "allow_insecure_http": []}}}, True)
@example({"sources": {"a": {"url": "https://x.okta.com/", "tls": {"ca_only": {}}}}}, True)
@example({"sources": {"a": {"url": "https://999.1.1.1/"}}}, True)
@example({"sources": {"a": {"url": "https://[::1/"}}, "global": {"state": {"path": "~nobody-here/x"}}}, True)
@example(
    {"sources": {"\ud800": {"url": "x", "source_label_value": "y"}, "b": {"url": "x", "source_label_value": "y"}}}, True
)
@settings(max_examples=300)
def test_any_value_at_any_key_is_usable_or_a_problem(document: dict[str, Any], whole: bool) -> None:
    judge(json.dumps(document).encode(), whole=whole)


WALKS = {"path": "x", "param": "since", "format": "epoch", "param_format": "epoch_ms", "overlap_secs": 60}
PAGED: dict[str, dict[str, Any]] = {
    "cursor": {"cursor_path": "next", "cursor_param": "after", "has_more_path": "more", "lasting": True},
    "next_url": {"next_path": "next"},
    "link_header": {"rel": "next", "lasting": False},
    "page_offset": {"page_param": "page", "limit_param": "limit", "end_on": "short_page"},
    "offset": {"offset_param": "offset", "limit_param": "limit", "limit": 7, "end_on": "empty_page"},
    "none": {},
}
WHOLE: list[dict[str, Any]] = [
    {
        "global": {
            "server": {"enabled": True, "port": 9090, "token_env": "TOKEN"},
            "output": {"path": "events.ndjson", "rotate": "daily", "mode": "0640"},
            "queue": {"max_events": 50, "max_mb": 1.5},
        },
        "sources": {name: {"url": "https://x.okta.com/", "source_label_value": "b"} for name in ("a", "b")},
    },
    *(YAML(typ="safe", pure=True).load(guide) for guide in GUIDES),
    *(YAML(typ="safe", pure=True).load(ready_made(name).text) for name in names()),
    *(
        {
            "sources": {
                "a": {
                    "url": "https://x.okta.com/api/v1/logs",
                    "method": method,
                    "body" if method == "POST" else "query_params": {"a": "b", "limit": "7"},
                    "pagination": {"strategy": strategy, **keys},
                    "watermark": WALKS,
                    "window": {"start_param": "since", "end_param": "until", "max_secs": 90, "overlap_secs": 60},
                    "from": "2024-01-01T00:00:00Z",
                    "from_param": "since",
                    "from_format": "rfc3339",
                }
            }
        }
        for strategy, keys in PAGED.items()
        for method in ("GET", "POST")
    ),
]
"""Whole configurations, and some in which as much as can be stands beside each other, whether it fits or not."""

MISPLACED: tuple[Any, ...] = (
    {}, [], [["x"]], ["x"], {"x": []}, {"x": {"y": "z"}}, 5, -1, True, None, "", "x", "1e999", "nan",
)  # fmt: skip


def one_thing_wrong(whole: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A configuration with each of its values replaced, each of its keys gone, and each of its keys another."""

    def copy(at: int) -> tuple[dict[str, Any], Any, Any]:
        document = deepcopy(whole)
        return document, *list(places_in(document))[at]

    for at, (place, _) in enumerate(places_in(whole)):
        for new in MISPLACED:
            document, holder, key = copy(at)
            holder[key] = deepcopy(new)
            yield document
        document, holder, key = copy(at)
        del holder[key]
        yield document
        if isinstance(place, dict):
            document, holder, key = copy(at)
            holder["x"] = holder.pop(key)
            yield document


@pytest.mark.parametrize("whole", WHOLE, ids=range(len(WHOLE)))
def test_whatever_one_thing_is_wrong_in_a_whole_configuration_is_a_problem_or_of_no_matter(
    whole: dict[str, Any],
) -> None:
    refused = 0
    for document in one_thing_wrong(whole):
        try:
            Config.model_validate(document)
        except ValidationError:
            refused += 1
    assert refused > 100, "nothing else is raised"


RICH = b"""\
%YAML 1.2
---
# comment
global: &g {log_level: debug, output: {path: "out", rotate: size:5}, queue: {max_events: 0x10}}
sources:
  a: &a
    url: 'https://${OKTA_DOMAIN}/x'
    resilience: &r {retries: {max_attempts: 7}, rate_limit: {reserve: ~}}
    query_params: &q {limit: 100, "q\\u00e9": >-
      folded
      text, ? k : v}
    auth: !!map
      type: bearer
      token_env: OKTA_API_TOKEN
  b:
    <<: [*a, {from: 2024-01-01T00:00:00Z, from_param: since}]
    query_params:
      text: |+
        literal

      "\\x41": *q
...
"""
PIECES = [
    b"&a ", b"*a", b"*r", b"<<: ", b"<<: [*a, *a]", b"? ", b": ", b":", b"- ", b"-", b"\n", b"\r", b"\r\n", b"\n\n",
    b" ", b"  ", b"\t", b"#", b"{", b"}", b"[", b"]", b",", b"|", b">", b"|-\n", b">+2\n", b"'", b'"', b"\\", b'"\\',
    b"\\x", b"\\ud800", b"\\U00110000", b"!", b"!!", b"!!int ", b"!x!y ", b"!<", b"%", b"%TAG ! x\n", b"---",
    b"---\n", b"...", b"...\n", b"@", b"`", b"~", b"\x00", b"\x1b[31m", b"\x7f", b"\x85", b"\xc2\x85",
    b"\xe2\x80\xa8", b"\xef\xbb\xbf", b"\xff\xfe", b"\xed\xa0\x80", b"\xff", b"\xf4\x90\x80\x80", b"${", b"${X}",
    b"${X:-", b"$${", b"}", b"sources:", b"global:", b"  a:\n", b"    url: x\n", b"null", b"=",
]  # fmt: skip


LINES = [
    b"    k: *a\n", b"  k: *a\n", b"    <<: *a\n", b"    <<: [*r, x]\n", b"    url: x\n", b"  a:\n", b"- x\n",
    b"    - x\n", b"\n", b"    ? [x]\n    : y\n", b'    k: "\\U00110000"\n', b'    k: "\\ud800\\x"\n',
    b"%YAML 1.1\n---\n", b"%YAML 9.9\n---\n", b"---\n", b"    k: !!int x\n", b"    k: !!float x\n",
    b"    k: !!binary x\n", b"    k: !<x y\n", b"    k: &\n", b"    k: *\n", b"    k: !\n", b"    k: >9\n",
    b"    k: |0\n", b"    k: 'x\n", b"\tk: x\n", b"    k: [*a, *q]\n", b"    k: {? x, y: }\n", b"    k: ${UNSET}\n",
]  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A good file, a few of its lines or parts of them cut, repeated, moved, replaced or spoilt."""
    data = draw(st.sampled_from([RICH, RICH, RICH, *GUIDES]))
    for _ in range(draw(st.integers(0, 4))):
        if draw(st.booleans()):
            lines = data.splitlines(keepends=True)
            at = draw(st.integers(0, len(lines)))
            data = b"".join(
                [*lines[:at], draw(st.sampled_from([*LINES, *lines])), *lines[at + draw(st.integers(0, 1)) :]]
            )
            continue
        begin = draw(st.integers(0, len(data)))
        end = draw(st.integers(begin, min(len(data), begin + draw(st.sampled_from([0, 1, 8, 60])))))
        kept = data[begin:end]
        middle = draw(st.sampled_from([*PIECES, b"", kept * 2, data[end : end + 40] + kept, kept.replace(b" ", b"")]))
        data = data[:begin] + middle + data[end:]
    return draw(st.sampled_from([data] * 12 + [data.decode("latin-1").encode("utf-16"), b"\xef\xbb\xbf" + data]))


@given(damaged())
@example(b"%YAML 1.3\n---\na: 1\n")
@example(b"&a sources:\n%YAML 9.9\n---\n  a:\n    b: c\n")
@settings(max_examples=300)
def test_a_damaged_file_is_usable_or_told_in_lines_for_a_person(data: bytes) -> None:
    judge(data)


VARIABLES: dict[str, str] = {"A": f"{SECRET}${{B_2}}", "B_2": "", "_c": "}"}
NAMES = st.sampled_from(["A", "B_2", "_c", "UNSET"])
PARTS = st.one_of(  # what is written, and what it means
    st.text(st.characters(codec="utf-8", exclude_characters="$"), max_size=4).map(lambda text: (text, text)),
    st.sampled_from([("$$x", "$$x"), ("$ {A}", "$ {A}"), ("$A", "$A"), ("}", "}"), ("$${", "${"), ("$${A}", "${A}")]),
    st.sampled_from([("$${A:-b}", "${A:-b}"), ("$${1}", "${1}")]),
    NAMES.map(lambda name: ("${" + name + "}", VARIABLES.get(name))),
    st.tuples(NAMES, st.text(st.sampled_from("a $:-\n\x00ü"), max_size=4)).map(
        lambda pair: ("${" + pair[0] + ":-" + pair[1] + "}", VARIABLES.get(pair[0]) or pair[1])
    ),
)
MALFORMED = ("${}", "${1}", "${A-b}", "${A:?b}", "${A:-{", "${A:-${A}}", "${ A}")
ODD_PARTS = st.sampled_from([(text, None) for text in MALFORMED])
ENDS = st.sampled_from([("", "")] * 5 + [("$", "$"), ("${", None), ("${A", None), ("${A:-x", None)])


@given(st.lists(PARTS | PARTS | PARTS | ODD_PARTS, max_size=5), ENDS)
@settings(max_examples=300)
def test_a_text_of_any_placeholders_becomes_what_a_shell_makes_of_it_or_is_refused_without_their_values(
    parts: list[tuple[str, str | None]], end: tuple[str, str | None]
) -> None:
    written, meant = zip(*parts, end, strict=True)
    said = ""
    try:
        found: str | None = expand("".join(written), VARIABLES)
    except ValueError as error:
        found, said = None, str(error)
    assert found == (None if None in meant else "".join(part or "" for part in meant))
    assert SECRET not in said


KEYS = ["state", "output", "path", "rotate", "queue", "max_mb", "max_events", "log_level", "x", "", "\x1b[1m", "ü"]
VARIABLE_NAMES = st.lists(st.sampled_from(KEYS), min_size=1, max_size=3).map(
    lambda keys: ("HEL_GLOBAL__" + "__".join(keys)).upper()
)
JSON_TEXTS = st.recursive(
    SCALARS.map(json.dumps) | SCALARS.map(lambda text: text.replace("\x00", "").replace("\ud800", "")),
    lambda inner: st.one_of(
        inner.map(lambda text: f"[{text}]"),
        st.tuples(st.sampled_from(KEYS), inner).map(lambda pair: f'{{"{pair[0]}":{pair[1]}}}'),
    ),
    max_leaves=3,
)


@given(st.dictionaries(VARIABLE_NAMES | st.just("HEL_LOG_LEVEL"), JSON_TEXTS, max_size=3), st.booleans())
@example({"HEL_GLOBAL__STATE": "[" * 100_000}, True)
@example({"HEL_GLOBAL__OUTPUT": '{"path":' * 5_000 + "1" + "}" * 5_000}, False)
@settings(max_examples=200)
def test_any_value_of_an_environment_variable_is_usable_or_a_problem(environ: dict[str, str], whole: bool) -> None:
    judge(SOURCE.encode(), environ, whole=whole)


ODD_MEMBERS: st.SearchStrategy[Any] = st.sampled_from(
    ["RSA", "EC", "", "AA", "ES256", "P-384", 5, None, [], ["sign"], {}, [[]], "\ud800"]
)
ODD_PARTS_OF_KEYS = (
    "",
    "\n",
    "-----",
    "RSA ",
    "ENCRYPTED ",
    "Proc-Type: 4,ENCRYPTED\n",
    "\udcff",
    "{",
    "[" * 500,
    "=",
    "é",
)


@st.composite
def damaged_keys(draw: st.DrawFn) -> str:
    """A private key as PEM or JWK, a few of its parts cut, repeated or replaced, or its members of another type."""
    odd = draw(st.dictionaries(st.sampled_from([*JWK, "alg", "key_ops", "keys"]), ODD_MEMBERS, max_size=2))
    jwk = json.dumps({**JWK, **odd}).replace('"DEEP"', "[" * 5000)
    text = draw(st.sampled_from([PEM, PEM.replace("\n", "\\n"), jwk, jwk]))
    for _ in range(draw(st.sampled_from([0, 0, 1, 2]))):
        begin = draw(st.integers(0, len(text)))
        end = draw(st.integers(begin, min(len(text), begin + 30)))
        text = text[:begin] + draw(st.sampled_from([*ODD_PARTS_OF_KEYS, text[begin:end] * 2])) + text[end:]
    return text


@given(damaged_keys())
@example('{"kty":' + "[" * 5000)
@settings(max_examples=200)
def test_a_damaged_private_key_is_usable_or_a_problem_that_repeats_none_of_it(key: str) -> None:
    auth = "{type: oauth2, token_url: https://x.okta.com/t, client_id: x, client_private_key_env: K, scopes: [x]}"
    shown = "".join(judge(f"{SOURCE}    auth: {auth}\n".encode(), {"K": key}))
    secret = [*PEM.splitlines()[1:-1], JWK["d"], JWK["x"]]
    assert not any(line[at : at + 8] in shown for line in secret for at in range(len(line) - 7))


def chained(levels: int, links: int) -> str:
    """Nesting that no part of the file shows: each value holds the one before it, so many levels down."""
    steps = (f"x{at}: &x{at} {'[' * levels}*x{at - 1}{']' * levels}\n" for at in range(1, links))
    return "x0: &x0 y\n" + "".join(steps)


MANY = "{" + ",".join(f"k{at}: 1" for at in range(400)) + "}"
BOMBS = {
    "aliases nested a thousand deep": SOURCE + chained(60, 20) + "global: *x19\n",
    "aliases nested four thousand deep": SOURCE + chained(60, 70) + "global: {state: *x69}\n",
    "a section that is wrong in 400 ways, 400 times": f"x: &b {MANY}\nsources:\n"
    + "".join(f"  s{at}: *b\n" for at in range(400)),
    "the same, merged": f"x: &b {MANY}\nsources:\n" + "".join(f"  s{at}: {{<<: *b}}\n" for at in range(400)),
    "merges of merges": "0: &0 {x: 1}\n"
    + "".join(f"{at}: &{at} {{{at}k: 1,<<: *{at - 1}}}\n" for at in range(1, 2900)),
    "a long list where text is wanted, 600 times": f"{SOURCE}    from: &f [{'x,' * 600}]\n    query_params: "
     "{" + ",".join(f"k{at}: *f" for at in range(600)) + "}\n",
    "a key as long as the file": SOURCE + "? " + "k" * 90_000 + "\n: 1\n",
    "a text as long as the file": SOURCE + "    from: '" + "${A:-x}$${" * 9_000 + "'\n",
    "many documents": "---\n" * 25_000,
    "anchors": SOURCE + "b: [" + "".join(f"&x{at} x," for at in range(3_000)) + "]\n",
}  # fmt: skip


@pytest.mark.timeout(300)
@pytest.mark.parametrize("content", BOMBS.values(), ids=BOMBS)
def test_a_bomb_of_a_hundred_kilobytes_costs_a_hundred_megabytes_at_most(content: str) -> None:
    assert len(content) <= 100_000
    tracemalloc.start()
    try:
        for whole in {True, "global" not in content}:
            judge(content.encode(), {}, whole=whole)
        assert tracemalloc.get_traced_memory()[1] < 100_000_000
    finally:
        tracemalloc.stop()
