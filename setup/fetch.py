"""How do packages get here without root? By an apt of our own: its state, its cache and its settings are in
one folder.

Of the machine's apt settings two things are taken over: its way to the network, and whether its owner
accepts an index past its date (a frozen mirror). What it says about signatures is not, so that an unsigned
or wrongly signed index always stops the set-up. No package's scripts are ever run.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from setup import CannotInstall
from setup.sources import Source

# What packages depend on to be installed or administered, never to run from a folder.
_NEVER_RUN = re.compile(
    r"(lib)?perl.*|debconf|adduser|passwd|gnupg.*|gpg.*|dirmngr|lib(llvm|clang).*|.*-(l10n|gconv-modules-extra)|ucf"
    r"|sensible-utils|sysvinit-utils|dpkg|tar|locales|ssl-cert|openssl|netbase|tzdata|init-system-helpers|systemd"
    r"|libpam-(modules|runtime).*|pinentry.*|postgresql(-client)?-common|x11-common|alsa-topology-conf|libsnmp-base"
)
_LIBRARIES = ("lib/", "lib64/", "usr/lib/", "usr/lib64/")
_NOT_LIBRARIES = re.compile(
    r"/(perl(5|-base)?|gconv|systemd|python3|pkgconfig|locale|sysusers\.d|tmpfiles\.d|audit|security|mime|bitcode)/"
)
_MACHINES_OWN = re.compile(
    r"Acquire::(https?|ftp|Force|Queue-Mode|SocksProxy|Proxy|Check-(Valid-Until|Date) )", re.I
)


@dataclass(frozen=True)
class Package:
    """A package to be fetched: `size` in bytes, of the compressed file."""

    name: str
    version: str
    size: int


def parse_wanted(text: str) -> list[Package]:
    """The packages in the output of `apt-get --print-uris install`, without those that are never run."""
    found = []
    for match in re.finditer(r"^'[^']+' ([^_\s]+)_([^_\s]+)_[^_\s]+\.deb (\d+)", text, re.MULTILINE):
        if not _NEVER_RUN.fullmatch(match[1]):
            found.append(Package(match[1], unquote(match[2]), int(match[3])))
    return found


def settings(folder: Path, machine: str) -> str:
    """apt's settings for a private `folder`; of the machine's own (`apt-config dump`) the way to the network
    and the age of an index that it accepts."""
    own = {
        "Dir::State": folder / "state",
        "Dir::State::status": folder / "status",
        "Dir::Cache": folder / "cache",
        "Dir::Etc": folder / "etc",
        "Dir::Etc::Netrc": "/etc/apt/auth.conf",
        "Dir::Etc::NetrcParts": "/etc/apt/auth.conf.d",
        "Dir::Etc::Trusted": "/etc/apt/trusted.gpg",
        "Dir::Etc::TrustedParts": "/etc/apt/trusted.gpg.d",
        "Dir::Log": folder / "log",
        "Debug::NoLocking": 1,
        "APT::Sandbox::User": "",
        "APT::Install-Recommends": 0,
        "APT::Get::AllowUnauthenticated": 0,
        "APT::Update::Error-Mode": "any",
        "Acquire::AllowInsecureRepositories": 0,
        "Acquire::AllowWeakRepositories": 0,
        "Acquire::AllowDowngradeToInsecureRepositories": 0,
        "Acquire::Languages": "none",
        "Acquire::PDiffs": 0,
        "Acquire::Retries": 3,
    }
    machines_own = [line for line in machine.splitlines() if _MACHINES_OWN.match(line)]
    return "\n".join([*machines_own, *(f'{key} "{value}";' for key, value in own.items())]) + "\n"


class Apt:
    """A private apt in `folder`, reading `sources`. Use `update` first."""

    def __init__(self, folder: Path, sources: Sequence[Source]) -> None:
        for name in ("state/lists/partial", "cache/archives/partial", "log", "debs"):
            (folder / name).mkdir(parents=True)
        for name in ("apt.conf.d", "preferences.d", "sources.list.d"):
            (folder / "etc" / name).mkdir(parents=True)
        (folder / "status").touch()
        stanzas = "\n".join(source.stanza() for source in sources)
        (folder / "etc/sources.list.d/setup.sources").write_text(stanzas, "utf-8")
        dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True).stdout
        (folder / "apt.conf").write_text(settings(folder, dump), "utf-8")
        self.folder = folder
        self.where = f"{sources[0].uri} {sources[0].suites[0]}"
        # apt reads this file first, and from it learns not to read the machine's own settings.
        self._environment = os.environ | {"APT_CONFIG": str(folder / "apt.conf"), "LC_ALL": "C.UTF-8"}

    def update(self) -> None:
        """Fetches and verifies the indexes. Raises CannotInstall when they cannot be had or trusted."""
        self._run(["update"])

    def wanted(self, names: Sequence[str]) -> list[Package]:
        """What has to be fetched for `names`, their dependencies included. Raises CannotInstall for an
        unknown name.
        """
        return parse_wanted(self._run(["--yes", "--print-uris", "install", *names]))

    def download(self, packages: Sequence[Package], progress: Callable[[int], None]) -> list[Path]:
        """Fetches `packages`, verified by apt against the signed index; calls `progress` with the bytes
        so far.
        """
        debs = self.folder / "debs"

        def arrived() -> int:
            return sum(entry.stat().st_size for entry in debs.iterdir())

        names = [f"{package.name}={package.version}" for package in packages]
        self._run(["download", *names], cwd=debs, while_waiting=lambda: progress(arrived()))
        return sorted(debs.glob("*.deb"))

    def _run(
        self, arguments: list[str], cwd: Path | None = None, while_waiting: Callable[[], None] | None = None
    ) -> str:
        log = self.folder / "apt.log"
        with log.open("w+", encoding="utf-8", errors="replace") as output:
            process = subprocess.Popen(
                ["apt-get", "-q", *arguments],
                env=self._environment,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            while True:
                try:
                    status = process.wait(timeout=0.3)
                    break
                except subprocess.TimeoutExpired:
                    if while_waiting is not None:
                        while_waiting()
        text = log.read_text("utf-8", "replace")
        if status != 0:
            raise CannotInstall(why(text, self.where))
        return text


def why(log: str, where: str) -> str:
    """One sentence for a person from what apt-get said."""
    lines = log.splitlines()
    errors = [line.partition(":")[2].strip() for line in lines if line.startswith("E:")]
    detail = errors[0] if errors else (log.strip().splitlines() or ["no word from apt-get"])[-1]
    keys = [line.partition("GPG error:")[2].strip() for line in lines if "GPG error:" in line]
    unreachable = "Failed to fetch" in log
    if keys or ("not signed" in log and not unreachable):
        return (
            f"The signature of {where} could not be verified ({(keys or [detail])[0]}): "
            "apt-get install debian-archive-keyring, in its newest version, then `make setup` again."
        )
    if re.search(r"is expired|not valid yet", log):
        return (
            f"The index of {where} is out of date ({detail}): set this machine's clock right, or name "
            "a fresher mirror in MAI_DEBIAN_SOURCE."
        )
    if re.search(r"Unable to locate package|no installation candidate", log):
        return f"{where} does not have it ({detail}); on Ubuntu: add-apt-repository universe."
    return f"Nothing could be fetched from {where} ({detail}): check the network, then `make setup` again."


def unpack(debs: Sequence[Path], tree: Path) -> None:
    """Unpacks files only, into `tree`; no maintainer script is run."""
    tree.mkdir()
    for deb in debs:
        subprocess.run(["dpkg-deb", "--extract", deb, tree], check=True)


def prune(tree: Path, keep: Sequence[str]) -> None:
    """Leaves libraries and what begins with one of `keep` (paths in the tree) or lies in such a folder; takes
    special permission bits off, and links that would lead out of the tree."""
    for folder, _, names in os.walk(tree, topdown=False):
        for name in names:
            path = Path(folder, name)
            inside = path.relative_to(tree).as_posix()
            library = inside.startswith(_LIBRARIES) and not _NOT_LIBRARIES.search(inside)
            leads_out = path.is_symlink() and os.readlink(path).startswith("/")
            if leads_out or not (library or inside.startswith(tuple(keep))):
                path.unlink()
            elif not path.is_symlink():
                path.chmod(path.stat().st_mode & 0o755 | 0o644)
        here = Path(folder)
        for name in os.listdir(folder):
            path = here / name
            if path.is_symlink() and path.readlink().is_absolute():
                path.unlink()
        if not os.listdir(folder):
            here.rmdir()
        else:
            here.chmod(0o755)


def megabytes(size: int) -> str:
    """A size in bytes as people say it."""
    return f"{size / 1e6:.0f} MB"


def show(name: str, total: int) -> Callable[[int], None]:
    """A progress line of `total` bytes for a person at a terminal; silent elsewhere."""
    if not sys.stderr.isatty():
        return lambda done: None

    def draw(done: int) -> None:
        share = min(done / total, 1.0)
        width = min(30, max(10, shutil.get_terminal_size().columns - 40))
        bar = "█" * round(share * width)
        end = "\n" if done >= total else ""
        print(
            f"\r  {name} {bar:<{width}} {megabytes(done)} of {megabytes(total)} ",
            end=end,
            file=sys.stderr,
            flush=True,
        )

    return draw
