import json
from collections.abc import Callable
from itertools import chain

import pytest

from examples.okta_org.samples import rfc3339
from tests.okta_org.visitor import HOUR_S, LOGS, Visitor, next_url

Visit = Callable[..., Visitor]
DAY_S = 24 * HOUR_S


def test_polling_serves_every_event_in_persistence_order_and_byte_for_byte(visitor: Visitor) -> None:
    reply = visitor.logs("limit=25")
    assert reply.content == b"[" + b",".join(visitor.org.log.events) + b"]"
    assert visitor.org.ledger.served == visitor.org.log.uuids


def test_published_goes_backwards_where_an_event_was_late(visitor: Visitor) -> None:
    published = [event["published"] for event in visitor.logs("limit=25").json()]
    assert published != sorted(published)


def test_the_same_seed_makes_the_same_events(visit: Visit) -> None:
    first, second, other = (visit(seed=seed, now=lambda: 1.8e9).org.log.events for seed in (7, 7, 8))
    assert first == second != other


def test_an_event_is_about_2_kb_and_holds_what_must_not_be_touched(visitor: Visitor) -> None:
    text = b"".join(visitor.org.log.events)
    assert 1500 < len(text) / 25 < 2500
    assert b'"score":1.0' in text
    assert b'"traceId":1000000000' in text
    assert "山田".encode() in text
    assert b"\\u5c71\\u7530" in text
    risks = {type(json.loads(event)["debugContext"]["debugData"]["risk"]) for event in visitor.org.log.events}
    assert risks == {str, dict}


def test_odd_events_hold_newlines_between_tokens_and_lone_surrogates(visit: Visit) -> None:
    body = visit(odd=True).logs("limit=25").content
    assert b"\n" in body
    assert b'"\\ud83c"' in body
    assert len(json.loads(body)) == 25


def test_polling_always_has_a_next_link_and_on_an_idle_log_the_same_again(visitor: Visitor) -> None:
    first = visitor.logs("limit=25")
    idle = visitor.logs(next_url(first))
    again = visitor.logs(next_url(idle))
    assert idle.json() == again.json() == []
    assert next_url(first) == next_url(idle) == next_url(again)


def test_the_kept_link_finds_what_was_persisted_meanwhile_even_if_published_long_before(visitor: Visitor) -> None:
    link = next_url(visitor.logs("limit=25"))
    late = visitor.org.log.append(published_at=visitor.org.now() - DAY_S)
    assert [event["uuid"] for event in visitor.logs(link).json()] == late


def test_links_are_two_headers_absolute_by_the_host_header_and_keep_the_query_without_since(visitor: Visitor) -> None:
    since = rfc3339(visitor.org.now() - DAY_S)
    reply = visitor.logs(f"since={since}&limit=3&q=%2c", host="org.example.com")
    own, following = reply.headers.get_list("link")
    assert own == f'<http://org.example.com{LOGS}?since={since}&limit=3&q=%2c>; rel="self"'
    assert following.startswith(f"<http://org.example.com{LOGS}?limit=3&q=%2c&after=")
    assert following.endswith('>; rel="next"')


def test_since_is_the_time_of_persistence_in_polling(visitor: Visitor) -> None:
    late = visitor.org.log.append(published_at=visitor.org.now() - DAY_S)
    since = rfc3339(visitor.org.now() - 60)
    assert [event["uuid"] for event in visitor.logs(f"since={since}").json()][-1:] == late


def test_a_bounded_query_is_ordered_by_published_and_its_last_page_has_no_next_link(visitor: Visitor) -> None:
    now = visitor.org.now()
    pages = visitor.walk(f"since={rfc3339(now - DAY_S)}&until={rfc3339(now + 60)}&limit=10")
    published = {event["uuid"]: event["published"] for event in map(json.loads, visitor.org.log.events)}
    assert [len(page) for page in pages] == [10, 10, 5]
    assert list(chain(*pages)) == sorted(published, key=lambda uuid: published[uuid])


def test_a_bounded_query_misses_an_event_that_comes_in_behind_its_cursor(visitor: Visitor) -> None:
    now = visitor.org.now()
    first = visitor.logs(f"since={rfc3339(now - DAY_S)}&until={rfc3339(now)}&limit=20")
    late = visitor.org.log.append(published_at=now - 2 * HOUR_S)
    assert late[0] not in [event["uuid"] for event in visitor.logs(next_url(first)).json()]


def test_a_bounded_query_has_empty_and_short_pages_in_its_middle_where_told_to(visit: Visit) -> None:
    visitor = visit(bounded_gaps=True)
    now = visitor.org.now()
    pages = visitor.walk(f"since={rfc3339(now - DAY_S)}&until={rfc3339(now + 60)}&limit=10")
    assert [len(page) for page in pages] == [10, 0, 5, 10]
    assert len(set(chain(*pages))) == 25


