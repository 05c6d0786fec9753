"""Loads `hel.yaml`: reads, fills in placeholders, overrides, validates, resolves secrets. Rule: all problems at once.

Nothing is loaded in part: either everything that was asked for is right, or a `ConfigError` lists what is not.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msgspec import structs
from pydantic import ValidationError

from hel.config.advice import advice, misplaced_secrets
from hel.config.document import Document, Value, read_document
from hel.config.known import server_of, ways_of
from hel.config.known_limits import too_old
from hel.config.models import Config, GlobalConfig
from hel.config.overrides import Overrides, read_overrides
from hel.config.placeholders import expand, has_placeholder
from hel.config.problems import Keys, Problem, config_error
from hel.config.secret_text import Secret
from hel.config.secrets import SecretReader, Secrets
from hel.config.section import REPORTED
from hel.config.values import EMPTY, UNKNOWN
from hel.config.words import closest
from hel.errors import ConfigError
from hel.telemetry.printable import printable
from hel.telemetry.redaction import conceal

MAX_VALUES = 500_000
"""The most values that a file's aliases may multiply into."""

MAX_DEPTH = 60
"""How deep they may nest them."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration that is right.

    Attributes:
        path: The file, as given.
        config: What it says; its sources are the chosen ones.
        secrets: The secrets of each source by its name; empty when they were not asked for.
        warnings: What is not as safe as it should be, a line each, `FILE:LINE:COLUMN: path.to.key: what and the fix`.
        digest: SHA-256 of the file, in hexadecimal.
        server_token: What those prove themselves with who may ask the server to do something; None for nobody.
    """

    path: Path
    config: Config
    secrets: Mapping[str, Secrets] = field(repr=False)
    warnings: tuple[str, ...] = ()
    digest: str = ""
    server_token: Secret | None = field(default=None, repr=False)


def load(
    path: Path,
    environ: Mapping[str, str],
    *,
    flags: Mapping[str, Any] | None = None,
    only: Collection[str] | None = None,
    with_secrets: bool = True,
    now: float | None = None,
) -> Loaded:
    """Load a configuration.

    Args:
        path: The file; relative paths in it start at its folder.
        environ: The environment.
        flags: Values of `global` that flags set, such as `{"output": {"path": "x"}}`; relative paths in them start at
            the working directory.
        only: The sources to load; all where it is None or empty. Placeholders and secrets of others stay unread.
        with_secrets: Whether to resolve secrets.
        now: Epoch seconds, to be warned of a `from` that is too old for a first start; None to say nothing of it.

    Raises:
        ConfigError: With every problem, or with the unknown names in `only`.
    """
    document = read_document(path)
    loader = _Loader(path, document, environ)
    names = loader.names()
    chosen = names if not only else [name for name in names if name in set(only)]
    if only:
        _check_names(only, names, path)
    overrides = read_overrides(environ, flags, _here())
    loader.problems += overrides.problems
    data = loader.data(set(chosen))
    data["global"] = loader.overridden(data.get("global", {}), overrides)
    config = loader.validate(data, overrides, set(chosen))
    secrets, token = loader.secrets(data, chosen, config) if with_secrets else ({}, None)
    if loader.problems or config is None:
        raise config_error(path, loader.problems)
    if with_secrets:
        loader.advise(config, now)
    warnings = tuple(warning.line(path) for warning in loader.warnings)
    return Loaded(path, config, secrets, warnings, document.digest, token)


def load_global(path: Path, environ: Mapping[str, str]) -> GlobalConfig:
    """Load the `global` section alone; what is wrong in other sections does not matter.

    Raises:
        ConfigError: The file can't be read as YAML, or the section is not right.
    """
    loader = _Loader(path, read_document(path), environ, ("global",))
    overrides = read_overrides(environ, None, _here())
    loader.problems += overrides.problems
    data = loader.data(set())
    section = loader.overridden(data.get("global", {}), overrides)
    try:
        config = GlobalConfig.model_validate(section, context={"base": path.absolute().parent})
    except ValidationError as error:
        loader.note(error, overrides, ("global",))
    else:
        if not loader.problems:
            return config
    raise config_error(path, loader.problems)


def source_names(path: Path) -> list[str]:
    """The names of the sources in a file, in its order, whether they are right or not.

    Raises:
        ConfigError: The file can't be read as YAML.
    """
    return _Loader(path, read_document(path), {}).names()


def _here() -> Path:
    """The working directory."""
    try:
        return Path.cwd()
    except OSError:
        raise ConfigError(
            "the working directory is gone", "start Hel in one that stays, and name files in full"
        ) from None


def _check_names(only: Collection[str], names: list[str], path: Path) -> None:
    known = ", ".join(names) or "none"
    problems = [
        f"{path}: there is no source '{printable(name)}' ({closest(name, names) or f'the sources: {known}'})"
        for name in only
        if name not in names
    ]
    if problems:
        raise ConfigError("\n".join(problems), problems=tuple(problems))


