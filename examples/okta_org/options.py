"""The command line of the local org. Rule: every option is one of the org's properties, in its words."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from examples.okta_org import order
from examples.okta_org.faults import Fault
from examples.okta_org.org import Org

_DESCRIPTION = """\
A local Okta org: a System Log, a service app and a token endpoint that behave as Okta documents them, and check what
a client does. With COMMAND it runs that with OKTA_DOMAIN, OKTA_API_TOKEN, OKTA_CLIENT_ID, OKTA_CLIENT_PRIVATE_KEY and
SSL_CERT_FILE in its environment, and ends with it. Without, it prints them for a shell and serves until Ctrl-C."""

_EPILOG = """\
examples:
  python -m examples.okta_org -- hel run --once --config examples/okta.yaml
  python -m examples.okta_org --live 5 -- bash
  python -m examples.okta_org --fault status,status=503,times=2 -- hel run --once --config examples/okta.yaml
  curl --cacert $SSL_CERT_FILE -X POST "https://$OKTA_DOMAIN/.org/events?n=5"
"""


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for on the command line."""

    events: int
    rate_limit: int
    window_s: float
    dpop: Literal["required", "allowed", "off"]
    nonces: bool
    resource_nonces: bool
    log_sign_ins: bool
    odd: bool
    seed: int
    clock_skew_s: float
    cursor_bytes: int
    faults: tuple[Fault, ...]
    live_per_s: float
    host: str
    port: int
    tls: bool
    names: tuple[str, ...]
    directory: Path | None
    command: tuple[str, ...]


def parse(arguments: Sequence[str]) -> Options:
    """Read the command line; argparse ends the program with 2 where it can't."""
    parser = _parser()
    own, separator, command = _split(arguments)
    chosen = parser.parse_args(own)
    if separator and not command:
        parser.error("there is no command after --")
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in vars(chosen).items()
    }
    return Options(**values, command=tuple(command))


def make_org(chosen: Options) -> Org:
    """The org that was asked for, its faults queued."""
    org = Org(
        events=chosen.events,
        rate_limit=chosen.rate_limit,
        window_s=chosen.window_s,
        dpop=chosen.dpop,
        nonces=chosen.nonces,
        resource_nonces=chosen.resource_nonces,
        log_sign_ins=chosen.log_sign_ins,
        odd=chosen.odd,
        seed=chosen.seed,
        clock_skew_s=chosen.clock_skew_s,
        cursor_bytes=chosen.cursor_bytes,
    )
    for fault in chosen.faults:
        org.fault(fault)
    return org


def _split(arguments: Sequence[str]) -> tuple[list[str], bool, list[str]]:
    """The org's own arguments, whether there is a `--`, and what follows it."""
    own = list(arguments)
    if "--" not in own:
        return own, False, []
    at = own.index("--")
    return own[:at], True, own[at + 1 :]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m examples.okta_org",
        usage="%(prog)s [options] [-- COMMAND ...]",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_log(parser.add_argument_group("the log"))
    _add_rules(parser.add_argument_group("the rules"))
    server = parser.add_argument_group("the server")
    server.add_argument("--host", default="127.0.0.1", help="the address to listen on (%(default)s)")
    server.add_argument("--port", type=_count, default=0, help="the port to listen on (a free one)")
    server.add_argument("--no-tls", dest="tls", action="store_false", help="serve http")
    server.add_argument(
        "--name", dest="names", action="append", default=[], metavar="NAME", help="another name for the certificate"
    )
    server.add_argument(
        "--directory", type=Path, metavar="DIR", help="where to write ca.pem and client-key.pem (a temporary one)"
    )
    return parser


def _add_log(group: "argparse._ArgumentGroup") -> None:
    group.add_argument("--events", type=_count, default=2500, metavar="N", help="events to begin with (%(default)s)")
    group.add_argument(
        "--live", dest="live_per_s", type=_amount, default=0.0, metavar="PER_SECOND", help="append events meanwhile"
    )
    group.add_argument("--odd", action="store_true", help="with newlines inside events and lone surrogates")
    group.add_argument("--seed", type=int, default=1, metavar="N", help="of the events (%(default)s)")
    group.add_argument("--log-sign-ins", action="store_true", help="each token and each nonce challenge is an event")


def _add_rules(group: "argparse._ArgumentGroup") -> None:
    group.add_argument(
        "--dpop", choices=("required", "allowed", "off"), default="required", help="whether the app has to use DPoP"
    )
    group.add_argument("--no-nonces", dest="nonces", action="store_false", help="the token endpoint demands no nonce")
    group.add_argument("--resource-nonces", action="store_true", help="the log demands a nonce, too")
    group.add_argument(
        "--rate-limit", type=_count, default=600, metavar="N", help="requests a window and endpoint (%(default)s)"
    )
    group.add_argument(
        "--window", dest="window_s", type=_amount, default=60.0, metavar="SECONDS", help="its length (%(default)s)"
    )
    group.add_argument(
        "--clock-skew",
        dest="clock_skew_s",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="how far the org's clock is ahead",
    )
    group.add_argument(
        "--cursor-bytes", type=_count, default=0, metavar="N", help="pad the links' cursors to this length"
    )
    group.add_argument(
        "--fault",
        dest="faults",
        type=_fault,
        action="append",
        default=[],
        metavar="KIND[,NAME=VALUE...]",
        help="let something go wrong, such as status,status=503,times=2 or cut,skip=1 (kinds: see faults.py)",
    )


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0")
    return int(text)


def _amount(text: str) -> float:
    try:
        amount = float(text)
    except ValueError:
        amount = -1.0
    if not 0 <= amount < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0")
    return amount


def _fault(text: str) -> Fault:
    try:
        return order.from_text(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
