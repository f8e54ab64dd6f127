"""Where do Debian packages come from on this machine, and who must have signed them?

Asterisk 22 is only in Debian's unstable suite ("sid"); everything else comes from the machine's own suite.
Pure: text in, `Source` out, but for `read_sources`.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from setup import CannotInstall

DEBIAN_KEYRINGS = (
    "/usr/share/keyrings/debian-archive-keyring.gpg",
    "/usr/share/keyrings/debian-archive-keyring.pgp",
)
_ROLLING = frozenset({"oldstable", "stable", "testing", "unstable", "sid"})


@dataclass(frozen=True)
class Source:
    """One place to fetch from. `signed_by` is a keyring's path, a key block, or "" for the machine's
    trusted keys.
    """

    uri: str
    suites: tuple[str, ...]
    components: tuple[str, ...]
    signed_by: str = ""

    def stanza(self) -> str:
        """This source as a deb822 paragraph. Never says `Trusted`: apt then refuses what is not signed."""
        lines = [
            "Types: deb",
            f"URIs: {self.uri}",
            f"Suites: {' '.join(self.suites)}",
            f"Components: {' '.join(self.components)}",
        ]
        if self.signed_by:
            lines.append(f"Signed-By: {self.signed_by}")
        return "\n".join(lines) + "\n"


def parse_deb822(text: str) -> list[Source]:
    """The sources of a `.sources` file. Disabled, source-code and `Trusted: yes` paragraphs are left out."""
    found = []
    for paragraph in re.split(r"\n[ \t]*\n", text):
        fields: dict[str, str] = {}
        key = ""
        for line in paragraph.splitlines():
            if line.startswith("#"):
                continue
            if line[:1] in (" ", "\t") and key:
                fields[key] += "\n" + line
            elif ":" in line:
                key, value = line.split(":", 1)
                key = key.strip().lower()
                fields[key] = value.strip()
        if "deb" not in fields.get("types", "").split():
            continue
        if fields.get("enabled", "yes").lower() in ("no", "false", "0") or _yes(fields.get("trusted", "no")):
            continue
        uris, suites = fields.get("uris", "").split(), tuple(fields.get("suites", "").split())
        if uris and suites:
            components = tuple(fields.get("components", "").split())
            found.append(Source(uris[0], suites, components, fields.get("signed-by", "")))
    return found


def parse_one_line(text: str) -> list[Source]:
    """The sources of a `.list` file (`deb [options] uri suite component…`); `trusted=yes` ones are left
    out.
    """
    found = []
    for line in text.splitlines():
        match = re.match(r"\s*deb\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+(\S+)\s*([^#]*)", line)
        if match is None:
            continue
        words = (word.partition("=") for word in (match[1] or "").split())
        options = {key.lower(): value for key, _, value in words}
        if _yes(options.get("trusted", "no")):
            continue
        signed_by = options.get("signed-by", "").replace(",", " ")
        found.append(Source(match[2], (match[3],), tuple(match[4].split()), signed_by))
    return found


def _yes(value: str) -> bool:
    return value.lower() in ("yes", "true", "1", "with", "on", "enable")


def read_sources(apt: Path) -> list[Source]:
    """All sources of an apt folder (usually /etc/apt), in apt's own order."""
    parts = apt / "sources.list.d"
    found = []
    for path in (apt / "sources.list", *(sorted(parts.iterdir()) if parts.is_dir() else ())):
        if not path.is_file():
            continue
        if path.suffix == ".sources":
            found += parse_deb822(path.read_text("utf-8", "replace"))
        elif path.suffix == ".list":
            found += parse_one_line(path.read_text("utf-8", "replace"))
    return found


def parse_os_release(text: str) -> dict[str, str]:
    """The fields of /etc/os-release, quotes taken off."""
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line and not line.startswith("#"))
    return {key.strip(): value.strip().strip("'\"") for key, _, value in pairs}


def own_suite(sources: Iterable[Source], release: Mapping[str, str]) -> list[Source]:
    """The sources of the machine's own release, its updates and security fixes; no third party's.

    Raises CannotInstall when the machine names none.
    """
    sources = [source for source in sources if "main" in source.components]
    codename = release.get("VERSION_CODENAME", "")
    for names in ({codename} - {""}, _ROLLING):
        accepted = {f"{name}{tail}" for name in names for tail in ("", "-updates", "-security", "/updates")}
        kept = [
            replace(source, suites=tuple(suite for suite in source.suites if suite in accepted))
            for source in sources
            if accepted.intersection(source.suites)
        ]
        if kept:
            return kept
    raise CannotInstall(
        f"No apt source of this machine's own release ({codename or 'unnamed'}) is listed under /etc/apt; "
        "list one, or install the programs yourself: apt-get install espeak-ng sip-tester postgresql."
    )


def debian_unstable(
    sources: Iterable[Source], release: Mapping[str, str], override: str, keyrings: Iterable[str]
) -> Source:
    """Debian's unstable suite: at `override` (MAI_DEBIAN_SOURCE), else where the machine's own Debian is.

    `keyrings`: the Debian archive keyrings present. Raises CannotInstall with what a person can do.
    """
    keyring = next(iter(keyrings), "")
    if override:
        if not re.fullmatch(r"(https?|file|mirror\+file):/\S+", override):
            raise CannotInstall(
                f"MAI_DEBIAN_SOURCE={override!r} is not the address of a Debian archive: it must look like "
                "http://MIRROR/debian, without spaces."
            )
        uri = override
    elif release.get("ID") == "debian":
        uri, signed_by = _debian_archive(sources, release)
        keyring = keyring or signed_by
    else:
        raise CannotInstall(
            f"{release.get('PRETTY_NAME', 'This system')} has no Asterisk 22: name a Debian archive, as in "
            "`MAI_DEBIAN_SOURCE=http://MIRROR/debian make setup`, or put Asterisk >= 22.10.1 on PATH."
        )
    if not keyring:
        raise CannotInstall(
            "Debian's signatures cannot be verified without its keys: apt-get install debian-archive-keyring."
        )
    return Source(uri, ("sid",), ("main",), keyring)


def _debian_archive(sources: Iterable[Source], release: Mapping[str, str]) -> tuple[str, str]:
    """The address and keyring of the Debian archive among `sources`, the security archive left aside."""
    codename = release.get("VERSION_CODENAME", "")
    fit = [
        source
        for source in sources
        if "main" in source.components
        and "security" not in source.uri
        and (codename in source.suites or _ROLLING.intersection(source.suites))
    ]
    # A third party's archive may carry the same suite name; Debian's own ends in /debian on every mirror.
    fit.sort(
        key=lambda source: (not source.uri.rstrip("/").endswith("/debian"), codename not in source.suites)
    )
    if not fit:
        raise CannotInstall(
            "No Debian archive is listed under /etc/apt: name one, as in "
            "`MAI_DEBIAN_SOURCE=http://MIRROR/debian make setup`."
        )
    return fit[0].uri, fit[0].signed_by
