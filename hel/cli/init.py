"""`hel init`: a ready-made configuration, and what to do with it."""

from difflib import get_close_matches
from pathlib import Path
from shlex import quote

from hel.cli.problems import answer, config_path, reported, say
from hel.config.load import source_names
from hel.errors import ConfigError
from hel.ready_made import ReadyMade, names, ready_made


def show_names() -> None:
    """Print what there is to choose from."""
    width = max(map(len, names()))
    for name in names():
        answer(f"{name:<{width}}  {ready_made(name).title}")


def show_guide(name: str) -> None:
    """Print the page about one."""
    with reported():
        answer(_chosen(name).guide.rstrip())


def init(config: Path | None, name: str) -> None:
    """Write a configuration that is not there yet, and say what it wants."""
    path = config_path(config)
    with reported():
        chosen = _chosen(name)
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(chosen.text)
        except FileExistsError:
            beside = quote(f"{path.stem}-{name}.yaml")
            raise ConfigError(
                f"{path} is there already, and was left as it is",
                f"write another file, and copy its source into yours: hel -c {beside} init {name}",
            ) from None
        except OSError as error:
            raise ConfigError(
                f"{path} can't be written: {error.strerror}", "name a file in a folder that is yours: -c PATH"
            ) from error
        _say_what_next(chosen, path)


def _chosen(name: str) -> ReadyMade:
    known = names()
    if name not in known:
        close = get_close_matches(name.lower().replace("_", "-"), known, 1)
        raise ConfigError(
            f"there is no ready-made configuration {name!r}",
            f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(known)}",
        )
    return ready_made(name)


def _say_what_next(chosen: ReadyMade, path: Path) -> None:
    say(f"{path}: {chosen.title}")
    for heading, variables in (("Set these variables", chosen.wanted), ("You may set", chosen.optional)):
        if not variables:
            continue
        say(f"{heading}:")
        width = max(map(len, variables))
        for name, meaning in variables.items():
            say(f"  {name:<{width}}  {meaning}")
    say(f"How to get them, and what to know of the API: hel init {chosen.name} --guide")
    option = "" if path == config_path(None) else f" -c {quote(str(path))}"
    (source,) = source_names(path)
    say(f"Then: hel{option} validate, and hel{option} test --source {source}")
