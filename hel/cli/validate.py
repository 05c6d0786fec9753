"""`hel validate` and `hel schema`: what the configuration says, and what it may say."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import typer

from hel.cli.marks import ADVICE, CROSSED, PASSED
from hel.cli.problems import UNUSABLE, answer, config_path, reported, say
from hel.cli.wording import counted, found_secrets
from hel.config.load import Loaded, load
from hel.config.reference import json_schema
from hel.errors import ConfigError, StateError
from hel.state.schema import check_file


def validate(config: Path | None) -> None:
    """Load the configuration, every placeholder and every secret; all problems at once. No network."""
    path = config_path(config)
    with reported():
        loaded = _loaded(path)
        count = len(loaded.config.sources)
        say(f"{PASSED} file: {path} can be read, and every key and value in it is right")
        for name, source in loaded.config.sources.items():
            say(f"{name}: {source.url}")
            for line in found_secrets(source, loaded.secrets[name]):
                say(line)
        say("On this machine, which may be another than the one where it is to run:")
        for line in _here(loaded):
            say(line)
        _check_environment(loaded)
        for warning in loaded.warnings:
            say(f"{ADVICE} {warning}")
        say(f"{loaded.path}: {count} {'source is' if count == 1 else 'sources are'} valid; nothing was requested")


def _loaded(path: Path) -> Loaded:
    """The configuration; where it is not right, a line before the problems says how many there are."""
    try:
        return load(path, os.environ, now=time.time())
    except ConfigError as error:
        if error.problems:
            say(f"{CROSSED} {path}: {counted(len(error.problems), 'problem')}; nothing was requested")
        raise


def _here(loaded: Loaded) -> Iterator[str]:
    """Whether state and output can be written, and what the server would do."""
    settings = loaded.config.global_
    yield _usable("state", settings.state.path)
    output = settings.output.path
    yield f"  {PASSED} output: stdout" if output is None else _usable("output", output)
    server, token = settings.server, loaded.server_token
    if server.enabled:
        host = f"[{server.host}]" if ":" in server.host else server.host
        asked = f"its token found in {token.origin}" if token else "without a token, so that it only tells"
        yield f"  {PASSED} server: http://{host}:{server.port or '(a free port)'}, {asked}"


def _usable(what: str, path: Path) -> str:
    """Whether a file can be written, or made, by this user."""
    try:
        if path.is_dir():
            return f"  {ADVICE} {what}: {path} is a folder (name a file in it)"
        if not path.parent.is_dir():
            return f"  {ADVICE} {what}: there is no folder {path.parent} here (mkdir -p {path.parent})"
        if not os.access(path if path.exists() else path.parent, os.W_OK):
            return f"  {ADVICE} {what}: {path} can't be written by this user (let Hel's user write there)"
        if what == "state":
            check_file(path)
    except StateError as error:
        return f"  {ADVICE} {what}: {error}"
    except OSError as error:
        return f"  {ADVICE} {what}: {path}: {error.strerror} (let Hel's user into its folders)"
    return f"  {PASSED} {what}: {path} {'can be written' if path.exists() else 'is not there yet, and can be made'}"


_PROXIES = frozenset({"http_proxy", "https_proxy", "all_proxy"})
_OF_THE_NETWORK = _PROXIES | {"no_proxy", "ssl_cert_file", "ssl_cert_dir"}


def _check_environment(loaded: Loaded) -> None:
    """See whether the environment's proxies and certificates can be used, where it names any."""
    named = {name: value for name, value in os.environ.items() if name.lower() in _OF_THE_NETWORK and value}
    if not named:
        say(f"  {PASSED} network: the environment names no proxy")
        return
    from hel.clock import SystemClock  # noqa: PLC0415  # asyncio is loaded only for this
    from hel.transport.client import HttpTransport  # noqa: PLC0415  # and so is the HTTP client

    try:
        for tls in {secrets.tls for secrets in loaded.secrets.values()}:
            HttpTransport(SystemClock(), tls).prepare("https://localhost")
    except ConfigError as error:
        say(f"  {CROSSED} network: {error.message}")
        say(f"    fix: {error.fix}")
        raise typer.Exit(UNUSABLE) from None
    for name, value in named.items():
        say(f"  {PASSED} network: {name} is {_without_password(value) if name.lower() in _PROXIES else value}")


def _without_password(proxy: str) -> str:
    """A proxy's URL as it may be shown."""
    parts = urlsplit(proxy if "://" in proxy else f"//{proxy}")
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl().removeprefix("//")


def schema() -> None:
    """Print the JSON Schema of hel.yaml."""
    with reported():
        answer(json.dumps(json_schema(), indent=2, ensure_ascii=False))
