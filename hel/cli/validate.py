"""`hel validate` and `hel schema`: what the configuration says, and what it may say."""

import json
import os
from pathlib import Path

from hel.cli.problems import answer, config_path, reported, say
from hel.clock import SystemClock
from hel.config.load import Loaded, load
from hel.config.reference import json_schema


def validate(config: Path | None) -> None:
    """Load the configuration, every placeholder and every secret; all problems at once. No network."""
    with reported():
        loaded = load(config_path(config), os.environ)
        for name, source in loaded.config.sources.items():
            say(f"{name}: {source.url}")
            for what, where in loaded.secrets[name].origins.items():
                say(f"  {what} from {where}")
        _check_environment(loaded)
        for warning in loaded.warnings:
            say(f"! {warning}")
        count = len(loaded.config.sources)
        say(f"{loaded.path}: {count} {'source is' if count == 1 else 'sources are'} valid; nothing was requested")


_OF_THE_NETWORK = frozenset({"http_proxy", "https_proxy", "all_proxy", "no_proxy", "ssl_cert_file", "ssl_cert_dir"})


def _check_environment(loaded: Loaded) -> None:
    """See whether the environment's proxies and certificates can be used, where it names any."""
    if not any(name.lower() in _OF_THE_NETWORK and value for name, value in os.environ.items()):
        return
    from hel.transport.client import HttpTransport  # noqa: PLC0415  # the HTTP client is loaded only for this

    for tls in {secrets.tls for secrets in loaded.secrets.values()}:
        HttpTransport(SystemClock(), tls)


def schema() -> None:
    """Print the JSON Schema of hel.yaml."""
    with reported():
        answer(json.dumps(json_schema(), indent=2, ensure_ascii=False))
