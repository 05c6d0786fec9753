"""A local Okta org: its log, its app, its rules. Rule: no socket is known here, only requests and answers.

It behaves as Okta's documentation says, and stricter where that finds a client's mistakes.
"""

import secrets
import time
from collections.abc import Callable, Collection
from email.utils import formatdate
from typing import Any, Literal
from urllib.parse import unquote

from examples.okta_org import keys, log_endpoint
from examples.okta_org.assertion_check import AssertionJudge
from examples.okta_org.bodies import okta_error
from examples.okta_org.cursors import Cursors
from examples.okta_org.dpop_check import ProofJudge
from examples.okta_org.faults import Fault, Faults
from examples.okta_org.gate import SCOPE, Gate
from examples.okta_org.keys import ClientKey
from examples.okta_org.ledger import Ledger
from examples.okta_org.log_endpoint import LogEndpoint
from examples.okta_org.nonces import Nonces
from examples.okta_org.pages import Pages
from examples.okta_org.pauses import Pauses
from examples.okta_org.rate_window import RateWindows
from examples.okta_org.records import Answer, Call, RefusedError
from examples.okta_org.samples import Samples
from examples.okta_org.system_log import SystemLog
from examples.okta_org.token_endpoints import (
    CUSTOM_TOKEN_PATH,
    DISCOVERY_PATH,
    TOKEN_PATH,
    CustomTokenEndpoint,
    OrgTokenEndpoint,
    ProofDemand,
    discovery,
)
from examples.okta_org.tokens import Tokens


