"""Signing in: keys, tokens, proofs and nonces, against a server that is strict about all of them."""

import base64
import json
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from examples.okta_org import Fault
from examples.okta_org.keys import make
from tests.journeys.workshop import OAUTH2, Workshop, source, stop, until

Opening = Callable[..., Workshop]
TOKEN = "/oauth2/v1/token"
CUSTOM_TOKEN = "/oauth2/default/v1/token"
LOGS = "/api/v1/logs"
CUSTOM = {
    "type": "oauth2",
    "token_url": "https://${OKTA_DOMAIN}/oauth2/default/v1/token",
    "client_id_env": "OKTA_CLIENT_ID",
    "scopes": ["okta.logs.read"],
}


def part(jwt: str, number: int) -> dict[str, Any]:
    text = jwt.split(".")[number]
    value: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return value


def proofs(workshop: Workshop) -> list[str]:
    return [request.headers["dpop"][0] for request in workshop.org.ledger.requests if "dpop" in request.headers]


def asked(workshop: Workshop, path: str) -> list[int]:
    return [request.status for request in workshop.org.ledger.requests if request.path == path]


@pytest.mark.parametrize("kind", ["RSA", "EC"])
@pytest.mark.parametrize("form", ["pem", "one-line pem", "jwk", "pkcs1 or sec1"])
@pytest.mark.parametrize("place", ["env", "file"])
def test_a_private_key_signs_in_whatever_its_form_and_place(
    open_workshop: Opening, kind: str, form: str, place: str
) -> None:
    key = make("the-key", kind)  # type: ignore[arg-type]  # one of the kinds
    workshop = open_workshop(client_key=key, events=3)
    text = {
        "pem": key.pem,
        "one-line pem": key.pem.strip().replace("\n", "\\n"),
        "jwk": json.dumps(key.jwk),
        "pkcs1 or sec1": traditional(key.pem),
    }[form]
    if place == "env":
        workshop.environment["OKTA_CLIENT_PRIVATE_KEY"] = text
    else:
        del_env = {"client_private_key_env"}
        (workshop.folder / "priv.pem").write_text(text)
        auth = {name: value for name, value in OAUTH2.items() if name not in del_env}
        workshop.configure({"okta-audit": source(auth | {"client_private_key_file": "./priv.pem"})})
    ended = workshop.hel("run", "--once")
    assert (ended.code, ended.uuids) == (0, workshop.org.log.uuids), ended.err
    assert workshop.org.ledger.violations == []


def traditional(pem: str) -> str:
    from cryptography.hazmat.primitives import serialization as to  # noqa: PLC0415  # only here

    key = to.load_pem_private_key(pem.encode(), None)
    return key.private_bytes(to.Encoding.PEM, to.PrivateFormat.TraditionalOpenSSL, to.NoEncryption()).decode()


def test_an_app_with_several_keys_is_told_which_one_signed(workshop: Workshop) -> None:
    key = workshop.org.add_key("second")
    workshop.environment["OKTA_CLIENT_PRIVATE_KEY"] = key.pem
    without = workshop.hel("run", "--once")
    assert without.code == 1
    assert "client_private_key_id" in without.err
    workshop.configure({"okta-audit": source(OAUTH2 | {"client_private_key_id": "second"})})
    assert workshop.hel("run", "--once").code == 0


def test_lessons_11_and_20_every_send_has_a_new_jti_also_within_a_second(workshop: Workshop) -> None:
    workshop.org.fault(Fault(kind="status", status=500, times=2))
    assert workshop.hel("run", "--once").code == 0
    jtis = [part(proof, 1)["jti"] for proof in proofs(workshop)]
    assert len(jtis) == 2 + 2 + 4
    assert len(set(jtis)) == len(jtis)
    assert workshop.org.ledger.violations == []


