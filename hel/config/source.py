"""One source: what to ask, how often, how to follow pages, how to bear failures, and how to name its events."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from hel import okta
from hel.config.auth import DEFAULT_KEY_HEADER, OF_CREDENTIALS, OF_HTTP, Auth
from hel.config.fields import (
    Count,
    Dotted,
    Flag,
    HeaderName,
    HeaderValue,
    JsonValue,
    Label,
    Origin,
    Seconds,
    SecondsOrZero,
    SourceUrl,
    Text,
    TimeFormat,
    is_plain_http,
    is_true,
)
from hel.config.pagination import LinkHeaderPagination, Pagination, Watermark, Window
from hel.config.paging_conflicts import resume_conflicts
from hel.config.resilience import Limits, Resilience
from hel.config.section import Conflict, Section, wrong
from hel.config.tls import TlsConfig
from hel.config.values import UNKNOWN
from hel.timestamps import parse_text, written_start

_WHOLE = re.compile(r"[0-9]{1,18}")


class Schedule(Section):
    """When a source is asked."""

    interval_secs: Seconds = Field(60, description="Seconds from one start to the next.")
    jitter_secs: SecondsOrZero = Field(
        10, description="Up to this many seconds are added at random, so that sources don't start together."
    )


class Dedupe(Section):
    """Dropping events that were already delivered."""

    id_path: Dotted = Field(description="Dotted path to the event's ID, for example `uuid`.")
    capacity: Count = Field(100_000, description="How many IDs are remembered, across restarts.")


class Transform(Section):
    """Which parts of an event become the line's own `ts` and `meta.id`."""

    timestamp_field: Dotted | None = Field(
        None,
        description="Dotted path to the event's time for `ts`; default: the first string among `published`, "
        "`timestamp`, `ts`, `created_at`.",
    )
    timestamp_format: Literal["rfc3339", "epoch", "epoch_ms"] = Field(
        "rfc3339",
        description="How the event writes that time: as RFC 3339, whose text becomes `ts` as it is, or in seconds or "
        "milliseconds since 1970, of which RFC 3339 is made.",
    )
    id_field: Dotted | None = Field(
        None, description="Dotted path to the value for `meta.id`; default: `dedupe.id_path`."
    )

    @classmethod
    def conflicts(cls, given: Mapping[str, Any]) -> Iterator[Conflict]:
        """A number must be named: nothing is known to be a time by its name alone."""
        if given.get("timestamp_format") in ("epoch", "epoch_ms") and given.get("timestamp_field") is None:
            yield ("timestamp_format",), "of which field? (add 'timestamp_field')"


def _check_label_key(key: str) -> str:
    if key in {"ts", "endpoint", "event", "meta"}:
        raise wrong(f"'{key}' is already a key of every output line (choose another name)")
    return key


