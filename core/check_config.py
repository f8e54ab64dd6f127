"""Does config.yaml make sense as a whole? Names met once, ports, grants, the texts that the law asks for."""

import re
from collections.abc import Iterable

from core.config import Config
from core.messages import MOST_CHARACTERS, advertises
from core.numbers import BadNumber, subscriber_number
from core.refusal import folded, is_help, is_refusal
from core.shape import covered
from core.templates import BadTemplate, Offer, render
from core.written import nearest
from core.yaml_file import Document, Path, Problem, key_of

_BRANDNAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 ._-]{1,11}\Z")
_NUMBER = re.compile(r"\+?[0-9]{2,15}\Z")
_SAMPLE = Offer("C90N", "4GB/ngày", "90.000đ", "DK C90N", "999", 30)
_LABELS = ("[QC]", "[AD]")  # R4
#: What one is told to write, in "soan TC gui 8989".
_REFUSE_BY = re.compile(r"soan (.+?) gui [0-9]{3,}")
#: Texts of the house that answer somebody.
_ANSWERS = ("refusal_confirmed", "help", "not_on_sale", "registered", "not_registered", "unconfirmed")


def check_config(document: Document, config: Config) -> None:
    """Add every problem of meaning to the document."""
    _once(document, ("asterisk", "nodes"), [node.name for node in config.asterisk.nodes])
    _once(document, ("trunks",), [trunk.name for trunk in config.trunks])
    _once(document, ("smsc",), [bind.name for bind in config.smsc])
    _once(document, ("granted",), [row.name for row in config.granted])
    _once(document, ("agents",), [agent.name for agent in config.agents])
    _once(document, ("agents",), [agent.extension for agent in config.agents], "extension")
    _ports(document, config)
    _grants(document, config)
    _house(document, config)


def say(document: Document, path: Path, wrong: str, right: str) -> None:
    """A problem at a path, unless what stands there was refused already."""
    if not covered(document, path):
        problem = Problem(document.file, document.line(path), key_of(path), wrong, right)
        document.problems.append(problem)


def not_granted(config: Config, name: str) -> str:
    """What would be right where a caller id or sender is not on the list (R10)."""
    names = [row.name for row in config.granted]
    return (
        nearest(name, names) or f"use one of {', '.join(names) or '(none)'}, or add its grant to config.yaml"
    )


def _once(document: Document, path: Path, names: Iterable[str], key: str = "name") -> None:
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name in seen:
            say(document, (*path, index, key), f'"{name}" is used twice', "give each its own")
        seen.add(name)


def _port_of(address: str) -> int:
    return int(address.rpartition(":")[2])


def _ports(document: Document, config: Config) -> None:
    addresses: list[tuple[Path, str]] = [
        (("trunks", index, "address"), trunk.address) for index, trunk in enumerate(config.trunks)
    ]
    for index, node in enumerate(config.asterisk.nodes):
        addresses.append((("asterisk", "nodes", index, "sip_bind"), node.sip_bind))
        first, last = (int(port) for port in node.rtp_ports.split("-"))
        if not 1024 <= first < last <= 65535:
            rtp: Path = ("asterisk", "nodes", index, "rtp_ports")
            say(document, rtp, f'"{node.rtp_ports}" is no range of ports', 'write it like "10000-19999"')
    for index, agent in enumerate(config.agents):
        if agent.contact:
            addresses.append((("agents", index, "contact"), agent.contact))
    for path, address in addresses:
        if not 1 <= _port_of(address) <= 65535:
            say(document, path, f"{_port_of(address)} is no port", "write 1 to 65535")


def _grants(document: Document, config: Config) -> None:
    """R10: what a granted name may look like, and that only granted names are used."""
    names = {row.name for row in config.granted}
    for index, row in enumerate(config.granted):
        path: Path = ("granted", index)
        if row.kind == "brandname" and not _BRANDNAME.match(row.name):
            right = (
                "write up to 11 Latin letters, digits, - _ . and spaces, not digits alone; or kind: number"
            )
            say(document, (*path, "name"), f'"{row.name}" is no brandname', right)
        if row.kind == "brandname" and row.until is None:
            say(document, (*path, "until"), "is missing", "write the end of the grant (3 years): 2028-12-31")
        if row.kind == "number" and not _NUMBER.match(row.name):
            say(document, (*path, "name"), f'"{row.name}" is no number', "write digits, or kind: brandname")
    for index, trunk in enumerate(config.trunks):
        if trunk.caller_id not in names:
            at: Path = ("trunks", index, "caller_id")
            say(document, at, f'"{trunk.caller_id}" is not granted', not_granted(config, trunk.caller_id))
    sender = config.texts.refusal_sender
    if sender not in names and config.smsc:
        say(document, ("texts", "refusal_sender"), f'"{sender}" is not granted', not_granted(config, sender))


def _house(document: Document, config: Config) -> None:
    if not config.store.url.startswith(("sqlite:///", "postgresql://")):
        say(document, ("store", "url"), "is not a store", "write sqlite:///mai.db or postgresql://…")
    if config.texts.advertising_label not in _LABELS:
        path: Path = ("texts", "advertising_label")
        say(document, path, f'"{config.texts.advertising_label}" is not the label', "write [QC] or [AD] (R4)")
    _texts(document, config)
    for index, keyword in enumerate(config.registration.keywords if config.registration else ()):
        if not folded(keyword) or is_refusal(keyword) or is_help(keyword):
            at: Path = ("registration", "keywords", index)
            say(
                document,
                at,
                f'"{keyword}" orders nothing',
                "write a word like DK; TC, STOP, HD say other things",
            )
    for index, number in enumerate(config.limits.blocked_inbound):
        try:
            subscriber_number(number)
        except BadNumber as error:
            wrong, _, right = str(error).partition(": ")
            say(document, ("limits", "blocked_inbound", index), wrong, right or "write it like 0901234567")


def _texts(document: Document, config: Config) -> None:
    """R5, R6: how to refuse is said and can be done; no answer of the house advertises; each can be sent."""
    how = config.texts.how_to_refuse
    path: Path = ("texts", "how_to_refuse")
    if not how.strip():
        say(document, path, "is empty", "write how to refuse by SMS or call (R5)")
    elif not re.search(r"[0-9]{3,}", how):
        say(
            document, path, "names no number to refuse by (R5)", 'write it like "Tu choi QC soan TC gui 8989"'
        )
    elif (asked := _REFUSE_BY.search(folded(how))) and not is_refusal(asked[1]):
        right = "write one of TC, TU CHOI, HUY QC"
        say(document, path, f'"{asked[1].upper()}" would not be understood as a refusal (R6)', right)
    for name in _ANSWERS:
        text = _filled(document, ("texts", name), getattr(config.texts, name))
        word = advertises(text)
        if word is not None:
            wrong = f'an answer of the house has words of advertising ("{word}")'
            say(document, ("texts", name), wrong, "take them out (R6)")
        if len(text) > MOST_CHARACTERS:
            say(document, ("texts", name), f"has {len(text)} characters", f"write at most {MOST_CHARACTERS}")


def _filled(document: Document, path: Path, text: str) -> str:
    """The text for a package, where it speaks of one; what cannot be filled is said."""
    if path[-1] not in ("registered", "not_registered", "unconfirmed"):
        return text
    try:
        return render(text, {"offer": _SAMPLE})
    except BadTemplate as error:
        say(document, path, f"cannot be filled in ({error})", "write names like {{ offer.name }}")
        return ""
