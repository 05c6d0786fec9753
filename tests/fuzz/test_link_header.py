"""Hostile `Link` headers, and where the client would really connect: `httpx.URL` decides that, not `urllib.parse`."""

from contextlib import suppress
from dataclasses import dataclass

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hel.errors import ReplyError
from hel.paging.link_header import Link, find, parse
from hel.records import Checkpoint, Reply, Request
from tests.doubles import link_pager

PORTS = {"http": 80, "https": 443}
HOMES = (
    "https://org.okta.com/api/v1/logs",
    "https://org.okta.com:8443/api/v1/logs?limit=2",
    "http://127.0.0.1:8080/api/v1/logs?since=2026-05-01T00%3A00%3A00Z",
    "https://[::1]/api/v1/logs?limit=2&until=2026-05-02T00%3A00%3A00Z",
    "https://[2001:db8::a]:8443/log?sortOrder=DESCENDING",
)
ABROAD = "https://eu.okta.com"
SLASHES = ("//", "", "/", "///", "\\\\", "/\\", "\\/", "//\\", "/\t/", "//[", "//%2f")
USERS = ("@", "user@", "user:secret@", ":@", "evil.example@", "evil.example\\@", "evil.example%40", "a@b@")
PORT_TEXTS = ("", ":", ":443", ":8443", ":8080", ":80", ":0443", ":+443", ":4_43", ": 443", ":443:443", ":99999",
              ":-1", ":٤٤٣", "443", "8443", "8080", ".", ":443.", ":443@", ":443\\", ":\t443")  # fmt: skip
TAILS = ("/api/v1/logs?after=x", "/", "", "?after=x", "#x", "/\\evil.example", "//evil.example/", "/a b", "/ü",
         "/../..", "/?limit=" + "9" * 5000, "/%00", "/@evil.example", "?@evil.example", "#@evil.example",
         "\\@evil.example", "/?limit=²", "/?limit=-1&limit=", "/\x7f", "/|^`{}", "/;x=1,<")  # fmt: skip
ODD = ("\\", "/", "//", "@", ":", "?", "#", "[", "]", "%", "%2e", "%40", ".", ";", "&", "\t", "\r\n", " ", "\x00",
       "\x7f", "\u00ad", "\u3002", "\uff0f", "\uff20", "\u0131", "ß", "evil.example", "::1", "0", "<", ">", '"', ",",
       "https:")  # fmt: skip


def look_alikes(host: str) -> tuple[str, ...]:
    """Hosts that somebody could take for this one."""
    bare = host.strip("[]")
    return (
        host.upper(), host + ".", "." + host, host + ".evil.example", "evil.example", host + "%2eevil",
        "evil" + host, f"[{bare}]", bare, host.replace(".", "%2e"), host.replace(".", "\u3002"), host[:-1],
        host.replace("o", "\u043e"), host.replace("1", "\uff11"), host + "\u00ad", f"[{bare}%25lo]", f"[{bare}",
        f"{bare}]", f"evil[{bare}]",
        f"[{bare}]evil", f"[::ffff:{bare}]", f"[v1.{bare}]", "0:0:0:0:0:0:0:1", "[0:0:0:0:0:0:0:1]", "2130706433", "",
    )  # fmt: skip


@st.composite
def edited(draw: st.DrawFn, texts: st.SearchStrategy[str], pieces: tuple[str, ...]) -> str:
    """A text with a few of its parts cut, repeated, moved or replaced."""
    text = draw(texts)
    for _ in range(draw(st.sampled_from((0, 1, 1, 2)))):
        begin = draw(st.integers(0, len(text)))
        end = draw(st.integers(begin, min(len(text), begin + 12)))
        middle = draw(st.sampled_from((*pieces, "", text[begin:end] * 2, text[end : end + 8])))
        text = text[:begin] + middle + text[end:]
    return text


