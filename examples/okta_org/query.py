"""What a request to `/api/v1/logs` asks. Rule: what Okta's reference refuses is a 400, with the cause in words.

https://developer.okta.com/docs/reference/api/system-log/#list-events
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import unquote_plus

from examples.okta_org.bodies import okta_error
from examples.okta_org.records import Answer, RefusedError
from examples.okta_org.system_log import Event

_DAY_S = 86400
_DEFAULT_SINCE_S = 7 * _DAY_S
_OLDEST_SINCE_S = 180 * _DAY_S
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d([Tt]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:?\d\d)?)?")
_LEFT_OUT = frozenset({"since", "after", "pad"})
"""The parameters that a link doesn't keep; `pad` is a fault's (`long_link`) and would make every later link long."""
_FILTER = re.compile(r'\s*eventType\s+eq\s+"([^"]*)"\s*')


@dataclass(frozen=True, slots=True)
class Query:
    """One question.

    Attributes:
        since_ms: The earliest moment, epoch milliseconds.
        until_ms: The first moment no longer asked for; None in polling.
        limit: Events a page.
        descending: The newest first.
        event_types: The only types asked for; empty for all.
        word: Occurs in every event asked for; empty for all.
        after: The cursor, if there is one.
        carried: The parameters that the links keep, as received.
        note: What of it is not evaluated.
    """

    since_ms: int
    until_ms: int | None
    limit: int
    descending: bool
    event_types: frozenset[str]
    word: str
    after: str | None
    carried: tuple[str, ...]
    note: str

    @property
    def is_polling(self) -> bool:
        return self.until_ms is None and not self.descending

    def wants(self, event: Event) -> bool:
        """Whether the event is one of those asked for, time aside."""
        if self.word and self.word.encode().lower() not in event.text.lower():
            return False
        return not self.event_types or any(
            re.search(rb'"eventType":\s?"%s"' % re.escape(kind.encode()), event.text) for kind in self.event_types
        )


def parse(text: str, now: float, max_limit: int) -> Query:
    """Read a query string.

    Args:
        text: As received, without `?`.
        now: The org's clock, epoch seconds.
        max_limit: The largest page.

    Raises:
        RefusedError: Okta would not take it; a 400.
    """
    pairs = [part.partition("=") for part in text.split("&") if part]
    values = {unquote_plus(name): unquote_plus(value) for name, _, value in pairs}
    carried = tuple(f"{name}{sign}{value}" for name, sign, value in pairs if unquote_plus(name) not in _LEFT_OUT)
    if "since" in values and "after" in values:
        raise RefusedError(_bad("since", "'since' and 'after' can't be combined"), "`since` together with `after`")
    until = _moment(values, "until")
    event_types, note = _filter(values.get("filter", ""))
    return Query(
        _since_ms(values, now),
        None if until is None else round(until * 1000),
        _limit(values, max_limit),
        _is_descending(values),
        event_types,
        values.get("q", ""),
        values.get("after"),
        carried,
        note,
    )


def _since_ms(values: dict[str, str], now: float) -> int:
    since = _moment(values, "since")
    if since is None:
        return round((now - _DEFAULT_SINCE_S) * 1000)
    if since < now - _OLDEST_SINCE_S:
        raise RefusedError(_bad("since", "The 'since' parameter is over 180 days prior to the current day."))
    return round(since * 1000)


def _limit(values: dict[str, str], max_limit: int) -> int:
    text = values.get("limit", "100")
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text) <= max_limit):
        raise RefusedError(_bad("limit", f"The limit must be a number from 0 to {max_limit}."))
    return int(text)


def _is_descending(values: dict[str, str]) -> bool:
    order = values.get("sortOrder", "ASCENDING").upper()
    if order not in {"ASCENDING", "DESCENDING"}:
        raise RefusedError(_bad("sortOrder", "The sort order must be ASCENDING or DESCENDING."))
    return order == "DESCENDING"


def _moment(values: dict[str, str], name: str) -> float | None:
    text = values.get(name)
    if text is None:
        return None
    wrong = RefusedError(_bad(name, f"The '{name}' parameter is not a valid ISO 8601 date."))
    if not _MOMENT.fullmatch(text):
        raise wrong
    try:
        moment = datetime.fromisoformat(text.upper())
    except ValueError as error:
        raise wrong from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _filter(expression: str) -> tuple[frozenset[str], str]:
    if not expression.strip():
        return frozenset(), ""
    alternatives = [_FILTER.fullmatch(part) for part in re.split(r"\s+or\s+", expression)]
    if all(alternatives):
        return frozenset(match[1] for match in alternatives if match), ""
    if expression.count('"') % 2:
        raise RefusedError(okta_error(400, "E0000031", causes=["The filter has an open quote."]))
    return frozenset(), "filter not evaluated"


def _bad(name: str, cause: str) -> Answer:
    return okta_error(400, "E0000001", name, causes=[f"{name}: {cause}"])
