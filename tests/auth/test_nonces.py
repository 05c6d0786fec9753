from hel.auth.nonces import Nonces

TOKEN_URL, ORIGIN = "https://org.okta.com/oauth2/v1/token", "https://org.okta.com:443"


def test_the_newest_nonce_wins_and_servers_are_kept_apart() -> None:
    nonces = Nonces({TOKEN_URL: "old"})
    nonces.learn(TOKEN_URL, "new")
    nonces.learn(ORIGIN, "other")
    assert (nonces.get(TOKEN_URL), nonces.get(ORIGIN), nonces.get("https://x")) == ("new", "other", None)


def test_only_what_the_state_does_not_know_is_handed_over_and_only_once() -> None:
    nonces = Nonces({TOKEN_URL: "known"})
    nonces.learn(TOKEN_URL, "known")
    assert nonces.take_unsaved() == {}
    nonces.learn(ORIGIN, "a")
    nonces.learn(ORIGIN, "b")
    assert nonces.take_unsaved() == {ORIGIN: "b"}
    assert nonces.take_unsaved() == {}


def test_what_is_no_nonce_by_rfc_9449_is_not_kept() -> None:
    nonces = Nonces({ORIGIN: "good"})
    for bad in (None, "", "a b", 'quo"te', "back\\slash", "new\nline", "ü", "x" * 1025):
        nonces.learn(ORIGIN, bad)
    assert nonces.get(ORIGIN) == "good"
    assert nonces.take_unsaved() == {}
