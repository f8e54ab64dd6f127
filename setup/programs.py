"""How do Asterisk, espeak-ng, SIPp and PostgreSQL get into .asterisk/? `python -m setup.programs [NAME …]`

The machine's own are used where they will do; else Debian packages are unpacked into .asterisk/NAME. Either way the
rest of the system starts .asterisk/bin/PROGRAM and reads .asterisk/paths.json. A second run finds all in place.
"""

import argparse
import fcntl
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
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
    """Programs that come together. `programs`: name to pattern in the unpacked tree; `keep`: what stays beside libraries;
    `proof`: the program and arguments that show it runs, and a word of its answer."""

    packages: tuple[str, ...]
    unstable: bool
    programs: dict[str, str]
    keep: tuple[str, ...]
    proof: tuple[str, tuple[str, ...], str]


KITS = {
    "asterisk": Kit(
        packages=("asterisk", "asterisk-core-sounds-en-gsm", "asterisk-moh-opsound-gsm"),
        unstable=True,
        programs={"asterisk": "usr/sbin/asterisk"},
        keep=("usr/sbin/asterisk", "usr/share/asterisk/"),
        proof=("asterisk", ("-V",), "Asterisk"),
    ),
    "espeak-ng": Kit(
        packages=("espeak-ng",),
        unstable=False,
        programs={"espeak-ng": "usr/bin/espeak-ng"},
        keep=("usr/bin/espeak-ng",),
        proof=("espeak-ng", ("--voices=vi",), "Vietnamese"),
    ),
    "sipp": Kit(
        packages=("sip-tester",),
        unstable=False,
        programs={"sipp": "usr/bin/sipp"},
        keep=("usr/bin/sipp", "usr/share/sip-tester/"),
        proof=("sipp", ("-v",), "SIPp"),
    ),
    "postgresql": Kit(
        packages=("postgresql",),
        unstable=False,
        programs={name: f"usr/lib/postgresql/*/bin/{name}" for name in ("initdb", "pg_ctl", "postgres")},
        keep=("usr/share/postgresql/",),
        proof=("initdb", ("--version",), "PostgreSQL"),
    ),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Makes what is named (all but PostgreSQL by default). 0: in place; 1: one sentence says what is missing."""
    parser = argparse.ArgumentParser(prog="setup.programs", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("kits", nargs="*", metavar="NAME", help=f"of {', '.join(KITS)}")
    parser.add_argument("--optional", action="store_true", help="what cannot be had is said, and is no failure")
    options = parser.parse_args(arguments)
    names = options.kits or [name for name in KITS if name != "postgresql"]
    if unknown := [name for name in names if name not in KITS]:
        parser.error(f"{unknown[0]!r} is not one of {', '.join(KITS)}")
    if all(in_place(HOME, name) for name in names):
        return 0
    os.umask(0o022)  # made by root, used by others too
    missing = 0
    with alone(HOME):
        for name in names:
            if in_place(HOME, name):
                continue
            try:
                make(HOME, name)
            except (CannotInstall, OSError) as problem:
                print(f"{name}: {problem}", file=sys.stderr)
                missing += 1
        write_paths(HOME)
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
    made = read_made(home, name)
    return (
        (made.get("recipe"), made.get("home")) == (RECIPE, str(home))
        and all((home / "bin" / program).exists() for program in KITS[name].programs)
        and all(Path(path).exists() for path in made["uses"])
        and (home / "paths.json").exists()
    )


def read_made(home: Path, name: str) -> dict[str, Any]:
    """What was written down when a kit was made; empty if it was not."""
    try:
        made: dict[str, Any] = json.loads((home / f"{name}.json").read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return made


def make(home: Path, name: str) -> None:
    """Puts one kit in place: the machine's own programs if they will do, else unpacked packages.

    Raises CannotInstall with a sentence for a person.
    """
    kit = KITS[name]
    made: dict[str, Any] = {"recipe": RECIPE, "home": str(home), "packages": {}}
    asterisk = machine.machines_asterisk(home / "bin") if name == "asterisk" else None
    commands = {"asterisk": asterisk.command} if asterisk else machines_own(home, name)
    if commands:
        print(f"{name}: this machine's own, {next(iter(commands.values()))[0]}", file=sys.stderr)
        environment: dict[str, str] = {}
    else:
        made["packages"] = fetch(home, name)
        commands, environment = unpacked(home, name)
    made["uses"] = [path for command in commands.values() for path in (command[0], command[-1])]
    for program, command in commands.items():
        machine.write_script(home / "bin" / program, command, environment)
    program, words, expected = kit.proof
    said = machine.answer([str(home / "bin" / program), *words])
    if expected not in said:
        raise CannotInstall(f"{program} was unpacked but does not run: {said or 'it prints nothing'}")
    if name == "asterisk":
        made["asterisk"] = asdict(asterisk or unpacked_asterisk(home, commands["asterisk"], said))
    made["version"] = made["packages"].get(kit.packages[0]) or version_in(said)
    write_json(home / f"{name}.json", made)


def version_in(said: str) -> str:
    """The version number in what a program says of itself, "unknown" if it says none."""
    match = re.search(r"\d+(\.\d+)+\S*", said)
    return match[0].rstrip(".") if match else "unknown"


def machines_own(home: Path, name: str) -> dict[str, tuple[str, ...]]:
    """The machine's own programs of a kit other than Asterisk; empty if one is missing or does not prove itself."""
    if name == "asterisk":
        return {}
    kit = KITS[name]
    found = {program: machine.on_path(program, home / "bin") for program in kit.programs}
    servers = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    if name == "postgresql" and servers:
        found = {program: str(servers[-1].with_name(program)) for program in kit.programs}
    commands = {program: (path,) for program, path in found.items() if path}
    program, words, expected = kit.proof
    whole = len(commands) == len(kit.programs) and expected in machine.answer([*commands[program], *words])
    return commands if whole else {}


def fetch(home: Path, name: str) -> dict[str, str]:
    """Downloads, verifies and unpacks a kit's packages into `home/name`; their versions by name."""
    for program in ("apt-get", "apt-config", "dpkg-deb"):
        if shutil.which(program) is None:
            raise CannotInstall(
                f"{program} is not on this machine, which is no Debian or Ubuntu: install {name} yourself, on PATH."
            )
    kit = KITS[name]
    with tempfile.TemporaryDirectory(prefix="tmp-", dir=home) as scratch:
        apt = Apt(Path(scratch, "apt"), sources_for(kit))
        print(f"{name}: reading the package index of {apt.where}", file=sys.stderr)
        apt.update()
        packages = apt.wanted(kit.packages)
        total = sum(package.size for package in packages)
        main_one = next(package for package in packages if package.name == kit.packages[0])
        print(
            f"{name}: fetching {main_one.name} {main_one.version} and what it needs, "
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
        shutil.rmtree(home / name, ignore_errors=True)
        tree.rename(home / name)
    return {package.name: package.version for package in packages}


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
    if name == "postgresql":
        # initdb and pg_ctl start the `postgres` beside them: that one has to go through the loader as well.
        for server in tree.glob("usr/lib/postgresql/*/bin/postgres"):
            server.rename(server.with_name("postgres.real"))


def unpacked(home: Path, name: str) -> tuple[dict[str, tuple[str, ...]], dict[str, str]]:
    """The commands and environment that start a kit's unpacked programs."""
    tree = home / name
    commands = {}
    for program, pattern in KITS[name].programs.items():
        path = next(iter(sorted(tree.glob(f"{pattern}.real"))), None) or next(iter(sorted(tree.glob(pattern))), None)
        if path is None:
            raise CannotInstall(f"{program} is not in the packages fetched for it; tell the authors of setup/programs.py.")
        commands[program] = machine.through_loader(tree, path)
        if path.suffix == ".real":
            machine.write_script(path.with_suffix(""), commands[program], {})
    voices = next(iter(sorted(tree.glob("usr/lib/*/espeak-ng-data"))), None)
    return commands, {"ESPEAK_DATA_PATH": str(voices.parent)} if voices else {}


def unpacked_asterisk(home: Path, command: tuple[str, ...], said: str) -> machine.Asterisk:
    """The unpacked Asterisk with its folders. Raises CannotInstall when the archive's is too old."""
    tree = home / "asterisk"
    if not machine.recent_enough(said):
        wanted = ".".join(str(part) for part in machine.OLDEST)
        raise CannotInstall(f"{said} is what the archive has, {wanted} is the oldest that is safe: use another mirror.")
    data = tree / "usr/share/asterisk"
    modules = next(tree.glob("usr/lib/*/asterisk/modules"))
    return machine.Asterisk(said.removeprefix("Asterisk "), command, str(modules), str(data), machine.music(data))


def write_paths(home: Path) -> None:
    """paths.json: how Asterisk is started and where its folders are, and the versions of all that was got."""
    made = {name: read_made(home, name) for name in KITS}
    paths: dict[str, Any] = dict(made["asterisk"].get("asterisk", {}))
    pcap = home / "sipp/usr/share/sip-tester"
    machines_pcap = Path("/usr/share/sip-tester")
    paths["pcap"] = next((str(path) for path in (pcap, machines_pcap) if path.is_dir()), None)
    paths["programs"] = {name: kit["version"] for name, kit in made.items() if kit}
    paths["packages"] = {name: kit["packages"] for name, kit in made.items() if kit and kit["packages"]}
    write_json(home / "paths.json", paths)


def write_json(path: Path, value: object) -> None:
    """Writes a JSON file at once or not at all."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", "utf-8")
    fresh.replace(path)


if __name__ == "__main__":
    sys.exit(main())