class Org:
    """One org with one service app.

    Args:
        events: How many events the log begins with, spread over the hour before now.
        rate_limit: Requests a window, per endpoint.
        window_s: How long a window is.
        dpop: Whether the app must, may or can't use DPoP; with `off` it gets bearer tokens whatever it sends.
        nonces: Whether the token endpoint demands its nonce.
        resource_nonces: Whether the log demands its nonce.
        max_log_limit: The largest page.
        now: A clock, epoch seconds.
        clock_skew_s: How far the org's clock is ahead of that one.
        log_sign_ins: Each token and each nonce challenge is an event in the log.
        seed: Of the events.
        odd: Some events have newlines between tokens or a lone surrogate's escape.
        bounded_gaps: The second page of a bounded query is empty and the third short.
        cursor_bytes: Pads the cursors to this length.
        cursor_lifetime_s: How long a cursor is good.
        token_lifetime_s: How long a token is good.
        admin_role: Whether the app has one.
        granted_scopes: Those granted to the app.
        admin_domain: The org is addressed by its admin domain, where there is no token endpoint.
        client_key: The app's first key.

    Attributes:
        log: The System Log.
        ledger: What was served, and the rules that were broken.
        faults: Those still to come.
        rate: The rate-limit windows.
        tokens: Those issued.
        api_token: For `SSWS`.
        client_id: The app's.
        client_key: The app's first key pair.
        client_secret: For the custom authorization server.
        clock_skew_s: May be changed.
        admin_domain: May be changed.
    """

    def __init__(
        self,
        *,
        events: int = 2500,
        rate_limit: int = 600,
        window_s: float = 60.0,
        dpop: Literal["required", "allowed", "off"] = "required",
        nonces: bool = True,
        resource_nonces: bool = False,
        max_log_limit: int = 1000,
        now: Callable[[], float] = time.time,
        clock_skew_s: float = 0.0,
        log_sign_ins: bool = False,
        seed: int = 1,
        odd: bool = False,
        bounded_gaps: bool = False,
        cursor_bytes: int = 0,
        cursor_lifetime_s: float | None = None,
        token_lifetime_s: float = 3600.0,
        admin_role: bool = True,
        granted_scopes: Collection[str] = (SCOPE,),
        admin_domain: bool = False,
        client_key: ClientKey | None = None,
    ) -> None:
        self._clock = now
        self.clock_skew_s = clock_skew_s
        self.admin_domain = admin_domain
        self.api_token = f"00{secrets.token_urlsafe(30)}"
        self.client_id = f"0oa{secrets.token_hex(8)}1d7"
        self.client_secret = f"{secrets.token_urlsafe(30)}+/=:%"
        self.client_key = client_key or keys.first()
        self.ledger = Ledger()
        self.faults = Faults()
        self.log = SystemLog(events, Samples(seed, odd=odd), self.now)
        self.rate = RateWindows(rate_limit, window_s, self.now)
        self.tokens = Tokens(self.now, token_lifetime_s)
        self._releases = 0
        self._pauses = Pauses(self.now, self.ledger.accuse)
        self._log_sign_ins = log_sign_ins
        self._keys = {self.client_key.kid: self.client_key.public}
        self._token_nonces, self._custom_nonces, self._log_nonces = Nonces(), Nonces(), Nonces()
        judge = ProofJudge(self.now, lambda: {key.thumbprint() for key in self._keys.values()})
        self.gate = Gate(self.api_token, self.tokens, judge, self._log_nonces)
        self.gate.admin_role, self.gate.granted_scopes = admin_role, frozenset(granted_scopes)
        self.gate.demands_nonces = resource_nonces
        self._cursors = Cursors(self.now, cursor_bytes, cursor_lifetime_s)
        pages = Pages(self.log, self._cursors, gaps=bounded_gaps)
        self._log_endpoint = LogEndpoint(self.gate, pages, self._cursors, max_log_limit, self.ledger.accuse)
        self._demand = ProofDemand(dpop, judge, self._token_nonces if nonces else None, self._note_challenge)
        self._token_endpoint = OrgTokenEndpoint(
            AssertionJudge(self.client_id, self._keys, self.now), self._demand, self.tokens, self._note_grant
        )
        custom = ProofDemand("off" if dpop == "off" else "allowed", judge, self._custom_nonces if nonces else None)
        self._custom_endpoint = CustomTokenEndpoint(self.client_id, self.client_secret, custom, self.tokens)
        self._handlers: dict[str, Callable[[Call], Answer]] = {
            log_endpoint.PATH: self._log_endpoint.answer,
            TOKEN_PATH: self._token_endpoint.answer,
            CUSTOM_TOKEN_PATH: self._custom_endpoint.answer,
            DISCOVERY_PATH: discovery,
        }

    def now(self) -> float:
        """The org's clock, epoch seconds."""
        return self._clock() + self.clock_skew_s

    @property
    def refresh_token(self) -> str:
        """The custom server's current one."""
        return self._custom_endpoint.refresh_token

    @property
    def releases(self) -> int:
        """How often `release` was called."""
        return self._releases

    def fault(self, fault: Fault) -> None:
        """Let something go wrong."""
        self.faults.put(fault)

    def release(self) -> None:
        """Let the answers that are stalled now go on."""
        self._releases += 1

    def forget_cursors(self) -> None:
        """Refuse every cursor handed out so far."""
        self._cursors.forget()

    def rotate_nonces(self) -> None:
        """Begin new nonces; the current ones are still accepted until the next time."""
        for nonces in (self._token_nonces, self._custom_nonces, self._log_nonces):
            nonces.rotate()

    def revoke_tokens(self) -> None:
        """Revoke every access token issued so far."""
        self.tokens.revoke()

    def spend(self, count: int, path: str = log_endpoint.PATH) -> None:
        """Let somebody else use up a part of the rate limit."""
        self.rate.take(path, count)

    def replace_api_token(self, token: str) -> None:
        """Revoke the API token; this one is good instead."""
        self.api_token = self.gate.api_token = token

    def replace_key(self, kid: str) -> None:
        """Revoke the app's keys; a new one is good instead."""
        key = keys.make(kid)
        self._keys.clear()
        self._keys[kid] = key.public
        self.client_key = key

    def add_key(self, kid: str, kind: Literal["RSA", "EC"] = "RSA") -> ClientKey:
        """Give the app another key; from now on an assertion must name its `kid`."""
        key = keys.make(kid, kind)
        self._keys[kid] = key.public
        return key

    def environment(self, domain: str) -> dict[str, str]:
        """The variables that a client of this org needs, as the guide names them."""
        return {
            "OKTA_DOMAIN": domain,
            "OKTA_API_TOKEN": self.api_token,
            "OKTA_CLIENT_ID": self.client_id,
            "OKTA_CLIENT_PRIVATE_KEY": self.client_key.pem,
        }

    def answer(self, call: Call) -> Answer:
        """The right answer to a request, with the headers that every answer has."""
        path = unquote(call.raw_path)
        self._pauses.check(call)
        try:
            answer = self._handle(call, path)
        except RefusedError as refusal:
            answer = refusal.answer
            if refusal.violation:
                self.ledger.accuse(call, refusal.violation)
        reading = self.rate.take(path)
        if reading.exceeded:
            self.ledger.accuse(call, "asked beyond the rate limit")
            answer = okta_error(429, "E0000047")
        if self.gate.demands_nonces and path == log_endpoint.PATH and call.values("dpop"):
            answer = answer.setting([("dpop-nonce", self._log_nonces.current)])
        return answer.adding(
            [
                ("date", formatdate(self.now(), usegmt=True)),
                ("x-okta-request-id", secrets.token_hex(16)),
                *reading.headers,
            ]
        )

    def note(self, call: Call, answer: Answer) -> None:
        """Remember what an answer, as it goes out, asks of its client: to pause, and to use its links as they are."""
        self._pauses.note(call, answer)
        self._log_endpoint.note_links(answer)

    def _handle(self, call: Call, path: str) -> Answer:
        if "//" in call.raw_path or "{" in path:
            raise RefusedError(okta_error(404, "E0000007", path), "the path holds `//` or a template")
        handler = self._handlers.get(path)
        if handler is None or (path in {TOKEN_PATH, CUSTOM_TOKEN_PATH} and self._is_admin_host(call.host)):
            raise RefusedError(okta_error(404, "E0000007", path))
        return handler(call)

    def _is_admin_host(self, host: str) -> bool:
        return self.admin_domain or host.partition(":")[0].partition(".")[0].endswith("-admin")

    def _note_grant(self) -> None:
        self._note_sign_in("app.oauth2.token.grant.access_token", {"result": "SUCCESS", "reason": None})

    def _note_challenge(self) -> None:
        self._note_sign_in("app.oauth2.token.grant.access_token", {"result": "FAILURE", "reason": "use_dpop_nonce"})

    def _note_sign_in(self, kind: str, outcome: dict[str, Any]) -> None:
        if self._log_sign_ins:
            self.log.append(fields={"eventType": kind, "outcome": outcome})