def test_lesson_12_the_nonce_retry_has_a_new_assertion_and_a_new_proof(workshop: Workshop) -> None:
    assert workshop.hel("run", "--once").code == 0
    assert asked(workshop, TOKEN) == [400, 200]
    assert workshop.org.ledger.violations == [], "a second use of the assertion's jti would stand here"


def test_lessons_13_14_and_19_the_proof_names_method_and_url_and_shows_the_public_key_only(workshop: Workshop) -> None:
    workshop.configure({"okta-audit": source(query_params={"limit": "500", "q": "a/b c"})})
    assert workshop.hel("run", "--once").code == 0
    for request in workshop.org.ledger.requests:
        (proof,) = request.headers["dpop"]
        header, claims = part(proof, 0), part(proof, 1)
        assert (header["typ"], header["alg"], set(header["jwk"])) == ("dpop+jwt", "ES256", {"kty", "crv", "x", "y"})
        assert claims["htm"] == request.method
        assert claims["htu"] == f"{workshop.org_url}{request.path}"
        assert ("ath" in claims) == (request.path == LOGS)


def test_lesson_15_a_proof_for_another_name_of_the_org_is_explained(workshop: Workshop) -> None:
    body = json.dumps({"error": "invalid_dpop_proof", "error_description": "The DPoP proof JWT htu is wrong."})
    challenge = 'DPoP error="invalid_dpop_proof", error_description="The DPoP proof JWT htu is wrong."'
    workshop.org.fault(
        Fault(kind="status", status=401, times=9, body=body.encode(), headers={"www-authenticate": challenge})
    )
    ended = workshop.hel("run", "--once")
    assert ended.code == 1
    assert "custom domain" in ended.err
    assert "reverse proxy" in ended.err


def test_lesson_16_the_proof_goes_out_with_the_first_token_request(workshop: Workshop) -> None:
    assert workshop.hel("run", "--once").code == 0
    first = workshop.org.ledger.requests[0]
    assert first.path == TOKEN
    assert "dpop" in first.headers


def test_the_nonce_is_kept_across_runs_so_that_the_next_sign_in_is_not_challenged(workshop: Workshop) -> None:
    workshop.hel("run", "--once")
    workshop.org.rotate_nonces()  # the one that is known now is the predecessor, which still serves
    workshop.hel("run", "--once")
    assert asked(workshop, TOKEN) == [400, 200, 200]


def test_the_token_endpoints_nonce_is_not_used_at_the_api_nor_the_other_way_round(open_workshop: Opening) -> None:
    workshop = open_workshop(resource_nonces=True)
    assert workshop.hel("run", "--once").code == 0
    assert asked(workshop, TOKEN) == [400, 200]
    assert asked(workshop, LOGS)[:2] == [401, 200]
    assert workshop.org.ledger.violations == []


def test_a_nonce_demanded_by_the_api_costs_one_more_send_and_none_of_the_attempts(open_workshop: Opening) -> None:
    workshop = open_workshop(resource_nonces=True)
    once = {"retries": {"max_attempts": 1}}
    workshop.configure({"okta-audit": source(resilience=once)})
    assert workshop.hel("run", "--once").code == 0
    assert Counter(asked(workshop, LOGS)) == {401: 1, 200: 4}


def test_a_nonce_that_is_refused_twice_ends_the_tick(workshop: Workshop) -> None:
    challenge = {"www-authenticate": 'DPoP error="use_dpop_nonce"', "dpop-nonce": "again"}
    workshop.org.fault(Fault(kind="status", status=401, times=50, body=b"", headers=challenge))
    ended = workshop.hel("run", "--once")
    assert ended.code == 1
    assert asked(workshop, LOGS) == [401, 401]


def test_lesson_18_an_assertion_lives_five_minutes(workshop: Workshop) -> None:
    workshop.hel("run", "--once")
    fault = Fault(kind="status", status=500, path=TOKEN)
    workshop.org.fault(fault)
    assert workshop.org.ledger.violations == []


