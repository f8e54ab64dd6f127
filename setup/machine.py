"""What does the machine have already, and how is each program started? Small scripts in .asterisk/bin hide
the answer.
"""

import os
import re
import shlex
import shutil
import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

OLDEST = (
    22,
    10,
    1,
)  # earlier ones let a read-only ARI user write over the websocket, and SHELL and FILE through ARI
_MODULE_FOLDERS = (
    "/usr/lib/asterisk/modules",
    "/usr/lib64/asterisk/modules",
    "/usr/local/lib/asterisk/modules",
    *(f"/usr/lib/{machine}-linux-gnu/asterisk/modules" for machine in ("x86_64", "aarch64")),
)
_DATA_FOLDERS = ("/usr/share/asterisk", "/var/lib/asterisk", "/usr/local/share/asterisk")
_NEEDED_MODULES = (
    "chan_pjsip.so",
    "res_ari_channels.so",
    "app_stasis.so",
    "res_agi.so",
    "app_queue.so",
    "format_gsm.so",
)


@dataclass(frozen=True)
class Asterisk:
    """An Asterisk that can be started: `command` is a list of words, `moh` None when there is no music
    on hold.
    """

    version: str
    command: tuple[str, ...]
    astmoddir: str
    astdatadir: str
    moh: str | None


def asterisk_version(text: str) -> tuple[int, int, int] | None:
    """The version in the answer of `asterisk -V`; None for what cannot be compared (git and certified
    builds).
    """
    match = re.match(r"Asterisk (\d+)\.(\d+)(?:\.(\d+))?(?![\d.]*-(?:rc|beta|alpha|pre))", text)
    return (int(match[1]), int(match[2]), int(match[3] or 0)) if match else None


def recent_enough(text: str) -> bool:
    """Whether the answer of `asterisk -V` names a release that is safe to use here."""
    version = asterisk_version(text)
    return version is not None and version >= OLDEST


def answer(command: Sequence[str]) -> str:
    """What a command prints, stripped; "" if it does not run within 20 s.

    Its exit status is not judged: `sipp -v` ends with 99.
    """
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace").strip()


def on_path(name: str, but: Path) -> str | None:
    """The full path of a program on PATH or in the folders of system programs; what lies in `but` does
    not count.
    """
    folders = [*os.get_exec_path(), "/usr/local/sbin", "/usr/sbin", "/sbin"]
    return shutil.which(
        name, path=os.pathsep.join(folder for folder in folders if Path(folder).resolve() != but.resolve())
    )


def machines_asterisk(but: Path) -> Asterisk | None:
    """The machine's own Asterisk, if it is recent enough and whole (modules, documentation, sounds)."""
    program = on_path("asterisk", but)
    if program is None:
        return None
    version = answer([program, "-V"])
    if not recent_enough(version):
        return None
    configured = directories(_text(Path("/etc/asterisk/asterisk.conf")))
    modules = _first((configured.get("astmoddir"), *_MODULE_FOLDERS), *_NEEDED_MODULES)
    data = _first((configured.get("astdatadir"), *_DATA_FOLDERS), "documentation", "sounds/en")
    if modules is None or data is None:
        return None
    return Asterisk(version.removeprefix("Asterisk "), (program,), modules, data, music(Path(data)))


def directories(text: str) -> dict[str, str]:
    """The folders that an asterisk.conf names; a template section, `[directories](!)`, is ignored as
    Asterisk does.
    """
    found: dict[str, str] = {}
    inside = False
    for line in text.splitlines():
        line = line.partition(";")[0].strip()
        if line.startswith("["):
            inside = line == "[directories]"
        elif inside and "=" in line:
            key, _, value = line.partition("=")
            found[key.strip()] = value.lstrip(">").strip()
    return found


def music(data: Path) -> str | None:
    """The folder of music on hold under Asterisk's data folder, None if it has none."""
    folder = data / "moh"
    return str(folder) if folder.is_dir() and any(folder.iterdir()) else None


def _first(folders: Sequence[str | None], *holding: str) -> str | None:
    for folder in folders:
        if folder and all(Path(folder, name).exists() for name in holding):
            return folder
    return None


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""  # no such Asterisk configuration, or not ours to read: the usual folders are tried


def loader(tree: Path) -> Path | None:
    """The dynamic loader in an unpacked tree: the real file, since a link may lead to the machine's own."""
    for pattern in (
        "usr/lib/*/ld-linux*.so.*",
        "lib/*/ld-linux*.so.*",
        "usr/lib*/ld-linux*.so.*",
        "lib*/ld-linux*.so.*",
    ):
        for path in sorted(tree.glob(pattern)):
            if path.is_file() and not path.is_symlink():
                return path
    return None


def library_folders(tree: Path) -> list[Path]:
    """The folders of an unpacked tree that hold shared libraries, where the loader has to look."""
    top = [path for path in (*tree.glob("usr/lib/*-linux-*"), *tree.glob("lib/*-linux-*")) if path.is_dir()]
    below = [path for folder in top for path in sorted(folder.iterdir()) if path.is_dir()]
    return [*top, *(path for path in below if any(path.glob("lib*.so*")))]


def through_loader(tree: Path, program: Path) -> tuple[str, ...]:
    """The command that runs an unpacked program with the libraries beside it, without chroot or root.

    Raises FileNotFoundError when the tree has no loader.
    """
    found = loader(tree)
    if found is None:
        raise FileNotFoundError(f"no dynamic loader under {tree}")
    libraries = ":".join(str(path) for path in library_folders(tree))
    return (str(found), "--inhibit-cache", "--library-path", libraries, str(program))


def script(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """A shell script that becomes `command` with its own arguments behind it."""
    exports = "".join(f"export {key}={shlex.quote(value)}\n" for key, value in sorted(environment.items()))
    return f'#!/bin/sh\n{exports}exec {shlex.join(command)} "$@"\n'


def write_script(path: Path, command: Sequence[str], environment: Mapping[str, str]) -> None:
    """Writes `script` as an executable file, at once or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_text(script(command, environment), "utf-8")
    fresh.chmod(0o755)
    fresh.replace(path)


def name_trouble() -> str | None:
    """A sentence if the machine's own name does not resolve: every call would then wait for DNS."""
    name = socket.gethostname()
    try:
        socket.getaddrinfo(name, None)
    except OSError:
        return (
            f"This machine's name, {name}, does not resolve and calls would wait for DNS: "
            f"add `127.0.1.1 {name}` to /etc/hosts."
        )
    return None
