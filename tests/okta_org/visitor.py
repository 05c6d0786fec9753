"""A client made by hand, which can break every rule."""

import json
import secrets
import socket
import ssl
import threading
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Any

import httpx
from joserfc import jws, jwt
from joserfc.jwk import ECKey, RSAKey

from examples.okta_org import Org, Running

LOGS = "/api/v1/logs"
TOKEN = "/oauth2/v1/token"
CUSTOM_TOKEN = "/oauth2/default/v1/token"
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
HOUR_S = 3600


class Visitor:
    """Sends what it is told to.

    What a method is given as None is left out of the header, the claims or the form.
    """

    def __init__(self, server: Running) -> None:
        trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if server.ca_file is not None:
            trust.load_verify_locations(server.ca_file)
        self.server = server
        self.http = httpx.Client(verify=trust, trust_env=False)
        self.app_key: RSAKey | ECKey = RSAKey.import_key(self.org.client_key.pem)
        self.proof_key: RSAKey | ECKey = ECKey.generate_key("P-256", private=True)
        self.nonce: str | None = None

    @property
    def org(self) -> Org:
        return self.server.org

    def url(self, path: str) -> str:
        return self.server.url + path

    def logs(self, query: str = "", **headers: str) -> httpx.Response:
        """Ask for the log by API token."""
        url = query if "://" in query else self.url(LOGS) + (f"?{query}" if query else "")
        return self.http.get(url, headers={"authorization": f"SSWS {self.org.api_token}"} | headers)

    def walk(self, query: str, most: int = 50) -> list[list[str]]:
        """Follow next links; the uuids of each page, up to an empty one in polling."""
        pages: list[list[str]] = []
        reply = self.logs(query)
        while len(pages) < most:
            pages.append([event["uuid"] for event in reply.json()])
            following = reply.links.get("next")
            if following is None:
                break
            reply = self.logs(following["url"])
        return pages

    def assertion(self, header: dict[str, Any] | None = None, key: Any = None, **claims: Any) -> str:
        now = int(self.org.now())
        url = self.url(TOKEN)
        wanted = {
            "iss": self.org.client_id,
            "sub": self.org.client_id,
            "aud": url,
            "jti": secrets.token_hex(8),
            "iat": now,
            "exp": now + 300,
        } | claims
        return _signed({"alg": "RS256"} | (header or {}), wanted, key or self.app_key)

    def proof(
        self,
        method: str,
        url: str,
        *,
        token: str | None = None,
        header: dict[str, Any] | None = None,
        key: Any = None,
        **claims: Any,
    ) -> str:
        signer = key or self.proof_key
        algorithm = "ES256" if isinstance(signer, ECKey) else "RS256"
        wanted_header = {"typ": "dpop+jwt", "alg": algorithm, "jwk": signer.as_dict(private=False)} | (header or {})
        digest = None if token is None else urlsafe_b64encode(sha256(token.encode()).digest()).rstrip(b"=").decode()
        wanted = {
            "jti": secrets.token_hex(8),
            "htm": method,
            "htu": url,
            "iat": int(self.org.now()),
            "nonce": self.nonce,
            "ath": digest,
        } | claims
        return _signed(wanted_header, wanted, signer)

    def ask_token(self, *, proof: str | None = "", path: str = TOKEN, **form: str | None) -> httpx.Response:
        """One token request; its proof is made here unless one is given, or None."""
        wanted = {
            "grant_type": "client_credentials",
            "scope": "okta.logs.read",
            "client_assertion_type": JWT_BEARER,
            "client_assertion": self.assertion(aud=self.url(path)) if "client_assertion" not in form else None,
        } | form
        sent = self.proof("POST", self.url(path)) if proof == "" else proof
        reply = self.http.post(
            self.url(path),
            data={name: value for name, value in wanted.items() if value is not None},
            headers={} if sent is None else {"dpop": sent},
        )
        self.nonce = reply.headers.get("dpop-nonce", self.nonce)
        return reply

    def token(self) -> str:
        """A token, in as many requests as it takes."""
        reply = self.ask_token()
        if reply.status_code == 400:
            reply = self.ask_token()
        assert reply.status_code == 200, reply.text
        self.nonce = None
        return str(reply.json()["access_token"])

    def logs_by_token(
        self, token: str, *, scheme: str = "DPoP", proof: str | None = "", query: str = "?limit=1"
    ) -> httpx.Response:
        url = self.url(LOGS)
        sent = self.proof("GET", url, token=token) if proof == "" else proof
        headers = {"authorization": f"{scheme} {token}"} | ({} if sent is None else {"dpop": sent})
        return self.http.get(url + query, headers=headers)

    def rules_broken(self) -> list[str]:
        """What the ledger accuses us of, without the request numbers."""
        return [line.partition(": ")[2] for line in self.org.ledger.violations]


def connected(visitor: Visitor, *, more: str = "connection: close\r\n") -> socket.socket:
    """A connection to an org without TLS on which the log has just been asked for, by API token."""
    host, _, port = visitor.server.domain.partition(":")
    connection = socket.create_connection((host, int(port)), timeout=10)
    connection.sendall(log_request(visitor, more))
    return connection


def log_request(visitor: Visitor, more: str) -> bytes:
    """A request for two events, with more header lines."""
    credential = f"authorization: SSWS {visitor.org.api_token}\r\n"
    return f"GET {LOGS}?limit=2 HTTP/1.1\r\nhost: {visitor.server.domain}\r\n{credential}{more}\r\n".encode()


def raw(visitor: Visitor, *, more: str = "") -> bytes:
    """What the org puts on the wire for a log request, up to the connection's end.

    Raises:
        ConnectionResetError: It ended by a reset.
    """
    with connected(visitor, more=f"{more}connection: close\r\n") as connection:
        return rest(connection)


def rest(connection: socket.socket) -> bytes:
    """All that still comes."""
    received = b""
    while piece := connection.recv(65536):
        received += piece
    return received


def parted(answer: bytes) -> tuple[dict[str, str], bytes]:
    """The headers, names in lower case, and the body."""
    head, _, body = answer.partition(b"\r\n\r\n")
    pairs = [line.partition(": ") for line in head.decode("latin-1").split("\r\n")[1:]]
    return {name.lower(): value for name, _, value in pairs}, body


@contextmanager
def releasing(org: Org) -> Iterator[None]:
    """Releases what is stalled, again and again: when the stall begins, nobody outside can know."""
    done = threading.Event()

    def release() -> None:
        while not done.wait(0.02):
            org.release()

    thread = threading.Thread(target=release)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def next_url(reply: httpx.Response) -> str:
    """The next link's URL, byte for byte; httpx's own reading stumbles over commas and semicolons."""
    (link,) = (value for value in reply.headers.get_list("link") if value.endswith('; rel="next"'))
    return link[1 : link.rindex(">")]


def segment(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def _signed(header: dict[str, Any], claims: dict[str, Any], key: Any) -> str:
    kept_header = {name: value for name, value in header.items() if value is not None}
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(kept_header, kept, key, algorithms=[header["alg"]], default_type=None)


def signed_text(header: str, claims: dict[str, Any], key: ECKey) -> str:
    """A JWS whose header is this text, whatever it says; signed ES256."""
    model = jws.JWSRegistry.algorithms["ES256"]
    signing_input = f"{segment(header)}.{segment(claims)}"
    signature = model.sign(signing_input.encode(), key)
    return f"{signing_input}.{urlsafe_b64encode(signature).rstrip(b'=').decode()}"