def test_a_clock_that_is_an_hour_wrong_still_signs_in(open_workshop: Opening) -> None:
    workshop = open_workshop(clock_skew_s=3600.0)
    ended = workshop.hel("run", "--once")
    assert (ended.code, ended.uuids) == (0, workshop.org.log.uuids), ended.err
    assert len(ended.logged("clock.skewed")) == 1


def test_lesson_21_one_token_is_minted_for_its_life_however_many_pages_wait_for_it(open_workshop: Opening) -> None:
    workshop = open_workshop(events=3000)
    workshop.configure({"okta-audit": source(query_params={"limit": "100"})})
    assert workshop.hel("run", "--once").code == 0
    assert asked(workshop, TOKEN).count(200) == 1


def test_a_token_is_renewed_before_it_expires(open_workshop: Opening) -> None:
    workshop = open_workshop(token_lifetime_s=6.0)  # a tenth of it before its end it is renewed
    process = workshop.start("run", "--output", "events.ndjson")
    until(lambda: asked(workshop, TOKEN).count(200) >= 3)
    stop(process)
    assert 401 not in asked(workshop, LOGS)


def test_a_refused_token_is_renewed_once_and_the_tick_goes_on(workshop: Workshop) -> None:
    process = workshop.start("run", "--output", "events.ndjson")
    until(lambda: len(workshop.written()) == 1200)
    workshop.org.revoke_tokens()
    workshop.org.log.append(1)
    until(lambda: len(workshop.written()) == 1201)
    stop(process)
    assert asked(workshop, LOGS).count(401) == 1
    assert asked(workshop, TOKEN).count(200) == 2


def test_a_token_that_stays_refused_ends_the_tick_after_one_renewal(workshop: Workshop) -> None:
    workshop.org.fault(Fault(kind="status", status=401, times=50))
    ended = workshop.hel("run", "--once")
    assert ended.code == 1
    assert asked(workshop, LOGS) == [401, 401]
    assert asked(workshop, TOKEN).count(200) == 2


def test_a_bearer_token_where_dpop_is_on_is_refused_and_never_sent(workshop: Workshop) -> None:
    workshop.org.fault(Fault(kind="bearer", path=TOKEN, times=9))
    ended = workshop.hel("run", "--once")
    assert ended.code == 1
    assert asked(workshop, LOGS) == []


def test_a_token_server_in_trouble_is_asked_again_with_a_fresh_assertion(workshop: Workshop) -> None:
    workshop.org.fault(Fault(kind="status", status=503, path=TOKEN, skip=1))
    ended = workshop.hel("run", "--once")
    assert ended.code == 0, ended.err
    assert asked(workshop, TOKEN) == [400, 503, 200]
    assert workshop.org.ledger.violations == []


def test_a_client_secret_signs_in_at_a_custom_server(open_workshop: Opening) -> None:
    workshop = open_workshop(dpop="off")
    workshop.environment["SECRET"] = workshop.org.client_secret
    workshop.configure({"okta-audit": source(CUSTOM | {"client_secret_env": "SECRET"})})
    ended = workshop.hel("test", "--source", "okta-audit")
    assert "✓ token: Bearer" in ended.err
    assert workshop.org.ledger.violations == [] or "403" in ended.err


def test_a_rotated_refresh_token_replaces_its_file_and_serves_the_next_run(open_workshop: Opening) -> None:
    workshop = open_workshop(dpop="off")
    first = workshop.org.refresh_token
    path = workshop.folder / "refresh"
    path.write_text(first)
    path.chmod(0o600)
    workshop.environment["SECRET"] = workshop.org.client_secret
    auth = CUSTOM | {"client_secret_env": "SECRET", "refresh_token_file": "refresh"}
    workshop.configure({"okta-audit": source(auth)})
    for _ in range(2):
        ended = workshop.hel("test", "--source", "okta-audit")
        assert "✓ token: Bearer" in ended.err, ended.err
        assert path.read_text().strip() == workshop.org.refresh_token
    assert workshop.org.refresh_token != first
    assert path.stat().st_mode & 0o777 == 0o600
    assert sorted(each.name for each in workshop.folder.iterdir()) == ["hel.yaml", "refresh"]


