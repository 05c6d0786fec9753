"""Reads a reply as a page: its events, what to ask now (`next`), and where the next tick starts (`resume`).

The rules that every strategy shares live here: a next request stays on the origins of its source, and no page is asked
for twice in one tick. The events of a page whose next breaks the second rule are good all the same: the page carries
what is wrong, to be raised once they are handed over.
"""

from email.utils import parsedate_to_datetime
from enum import StrEnum

import msgspec
from msgspec.structs import replace

from hel.dedupe import event_key
from hel.envelope import Envelope
from hel.errors import PagingLoopError
from hel.paging.place import Asking
from hel.paging.strategies import Answer, Strategy
from hel.peek import Peek
from hel.records import Checkpoint, Page, Reply, Request, Text
from hel.telemetry.printable import printable


class Ending(StrEnum):
    """What the end of the pages means.

    POLLING: It is the edge of a log that goes on: the last place is kept and asked again, and an empty page is the edge
    even where the API names a next one (Okta always does:
    https://developer.okta.com/docs/reference/api/system-log/).
    BOUNDED: The source is finished. Only a missing next is the end: pages may be short or empty in the middle.
    REPEATED: Each tick asks the same again, to see what was added.
    WALK: The next tick starts anew, from a watermark; the end as for BOUNDED.
    """

    POLLING = "polling"
    BOUNDED = "bounded"
    REPEATED = "repeated"
    WALK = "walk"


class Events(msgspec.Struct, frozen=True):
    """Where the events stand in an answer.

    Attributes:
        path: Dotted; None for the top-level array or the one under a usual name.
        may_be_missing: The API leaves it out when there are none.
        is_bare: The API is known to answer with a bare array.
    """

    path: str | None = None
    may_be_missing: bool = False
    is_bare: bool = False

    def of(self, envelope: Envelope) -> list[Text]:
        """Each event's JSON text."""
        return envelope.events(self.path, may_be_missing=self.may_be_missing, is_bare=self.is_bare)


class Pager:
    """What one tick of one source asks, page by page.

    Args:
        asking: How it asks.
        question: Its first request.
        strategy: How the API says what comes next.
        ending: What the end of the pages means.
        where: Where the events stand.
        full_page: A page with fewer events than this also ends a tick; 0 for no such rule.
        peek: Reads the events' fields that will be asked for, on the way.
    """

    def __init__(
        self,
        asking: Asking,
        question: Request,
        strategy: Strategy,
        ending: Ending,
        where: Events = Events(),  # noqa: B008  # frozen
        full_page: int = 0,
        peek: Peek | None = None,
    ) -> None:
        self._asking = asking
        self._question = question
        self._strategy = strategy
        self._ending = ending
        self._where = where
        self._full_page = full_page
        self._peek = peek
        self._asked: dict[str, Request] = {}
        self._before = b""
        self._has_named_next = False
        self._paths = [path for path in (where.path, *strategy.paths) if path]

    def first(self, checkpoint: Checkpoint | None) -> Request:
        """The tick's first request: at the stored place, or the question itself."""
        request = self._question
        if checkpoint is not None and checkpoint.resume is not None and self._ending is not Ending.REPEATED:
            request = self._asking.read(checkpoint.resume, "the stored cursor")
        self._asked, self._before, self._has_named_next = {request.written: request}, b"", False
        return request

    @property
    def unnamed(self) -> str:
        """The config's key of what no page of the tick had, though it says where the next page is; empty for none."""
        return "" if self._has_named_next else self._strategy.key

    def read(self, request: Request, reply: Reply) -> Page:
        """The page that a reply to this request is."""
        return replace(self._read(request, reply), as_of=_date_of(reply))

    def _read(self, request: Request, reply: Reply) -> Page:
        envelope = Envelope(reply.body, self._paths, self._peek)
        found = self._where.of(envelope)
        answer = Answer(reply, envelope, len(found))
        if self._repeats(found):
            return self._repeated(request, len(found))
        following = self._strategy.next(self._asking, request, answer)
        self._has_named_next |= following is not None or self._strategy.names_next(answer)
        if following is None:
            return self._last(found, request)
        place = following.written
        is_over = not found and place == request.written  # nothing came, and nothing else is named
        if not self._goes_on(answer) or (is_over and self._ending is Ending.WALK):
            return Page(found, None, None if self._ending is Ending.WALK else place)
        if place in self._asked:
            fault = self._loop(request, following)
            if self._ending is Ending.WALK:  # it starts over, and leaves out what it delivered
                return Page(found, None, None, fault=fault)
            return Page(found, None, request.written, again=True, fault=fault)
        self._asked[place] = following
        return Page(found, following, place)

    def _repeats(self, found: list[Text]) -> bool:
        """Whether a numbered page is the one before it once more, as some APIs answer behind the last."""
        if not self._strategy.counts or not found:
            return False
        before, self._before = self._before, event_key(b"\n".join(found))  # its events themselves would fill the memory
        return self._before == before

    def _repeated(self, request: Request, count: int) -> Page:
        """The end of the pages; or, where already the second is the first, an API that does not take the number."""
        is_short = count < self._strategy.page_size
        if is_short or len(self._asked) != 2 or not self._strategy.is_first(next(iter(self._asked.values()))):
            return self._last([], request)
        fault = PagingLoopError(
            "page 2 holds the same events as page 1",
            "the first page was taken; check that the API takes the number under this name (`pagination.page_param`, "
            "`offset_param`); if it does, and repeats its last page, set `pagination.limit` to how many make one",
        )
        return Page([], None, None, fault=fault)

    def _last(self, found: list[Text], request: Request) -> Page:
        """A page behind which the API names no other."""
        if self._ending in {Ending.WALK, Ending.REPEATED}:
            return Page(found, None, None, again=self._ending is Ending.REPEATED)
        is_bounded = self._ending is Ending.BOUNDED
        return Page(found, None, request.written, finished=is_bounded, again=not is_bounded)

    def _goes_on(self, answer: Answer) -> bool:
        """Whether a next request is to be made in this tick, where there is one."""
        says_more = self._strategy.says_more(answer)
        if says_more is not None:
            return says_more
        if self._ending is Ending.BOUNDED:
            return True
        if answer.count < self._full_page:
            return False
        return self._ending is Ending.WALK or answer.count > 0

    def _loop(self, request: Request, following: Request) -> PagingLoopError:
        """What to say of a link to a page that was asked for: its query stays out of it."""
        this, that = len(self._asked), list(self._asked).index(following.written) + 1
        whither = "itself" if this == that else f"page {that}"
        asked, again = request.query, following.query
        names = sorted(name for name in asked.keys() | again.keys() if asked.get(name) != again.get(name))
        how = f"; the two differ in {', '.join(map(printable, names))}" if names else ""
        return PagingLoopError(
            f"page {this}'s next link leads back to {whither} ({printable(request.path)}{how})",
            "report it to the API's vendor; the events of the page were taken, and the next tick asks for it again",
        )


def _date_of(reply: Reply) -> float | None:
    """The API's own time (`Date`, RFC 9110 §6.6.1): no answer tells of what came later; None where it says none."""
    try:
        return parsedate_to_datetime(reply.header("date") or "").timestamp()
    except (ValueError, OverflowError):
        return None
