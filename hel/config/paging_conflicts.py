"""What of a source's pages, watermark, window and parameters does not fit together, and would lose events."""

from collections.abc import Iterator, Mapping
from typing import Any

from hel.config.fields import is_true
from hel.config.pagination import DEFAULT_PARAMS
from hel.config.section import Conflict
from hel.config.values import UNKNOWN
from hel.timestamps import parse_text, written_start

_NAMES_NEXT = ("link_header", "next_url", "cursor")
"""Strategies in which the API itself says whether there is a next page."""


def resume_conflicts(given: Mapping[str, Any]) -> Iterator[Conflict]:
    """A source must know where its next tick starts.

    Args:
        given: The source as read.
    """
    walks = [key for key in ("watermark", "window") if given.get(key) is not None]
    pages = given.get("pagination")
    if not isinstance(pages, Mapping):
        pages = {"strategy": "link_header"}
    strategy, lasting = pages.get("strategy"), pages.get("lasting")
    lasts = is_true(lasting)
    if walks and strategy in _NAMES_NEXT and pages.get("end_on") == "short_page":
        yield (
            ("pagination", "end_on"),
            f"a page that the API cuts short would end a walk before its end (remove it: '{strategy}' names the end)",
        )
    if len(walks) > 1:
        yield ("window",), "there is a watermark, too (keep the one that the API takes)"
    if strategy in ("page_offset", "offset") and not walks:
        yield ("pagination",), "numbers of pages don't last (add 'watermark' or 'window': where the next tick starts)"
    says_no = lasting not in (None, UNKNOWN) and not lasts
    if not walks and not lasts and (strategy in ("cursor", "next_url") or (strategy == "link_header" and says_no)):
        yield (
            ("pagination",),
            (
                "nothing says where the next tick starts (add 'lasting: true' if the last cursor can be asked again "
                "later, else 'watermark' or 'window')"
            ),
        )
    yield from _start_conflicts(given, walks)
    yield from _size_conflicts(given)
    yield from _given_twice(given)
    if lasts and walks:
        yield ("pagination", "lasting"), f"a cursor that lasts needs no '{walks[0]}' (keep one of the two)"


def _size_conflicts(given: Mapping[str, Any]) -> Iterator[Conflict]:
    """A short page is shorter than something."""
    pages = given.get("pagination")
    if not isinstance(pages, Mapping) or pages.get("end_on") != "short_page" or pages.get("limit") is not None:
        return
    name = pages.get("limit_param") or DEFAULT_PARAMS.get(str(pages.get("strategy")), {}).get("limit_param", "limit")
    asked = [given.get(key) for key in ("query_params", "body")]
    if isinstance(name, str) and not any(isinstance(names, Mapping) and name in names for names in asked):
        yield ("pagination", "end_on"), f"how many events make a full page? (add '{name}' to 'query_params')"


def _own_parameters(given: Mapping[str, Any]) -> Iterator[tuple[Conflict, str]]:
    """The parameters that Hel sets itself: the key that names each, and the name."""
    pages = given.get("pagination")
    strategy = str(pages.get("strategy")) if isinstance(pages, Mapping) else ""
    for section, key in (
        *(("watermark", "param"), ("window", "start_param"), ("window", "end_param")),
        *(("pagination", key) for key in ("page_param", "offset_param", "cursor_param", "limit_param")),
    ):
        named = given.get(section)
        if isinstance(named, Mapping):
            name = named.get(key) or (DEFAULT_PARAMS.get(strategy, {}).get(key) if section == "pagination" else None)
            if isinstance(name, str) and not (key == "limit_param" and named.get("limit") is None):
                yield ((section, key), f"'{section}.{key}' sends this parameter"), name


def _given_twice(given: Mapping[str, Any]) -> Iterator[Conflict]:
    """What Hel sets stands nowhere else, where one of the two would be replaced without a word."""
    own: dict[str, str] = {}
    for (keys, says), name in _own_parameters(given):
        if name in own and keys != ("window", "end_param"):
            yield keys, f"{own[name]}, too (one of the two would be lost)"
        own.setdefault(name, says)
    if isinstance(start := given.get("from_param"), str) and given.get("method") == "POST":
        own.setdefault(start, "'from_param' sends this parameter")
    for section in ("query_params", "body"):
        parameters = given.get(section)
        for name in parameters if isinstance(parameters, Mapping) else ():
            if name in own:
                fix = "put what it asks for besides into 'template'" if "watermark" in own[name] else "remove it"
                yield (section, name), f"{own[name]} ({fix})"


def _start_conflicts(given: Mapping[str, Any], walks: list[str]) -> Iterator[Conflict]:
    """The first start travels as the later ones do."""
    start, param = given.get("from"), given.get("from_param")
    for key in walks:
        section = given.get(key)
        if not isinstance(section, Mapping) or not isinstance(start, str):
            continue
        name = section.get("param" if key == "watermark" else "start_param")
        if isinstance(name, str) and isinstance(param, str) and name != param:
            yield ("from_param",), f"'from' is sent as '{name}', as '{key}' says (remove it)"
        form = section.get("param_format") or section.get("format") or "rfc3339"
        if isinstance(form, str) and parse_text(written_start(start, form), form) is None:
            yield ("from",), f"expected {'a number' if form == 'number' else 'a time such as 2026-05-01T00:00:00Z'}"
    if walks and given.get("from_format") is not None:
        yield ("from_format",), f"'{walks[0]}' says how times are written (remove it)"
