"""What environment variables say of `global`, by pydantic-settings, which is loaded with this module."""

from collections.abc import Mapping
from typing import Any

from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict

from hel.config.models import GlobalConfig


class _Settings(GlobalConfig, BaseSettings):
    """`global` as pydantic-settings reads it; only its variables are used, never itself."""

    model_config = SettingsConfigDict(env_nested_delimiter="__")


class _Environment(EnvSettingsSource):
    """The variables of a mapping in place of the process's own."""

    def __init__(self, environ: Mapping[str, str], prefix: str) -> None:
        self._environ = environ
        super().__init__(_Settings, case_sensitive=False, env_prefix=prefix)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {name.lower(): value for name, value in self._environ.items()}


def values_of(environ: Mapping[str, str], prefix: str) -> dict[str, Any]:
    """What these variables say, nested as in the section.

    Args:
        environ: Variables of existing keys.
        prefix: How their names begin.

    Raises:
        ValueError: One is to hold a whole section as JSON, and does not.
    """
    return _Environment(environ, prefix)()
