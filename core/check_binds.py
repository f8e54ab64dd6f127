"""Which SMS would wait for ever, and which binds cannot work? Warnings of `mai check`: nothing here stops a start."""

from collections.abc import Iterator, Mapping

from core.config import Bind, Config
from core.facts import Programme
from core.routes import untaken
from core.written import nearest
from core.yaml_file import Path

#: Where in config.yaml, what is wrong, what would be right.
Warned = tuple[Path, str, str]


def bind_warnings(config: Config, programmes: Mapping[str, Programme]) -> Iterator[Warned]:
    """What is odd about `smsc`, given the programmes that there are."""
    for index, bind in enumerate(config.smsc):
        yield from _one(("smsc", index), bind, config, programmes)
    if config.smsc and all(bind.bind == "receiver" for bind in config.smsc):
        yield ("smsc",), "none of the binds can send", "write bind: transceiver, or transmitter, for one"
        return
    wanted: list[tuple[str, str | None]] = [(config.texts.refusal_sender, None)]
    for name, programme in programmes.items():
        wanted += [(message.sender, name) for message in programme.campaign.messages.values()]
    if not config.smsc:
        return
    for sender, programme_name in untaken(config.smsc, list(dict.fromkeys(wanted))):
        whose = programme_name or "the house"
        right = "add them to senders or programmes"
        yield ("smsc",), f"no bind takes messages from {sender} of {whose}", right


def _one(at: Path, bind: Bind, config: Config, programmes: Mapping[str, Programme]) -> Iterator[Warned]:
    if not bind.host.strip():
        yield (*at, "host"), "is empty", "write the SMSC's name or address"
    if not bind.password.get_secret_value():
        yield (*at, "password"), "is empty", "write ${NAME} of the variable that holds it"
    if bind.ca and not bind.tls:
        yield (*at, "ca"), "is not used without tls", "write tls: true, or delete it"
    if bind.server_hostname and not bind.tls:
        yield (*at, "server_hostname"), "is not used without tls", "write tls: true, or delete it"
    granted = [row.name for row in config.granted]
    for index, sender in enumerate(bind.senders):
        if sender not in granted:
            right = nearest(sender, granted) or "use a granted one, or add its grant"
            yield (*at, "senders", index), f'"{sender}" is not granted (R10)', right
    for index, name in enumerate(bind.programmes):
        if name not in programmes:
            right = nearest(name, programmes) or "write the name of a file in campaigns/, without .yaml"
            yield (*at, "programmes", index), f'"{name}" is not a programme', right
