import pytest

from hel.errors import AuthError, SourceError, UnreachableError
from hel.standing import REMIND_S, Recovered, Standing

DOWN = UnreachableError("503 from the API, request 17", "nothing to do: it is tried again in 5 s")
STILL_DOWN = UnreachableError("503 from the API, request 18", "nothing to do: it is tried again in 10 s")
REFUSED = AuthError("401: the token is refused", "make a new one")


def test_only_the_first_of_a_row_of_like_failures_is_news_and_it_is_again_after_an_hour() -> None:
    standing = Standing()
    told = [standing.failed(DOWN if at % 120 else STILL_DOWN, float(at)) for at in range(0, 7260, 60)]
    assert [at * 60 for at, is_news in enumerate(told) if is_news] == [0, 3600, 7200]
    assert REMIND_S == 3600
    assert standing.failures == 121


@pytest.mark.parametrize("other", [REFUSED, UnreachableError(DOWN.message, "look at the proxy"), SourceError("", "")])
def test_another_way_to_fail_is_news_each_time(other: SourceError) -> None:
    standing = Standing()
    assert standing.failed(DOWN, 0)
    assert standing.failed(other, 1)
    assert not standing.failed(other, 2)
    assert standing.failed(DOWN, 3)


def test_a_success_tells_what_is_over_and_the_next_failure_is_news() -> None:
    standing = Standing()
    assert standing.succeeded(0) is None
    for at in (10.0, 70.0, 130.0):
        standing.failed(DOWN, at)
    assert standing.succeeded(190) == Recovered(failures=3, after_s=180)
    assert standing.succeeded(250) is None
    assert standing.failed(DOWN, 310)
    assert standing.failures == 1