def test_a_descending_query_starts_with_the_newest_and_ends(visitor: Visitor) -> None:
    pages = visitor.walk("sortOrder=DESCENDING&limit=20")
    ascending = visitor.walk(f"since={rfc3339(0 + visitor.org.now() - DAY_S)}&until={rfc3339(visitor.org.now())}")
    assert [len(page) for page in pages] == [20, 5]
    assert list(chain(*pages)) == ascending[0][::-1]


def test_a_page_has_100_events_by_default_and_none_with_limit_0(visit: Visit) -> None:
    visitor = visit(events=150)
    assert len(visitor.logs().json()) == 100
    assert visitor.logs("limit=0").json() == []


def test_filter_and_q_choose_events(visitor: Visitor) -> None:
    visitor.org.log.append(fields={"eventType": "user.special", "displayMessage": "A needle"})
    assert [event["eventType"] for event in visitor.logs('filter=eventType eq "user.special"').json()] == [
        "user.special"
    ]
    assert len(visitor.logs("q=needle").json()) == 1
    visitor.logs('filter=actor.id eq "x"')
    assert visitor.org.ledger.requests[-1].note == "filter not evaluated"


@pytest.mark.parametrize(
    "query",
    [
        "limit=1001",
        "limit=-1",
        "limit=x",
        "since=yesterday",
        "until=2024-13-01T00:00:00Z",
        "since=2020-01-01T00:00:00Z",
        "sortOrder=UP",
    ],
)
def test_what_okta_would_not_take_is_a_400_in_its_words(visitor: Visitor, query: str) -> None:
    reply = visitor.logs(query)
    assert reply.status_code == 400
    assert reply.json().keys() == {"errorCode", "errorSummary", "errorLink", "errorId", "errorCauses"}
    assert reply.json()["errorCode"] == "E0000001"


def test_an_invented_after_is_refused_and_noted(visitor: Visitor) -> None:
    assert visitor.logs("after=p5_0123456789").status_code == 400
    assert visitor.rules_broken() == ["an `after` that the org did not hand out"]


def test_an_after_of_another_org_is_refused_and_noted(visit: Visit) -> None:
    here, there = visit(), visit()
    link = next_url(there.logs("limit=5"))
    assert here.logs(link.partition("?")[2]).status_code == 400
    assert here.rules_broken() == ["an `after` that the org did not hand out"]


def test_an_after_of_a_polling_query_is_no_good_for_a_bounded_one(visitor: Visitor) -> None:
    link = next_url(visitor.logs("limit=5"))
    assert visitor.logs(f"{link}&until={rfc3339(visitor.org.now())}").status_code == 400
    assert visitor.rules_broken() == ["an `after` of another query"]


def test_since_with_after_is_refused_and_noted(visitor: Visitor) -> None:
    link = next_url(visitor.logs("limit=5"))
    assert visitor.logs(f"{link}&since={rfc3339(visitor.org.now() - 60)}").status_code == 400
    assert visitor.rules_broken() == ["`since` together with `after`"]


def test_a_changed_link_is_noted(visitor: Visitor) -> None:
    link = next_url(visitor.logs("limit=5"))
    assert visitor.logs(link.replace("limit=5", "limit=6")).status_code == 200
    assert visitor.rules_broken() == ["a next link was not used byte for byte"]


def test_a_long_cursor_holds_commas_and_semicolons_and_works_as_it_is(visit: Visit) -> None:
    visitor = visit(cursor_bytes=8192)
    link = next_url(visitor.logs("limit=20"))
    assert len(link) > 8192
    assert {",", ";", "%2C", "%2c"} <= {mark for mark in (",", ";", "%2C", "%2c") if mark in link}
    assert len(visitor.logs(link).json()) == 5
    assert visitor.rules_broken() == []


def test_a_link_whose_percent_encoding_was_touched_is_noted(visit: Visit) -> None:
    visitor = visit(cursor_bytes=100)
    link = next_url(visitor.logs("limit=20"))
    visitor.logs(link.replace("%2c", "%2C"))
    assert visitor.rules_broken() == ["a next link was not used byte for byte"]


def test_a_forgotten_cursor_is_refused_but_no_fault_of_the_client(visitor: Visitor) -> None:
    link = next_url(visitor.logs("limit=5"))
    visitor.org.forget_cursors()
    assert visitor.logs(link).status_code == 400
    assert visitor.rules_broken() == []


def test_a_cursor_expires_after_its_lifetime(visit: Visit) -> None:
    visitor = visit(cursor_lifetime_s=60)
    link = next_url(visitor.logs("limit=5"))
    visitor.org.clock_skew_s = 61
    assert visitor.logs(link).status_code == 400
    assert visitor.rules_broken() == []


def test_other_methods_are_a_405(visitor: Visitor) -> None:
    reply = visitor.http.post(visitor.url(LOGS))
    assert (reply.status_code, reply.json()["errorCode"]) == (405, "E0000022")