@st.composite
def absolute_links(draw: st.DrawFn, home: str) -> str:
    """A link of this home's scheme, host and port, but for two parts at most."""
    read = httpx.URL(home)
    scheme, host = f"{read.scheme}:", f"[{read.host}]" if ":" in read.host else read.host
    schemes = (scheme.upper(), "https:", "http:", "ftp:", "file:", "", f" {scheme}", f"{read.scheme}\t:")
    good = (scheme, "//", "", host, f":{read.port}" if read.port else "", "/api/v1/logs?after=x")
    odd = (schemes, SLASHES, USERS, look_alikes(host), PORT_TEXTS, TAILS)
    where = draw(st.lists(st.integers(0, len(good) - 1), max_size=2))
    return "".join(draw(st.sampled_from(odd[at])) if at in where else part for at, part in enumerate(good))


def links_to(home: str) -> st.SearchStrategy[str]:
    """Absolute and relative links, most of them nearly to this home."""
    absolute = absolute_links(home)
    begins = st.sampled_from((*SLASHES, "?", "#", ";", "."))
    relative = st.tuples(begins, absolute | st.sampled_from(TAILS)).map("".join)
    return absolute | absolute | edited(absolute | relative | st.text(max_size=30), (*ODD, home))


HOMES_AND_LINKS = st.sampled_from(HOMES).flatmap(
    lambda home: st.tuples(st.just(home), links_to(home) | links_to(ABROAD))
)


def connects_to(url: str) -> tuple[str, bytes, int | None, bytes]:
    """Scheme, host, port and user, as the client reads them; it raises where it would not send."""
    read = httpx.URL(url)
    return read.scheme, read.raw_host.lower(), read.port or PORTS.get(read.scheme), read.userinfo


def answered(*links: str, events: int = 1) -> Reply:
    return Reply(200, tuple(("link", link) for link in links), b"[" + b",".join([b"{}"] * events) + b"]", 0.0)


@given(HOMES_AND_LINKS, st.booleans())
@example((HOMES[3], "https://[::1]8080/"), False)
@example((HOMES[3], "https://evil.example%2f[::1]/"), False)
@example((HOMES[0], "https://org.okta.com/" + "a" * 70_000), False)
@example((HOMES[0], "https://eu.okta.com:443/"), True)
@settings(max_examples=300)
def test_whatever_a_link_says_the_client_would_connect_to_the_sources_own_origin_or_an_allowed_one(
    home_and_link: tuple[str, str], may_travel: bool
) -> None:
    """Lesson 28, for a link that has just come and for one that was stored."""
    home, link = home_and_link
    abroad = [ABROAD] * may_travel
    asked = []
    with suppress(ReplyError):
        asked.append(link_pager(home, abroad=abroad).first(Checkpoint("q", resume=link)).url)
    with suppress(ReplyError):
        pager = link_pager(home, abroad=abroad)
        page = pager.read(pager.first(None), answered(f'<{link}>; rel="next"'))
        asked += [page.resume or home, page.next.url if page.next else home]
    for url in asked:
        assert connects_to(url) in [connects_to(one) for one in (home, *abroad)]
        assert url.isascii()
        assert url.isprintable()
        assert " " not in url


TOKENS = st.text(st.sampled_from("abcREL0!#$%&'*+-.^_`|~"), min_size=1, max_size=6)
QUOTED = st.text(st.sampled_from('next self<>;,=\\"/: \tü'), max_size=12)
TARGETS = st.text(
    st.sampled_from("ab/?&=%,;<\"' \\ü\xa0") | st.characters(exclude_characters=">", max_codepoint=255), max_size=20
)
OWS = st.sampled_from(["", "", " ", "\t ", "  "])


@dataclass(frozen=True, slots=True)
class Written:
    """A link by the grammar, and what is to be read from it."""

    text: str
    link: Link


@st.composite
def written(draw: st.DrawFn) -> Written:
    """RFC 8288 §3, with every liberty that it takes: white space, quoting, flags, repeated relations."""
    target = draw(TARGETS)
    relations = draw(st.lists(st.sampled_from(["next", "NEXT", "self", "prev", "https://o/?a,b;c"]), max_size=3))
    parameters = [draw(parameter) for parameter in draw(st.lists(st.just(PARAMETERS), max_size=3))]
    if relations:
        at = draw(st.integers(0, len(parameters)))
        parameters.insert(at, draw(st.sampled_from(["rel", "REL", "Rel"])) + "=" + draw(quoted(" ".join(relations))))
        parameters += draw(st.sampled_from([[], [], ["rel=last"]]))
    text = f"<{target}>" + "".join(draw(OWS) + ";" + draw(OWS) + parameter for parameter in parameters)
    return Written(text, Link(target, frozenset(relation.lower() for relation in relations)))


