"""The command: serves an org for a person, or around another command. Rule: stdout belongs to who asked for it.

Without a command it carries `export` lines for a shell; with one, that command's output and nothing else.
"""

import os
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from examples.okta_org import options
from examples.okta_org.ledger import Ledger
from examples.okta_org.options import Options
from examples.okta_org.org import Org
from examples.okta_org.server import Running, running
from examples.okta_org.signals import Signals

_LIVE_EVERY_S = 0.05
_USAGE = 2
_NOT_FOUND = 127
_NEVER_S = 1e9


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns the exit code."""
    chosen = options.parse(arguments)
    signals = Signals()
    org = options.make_org(chosen)
    with ExitStack() as stack:
        try:
            server = stack.enter_context(
                running(org, tls=chosen.tls, names=chosen.names, host=chosen.host, port=chosen.port)
            )
            directory = _directory(chosen, stack)
            environment = _write_files(server, directory)
        except OSError as error:
            print(f"okta_org: {error}", file=sys.stderr)
            return _USAGE
        stack.enter_context(_live(org, chosen.live_per_s))
        if chosen.command:
            code = _run(chosen.command, environment, signals)
        else:
            code = _serve(server, environment, directory, signals)
    print(account(org.ledger), file=sys.stderr)
    return code


def account(ledger: Ledger) -> str:
    """What the org has to say of its clients, for a person."""
    rules = ledger.violations
    verdict = f"{len(rules)} rules broken:" if len(rules) > 1 else "1 rule broken:" if rules else "no rule broken"
    summary = f"local Okta org: {len(ledger.requests)} requests, {len(ledger.served)} events served, {verdict}"
    return "\n  ".join([summary, *rules])


def _directory(chosen: Options, stack: ExitStack) -> Path:
    if chosen.directory is None:
        return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="okta-org-")))
    chosen.directory.mkdir(parents=True, exist_ok=True)
    return chosen.directory


def _write_files(server: Running, directory: Path) -> dict[str, str]:
    """Write what clients read from files; returns the variables that name them."""
    environment = server.environment()
    _write_private(directory / "client-key.pem", server.org.client_key.pem)
    if server.ca_file is not None:
        _write_private(directory / "ca.pem", server.ca_file.read_text())
        environment["SSL_CERT_FILE"] = str((directory / "ca.pem").absolute())
    return environment


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def _serve(server: Running, environment: Mapping[str, str], directory: Path, signals: Signals) -> int:
    """Print the variables and serve until a signal."""
    for name, value in environment.items():
        # A key in one line: Hel, as other clients do, takes a PEM with literal \n.
        print(f"export {name}={shlex.quote(value.strip().replace(chr(10), chr(92) + 'n'))}")
    sys.stdout.flush()
    print(
        f"local Okta org: serving {len(server.org.log)} events at {server.url} until Ctrl-C; the app's private key "
        f"is in {directory / 'client-key.pem'}",
        file=sys.stderr,
    )
    signals.wait()
    return 0


def _run(command: Sequence[str], environment: Mapping[str, str], signals: Signals) -> int:
    """Run a command with these variables; returns its exit code, as a shell would."""
    signals.unblock()
    try:
        process = subprocess.Popen(command, env={**os.environ, **environment})
    except OSError as error:
        print(f"okta_org: can't start {command[0]}: {error.strerror}", file=sys.stderr)
        return _NOT_FOUND

    def forward(number: int) -> None:
        if not (number == signal.SIGINT and _is_from_terminal()):
            process.send_signal(number)

    signals.attend(forward)
    # With a limit, Popen polls: a signal that came just before a waitpid(2) without one would be seen at its end only.
    code = process.wait(_NEVER_S)
    return 128 - code if code < 0 else code


def _is_from_terminal() -> bool:
    """Whether Ctrl-C reaches the command by itself: the terminal sends it to the whole foreground group."""
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError):
        return False


@contextmanager
def _live(org: Org, per_s: float) -> Iterator[None]:
    """Append events as time goes by."""
    stopped = threading.Event()

    def append() -> None:
        owed = 0.0
        while not stopped.wait(_LIVE_EVERY_S):
            owed += per_s * _LIVE_EVERY_S
            if owed >= 1:
                org.log.append(int(owed))
                owed -= int(owed)

    thread = threading.Thread(target=append, name="okta-org live", daemon=True)
    if per_s > 0:
        thread.start()
    try:
        yield
    finally:
        stopped.set()
        if per_s > 0:
            thread.join()
