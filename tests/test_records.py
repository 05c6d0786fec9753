import pytest

from hel.records import Reply, Request, origin_of


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://Org.Okta.com/a", "https://org.okta.com:443"),
        ("HTTPS://org.okta.com:443/", "https://org.okta.com:443"),
        ("http://org.okta.com", "http://org.okta.com:80"),
        ("https://org.okta.com:8443/a?b", "https://org.okta.com:8443"),
        ("https://[::1]:99/", "https://::1:99"),
    ],
)
def test_an_origin_is_scheme_host_and_port(url: str, origin: str) -> None:
    assert origin_of(url) == origin


def test_a_request_knows_its_parts() -> None:
    request = Request("GET", "https://org.okta.com/api/v1/logs?limit=2&q=&limit=5&f=a%20b")
    assert request.origin == "https://org.okta.com:443"
    assert request.path == "/api/v1/logs"
    assert request.query == {"limit": "5", "q": "", "f": "a b"}
    assert Request("GET", "https://org.okta.com").path == "/"


def test_a_header_that_comes_more_than_once_is_kept_in_order() -> None:
    reply = Reply(200, (("link", "a"), ("date", "d"), ("link", "b")), b"", 0.0)
    assert reply.header("link") == "a"
    assert reply.header_values("link") == ["a", "b"]
    assert reply.header("missing") is None
