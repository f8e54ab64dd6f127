"""Can the trunks of config.yaml be told apart, and do their prices and prefixes fit? (T8)

Asterisk knows who calls by the address alone (dialplan/pjsip.conf.j2, identify), and every trunk has its own channels
and rate: the same way out written twice is loaded twice.
"""

from collections.abc import Iterator

from core.check_config import say
from core.config import Config, Trunk
from core.yaml_file import Document, Path


def check_trunks(document: Document, config: Config) -> None:
    """Add every problem of meaning to the document."""
    for place, trunk in enumerate(config.trunks):
        _prices(document, place, trunk)
        _same(document, config, place)
        _ours(document, config, place)
        for given, missing in (("user", "password"), ("password", "user")):
            if getattr(trunk, given) is not None and getattr(trunk, missing) is None:
                wrong, right = f"is of no use without {missing}", f"write {missing}, or delete the line"
                say(document, ("trunks", place, given), wrong, right)


def trunk_warnings(config: Config) -> Iterator[tuple[Path, str, str]]:
    """Trunks of one host that may be meant so: two accounts, or each with numbers of its own."""
    for place, trunk in enumerate(config.trunks):
        first = next((each for each in config.trunks[:place] if _host(each) == _host(trunk)), None)
        if first is not None and set(first.codecs) != set(trunk.codecs):
            yield (
                ("trunks", place, "address"),
                f"{first.name} is at this host too, and who calls from it gets the codecs of one of them",
                "give both the same codecs",
            )


def _prices(document: Document, place: int, trunk: Trunk) -> None:
    """One price for a prefix, and none for numbers that the trunk may not carry."""
    seen: set[str] = set()
    for index, row in enumerate(trunk.prices):
        path: Path = ("trunks", place, "prices", index, "prefix")
        if row.prefix in seen:
            say(document, path, f'"{row.prefix}" has two prices', "keep one of them")
        seen.add(row.prefix)
        if trunk.prefixes and not _overlap((row.prefix,), trunk.prefixes):
            wrong = f'{trunk.name} carries no numbers of "{row.prefix}"'
            right = f"add it to prefixes ({', '.join(trunk.prefixes)}), or delete the price"
            say(document, path, wrong, right)


def _same(document: Document, config: Config, place: int) -> None:
    """The same way out, twice: it would get the channels and the rate of both, and rest only by halves."""
    trunk = config.trunks[place]
    for before, other in enumerate(config.trunks[:place]):
        if _way(other) == _way(trunk) and _overlap(other.prefixes, trunk.prefixes):
            line = document.line(("trunks", before, "address"))
            wrong = f"{trunk.address} is the address of trunk {other.name} too (line {line})"
            right = "delete one of them, or give each a user or prefixes of its own"
            say(document, ("trunks", place, "address"), wrong, right)


def _ours(document: Document, config: Config, place: int) -> None:
    """Asterisk would call itself."""
    trunk = config.trunks[place]
    for index, node in enumerate(config.asterisk.nodes):
        if _address(node.sip_bind) == _address(trunk.address):
            line = document.line(("asterisk", "nodes", index, "sip_bind"))
            wrong = f"{trunk.address} is where our own Asterisk {node.name} listens (sip_bind, line {line})"
            say(document, ("trunks", place, "address"), wrong, "write the address of the SBC")


def _overlap(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether a number may begin with one of both; (): every number."""
    if not one or not other:
        return True
    return any(left.startswith(right) or right.startswith(left) for left in one for right in other)


def _address(written: str) -> tuple[str, int]:
    host, _, port = written.rpartition(":")
    return host.lower(), int(port)


def _host(trunk: Trunk) -> str:
    return _address(trunk.address)[0]


def _way(trunk: Trunk) -> tuple[tuple[str, int], str, str | None]:
    return _address(trunk.address), trunk.transport, trunk.user