def test_a_refresh_token_from_a_new_sign_in_is_taken_from_its_file_while_hel_runs(open_workshop: Opening) -> None:
    workshop = open_workshop(dpop="off", token_lifetime_s=1.0)
    path = workshop.folder / "refresh"
    path.write_text(workshop.org.refresh_token)

    def is_kept() -> bool:
        return path.read_text().strip() == workshop.org.refresh_token

    workshop.environment["SECRET"] = workshop.org.client_secret
    auth = CUSTOM | {"client_secret_env": "SECRET", "refresh_token_file": "refresh"}
    patient = {"circuit_breaker": {"enabled": False}}  # the log itself refuses a custom server's tokens
    workshop.configure({"okta-audit": source(auth, resilience=patient)})
    process = workshop.start("run")
    until(lambda: asked(workshop, CUSTOM_TOKEN).count(200) >= 2 and is_kept())
    workshop.org._custom_endpoint.refresh_token = "signed-in-anew"  # noqa: SLF001  # what a person did elsewhere
    path.write_text("signed-in-anew")
    until(lambda: workshop.org.refresh_token != "signed-in-anew" and is_kept())
    ended = stop(process)
    assert ended.code == 0, ended.err
    assert 400 in asked(workshop, CUSTOM_TOKEN)


def test_a_refresh_token_that_is_replaced_while_a_signal_comes_is_kept(open_workshop: Opening) -> None:
    workshop = open_workshop(dpop="off")
    path = workshop.folder / "refresh"
    path.write_text(workshop.org.refresh_token)
    path.chmod(0o600)
    workshop.environment["SECRET"] = workshop.org.client_secret
    auth = CUSTOM | {"client_secret_env": "SECRET", "refresh_token_file": "refresh"}
    workshop.configure({"okta-audit": source(auth)})
    workshop.org.fault(Fault(kind="stall", path="/oauth2/default/v1/token", seconds=1))
    process = workshop.start("run")
    until(lambda: len(workshop.org.ledger.requests) >= 1)
    assert stop(process).code == 0
    assert path.read_text().strip() == workshop.org.refresh_token


def test_a_refresh_token_from_the_environment_works_with_a_warning(open_workshop: Opening) -> None:
    workshop = open_workshop(dpop="off")
    workshop.environment |= {"SECRET": workshop.org.client_secret, "REFRESH": workshop.org.refresh_token}
    auth = CUSTOM | {"client_secret_env": "SECRET", "refresh_token_env": "REFRESH"}
    workshop.configure({"okta-audit": source(auth)})
    ended = workshop.hel("run", "--once")
    assert "refresh_token_file" in ended.logged("refresh_token.not_kept")[0]["fix"]


def test_nothing_secret_is_on_disk_or_on_a_terminal(workshop: Workshop) -> None:
    workshop.configure(log_level="debug")
    ended = workshop.hel("run", "--once", "--record-dir", "recordings")
    assert ended.code == 0
    tokens = {
        request.headers["authorization"][0].removeprefix("DPoP ")
        for request in workshop.org.ledger.requests
        if "authorization" in request.headers
    }
    key = "".join(workshop.org.client_key.pem.splitlines()[1:-1])
    secrets = [*tokens, *proofs(workshop), key[:60], key[-60:], "client_assertion"]
    everything = ended.err.encode() + ended.out
    for path in workshop.folder.rglob("*"):
        if path.is_file() and path.name != "hel.yaml":
            everything += path.read_bytes()
    assert tokens
    assert [secret[:12] for secret in secrets if secret.encode() in everything] == []


def test_time_is_told_by_the_token_requests(workshop: Workshop) -> None:
    workshop.hel("run", "--once")
    issued = [part(proof, 1)["iat"] for proof in proofs(workshop)]
    assert all(abs(at - time.time()) < 30 for at in issued)
