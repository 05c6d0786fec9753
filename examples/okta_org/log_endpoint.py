"""`GET /api/v1/logs`. Rule: events go out as the bytes that were persisted; links are to be used as they are.

https://developer.okta.com/docs/reference/api/system-log/
"""

from collections.abc import Callable

from examples.okta_org import query as log_query
from examples.okta_org.bodies import JSON, okta_error
from examples.okta_org.cursors import Cursors
from examples.okta_org.gate import Gate
from examples.okta_org.pages import NEXT, Pages, links
from examples.okta_org.records import Answer, Call, RefusedError

PATH = "/api/v1/logs"


class LogEndpoint:
    """Answers with pages of the log.

    Args:
        gate: Who may read.
        pages: Cuts the log into pages.
        cursors: Signs the places between them.
        max_limit: The largest page.
        accuse: Notes a broken rule.
    """

    def __init__(
        self, gate: Gate, pages: Pages, cursors: Cursors, max_limit: int, accuse: Callable[[Call, str], None]
    ) -> None:
        self.max_limit = max_limit
        self._gate = gate
        self._pages = pages
        self._cursors = cursors
        self._accuse = accuse
        self._handed_out: set[str] = set()

    def answer(self, call: Call) -> Answer:
        """One page.

        Raises:
            RefusedError: The caller may not read, or asks what can't be answered.
        """
        if call.method != "GET":
            raise RefusedError(okta_error(405, "E0000022", headers=[("allow", "GET")]))
        self._gate.admit(call)
        query = log_query.parse(call.query, call.at, self.max_limit)
        page = self._pages.read(query)
        if query.after is not None and call.url + "?" + call.query not in self._handed_out:
            self._accuse(call, "a next link was not used byte for byte")
        found = links(call, query, page, self._cursors)
        body = b"[" + b",".join(event.text for event in page.events) + b"]"
        uuids = tuple(event.uuid for event in page.events)
        return Answer(200, (JSON, *(("link", link) for link in found)), body, uuids, query.note)

    def note_links(self, answer: Answer) -> None:
        """Remember the next links of an answer as it goes out: a client may use those, byte for byte."""
        for name, value in answer.headers:
            if name == "link" and value.endswith(NEXT):
                self._handed_out.add(value.removesuffix(NEXT).removeprefix("<"))
