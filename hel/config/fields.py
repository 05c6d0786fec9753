"""The kinds of value that keys take: seconds, URLs, paths, names. Every message says what is needed."""

import math
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, WithJsonSchema

from hel.config.section import wrong
from hel.config.values import EMPTY, Hidden, Plain
from hel.timestamps import is_pattern, parse_text, write_value

_URL_CHARACTERS = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]*")
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_.])?|\[[0-9A-Fa-f:.]+\]")
_FOUR_NUMBERS = re.compile(r"[0-9]+(\.[0-9]+){3}")
_ENV_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_DOTTED = r"(?!\$\.)(?!.*\[[0-9*]*\])[^.\x00-\x1f\"\\\ud800-\udfff]+(\.[^.\x00-\x1f\"\\\ud800-\udfff]+)*"
_PREFIX = r"([\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?)?"
_SCOPE = r"[\x21\x23-\x5b\x5d-\x7e]+"
_HEADER_VALUE = r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?"
_HEADER_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}"  # a token, RFC 9110 §5.1
_WHOLE_TEXT = r"[^\ud800-\udfff]*"
_LABEL = r"[^\x00-\x1f\x7f\ud800-\udfff]{1,256}"


_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}


def check_url(url: str) -> str:
    """An absolute http or https URL with a host, kept as written.

    Raises:
        PydanticCustomError: In words that don't repeat the URL, which may hold a secret.
    """
    if "{" in url or "}" in url:
        raise wrong("the URL still holds a template in braces (replace it by its value, or write ${VARIABLE})")
    if not _URL_CHARACTERS.fullmatch(url):
        raise wrong("the URL holds a space or a character that must be percent-encoded")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise wrong("the URL can't be read (look at its host and port)") from None
    if parts.scheme.lower() not in {"http", "https"} or not parts.netloc:
        raise wrong("expected an absolute URL such as https://your-org.okta.com/api/v1/logs")
    if "@" in parts.netloc:
        raise wrong("a URL must not hold a user or password (use 'auth')")
    host = parts.netloc.removesuffix(f":{port}") if port is not None else parts.netloc.removesuffix(":")
    if port == 0 or not _HOST.fullmatch(host) or not _is_address(host):
        raise wrong("the URL has no valid host (expected a domain such as your-org.okta.com)")
    if "#" in url:
        raise wrong("a URL must not hold a fragment ('#…')")
    if "//" in parts.path:
        raise wrong("the URL's path holds '//' (is there a '/' at the end of a variable's value?)")
    return url


def _is_address(host: str) -> bool:
    """Whether what looks like an IP address is one; a name passes."""
    if not (host.startswith("[") or _FOUR_NUMBERS.fullmatch(host)):
        return True
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def _check_source_url(url: str) -> str:
    check_url(url)
    if "?" in url:
        raise wrong("the URL holds parameters after '?' (they belong in 'query_params')")
    return url


def _check_origin(url: str) -> str:
    parts = urlsplit(check_url(url))
    if parts.path not in {"", "/"} or "?" in url:
        raise wrong("expected an origin without a path, such as https://eu.example.com")
    return url.removesuffix("/")


def is_plain_http(url: str) -> bool:
    """Whether a URL is of plain http and leads to another machine; False for what is no URL."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme.lower() != "http" or not host:
        return False
    try:
        return not ip_address(host).is_loopback
    except ValueError:
        return host != "localhost" and not host.endswith(".localhost")  # RFC 6761 §6.3


def _check_text(what: str, pattern: str) -> AfterValidator:
    """A check by a pattern that is compiled where it is first used: a configuration needs few of them."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise wrong(what)
        return text

    return AfterValidator(check)


def _check_time_format(text: str) -> str:
    if text in {"rfc3339", "epoch", "epoch_ms"}:
        return text
    if not is_pattern(text) or not re.fullmatch(_LABEL, text) or not text.isascii():
        raise wrong(f"expected {TIME_FORMATS}")
    written = write_value(_SOME_DAY, text)
    read = parse_text(written, text)
    if read is None or not _SOME_DAY - 86_400 < read <= _SOME_DAY:
        raise wrong(f"the pattern makes {written!r} of a time, which says not which day that is (see strftime)")
    return text


def _check_mark_format(text: str) -> str:
    return text if text == "number" else _check_time_format(text)


TIME_FORMATS = "rfc3339, epoch, epoch_ms, or a pattern for strftime such as '%Y-%m-%d %H:%M:%S'"
_SOME_DAY = 1_777_636_800.0