@st.composite
def quoted(draw: st.DrawFn, text: str) -> str:
    """A quoted string (RFC 9110 §5.6.4), some of its characters escaped without need."""
    return '"' + "".join("\\" + c if c in '"\\' or draw(st.integers(0, 5)) == 0 else c for c in text) + '"'


PARAMETERS = st.one_of(
    TOKENS.filter(lambda name: name.lower() != "rel"),
    st.tuples(TOKENS.filter(lambda name: name.lower() != "rel"), OWS, st.just("="), OWS, TOKENS).map("".join),
    QUOTED.flatmap(quoted).map(lambda value: "title=" + value),
)


@given(st.lists(written(), max_size=5), st.data())
def test_whatever_the_grammar_allows_is_read_back(links: list[Written], data: st.DataObject) -> None:
    separators = st.sampled_from([",", ", ", " ,", ", ,", ",\t"])
    joined = "".join(link.text + data.draw(separators) for link in links)
    assert list(parse([joined])) == list(parse([link.text for link in links])) == [link.link for link in links]


HEADERS = st.lists(written().map(lambda link: link.text), max_size=3).map(", ".join)
HEADER_PIECES = ("<", ">", ";", ",", '"', "\\", "=", "rel=next", '; rel="next"', "<https://evil.example/>", " ", "\xa0")


@st.composite
def walks(draw: st.DrawFn) -> tuple[str, list[Reply]]:
    """A home, and the replies of a tick: most links lead on, and any header may be damaged."""
    home = draw(st.sampled_from(HOMES))
    origin = home[: home.index("/", 8)]
    on = st.tuples(
        st.sampled_from([origin, origin, "", origin.upper()]),
        st.sampled_from(["/log", "/log", "/a/../log", ""]),
        st.sampled_from(["?after=", "?limit=1&after=", "?limit=" + "9" * 5000 + "&after=", "?limit=²&", "#", "?&="]),
        st.sampled_from(["1", "2", "3", ""]),
    ).map("".join)
    links = st.tuples(st.just("<"), on | on | on | links_to(home), st.just('>; rel="next"')).map("".join)
    values = st.lists(edited(links | links | HEADERS, HEADER_PIECES), min_size=1, max_size=2)
    return home, [answered(*draw(values), events=draw(st.integers(0, 2))) for _ in range(draw(st.integers(1, 4)))]


@given(walks(), st.booleans())
@example((HOMES[0], [answered(f'<?limit={"9" * 5000}>; rel="next"')] * 2), True)
@settings(max_examples=200)
def test_a_tick_over_damaged_headers_stays_at_home_asks_nothing_twice_and_fails_in_words(
    walk: tuple[str, list[Reply]], short: bool
) -> None:
    home, replies = walk
    pager = link_pager(home, end_on_short_page=short)
    request: Request | None = pager.first(None)
    asked, said = [], ""
    for reply in replies:
        if request is None:
            break
        assert connects_to(request.url) == connects_to(home)
        asked.append(request.url)
        try:
            page = pager.read(request, reply)
        except ReplyError as error:
            said = str(error)
            break
        assert len(page.events) == reply.body.count(b"{")
        assert connects_to(page.resume or home) == connects_to(home)
        request, said = page.next, str(page.fault or "")
        assert request is None or page.fault is None
    assert len(set(asked)) == len(asked)
    assert said.isprintable()


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "part",
    ["<", "<u>", '<u>; a="', "<u>;\\", '<u>; a=" ', ";", " ", "\t,", "<u>; ", "<u>; a ", '"', "\\", '\\"', "<u>;a=",
     '<u>;a="";', "; a=", ';a=" '],
)  # fmt: skip
def test_a_header_of_a_megabyte_is_read_in_a_time_that_grows_with_its_size_alone(part: str) -> None:
    for head in ("", '<u>; rel="', "<u>; rel"):
        assert find([head + part * (1_000_000 // len(part))], "next") is None