class _Loader:
    """One load, and the problems found on the way."""

    def __init__(self, path: Path, document: Document, environ: Mapping[str, str], below: Keys = ()) -> None:
        self._path = path
        self._document = document
        self._environ = environ
        self._below = below
        self._values = 0
        self.warnings: list[Problem] = []
        self.problems = [problem for problem in document.problems if problem.keys[: len(below)] == below]

    def names(self) -> list[str]:
        """The sources' names, in the file's order."""
        root = self._document.root.content
        sources = root["sources"].content if isinstance(root, dict) and "sources" in root else None
        return list(sources) if isinstance(sources, dict) else []

    def data(self, chosen: set[str]) -> dict[str, Any]:
        """The file's content, placeholders filled in; those of other sources than the chosen stay unknown."""
        root = self._document.root.content
        wanted = root if isinstance(root, dict) else {}
        if self._below:
            wanted = {key: value for key, value in wanted.items() if key in self._below}
        return {key: self._plain(value, (key,), chosen) for key, value in wanted.items()}

    def overridden(self, section: Any, overrides: Overrides) -> Any:
        """The `global` section with the overrides; as it is where it is no section."""
        if section is EMPTY:
            section = {}
        return overrides.onto(section) if isinstance(section, Mapping) else section

    def validate(self, data: Mapping[str, Any], overrides: Overrides, chosen: set[str]) -> Config | None:
        """The configuration of the chosen sources, or None where there are problems, wherever they are."""
        context = {"base": self._path.absolute().parent}
        try:
            config = Config.model_validate(data, context=context)
        except ValidationError as error:
            self.note(error, overrides)
            if self.problems:
                return None
        else:
            if chosen == set(config.sources):
                return config
        # What is left over are the unknown values of sources that were not chosen.
        sources = {name: source for name, source in data["sources"].items() if name in chosen}
        return Config.model_validate({**data, "sources": sources}, context=context)

    def note(self, error: ValidationError, overrides: Overrides, above: Keys = ()) -> None:
        """What validation found, with its places."""
        for detail in error.errors(include_url=False, include_input=False):
            if detail["type"] == REPORTED:
                continue
            keys = (*above, *(part for part in detail["loc"] if part != "[key]"))
            origin = overrides.origin(keys[1:]) if keys[:1] == ("global",) else None
            place = None if origin else self._document.place(keys)
            self.problems.append(Problem(detail["msg"], keys, place, origin))

    def secrets(
        self, data: Mapping[str, Any], chosen: list[str], config: Config | None
    ) -> tuple[dict[str, Secrets], Secret | None]:
        """The chosen sources' secrets, and the server's token if there is a server; of what is not right, too."""
        reader, base = SecretReader(self._environ), self._path.absolute().parent
        if config is None:
            sections = {name: data["sources"][name] for name in chosen}
            ways = {name: ways_of(part, base) for name, part in sections.items() if isinstance(part, Mapping)}
            server = server_of(data["global"], base)
        else:
            ways = {name: (source.auth, source.tls) for name, source in config.sources.items()}
            server = config.global_.server
        found = {name: reader.read(way, ("sources", name)) for name, way in ways.items()}
        token = reader.read_server_token(server) if server.enabled else None
        self.problems += [self._placed(problem) for problem in reader.problems]
        self.warnings += [self._placed(warning) for warning in reader.warnings]
        return found, token

    def advise(self, config: Config, now: float | None) -> None:
        """Note what is valid and yet not wise, and hide the secrets among it."""
        old = [] if now is None else too_old(config.sources, now)
        for source in config.sources.values():
            for _, secret in misplaced_secrets(source):
                conceal(secret, for_good=True)
        self.warnings += [self._placed(warning) for warning in (*advice(config.sources), *old)]

    def _placed(self, problem: Problem) -> Problem:
        return structs.replace(problem, place=self._document.place(problem.keys))

    def _plain(self, value: Value, keys: Keys, chosen: set[str]) -> Any:
        """A value as pydantic takes it."""
        self._values += 1
        if self._values > MAX_VALUES:
            raise config_error(self._path, [Problem(f"its aliases make more than {MAX_VALUES:,} values")])
        if len(keys) > MAX_DEPTH:
            raise config_error(self._path, [Problem(f"its aliases nest values more than {MAX_DEPTH} deep", keys[:3])])
        content = value.content
        if isinstance(content, dict):
            return {key: self._plain(part, (*keys, key), chosen) for key, part in content.items()}
        if isinstance(content, list):
            return [self._plain(part, (*keys, at), chosen) for at, part in enumerate(content)]
        if not isinstance(content, str) or not has_placeholder(content):
            return content
        if keys[0] == "sources" and keys[1:2] and keys[1] not in chosen:
            return UNKNOWN
        try:
            return expand(content, self._environ)
        except ValueError as error:
            self.problems.append(Problem(str(error), keys, self._document.place(keys)))
            return UNKNOWN
