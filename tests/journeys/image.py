"""Does what a container engine does with Hel's Dockerfile, without one: a folder as root, mounts of its own, chroot.

The rule: every command of the Dockerfile runs as it is written, at the paths that it names. The base image is this
machine's system with the Python that runs the tests at /usr/local, read-only; requires root.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.journeys.dockerfile import Instruction, Stage, sent

PYTHON = Path(sys.base_prefix)
_PATH = "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
_ETC = ("resolv.conf", "hosts", "nsswitch.conf", "passwd", "group", "pip.conf", "ld.so.cache")
_SYSTEM = ("bin", "lib", "lib64", "sbin")
_TO_THE_NETWORK = ("PIP_", "HTTP_", "HTTPS_", "NO_PROXY", "http_", "https_", "no_proxy", "SSL_CERT_")

_ENTER = """
set -e
root=$1; volume=$2; cache=$3; user=$4; folder=$5; shift 5
mount --bind "$root" "$root"
mount --rbind /usr "$root/usr"
mount --bind "{python}" "$root/usr/local"
mount -o remount,bind,ro "$root/usr"
mount -o remount,bind,ro "$root/usr/local"
mount --rbind /etc/ssl "$root/etc/ssl"
mount --rbind /dev "$root/dev"
mount --rbind /proc "$root/proc"
if [ "$cache" ]; then mount --bind "$cache" "$root/root/.cache/pip"; fi
if [ "$volume" ]; then mount -o remount,bind,ro "$root"; mount --bind "$volume" "$root/data"; fi
exec chroot --userspec="$user" --groups= "$root" env --chdir="$folder" --ignore-environment "$@"
"""


@dataclass
class Image:
    """One stage, built or being built.

    Attributes:
        root: Its root folder.
        environment: What ENV said so far.
        folder: What WORKDIR said last.
        user: What USER said last.
    """

    root: Path
    environment: dict[str, str]
    folder: str = "/"
    user: str = "0:0"

    @classmethod
    def base(cls, root: Path) -> "Image":
        """The base image."""
        for name in ("usr", "dev", "proc", "tmp", "run", "etc/ssl", "root/.cache/pip"):
            (root / name).mkdir(parents=True)
        root.chmod(0o755)  # a temporary folder is its owner's alone
        for name in _SYSTEM:
            if (there := Path("/") / name).is_symlink():
                (root / name).symlink_to(there.readlink())
        for name in _ETC:
            if (there := Path("/etc") / name).exists():
                shutil.copy(there, root / "etc" / name)
        return cls(root, {"PATH": _PATH, "LD_LIBRARY_PATH": "/usr/local/lib"})  # where a Python may have its library

    def enter(
        self, words: list[str], more: Mapping[str, str], volume: Path | None = None, cache: Path | None = None
    ) -> list[str]:
        """The command that runs these words in it; with a volume at /data everything else is read-only."""
        environment = [f"{name}={value}" for name, value in (self.environment | dict(more)).items()]
        mounts = [str(self.root), str(volume or ""), str(cache or "")]
        script = _ENTER.replace("{python}", str(PYTHON))
        entry = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", *mounts]
        return [*entry, self.user, self.folder, *environment, *words]

    def run(self, instruction: Instruction, cache: Path) -> None:
        """RUN."""
        mounted = instruction.flags.get("--mount")
        assert mounted in (None, "type=cache,target=/root/.cache/pip")
        network = {name: value for name, value in os.environ.items() if name.startswith(_TO_THE_NETWORK)}
        words = ["/bin/sh", "-c", instruction.text]
        command = self.enter(words, network, cache=cache if mounted else None)
        done = subprocess.run(command, capture_output=True, check=False, timeout=500)
        assert done.returncode == 0, f"{instruction.text}\n{done.stdout.decode()}{done.stderr.decode()}"

    def copy(self, instruction: Instruction, sources: Path, files: list[Path] | None) -> None:
        """COPY: of all that is there, or of these files."""
        *names, target = instruction.words
        destination = self.root / os.path.normpath(f"{self.folder}/{target}").lstrip("/")
        for name in names:
            source = sources / name.lstrip("/")
            if source.is_file():
                assert files is None or source in files, f".dockerignore keeps {name} back"
                shutil.copy2(source, destination / source.name)
            elif files is None:
                shutil.copytree(source, destination, symlinks=True)
            else:
                for path in (path for path in files if path.is_relative_to(source)):
                    there = destination / path.relative_to(source)
                    there.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy2(path, there)


def build(stages: list[Stage], context: Path, ignore: str, folder: Path, cache: Path) -> Image:
    """All stages, in their order; the last one."""
    files = sent(context, ignore)
    built: dict[str, Image] = {}
    for number, stage in enumerate(stages):
        image = built[stage.name] = Image.base(folder / f"stage-{number}")
        for one in stage.instructions:
            if one.name == "RUN":
                image.run(one, cache)
            elif one.name == "COPY" and "--from" in one.flags:
                image.copy(one, built[one.flags["--from"]].root, None)
            elif one.name == "COPY":
                image.copy(one, context, files)
            elif one.name == "ENV":
                image.environment |= {
                    name: value.replace("$PATH", image.environment["PATH"]) for name, value in one.pairs.items()
                }
            elif one.name == "WORKDIR":
                image.folder = one.text
                (image.root / one.text.lstrip("/")).mkdir(parents=True, exist_ok=True)
            elif one.name == "USER":
                image.user = one.text
    return built[stages[-1].name]
