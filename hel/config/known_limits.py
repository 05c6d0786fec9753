"""What the vendors' pages say of how long an API keeps its events, and how often it may be asked (`examples/*.md`).

The rule: an API is known by its host and path, as the vendor documents them; of one that is not, nothing is said.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from ipaddress import ip_address
from math import ceil, floor
from urllib.parse import urlsplit

import msgspec

from hel import okta
from hel.config.pagination import NoPagination
from hel.config.problems import Problem
from hel.config.source import SourceConfig
from hel.timestamps import parse_time

_DAY_S = 86_400.0

OKTA_PER_MINUTE = 120
"""Requests to the log's endpoint of an org, by default
(https://developer.okta.com/docs/reference/rl2-token-oauth); half of them for one app or token."""


class Retention(msgspec.Struct, frozen=True):
    """How long an API keeps its events.

    Attributes:
        vendor: Whose it is.
        url: What its host and path match, a pattern.
        days: For how long.
        refused_days: From how long ago it answers with an error; None where it answers with what it has.
        note: What else must be known of the number.
    """

    vendor: str
    url: str
    days: int
    refused_days: int | None = None
    note: str = ""


RETENTIONS = (
    Retention("Okta", r"[^/]+/api/v1/logs", 90, 180),
    Retention("Auth0", r"[^/]+\.auth0\.com/api/v2/logs", 30, note=" at most, by its plan"),
    Retention("Cloudflare", r"api\.cloudflare\.com/client/v4/accounts/[^/]+/(audit_logs|logs/audit)", 548),
    Retention("GitHub", r"api\.github\.com/(orgs|enterprises)/[^/]+/audit-log", 180),
    Retention("Google", r"admin\.googleapis\.com/admin/reports/v1/.+", 180, 180),
    Retention("1Password", r"events\.(ent\.)?1password\.(com|ca|eu)/api/v[12]/.+", 120),
    Retention("Tailscale", r"api\.tailscale\.com/api/v2/tailnet/[^/]+/logging/configuration", 90),
)


def too_old(sources: Mapping[str, SourceConfig], now: float) -> Iterator[Problem]:
    """Each `from` that lies before what its API keeps.

    That is right only before the first start: later on `from` stays as it is, and grows old.

    Args:
        sources: By name.
        now: Epoch seconds.
    """
    for name, source in sources.items():
        known, at = retention(source.url), parse_time(source.from_ or "")
        if known is None or at is None:
            continue
        age_s = now - at
        if known.refused_days is not None and age_s > known.refused_days * _DAY_S:
            what = f"{known.vendor} refuses what lies more than {known.refused_days} days back"
        elif age_s > known.days * _DAY_S:
            what = f"{known.vendor} keeps {known.days} days{known.note}, and what lies before can't be had"
        else:
            continue
        fix = f"for the first start set a time after {_date(now - known.days * _DAY_S)}; once it has run, leave it"
        yield Problem(f"{what} ({fix})", ("sources", name, "from"))


def retention(url: str) -> Retention | None:
    """How long the API at a URL keeps its events; None for one that is not known."""
    parts = urlsplit(url)
    place = f"{parts.hostname}{parts.path.rstrip('/')}"
    return None if _stands_in(url) else next((each for each in RETENTIONS if re.fullmatch(each.url, place)), None)


def above_budget(sources: Mapping[str, SourceConfig]) -> Iterator[Problem]:
    """Settings that ask for more than the API, or the source's own rate, will ever give.

    Args:
        sources: By name.
    """
    for group in _sharing(sources):
        yield from _above_okta(group)
    for name, source in sources.items():
        yield from _above_own_rate(("sources", name), source)


def _above_okta(group: dict[str, SourceConfig]) -> Iterator[Problem]:
    """Sources of one org and credential that ask more often than Okta answers by default, all their pages counted."""
    budget = OKTA_PER_MINUTE // 2
    per_minute = {name: _per_minute(source) for name, source in group.items()}
    total = sum(per_minute.values())
    is_chosen = len(group) > 1 or any(map(_says_how_often, group.values()))
    if total <= budget or not is_chosen:
        return
    name = max(per_minute, key=lambda name: per_minute[name])
    source, others = group[name], [f"'{other}'" for other in group if other != name]
    interval_s, pages = source.schedule.interval_secs, _pages(source)
    if others:
        fix = f"for each raise 'interval_secs' or lower 'max_pages', {ceil(total / budget * 10) / 10:g} times"
    elif floor(budget * interval_s / 60) >= 1:
        fix = f"set 'max_pages: {floor(budget * interval_s / 60)}', or 'interval_secs: {ceil(pages * 60 / budget)}'"
    else:
        fix = f"set 'interval_secs: {ceil(pages * 60 / budget)}'"
    yield Problem(
        f"{'with ' + ', '.join(others) + ', ' if others else ''}up to {total:,.0f} requests a minute while it catches "
        f"up, and Okta answers an app or token {budget}, half of the log's {OKTA_PER_MINUTE} ({fix}; leave it where "
        "Okta gives this org more)",
        ("sources", name, "schedule" if "schedule" in source.model_fields_set else "pagination"),
    )


def _above_own_rate(here: tuple[str, ...], source: SourceConfig) -> Iterator[Problem]:
    """A pace that `max_requests_per_second` does not allow."""
    rate = source.resilience.rate_limit.max_requests_per_second
    if rate is None:
        return
    place, interval_s = (*here, "resilience", "rate_limit", "max_requests_per_second"), source.schedule.interval_secs
    if interval_s * rate < 1:
        yield Problem(
            f"at one request in {1 / rate:g} s no tick can start each {interval_s:g} s (set 'interval_secs: "
            f"{ceil(1 / rate)}', or a higher rate)",
            place,
        )
    timeout_s = source.resilience.tick_timeout_secs
    if _pages(source) / rate > timeout_s:
        yield Problem(
            f"{_pages(source)} pages take {_pages(source) / rate:,.0f} s at this rate, and 'tick_timeout_secs' ends a "
            f"tick after {timeout_s:g} (set 'max_pages: {max(1, floor(timeout_s * rate))}', or 'tick_timeout_secs: "
            f"{ceil(_pages(source) / rate)}')",
            place,
        )


def _per_minute(source: SourceConfig) -> float:
    """The most requests that it sends in a minute, by its own settings."""
    limit, interval_s = source.resilience.rate_limit, source.schedule.interval_secs
    per_s = _pages(source) / interval_s
    if limit.page_delay_secs:  # between the pages of a tick; each tick's first one comes without
        per_s = min(per_s, max(1 / limit.page_delay_secs, 1 / interval_s))
    if limit.max_requests_per_second:
        per_s = min(per_s, limit.max_requests_per_second)
    return 60 * per_s


def _pages(source: SourceConfig) -> int:
    return 1 if isinstance(source.pagination, NoPagination) else source.pagination.max_pages


def _says_how_often(source: SourceConfig) -> bool:
    """Whether somebody chose it; of the defaults nobody needs to be told."""
    return "interval_secs" in source.schedule.model_fields_set or "max_pages" in source.pagination.model_fields_set


def _sharing(sources: Mapping[str, SourceConfig]) -> Iterator[dict[str, SourceConfig]]:
    """The sources of Okta's log that share a budget: of one org, with one credential."""
    groups: dict[tuple[str, str], dict[str, SourceConfig]] = {}
    for name, source in sources.items():
        if okta.is_log(source.url) and not _stands_in(source.url):
            credential = source.auth.model_dump_json(exclude={"scopes"}) if source.auth else ""
            groups.setdefault((urlsplit(source.url).netloc, credential), {})[name] = source
    yield from groups.values()


def _stands_in(url: str) -> bool:
    """Whether it is on this machine or named by number: no vendor's API, but what stands in for one."""
    host = urlsplit(url).hostname or ""
    try:
        ip_address(host)
    except ValueError:
        return host == "localhost"
    return True


def _date(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}"
