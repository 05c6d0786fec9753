"""Answers questions to the log, page by page. Rule: polling always has a next link, a bounded query's last page none.

https://developer.okta.com/docs/reference/api/system-log/#transferring-data-to-a-separate-system
"""

from dataclasses import dataclass

from examples.okta_org.bodies import okta_error
from examples.okta_org.cursors import Cursors
from examples.okta_org.query import Query
from examples.okta_org.records import Call, RefusedError
from examples.okta_org.system_log import Event, SystemLog

NEXT = '>; rel="next"'
"""How the `Link` header of a next page ends."""


@dataclass(frozen=True, slots=True)
class LogPage:
    """One page.

    Attributes:
        events: In the order asked for.
        place: Where the next page starts; None after the last one.
    """

    events: list[Event]
    place: str | None


class Pages:
    """Cuts the log into pages.

    Args:
        log: The log.
        cursors: Signs the places between pages.
        gaps: The second page of a bounded query is empty and the third one short, both with a next link.
    """

    def __init__(self, log: SystemLog, cursors: Cursors, *, gaps: bool = False) -> None:
        self.gaps = gaps
        self._log = log
        self._cursors = cursors

    def read(self, query: Query) -> LogPage:
        """The page that a question asks for.

        Raises:
            RefusedError: Its cursor is none, or belongs to a question of the other kind.
        """
        place = None if query.after is None else self._cursors.read(query.after)
        kind = "p" if query.is_polling else "b"
        if place is not None and place[0] != kind:
            raise RefusedError(
                okta_error(400, "E0000001", "after", causes=["after: It belongs to another query."]),
                "an `after` of another query",
            )
        return self._poll(query, place) if query.is_polling else self._bounded(query, place)

    def _poll(self, query: Query, place: str | None) -> LogPage:
        start = self._log.index_at(query.since_ms) if place is None else int(place[1:])
        found: list[Event] = []
        position = start
        for event in self._log.after(start):
            if len(found) == query.limit:
                break
            position = event.index + 1
            if query.wants(event):
                found.append(event)
        return LogPage(found, f"p{position}")

    def _bounded(self, query: Query, place: str | None) -> LogPage:
        """By `published`; an event that comes in behind the cursor is missed, as at Okta."""
        number, after = 1, None
        since_ms = query.since_ms
        if place is not None:
            number, since_ms, *key = (int(part) for part in place[1:].split("."))
            after = tuple(key) or None
        order = sorted(
            (event for event in self._log.snapshot() if _is_within(event, since_ms, query)),
            key=_key,
            reverse=query.descending,
        )
        if after is not None:
            order = [event for event in order if (_key(event) < after if query.descending else _key(event) > after)]
        limit = query.limit if not self.gaps or number > 3 else (query.limit, 0, query.limit // 2)[number - 1]
        found, rest = order[:limit], order[limit:]
        if not rest:
            return LogPage(found, None)
        last = _key(found[-1]) if found else after
        parts = (number + 1, since_ms, *(last or ()))
        return LogPage(found, "b" + ".".join(str(part) for part in parts))


def links(call: Call, query: Query, page: LogPage, cursors: Cursors) -> list[str]:
    """The values of the `Link` headers, self and next (RFC 8288 §3), absolute by the client's `Host`."""
    found = [f'<{call.scheme}://{call.host}{call.target}>; rel="self"']
    if page.place is not None:
        parameters = "&".join([*query.carried, f"after={cursors.sign(page.place)}"])
        found.append(f"<{call.url}?{parameters}{NEXT}")
    return found


def _is_within(event: Event, since_ms: int, query: Query) -> bool:
    below = query.until_ms is None or event.published_ms < query.until_ms
    return since_ms <= event.published_ms and below and query.wants(event)


def _key(event: Event) -> tuple[int, ...]:
    return event.published_ms, event.index
