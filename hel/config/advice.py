"""What is valid and yet not wise: advice for a person, none of it an error."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from hel import okta
from hel.config.auth import OAuth2Auth
from hel.config.known_limits import above_budget
from hel.config.pagination import LinkHeaderPagination, NoPagination, OffsetPagination, PageOffsetPagination
from hel.config.problems import Problem
from hel.config.source import SourceConfig


def misplaced_secrets(source: SourceConfig) -> Iterator[tuple[tuple[str, ...], str]]:
    """What looks like a secret and stands where none belongs: its keys, and the secret."""
    places: list[tuple[tuple[str, ...], Mapping[str, Any]]] = [
        (("headers",), source.headers),
        (("query_params",), source.query_params),
        (("body",), source.body),
    ]
    if isinstance(source.auth, OAuth2Auth):
        places.append((("auth", "extra_params"), source.auth.extra_params))
    for keys, texts in places:
        for name, text in texts.items():
            if isinstance(text, str) and len(text) >= _SHORTEST and _SECRET.search(name):
                yield (*keys, name), text


def advice(sources: Mapping[str, SourceConfig]) -> Iterator[Problem]:
    """What its user would want to know before the first event.

    Args:
        sources: Those that run together, by name.
    """
    for name, source in sources.items():
        yield from _advice_on(name, source)
    yield from above_budget(sources)


def _advice_on(name: str, source: SourceConfig) -> Iterator[Problem]:
    here = ("sources", name)
    for keys, _ in misplaced_secrets(source):
        yield Problem(
            "a secret does not belong here, where recordings and messages of proxies may show it (use 'auth', such as "
            "'type: api_key' with 'header', where the API allows it)",
            (*here, *keys),
        )
    if okta.is_log(source.url) and isinstance(source.pagination, LinkHeaderPagination):
        yield from _small_pages(source, here)
    yield from _on_pages(source, here)
    yield from _on_starts(source, here)


def _on_pages(source: SourceConfig, here: tuple[str, ...]) -> Iterator[Problem]:
    """Where one page may not go on where the one before it ended."""
    pages, mark = source.pagination, source.watermark
    walks = mark is not None or source.window is not None
    if isinstance(pages, PageOffsetPagination | OffsetPagination) and source.dedupe is None:
        yield Problem(
            "numbers of pages shift when an event comes between two of them, and what moves to the next page comes "
            "twice (add 'dedupe' with the 'id_path' of the event's ID)",
            (*here, "pagination"),
        )
    if isinstance(pages, LinkHeaderPagination) and pages.lasting is None and not walks and not okta.is_log(source.url):
        yield Problem(
            "Hel will ask the last page's link again, which loses events where it does not last, or the newest come "
            "first (add 'lasting: true' to 'pagination' if the documentation promises that; else 'watermark' or "
            "'window')",
            (*here, "pagination"),
        )
    if isinstance(pages, NoPagination) and mark is not None:
        yield Problem(
            "what the API cuts off is lost: this is for one that answers with all there is (else say in 'strategy' how "
            "its pages follow each other)",
            (*here, "pagination", "strategy"),
        )


def _on_starts(source: SourceConfig, here: tuple[str, ...]) -> Iterator[Problem]:
    """Where a tick may not begin early enough, or a line tell when its event was."""
    mark, window = source.watermark, source.window
    if mark is not None and source.from_ is None and mark.template.strip() != "{}" and " " in mark.template.strip():
        yield Problem(
            "without 'from' the first tick asks without this template, and what else it asks for (add 'from')",
            (*here, "watermark", "template"),
        )
    if mark is not None and mark.overlap_secs == 0 and mark.format != "number":
        yield Problem(_LATE, (*here, "watermark", "overlap_secs"))
    if window is not None and window.overlap_secs == 0 and window.lag_secs == 0:
        yield Problem(_LATE, (*here, "window", "overlap_secs"))
    if mark is not None and mark.format.startswith("epoch") and source.transform.timestamp_field is None:
        yield Problem(
            "the event's time is a number there, and `ts` is made of texts alone: lines may carry the time of "
            f"collection (add 'transform: {{timestamp_field: {mark.path}, timestamp_format: {mark.format}}}')",
            (*here, "watermark", "format"),
        )


def _small_pages(source: SourceConfig, here: tuple[str, ...]) -> Iterator[Problem]:
    """Okta's own size of a page, which nobody chose."""
    if "limit" not in source.query_params:
        yield Problem(
            "without 'limit' a page of Okta's has 100 events, and a busy org takes ten times the requests (add "
            f"'limit: \"{okta.MAX_LIMIT}\"' to 'query_params')",
            (*here, "query_params"),
        )


_SECRET = re.compile(r"(?i)(key|token|secret|password|passwd|signature|credential)s?$")
_SHORTEST = 12
"""Characters; what is shorter is a word, and would be hidden wherever it stands."""

_LATE = "an event that the API shows later than it is dated is lost (leave the key out for ten minutes, or raise it)"
