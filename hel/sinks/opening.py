"""Which kind of sink an output is."""

import errno
import os
import stat
from collections.abc import Iterable
from pathlib import Path

from hel.clock import Clock
from hel.config.models import OutputConfig
from hel.errors import ConfigError, SinkError
from hel.sinks.file import FileSink
from hel.sinks.locked_file import LockedFile
from hel.sinks.stream import StreamSink
from hel.telemetry.log import Log


def check_output(output: OutputConfig, apart_from: Iterable[Path] = ()) -> None:
    """See whether the output can be opened, before anything is made.

    Args:
        output: Where the lines go.
        apart_from: Files that must not be written over.

    Raises:
        ConfigError: It can't.
    """
    path = output.path
    if path is None:
        return
    try:
        path.stat()
    except FileNotFoundError:
        pass
    except OSError as error:
        raise _not_writable(path, error) from error
    if path.is_dir():
        raise ConfigError(f"the output {path} is a folder", f"name a file in it, such as {path / 'events.ndjson'}")
    if not path.parent.is_dir():
        raise ConfigError(f"the output's folder {path.parent} does not exist", f"mkdir -p {path.parent}")
    if path.resolve() in {other.resolve() for other in apart_from}:
        raise ConfigError(f"the output {path} is Hel's own configuration or state", "choose another with -o")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise _not_writable(path, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))
    if path.is_file():
        try:
            LockedFile(path).close()
        except SinkError as error:
            raise ConfigError(error.message, error.fix) from None


def _not_writable(path: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"the output {path} can't be written: {error.strerror}", "let Hel's user write there, or choose another with -o"
    )


def open_sink(output: OutputConfig, clock: Clock, log: Log) -> FileSink | StreamSink:
    """The output, open.

    Raises:
        ConfigError: It can't be opened.
    """
    if output.path is None:
        return StreamSink()
    path = output.path.resolve()  # one file has one name, by whatever way it was given
    if not path.exists() or stat.S_ISREG(path.stat().st_mode):
        try:
            return FileSink(path, output.rotate, clock, log, output.permissions)
        except SinkError as error:
            raise ConfigError(error.message, "let Hel write there, or choose another output with -o") from error
    try:
        return StreamSink(os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC), str(path))
    except OSError as error:
        raise ConfigError(
            f"the output {path} can't be written: {error.strerror}", "for a named pipe, start its reader first"
        ) from error
