"""How do Asterisk, espeak-ng, SIPp and PostgreSQL get into .asterisk/? `python -m setup.programs [NAME …]`

The machine's own are used where they will do; else Debian packages are unpacked into .asterisk/NAME.
Either way the rest of the system starts .asterisk/bin/PROGRAM and reads .asterisk/paths.json. A second run
finds all in place.
"""

import argparse
import fcntl
import json
import os
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from setup import CannotInstall, machine
from setup.fetch import Apt, megabytes, prune, show, unpack
from setup.sources import DEBIAN_KEYRINGS, Source, debian_unstable, own_suite, parse_os_release, read_sources

RECIPE = 1  # raise it when what is made changes: every machine then makes it again
ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".asterisk"


@dataclass(frozen=True)
class Kit:
    """Programs that come together.

    `programs`: name to pattern in the unpacked tree; `keep`: what stays beside libraries; `proof`: the
    program and arguments that show it runs, and a word of its answer; `version`: what makes it say its own.
    """

    packages: tuple[str, ...]
    unstable: bool
    programs: dict[str, str]
    keep: tuple[str, ...]
    proof: tuple[str, tuple[str, ...], str]
    version: str


KITS = {
    "asterisk": Kit(
        packages=("asterisk", "asterisk-core-sounds-en-gsm", "asterisk-moh-opsound-gsm"),
        unstable=True,
        programs={"asterisk": "usr/sbin/asterisk"},
        keep=("usr/sbin/asterisk", "usr/share/asterisk/"),
        proof=("asterisk", ("-V",), "Asterisk"),
        version="-V",
    ),
    "espeak-ng": Kit(
        packages=("espeak-ng",),
        unstable=False,
        programs={"espeak-ng": "usr/bin/espeak-ng"},
        keep=("usr/bin/espeak-ng",),
        proof=("espeak-ng", ("--voices=vi",), "Vietnamese"),
        version="--version",
    ),
    "sipp": Kit(
        packages=("sip-tester",),
        unstable=False,
        programs={"sipp": "usr/bin/sipp"},
        keep=("usr/bin/sipp", "usr/share/sip-tester/"),
        proof=("sipp", ("-v",), "SIPp"),
        version="-v",
    ),
    "postgresql": Kit(
        packages=("postgresql",),
        unstable=False,
        programs={name: f"usr/lib/postgresql/*/bin/{name}" for name in ("initdb", "pg_ctl", "postgres")},
        keep=("usr/share/postgresql/",),
        proof=("initdb", ("--version",), "PostgreSQL"),
        version="--version",
    ),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Makes what is named (all but PostgreSQL by default). 0: in place; 1: one sentence says what is
    missing.
    """
    parser = argparse.ArgumentParser(prog="setup.programs", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("kits", nargs="*", metavar="NAME", help=f"of {', '.join(KITS)}")
    parser.add_argument(
        "--optional", action="store_true", help="what cannot be had is said, and is no failure"
    )
    parser.add_argument("--unpack", action="store_true", help="packages even where this machine has its own")
    options = parser.parse_args(arguments)
    names = options.kits or [name for name in KITS if name != "postgresql"]
    if unknown := [name for name in names if name not in KITS]:
        parser.error(f"{unknown[0]!r} is not one of {', '.join(KITS)}")
    if all(in_place(HOME, name) for name in names) and described(HOME):
        return 0
    os.umask(0o022)  # made by root, used by others too
    missing = 0
    with alone(HOME):
        for name in names:
            if in_place(HOME, name):
                continue
            try:
                make(HOME, name, machines_own(HOME, name) if not options.unpack else None)
            except (CannotInstall, OSError) as problem:
                print(f"{name}: {problem}", file=sys.stderr)
                missing += 1
        write_json(HOME / "paths.json", paths(HOME))
    if trouble := machine.name_trouble():
        print(trouble, file=sys.stderr)
    return 0 if options.optional or not missing else 1


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """One set-up at a time; what an interrupted one left behind is removed."""
    home.mkdir(exist_ok=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for left in home.glob("tmp-*"):
            shutil.rmtree(left)
        yield


def in_place(home: Path, name: str) -> bool:
    """Whether a kit is made, by this recipe, for this folder, and nothing of it has gone since."""
    made = read_json(home / f"{name}.json")
    return (
        (made.get("recipe"), made.get("home")) == (RECIPE, str(home))
        and all((home / "bin" / program).exists() for program in KITS[name].programs)
        and all(Path(path).exists() for path in made["uses"])
    )


@dataclass(frozen=True)
class Found:
    """The machine's own programs of a kit: name to path, and Asterisk's folders if it is that."""

    commands: dict[str, tuple[str, ...]]
    asterisk: machine.Asterisk | None = None


def machines_own(home: Path, name: str) -> Found | None:
    """The machine's own programs of a kit; None if one is missing, too old or does not prove itself."""
    if name == "asterisk":
        asterisk = machine.machines_asterisk(home / "bin")
        return Found({name: asterisk.command}, asterisk) if asterisk else None
    kit = KITS[name]
    paths = {program: machine.on_path(program, home / "bin") for program in kit.programs}
    servers = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    if name == "postgresql" and servers:
        paths = {program: str(servers[-1].with_name(program)) for program in kit.programs}
    commands: dict[str, tuple[str, ...]] = {program: (path,) for program, path in paths.items() if path}
    program, words, expected = kit.proof
    whole = len(commands) == len(kit.programs) and expected in machine.answer([*commands[program], *words])
    return Found(commands) if whole else None


def make(home: Path, name: str, found: Found | None) -> None:
    """Puts one kit in place: the machine's own programs if `found`, else unpacked packages.

    Raises CannotInstall with a sentence for a person.
    """
    kit = KITS[name]
    packages: dict[str, str] = {}
    environment: dict[str, str] = {}
    if found:
        print(f"{name}: this machine's own, {next(iter(found.commands.values()))[0]}", file=sys.stderr)
        commands = found.commands
    else:
        kept = read_json(home / name / "made.json")
        packages = kept["packages"] if kept.get("recipe") == RECIPE else fetch(home, name)
        commands, environment = unpacked(home, name)
    for program, command in commands.items():
        machine.write_script(home / "bin" / program, command, environment)
    program, words, expected = kit.proof
    said = machine.answer([str(home / "bin" / program), *words])
    if expected not in said:
        raise CannotInstall(f"{program} is here but does not run: {said or 'it prints nothing'}")
    asterisk = found.asterisk if found else None
    if name == "asterisk" and asterisk is None:
        asterisk = unpacked_asterisk(home, commands[name], said)
    made = {
        "recipe": RECIPE,
        "home": str(home),
        "version": version_in(machine.answer([str(home / "bin" / program), kit.version])),
        "uses": [path for command in commands.values() for path in (command[0], command[-1])],
        "packages": packages,
        "asterisk": asdict(asterisk) if asterisk else {},
    }
    write_json(home / f"{name}.json", made)


def version_in(said: str) -> str:
    """The version number in what a program says of itself, "unknown" if it says none."""
    match = re.search(r"\d+(\.\d+)+[^\s)]*", said)
    return match[0].rstrip(".,") if match else "unknown"


def fetch(home: Path, name: str) -> dict[str, str]:
    """Downloads, verifies and unpacks a kit's packages into `home/name`; their versions by name."""
    for program in ("apt-get", "apt-config", "dpkg-deb"):
        if shutil.which(program) is None:
            raise CannotInstall(
                f"{program} is not on this machine, which is no Debian or Ubuntu: "
                f"install {name} yourself, on PATH."
            )
    kit = KITS[name]
    with tempfile.TemporaryDirectory(prefix="tmp-", dir=home) as scratch:
        apt = Apt(Path(scratch, "apt"), sources_for(kit))
        print(f"{name}: reading the package index of {apt.where}", file=sys.stderr)
        apt.update()
        packages = apt.wanted(kit.packages)
        versions = {package.name: package.version for package in packages}
        total = sum(package.size for package in packages)
        print(
            f"{name}: fetching {kit.packages[0]} {versions[kit.packages[0]]} and what it needs, "
            f"{len(packages)} packages, {megabytes(total)}",
            file=sys.stderr,
        )
        progress = show(name, total)
        debs = apt.download(packages, progress)
        progress(total)
        tree = Path(scratch, "tree")
        unpack(debs, tree)
        prune(tree, (*kit.keep, *(pattern for pattern in kit.programs.values() if "*" not in pattern)))
        finish(tree, name)
        write_json(tree / "made.json", {"recipe": RECIPE, "packages": versions})
        if (home / name).exists():
            (home / name).rename(Path(scratch, "old"))
        tree.rename(home / name)
    return versions


def sources_for(kit: Kit) -> list[Source]:
    """Where this machine gets a kit's packages from. Raises CannotInstall."""
    try:
        release = parse_os_release(Path("/etc/os-release").read_text("utf-8"))
    except FileNotFoundError:
        release = {}
    sources = read_sources(Path("/etc/apt"))
    if not kit.unstable:
        return own_suite(sources, release)
    keyrings = [path for path in DEBIAN_KEYRINGS if Path(path).exists()]
    return [debian_unstable(sources, release, os.environ.get("MAI_DEBIAN_SOURCE", ""), keyrings)]


def finish(tree: Path, name: str) -> None:
    """What the packages' own scripts would have done."""
    if name == "asterisk":
        sounds = tree / "usr/share/asterisk/sounds"
        speakers = sorted(path.name for path in sounds.glob("en_*"))
        if not (sounds / "en").exists() and speakers:
            (sounds / "en").symlink_to(speakers[0])
        for module in tree.glob("usr/lib/*/asterisk/modules/res_snmp.so"):
            module.unlink()  # wants libperl, 25 MB that nothing else uses
    if name == "postgresql":
        # initdb and pg_ctl start the `postgres` beside them: that one has to go through the loader as well.
        for server in tree.glob("usr/lib/postgresql/*/bin/postgres"):
            server.rename(server.with_name("postgres.real"))
        for module in tree.glob("usr/lib/postgresql/*/lib/llvmjit.so"):
            module.unlink()  # wants LLVM; PostgreSQL does without it where the module is not there


def unpacked(home: Path, name: str) -> tuple[dict[str, tuple[str, ...]], dict[str, str]]:
    """The commands and environment that start a kit's unpacked programs."""
    tree = home / name
    commands = {}
    for program, pattern in KITS[name].programs.items():
        path = next(chain(tree.glob(f"{pattern}.real"), tree.glob(pattern)), None)
        if path is None:
            raise CannotInstall(
                f"{program} is not in the packages fetched for it; tell the authors of setup/programs.py."
            )
        commands[program] = machine.through_loader(tree, path)
        if path.suffix == ".real":
            machine.write_script(path.with_suffix(""), commands[program], {})
    voices = next(tree.glob("usr/lib/*/espeak-ng-data"), None)
    return commands, {"ESPEAK_DATA_PATH": str(voices.parent)} if voices else {}


def unpacked_asterisk(home: Path, command: tuple[str, ...], said: str) -> machine.Asterisk:
    """The unpacked Asterisk with its folders. Raises CannotInstall when the archive's is too old."""
    tree = home / "asterisk"
    if not machine.recent_enough(said):
        wanted = ".".join(str(part) for part in machine.OLDEST)
        raise CannotInstall(
            f"{said} is what the archive has, {wanted} is the oldest that is safe: use another mirror."
        )
    data = tree / "usr/share/asterisk"
    modules = next(tree.glob("usr/lib/*/asterisk/modules"))
    return machine.Asterisk(
        said.removeprefix("Asterisk "), command, str(modules), str(data), machine.music(data)
    )


def paths(home: Path) -> dict[str, Any]:
    """What paths.json says: how Asterisk is started, where its folders are, and the versions of all
    that was got.
    """
    made = {name: kit for name in KITS if (kit := read_json(home / f"{name}.json"))}
    pcap = (home / "sipp/usr/share/sip-tester", Path("/usr/share/sip-tester"))
    return {
        **made.get("asterisk", {}).get("asterisk", {}),
        "pcap": next((str(folder) for folder in pcap if folder.is_dir()), None),
        "programs": {name: kit["version"] for name, kit in made.items()},
        "packages": {name: kit["packages"] for name, kit in made.items() if kit["packages"]},
    }


def described(home: Path) -> bool:
    """Whether paths.json says what is there: an interruption may have come before it was written."""
    return bool(read_json(home / "paths.json") == json.loads(json.dumps(paths(home))))


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file; empty if there is none or it is broken, so that it is made again."""
    try:
        value = json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def write_json(path: Path, value: object) -> None:
    """Writes a JSON file at once or not at all."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", "utf-8")
    fresh.replace(path)


if __name__ == "__main__":
    signal.signal(
        signal.SIGINT, signal.SIG_DFL
    )  # Ctrl-C is no error of ours: no traceback, the next run heals
    sys.exit(main())