class SourceConfig(Section):
    """One API to collect from."""

    url: SourceUrl = Field(description="What to ask, without parameters; `https://DOMAIN/api/v1/logs` for Okta.")
    method: Literal["GET", "POST"] = Field("GET", description="How it is asked; by POST with a JSON body.")
    body: dict[Label, JsonValue] = Field(
        default_factory=dict, description="The JSON body of the first request, for POST."
    )
    headers: dict[HeaderName, HeaderValue] = Field(
        default_factory=dict,
        description="More request headers, such as `X-GitHub-Api-Version`; no secret, for which there is `auth`.",
    )
    schedule: Schedule = Field(default_factory=Schedule, description="When it is asked.")
    auth: Auth | None = Field(None, description="How requests are authorised; without it they carry no credential.")
    pagination: Pagination = Field(
        default_factory=lambda: LinkHeaderPagination(strategy="link_header"),
        description="How pages follow each other; default: the Link header.",
    )
    events_path: Dotted | None = Field(
        None,
        description="Dotted path to the array of events; default: the top-level array, else the one array among "
        "`items`, `data`, `events`, `entries`, `logs`, `records`.",
    )
    events_may_be_missing: Flag = Field(
        default=False,
        description="The API leaves `events_path` out, or answers nothing at all, when there are no events.",
    )
    watermark: Watermark | None = Field(None, description="Where the next tick starts: before the newest event.")
    window: Window | None = Field(None, description="Where the next tick starts: at the end of the last span of time.")
    resilience: Resilience = Field(default_factory=Resilience, description="How failures and limits are borne.")
    limits: Limits = Field(default_factory=Limits, description="What is too much to be taken from the API.")
    tls: TlsConfig = Field(default_factory=TlsConfig, description="Whom to trust, and how to show who we are.")
    allowed_origins: tuple[Origin, ...] = Field(
        (),
        description="Other origins, such as `https://eu.example.com`, to which the API's own links may lead; "
        "the credential goes there, too.",
    )
    allow_insecure_http: Flag = Field(
        default=False,
        description="Send the credential over plain http to another machine, readable by everybody on the way.",
    )
    from_: Text | None = Field(
        None, alias="from", description="Where to start when nothing is stored yet, sent as `from_param`."
    )
    from_param: Label | None = Field(
        None,
        description="The query parameter that takes `from`; default `since` where the URL's path is "
        "`/api/v1/logs`, else none.",
    )
    from_format: TimeFormat | None = Field(
        None,
        description="How `from_param` takes a time: `rfc3339` (default), `epoch`, `epoch_ms`, or a pattern such as "
        "`%Y-%m-%d %H:%M:%S`, in UTC. A `from` in RFC 3339 is rewritten so.",
    )
    checkpoint: Literal["per_page", "end_of_tick"] = Field(
        "per_page",
        description="When the place to resume from moves: with each page that was delivered, or with the tick's last.",
    )
    on_cursor_error: Literal["resume", "fail"] = Field(
        "resume",
        description="When the API refuses the stored link (400, 404, 410 or 422): start `overlap_secs` before the "
        "newest event and leave out what was delivered, or fail.",
    )
    overlap_secs: SecondsOrZero = Field(
        600, description="How far before its newest event a source starts when its stored link no longer serves."
    )
    query_params: dict[Label, Text] = Field(
        default_factory=dict,
        description="Query parameters of the first request, as text: `limit`, `filter`, …",
    )
    dedupe: Dedupe | None = Field(None, description="Dropping events that were already delivered.")
    transform: Transform = Field(default_factory=Transform, description="Parts of the event for `ts` and `meta`.")
    source_label_key: Annotated[Label, AfterValidator(_check_label_key)] = Field(
        "source", description="The key in each line that names the source."
    )
    source_label_value: Label = Field(
        "", description="The value of that key; default: the source's name. No two sources may share it."
    )

    @classmethod
    def completed(cls, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Okta's log takes `from` as `since`; others as they take a watermark or the start of a window."""
        url = given.get("url")
        if given.get("from_param") is not None:
            return given
        for key, param in (("watermark", "param"), ("window", "start_param")):
            section = given.get(key)
            if isinstance(section, Mapping) and isinstance(section.get(param), str):
                return {**given, "from_param": section[param]}
        if isinstance(url, str) and okta.is_log(url):
            return {**given, "from_param": okta.START_PARAM}
        return given

    @classmethod
    def conflicts(cls, given: Mapping[str, Any]) -> Iterator[Conflict]:
        """A start needs a parameter to travel in, which is not given twice; and no parameter may stop the source."""
        yield from _insecure(given)
        yield from resume_conflicts(given)
        yield from _request_conflicts(given)
        param, params = given.get("from_param"), given.get("query_params")
        if isinstance(params, Mapping):
            yield from _bad_parameters(given, params)
        if given.get("from") is None:
            return
        if given["from"] == "":
            yield ("from",), "it is empty, which is no start (write one, or remove the key)"
        if param is None and isinstance(given.get("url"), str):
            yield ("from",), "no 'from_param' says in which query parameter 'from' is sent (for Okta: since)"
        start, form = given["from"], given.get("from_format")
        if isinstance(start, str) and isinstance(form, str) and parse_text(written_start(start, form), form) is None:
            yield ("from",), "expected a time such as 2026-05-01T00:00:00Z, or one as 'from_format' says"
        walks = given.get("watermark") is not None or given.get("window") is not None
        if isinstance(param, str) and isinstance(params, Mapping) and param in params and not walks:
            yield ("query_params", str(param)), f"'from' is already sent as '{param}' (keep one of the two)"


def _bad_parameters(given: Mapping[str, Any], params: Mapping[str, Any]) -> Iterator[Conflict]:
    """What would make every request fail, or bring nothing."""
    url, limit, pagination = given.get("url"), params.get("limit"), given.get("pagination")
    strategy = pagination.get("strategy") if isinstance(pagination, Mapping) else "link_header"
    if "after" in params and strategy == "link_header":
        yield ("query_params", "after"), "Hel keeps the cursor itself (remove it; to start elsewhere: hel state set)"
    if not (isinstance(url, str) and okta.is_log(url) and isinstance(limit, str) and _WHOLE.fullmatch(limit)):
        return
    if int(limit) == 0:
        yield ("query_params", "limit"), f"a page of 0 events never brings one (1 to {okta.MAX_LIMIT})"
    if int(limit) > okta.MAX_LIMIT:
        yield ("query_params", "limit"), f"Okta refuses more than {okta.MAX_LIMIT} (lower it)"


def _request_conflicts(given: Mapping[str, Any]) -> Iterator[Conflict]:
    """A body goes by POST, and some headers are Hel's own."""
    if given.get("body") not in (None, {}) and given.get("method") != "POST":
        yield ("body",), "a GET has no body (add 'method: POST', or move it to 'query_params')"
    headers, auth = given.get("headers"), given.get("auth")
    key_header = (auth.get("header") or DEFAULT_KEY_HEADER) if isinstance(auth, Mapping) else None
    sends_key = isinstance(auth, Mapping) and auth.get("type") == "api_key" and isinstance(key_header, str)
    seen: set[str] = set()
    for name in headers if isinstance(headers, Mapping) else ():
        if not isinstance(name, str):
            continue
        if name.lower() in OF_CREDENTIALS:
            yield ("headers", name), "Hel sends this header itself (use 'auth')"
        elif name.lower() in OF_HTTP - {"accept"}:
            yield ("headers", name), "Hel sends this header itself (remove it)"
        elif sends_key and name.lower() == str(key_header).lower():
            yield ("headers", name), "'auth' sends the key in this header (keep one of the two)"
        elif name.lower() in seen:
            yield ("headers", name), "this header is there already, in other letters (keep one of the two)"
        seen.add(name.lower())


def _insecure(given: Mapping[str, Any]) -> Iterator[Conflict]:
    """Where a credential would go out for everybody to read."""
    auth, origins = given.get("auth"), given.get("allowed_origins")
    may = given.get("allow_insecure_http")
    if not isinstance(auth, Mapping) or is_true(may) or may is UNKNOWN:
        return
    places: list[tuple[tuple[str | int, ...], Any]] = [
        (("url",), given.get("url")),
        (("auth", "token_url"), auth.get("token_url")),
    ]
    if isinstance(origins, list | tuple):
        places += [(("allowed_origins", at), origin) for at, origin in enumerate(origins)]
    for keys, url in places:
        if isinstance(url, str) and is_plain_http(url):
            yield keys, _PLAIN_HTTP


_PLAIN_HTTP = (
    "plain http would show the credential to everybody on the way (write https; only where the way is safe: "
    "'allow_insecure_http: true')"
)
