"""Which programme or node does a person mean by this name? Who names none is told those that there are."""

from collections.abc import Iterable

from core.facts import Programme
from runtime.app import Installation
from runtime.failed import BadInstallation, WrongUsage


def known_programme(installation: Installation, name: str) -> None:
    """A programme of campaigns/, also one whose file is wrong or that a rule holds back. Raises WrongUsage."""
    _one_of(name, "programme", {*installation.programmes, *installation.held_back})


def programme_of(installation: Installation, name: str) -> Programme:
    """The programme. Raises WrongUsage, and BadInstallation with the line when its file is wrong."""
    known_programme(installation, name)
    if name not in installation.programmes:
        raise BadInstallation([installation.held_back[name]])
    return installation.programmes[name]


def nodes_of_config(installation: Installation) -> tuple[str, ...]:
    """Those of other processes too, in the order of their names."""
    ours = {node.name for node in installation.config.asterisk.nodes}
    return tuple(sorted(ours | installation.other_nodes))


def known_node(installation: Installation, name: str) -> None:
    """A node of config.yaml, another process's too. Raises WrongUsage."""
    _one_of(name, "node of config.yaml", nodes_of_config(installation))


def _one_of(name: str, what: str, known: Iterable[str]) -> None:
    names = sorted(known)
    if name not in names:
        raise WrongUsage(f"{name!r} is not a {what}: one of {', '.join(names) or '(none)'}")