def locate(text: str, base: Path) -> Path:
    """A path as written in a config, made absolute: `~` expanded, a relative one below `base`.

    Raises:
        ValueError: It is empty, holds a NUL, or its `~user` is unknown.
    """
    if not text or "\x00" in text:
        raise ValueError("expected a path, which is not empty and holds no NUL")
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        raise ValueError("expected a path in letters that exist (this one holds half of a surrogate pair)") from None
    try:
        path = Path(text).expanduser()
    except RuntimeError:
        raise ValueError("the home directory that '~' stands for is not known (write the path in full)") from None
    return base / path


def _locate_by_context(value: Any, info: ValidationInfo) -> Any:
    if not isinstance(value, str):
        return value
    context = info.context if isinstance(info.context, Mapping) else {}
    base = value.base if isinstance(value, Hidden) and value.base else context.get("base")
    try:
        return locate(value, base if isinstance(base, Path) else Path.cwd())
    except ValueError as error:
        raise wrong(str(error)) from None


Seconds = Annotated[float, Field(gt=0, le=604_800, allow_inf_nan=False)]
"""A time span above zero, at most a week."""

SecondsOrZero = Annotated[float, Field(ge=0, le=604_800, allow_inf_nan=False)]
"""A time span of zero or more, at most a week."""

Count = Annotated[int, Field(ge=1, le=10_000_000)]
"""How many of something: at least one."""


def is_true(value: Any) -> bool:
    """Whether a value, as given, will be read as true."""
    return value is True or (isinstance(value, str) and _BOOLEANS.get(value, False))


def _read_boolean(value: Any) -> Any:
    """YAML 1.2 has two booleans in three spellings; pydantic alone would take `yes`, `on` and `1` too."""
    if not isinstance(value, str):
        return value
    if value not in _BOOLEANS:
        raise wrong("expected true or false")
    return _BOOLEANS[value]


def _read_json(value: Any) -> Any:
    """A value with the types that YAML gives its scalars (YAML 1.2.2 §10.3.2), as JSON has them, too."""
    if isinstance(value, dict):
        return {str(key): _read_json(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_read_json(part) for part in value]
    if value is EMPTY:
        return None
    return _read_scalar(value) if isinstance(value, Plain) else value


def _read_scalar(text: str) -> Any:
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    for read in (int, partial(int, base=0), float):
        with suppress(ValueError):
            number = read(text)
            if math.isfinite(number):
                return number
    raise wrong("JSON has no such number (put it in quotes, to be sent as text)")


JsonValue = Annotated[Any, BeforeValidator(_read_json)]
"""What is sent as JSON: a number or a boolean is one, unless it stands in quotes."""

Flag = Annotated[bool, BeforeValidator(_read_boolean)]

SourceUrl = Annotated[str, AfterValidator(_check_source_url)]
TokenUrl = Annotated[str, AfterValidator(check_url)]
Origin = Annotated[str, AfterValidator(_check_origin)]

LocatedPath = Annotated[
    Path, BeforeValidator(_locate_by_context), WithJsonSchema({"type": "string", "format": "path", "minLength": 1})
]
"""A path, absolute once validated: relative ones lie below the validation context's `base` (the config's folder)."""

EnvName = Annotated[
    str,
    _check_text("expected the NAME of an environment variable, not its value (letters, digits, '_')", _ENV_NAME),
]
Dotted = Annotated[
    str,
    _check_text("expected names with dots between, such as 'uuid' or 'actor.id', without '$.' and '[0]'", _DOTTED),
]
Prefix = Annotated[str, _check_text("expected printable ASCII without spaces at its ends", _PREFIX)]
Scope = Annotated[str, _check_text("a scope is one word without spaces, such as okta.logs.read", _SCOPE)]
Label = Annotated[str, _check_text("expected 1 to 256 characters, none of them a control character", _LABEL)]
HeaderValue = Annotated[str, _check_text("expected printable ASCII without spaces at its ends", _HEADER_VALUE)]
HeaderName = Annotated[str, _check_text("expected the name of a header, such as X-RateLimit-Reset", _HEADER_NAME)]
Text = Annotated[str, _check_text("expected text in letters that exist, not half of a surrogate pair", _WHOLE_TEXT)]
TimeFormat = Annotated[str, AfterValidator(_check_time_format)]
MarkFormat = Annotated[str, AfterValidator(_check_mark_format)]
SourceName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
