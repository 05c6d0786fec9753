"""Reads one secret's text from the environment or from a file. Rule: no message holds a part of it.

A file wins over a variable. Whatever is wrong with a secret is said at the key that names its place.
"""

import re
import stat
from collections.abc import Mapping
from pathlib import Path

import msgspec
from pydantic import SecretStr

from hel.config.problems import Keys, Problem
from hel.telemetry.redaction import conceal

MAX_BYTES = 1_000_000
"""The largest secret file that is read."""

VISIBLE = re.compile(r"[\x21-\x7e]+")
"""What a token may consist of."""

VISIBLE_OR_SPACE = re.compile(r"[\x20-\x7e]+")
"""What any other secret of OAuth may consist of: VSCHAR, RFC 6749 appendix A."""

_UPPER_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,63}|[a-z][a-z0-9]{0,23}(_[a-z0-9]{1,23})*")


class Secret(msgspec.Struct, frozen=True):
    """A secret and where it came from.

    Attributes:
        value: The secret, which no repr shows.
        origin: `environment variable NAME` or `file PATH`.
        path: The file that it came from, None for a variable.
    """

    value: SecretStr
    origin: str
    path: Path | None = None


class SecretText:
    """Reads secrets, and notes what is wrong with them.

    Args:
        environ: The environment.

    Attributes:
        problems: What was wrong, by the key that names the secret's place.
        warnings: What is not as safe as it should be, by the same.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self._environ = environ

    def read(
        self,
        what: str,
        env: str | None,
        file: Path | None,
        keys: Keys,
        allowed: re.Pattern[str] | None = None,
        *,
        is_public: bool = False,
    ) -> Secret | None:
        """One secret, or None where it is not named, or can't be had (which is noted).

        Args:
            what: Its name in the configuration, without `_env` and `_file`.
            env: The variable that holds it, or None.
            file: The file that holds it, or None.
            keys: The path of the section that names it.
            allowed: What it may consist of; None for anything, line breaks included.
            is_public: It is none, unless there is a private key in it: it may be shown, and anybody may read its file.
        """
        if env is None and file is None:
            return None
        key = f"{what}_env" if file is None else f"{what}_file"
        origin = f"file {file}" if file else f"environment variable {env}"
        try:
            value = _read_file(file) if file else self._read_variable(env or "", what)
            if allowed:
                _check(value, what, origin if file or _is_name(env or "") else "its value", allowed)
        except ValueError as error:
            self.problems.append(Problem(str(error), (*keys, key)))
            return None
        if not is_public or "PRIVATE KEY-----" in value:
            conceal(value, for_good=True)
            if file is not None and (exposed := _exposed(file)):
                self.warnings.append(Problem(f"{origin} {exposed}", (*keys, key)))
        return Secret(SecretStr(value), origin, file)

    def _read_variable(self, name: str, what: str) -> str:
        value = self._environ.get(name)
        if not _is_name(name) and not value:
            raise ValueError(
                "no environment variable of this name is set (the key takes a variable's NAME: if the "
                f"{what.replace('_', ' ')} itself stands here, move it into a variable, and name that)"
            )
        if value is None:
            raise ValueError(f"environment variable {name} is not set (export {name}=…)")
        value = value.rstrip("\r\n")
        if not value.strip():
            raise ValueError(f"environment variable {name} is empty (export {name}=…)")
        if _has_surrogate(value):
            raise ValueError(f"environment variable {name} is not UTF-8 (export it again)")
        return value


def _exposed(path: Path) -> str:
    """What users other than its owner and group may do to it, and the fix; empty where it is nothing."""
    try:
        if path.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH):
            return "can be read or changed by every user of this machine (chmod 600 it)"
        folders = dict.fromkeys((*path.absolute().parents, *path.resolve().parents))
        open_one = next((folder for folder in folders if _may_all_replace(folder.stat().st_mode)), None)
    except OSError:  # it was read a moment ago, and is being replaced
        return ""
    if open_one is None:
        return ""
    return f"can be replaced by every user of this machine, for {open_one} is open to all (chmod o-w {open_one})"


def _may_all_replace(mode: int) -> bool:
    """Whether every user may replace what is in a folder; with the sticky bit, as in /tmp, only what is their own."""
    return bool(mode & stat.S_IWOTH) and not mode & stat.S_ISVTX


def _read_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ValueError(f"file {path} does not exist (relative paths start at the configuration's folder)") from None
    except IsADirectoryError:
        raise ValueError(f"{path} is a directory (name the file in it)") from None
    except PermissionError:
        raise ValueError(f"no permission to read file {path} (look at its owner and mode)") from None
    except OSError as error:
        raise ValueError(f"file {path} can't be read: {error.strerror}") from None
    if len(data) > MAX_BYTES:
        raise ValueError(f"file {path} is larger than {MAX_BYTES:,} bytes (is it the right one?)")
    try:
        value = data.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError(f"file {path} is not text in UTF-8 (is it the right one?)") from None
    if not value.strip():
        raise ValueError(f"file {path} is empty")
    return value


def _check(value: str, what: str, origin: str, allowed: re.Pattern[str]) -> None:
    name = what.replace("_", " ")
    if value != value.strip():
        raise ValueError(f"the {name} in {origin} begins or ends with a space or a line break (remove it)")
    if any(ord(character) < 0x20 or ord(character) == 0x7F for character in value):
        raise ValueError(
            f"the {name} in {origin} holds a line break or a control character (one line, the {name} alone)"
        )
    if not allowed.fullmatch(value):
        raise ValueError(f"the {name} in {origin} holds a character that no {name} has ({_remedy(value, name)})")


def _remedy(value: str, name: str) -> str:
    """What to do about a character that a secret of this name can't have."""
    if name == "username":
        return "HTTP Basic ends it at its first ':', RFC 7617 §2: is it the user name alone?"
    if " " not in value:
        return f"the {name} alone, ASCII only: copy it again"
    return f"the {name} alone, without a word such as {'SSWS' if name == 'token' else 'Bearer'} before it"


def _is_name(text: str) -> bool:
    """Whether it looks like a variable's name, and not like a secret that was put where a name belongs."""
    return _UPPER_NAME.fullmatch(text) is not None


def _has_surrogate(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)
