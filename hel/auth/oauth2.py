"""OAuth 2.0 for a service: how a token is asked for and renewed, and what goes out with every API call.

Whatever the grant (`client`, `service_account`), with DPoP (RFC 9449) where the app asks for it. A token request that
must be repeated is signed anew: the server has consumed the first assertion's `jti`
(https://developer.okta.com/docs/guides/dpop/nonoktaresourceserver/main/).
"""

from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from hel.auth.client import Client, Grant, fresh_jti
from hel.auth.credential import Renewal, Server
from hel.auth.dpop import ProofKey
from hel.auth.nonces import Nonces
from hel.auth.server_clock import ServerClock
from hel.auth.token_answer import read_grant
from hel.auth.token_cache import Token, TokenCache
from hel.clock import Clock
from hel.policy import diagnosis, verdict
from hel.policy.diagnosis import Facts, Stage
from hel.records import Reply, Request
from hel.telemetry.log import Log
from hel.telemetry.redaction import conceal, redacted

__all__ = ["Client", "OAuth2Credential"]

_GRACE_S = 2.0


class OAuth2Credential:
    """One credential, of as many sources as use it.

    Args:
        grant: What a token request is made of.
        facts: What error messages depend on; also says whether DPoP is on.
        nonces: The program's nonces.
        server: The token server.
        clock: The machine's clock.
        log: Told of tokens, and of a clock that is wrong.
        regrant: The grant of secrets that have changed in their files meanwhile; None where none have.
    """

    def __init__(
        self,
        grant: Grant,
        facts: Facts,
        nonces: Nonces,
        server: Server,
        clock: Clock,
        log: Log,
        regrant: Callable[[], Awaitable[Grant | None]] | None = None,
    ) -> None:
        self._grant = grant
        self._regrant = regrant
        self._facts = facts
        self._nonces = nonces
        self._server = server
        self._log = log
        self._server_clock = ServerClock(clock)
        self._proof_key = ProofKey() if facts.dpop else None
        self._cache = TokenCache(lambda: server.tried(self._mint), clock, log)
        self._skew_said = False

    async def ready(self) -> None:
        """Have a token."""
        await self._cache.get()

    def is_ready(self) -> bool:
        """Whether there is one that is good."""
        return self._cache.has_token()

    async def sign(self, request: Request) -> dict[str, str]:
        """`Authorization`, and with DPoP a new proof bound to this send and this token."""
        token = (await self._cache.get()).value.get_secret_value()
        if self._proof_key is None:
            return {"authorization": f"Bearer {token}"}
        return {"authorization": f"DPoP {token}", "dpop": self._proof(request, request.origin, access_token=token)}

    def learn(self, signed: Request, reply: Reply) -> Renewal | None:
        """The newest nonce of this origin, on any status, and the server's clock; after a 401 what that mends.

        A 401 that complains of no proof means the token, which is then forgotten.
        """
        clock_moved = self._hear(signed.origin, reply)
        if reply.status != 401:
            return None
        error = diagnosis.challenge_parameters(reply).get("error")
        if error == "use_dpop_nonce":
            return Renewal.NONCE if self._proof_key is not None and reply.header("dpop-nonce") else None
        if error == "invalid_dpop_proof":
            return Renewal.CLOCK if clock_moved else None
        self._cache.drop(signed.headers.get("authorization", "").partition(" ")[2])
        return Renewal.TOKEN

    async def reread(self) -> bool:
        """Never: a token that is refused is asked for anew, and its server says what is wrong with a secret."""
        return False

    async def aclose(self) -> None:
        """End a token request that is under way.

        One that uses a refresh token up gets a moment, for the answer holds the only token that goes on.
        """
        await self._cache.aclose(0.0 if self._grant.refresh_token is None else _GRACE_S)

    async def _mint(self) -> Token:
        """Ask for a token; once more, signed anew, where something was learned from the refusal."""
        mended: set[Renewal] = set()
        clock_moved = False

        def hear(reply: Reply) -> None:
            nonlocal clock_moved
            clock_moved = self._hear(self._grant.token_url, reply)

        while True:
            sent_nonce = self._nonces.get(self._grant.token_url)
            reply = await self._server.send(self._token_request(), hear)
            judged = verdict.judge(reply, Stage.TOKEN, self._facts)
            if judged.action is verdict.Action.TAKE:
                return self._read(reply)
            renewal = await self._renewal(reply, sent_nonce, clock_moved=clock_moved)
            if renewal is None or renewal in mended:
                raise judged.error or AssertionError("a refusal without an error")
            mended.add(renewal)
            self._log.debug("token.challenged", reason=renewal.value)

    async def _renewal(self, reply: Reply, sent_nonce: str | None, *, clock_moved: bool) -> Renewal | None:
        """What was learned from a refusal (RFC 9449 §8, RFC 6749 §5.2) so that one more request may succeed."""
        if reply.status not in {400, 401}:
            return None
        code = diagnosis.complaint(reply).code
        # compared with the nonce that was sent: another source may have learned the same one in the meantime
        if code == "use_dpop_nonce" and reply.header("dpop-nonce") not in {None, sent_nonce}:
            return Renewal.NONCE if self._proof_key is not None else None
        if code == "invalid_grant" and self._grant.refresh_token is not None:
            return Renewal.GRANT if self._grant.refresh_token.reread(self._log) else None
        if clock_moved and code in _REFUSED_FOR_TIME:
            return Renewal.CLOCK
        if self._regrant is not None and (grant := await self._regrant()) is not None:
            self._grant = grant
            return Renewal.SECRET
        return None

    def _hear(self, server: str, reply: Reply) -> bool:
        """Learn a server's nonce and clock; True if the clock was off by so much that it may have been refused."""
        nonce = reply.header("dpop-nonce")
        if nonce is not None and redacted(nonce) == nonce:  # it is kept in the state, where no secret may stand
            self._nonces.learn(server, nonce)
        moved = self._server_clock.learn(reply)
        notable = self._server_clock.is_notable(reply)
        if notable and not self._skew_said:
            self._skew_said = True
            self._log.warning(
                "clock.skewed",
                skew_s=round(self._server_clock.skew_s),
                fix="nothing is lost: signatures are dated by the server's clock; but set this machine's clock (NTP)",
            )
        return moved

    def _token_request(self) -> Request:
        """A token request for this send alone, with DPoP a proof beside it."""
        request = self._grant.token_request(self._server_clock.now())
        if self._proof_key is None:
            return request
        proof = self._proof(request, self._grant.token_url)
        conceal(proof)
        return replace(request, headers={**request.headers, "dpop": proof})

    def _proof(self, request: Request, server: str, access_token: str | None = None) -> str:
        if self._proof_key is None:
            raise AssertionError("no proof without a key")
        return self._proof_key.proof(
            request.method,
            request.url,
            jti=fresh_jti(),
            issued_at=self._server_clock.now(),
            nonce=self._nonces.get(server),
            access_token=access_token,
        )

    def _read(self, reply: Reply) -> Token:
        """The token of a successful answer; a new refresh token that came with it is kept."""
        token, rotated = read_grant(reply, self._grant.scopes, self._facts)
        if self._grant.refresh_token is not None and rotated is not None:
            self._grant.refresh_token.replace(rotated, self._log)
        scopes = " ".join(token.scopes)
        self._log.info("token.minted", type=token.type, lifetime_s=token.lifetime_s, scopes=scopes)
        return token


_REFUSED_FOR_TIME = frozenset({"invalid_client", "invalid_dpop_proof", "invalid_grant"})
"""`invalid_grant` is Google's answer to an assertion of a wrong time."""
