"""Each row of the guide's troubleshooting table: recognised from what really happened, answered with its fix, by
`hel test` and in the log of `hel run`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from examples.okta_org import Fault
from tests.journeys.proxy import proxy_to
from tests.journeys.workshop import OAUTH2, SSWS, Workshop, source

Opening = Callable[..., Workshop]


@dataclass
class Row:
    """One row: what is wrong, and what must be read."""

    symptom: str
    said: list[str]
    step: str = "token"
    org: dict[str, Any] = field(default_factory=dict)
    auth: dict[str, Any] = field(default_factory=lambda: OAUTH2)
    faults: list[Fault] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)


REFUSED_SINCE = (
    b'{"errorCode": "E0000001", "errorSummary": "Api validation failed: since", "errorCauses": '
    b'[{"errorSummary": "since: it is over 180 days prior to the current day"}]}'
)
ROWS = [
    Row(
        "404 on token from elsewhere",
        ["404", "/.well-known/openid-configuration", "token_endpoint"],
        faults=[Fault(kind="status", status=404, path="/oauth2/v1/token")],
    ),
    Row(
        "DPoP is required and dpop is false",
        ["invalid_dpop_proof", "`dpop: true`", "Require DPoP header"],
        auth=OAUTH2 | {"dpop": False},
    ),
    Row(
        "dpop is true and the server answers Bearer",
        ["Bearer", "Require DPoP header", "dpop: false"],
        org={"dpop": "off"},
    ),
    Row("another client's id", ["invalid_client", "/oauth2/v1/token"], env={"OKTA_CLIENT_ID": "0oasomebodyelse"}),
    Row(
        "403 for want of the scope",
        ["403", "okta.logs.read", "Okta API Scopes"],
        step="request",
        org={"granted_scopes": ()},
    ),
    Row(
        "a token of the custom server",
        ["403", "custom server", "/oauth2/v1/token"],
        step="request",
        org={"dpop": "off"},
        auth={
            "type": "oauth2",
            "token_url": "https://${OKTA_DOMAIN}/oauth2/default/v1/token",
            "client_id_env": "OKTA_CLIENT_ID",
            "client_secret_env": "OKTA_CLIENT_SECRET",
            "scopes": ["okta.logs.read"],
        },
    ),
    Row(
        "403 without an admin role",
        ["403", "okta.logs.read", "Okta API Scopes", "Admin roles", "Read-only Admin"],
        step="request",
        org={"admin_role": False},
    ),
    Row(
        "an API token that is not valid",
        ["401", "valid and not revoked"],
        step="request",
        auth=SSWS,
        env={"OKTA_API_TOKEN": "00wrong"},
    ),
    Row(
        "an API token without its prefix",
        ["401", "prefix: SSWS"],
        step="request",
        auth={"type": "bearer", "token_env": "OKTA_API_TOKEN"},
    ),
    Row(
        "429 to the end",
        ["429", "max_pages", "page_delay_secs"],
        step="request",
        faults=[Fault(kind="status", status=429, times=9, headers={"retry-after": "0"})],
    ),
    Row(
        "a domain that does not exist",
        ["can't be resolved", "OKTA_DOMAIN"],
        env={"OKTA_DOMAIN": "no-such-org.invalid"},
    ),
    Row("nobody at the port", ["no connection", "check"], env={"OKTA_DOMAIN": "localhost:9"}),
    Row("a certificate of a CA that is not known", ["certificate", "SSL_CERT_FILE"], env={"SSL_CERT_FILE": ""}),
    Row(
        "a redirect",
        ["302", "elsewhere.example", "not followed"],
        step="request",
        faults=[Fault(kind="redirect", location="https://elsewhere.example/")],
    ),
    Row(
        "a web page instead of JSON",
        ["no JSON array of events: it starts with '<'", "/api/v1/logs", "check `url`"],
        step="events",
        faults=[Fault(kind="html", times=9)],
    ),
    Row(
        "JSON that is cut off",
        ["/api/v1/logs", "--record-dir"],
        step="events",
        faults=[Fault(kind="bad_json", times=9)],
    ),
    Row(
        "a body cut off on its way",
        ["gzip body is cut off, at https://", "/api/v1/logs", "Hel asks again by itself"],
        step="request",
        faults=[Fault(kind="truncated_gzip", times=9)],
    ),
    Row(
        "a connection that breaks",
        ["broke: ", "localhost", "Hel asks again by itself"],
        step="request",
        auth=SSWS,
        faults=[Fault(kind="reset", times=9)],
    ),
    Row(
        "a parameter that Okta refuses",
        ["400", "Api validation failed: since", "180 days"],
        step="request",
        faults=[Fault(kind="status", status=400, body=REFUSED_SINCE)],
    ),
]


def arranged(open_workshop: Opening, row: Row) -> Workshop:
    workshop = open_workshop(**row.org)
    workshop.environment |= {"OKTA_CLIENT_SECRET": workshop.org.client_secret} | row.env
    workshop.configure({"okta-audit": source(row.auth)})
    for fault in row.faults:
        workshop.org.fault(fault)
    return workshop


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.symptom)
def test_hel_test_crosses_the_step_that_failed_and_names_the_fix(open_workshop: Opening, row: Row) -> None:
    ended = arranged(open_workshop, row).hel("test", "--source", "okta-audit")
    assert (ended.code, ended.out) == (1, b""), ended.err
    crossed = [line for line in ended.err.splitlines() if line.startswith("  ✗ ")]
    assert len(crossed) == 1, ended.err
    assert crossed[0].startswith(f"  ✗ {row.step}: "), ended.err
    assert "    fix: " in ended.err
    assert [word for word in row.said if word not in ended.err] == [], ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.symptom)
def test_the_log_of_hel_run_says_the_same(open_workshop: Opening, row: Row) -> None:
    ended = arranged(open_workshop, row).hel("run", "--once")
    assert ended.code == 1
    (failed,) = ended.logged("tick.failed")
    assert failed["source"] == "okta-audit"
    assert failed["fix"]
    said = f"{failed['because']} {failed['fix']}"
    assert [word for word in row.said if word not in said] == [], said


def test_the_admin_domain_is_told_from_the_api_domain_also_through_a_proxy(open_workshop: Opening) -> None:
    workshop = open_workshop(names=("org-admin.okta.example", "org.okta.example"))
    with proxy_to(int(workshop.org_url.rpartition(":")[2])) as url:
        workshop.environment |= {"OKTA_DOMAIN": "org-admin.okta.example", "HTTPS_PROXY": url}
        ended = workshop.hel("test", "--source", "okta-audit")
        assert ended.code == 1
        assert "✗ token: the token server answered 404" in ended.err
        assert "use the API domain, not the Admin domain: org.okta.example" in ended.err
        workshop.environment["OKTA_DOMAIN"] = "org.okta.example"
        ended = workshop.hel("test", "--source", "okta-audit")
        assert ended.code == 0, ended.err
        assert ended.uuids == workshop.org.log.uuids


def test_hel_test_reports_each_step_and_moves_no_state(workshop: Workshop) -> None:
    workshop.configure({"okta-audit": source(query_params={"limit": "1000"})})
    ended = workshop.hel("test", "--source", "okta-audit")
    assert ended.code == 0, ended.err
    assert ended.uuids == workshop.org.log.uuids
    ticked = [line.removeprefix("  ✓ ").split(": ")[0] for line in ended.err.splitlines() if line.startswith("  ✓ ")]
    assert ticked == ["secret", "secret", "token", "request", "events", "rate limit", "next tick"]
    for said in (
        "private key found in environment variable OKTA_CLIENT_PRIVATE_KEY",
        "DPoP, for 60 minutes, scopes: okta.logs.read",
        "200 after",
        "1200 events",
        "newest 20",
        "ago)",
        "of 600 requests left",
        "/api/v1/logs?",
    ):
        assert said in ended.err, ended.err
    assert [path.name for path in workshop.folder.iterdir()] == ["hel.yaml"]


def test_hel_test_starts_where_the_state_stands_and_leaves_it_there(workshop: Workshop) -> None:
    workshop.hel("run", "--once")
    before = workshop.hel("state", "export").out
    workshop.org.log.append(3)
    for _ in range(2):
        assert workshop.hel("test", "--source", "okta-audit").uuids == workshop.org.log.uuids[-3:]
    assert workshop.hel("state", "export").out == before


def test_no_events_is_a_success_with_a_hint(open_workshop: Opening) -> None:
    ended = open_workshop(events=0).hel("test", "--source", "okta-audit")
    assert ended.code == 0
    assert "try without `from` and `filter`" in ended.err


def test_waiting_for_a_rate_limit_is_said_while_it_lasts(workshop: Workshop) -> None:
    workshop.org.fault(Fault(kind="status", status=429, headers={"retry-after": "1"}))
    ended = workshop.hel("test", "--source", "okta-audit")
    assert ended.code == 0
    assert "trying again in 1 s" in ended.err


def test_what_an_api_says_reaches_the_terminal_escaped(workshop: Workshop) -> None:
    body = b'{"errorCode":"E1","errorSummary":"\\u001b[2Jgone \\u0007"}'
    workshop.org.fault(Fault(kind="status", status=403, body=body))
    ended = workshop.hel("test", "--source", "okta-audit")
    assert "\x1b" not in ended.err
    assert "\\x1b[2Jgone" in ended.err
