"""Does the script of a campaign make sense? What may stand where, and that every offer can be refused."""

from collections.abc import Iterator
from datetime import timedelta

from core.campaigns import Campaign
from core.check_config import say
from core.config import Config
from core.outcomes import Outcome
from core.script import KEYS, Agent, Agree, HangUp, Key, Menu, Refuse, Register, Say, Script, Step
from core.shape import touched
from core.written import nearest
from core.yaml_file import Document, Path

_DECISIONS = (Register, Agree, Refuse)
_SHORTEST_WAIT, _LONGEST_WAIT = timedelta(seconds=1), timedelta(seconds=60)
_SHORTEST_TALK, _LONGEST_TALK = timedelta(seconds=10), timedelta(hours=2)


def spoken_texts(script: Script) -> Iterator[tuple[Path, str, str | None]]:
    """Every text of a script with its place, and the offer that it is about (None: no single one)."""
    return _texts(script, ("script",), None)


def menus(script: Script) -> Iterator[tuple[Path, Menu]]:
    """Every menu of a script with its place, the outer before the inner."""
    return _menus(script, ("script",))


def registered(script: Script) -> bool:
    """Whether a key of the script registers a package."""
    return any(isinstance(_first(key), Register) for _, menu in menus(script) for key in menu.keys.values())


def check_script(document: Document, campaign: Campaign, config: Config | None) -> None:
    """Add every problem of the script to the document."""
    if not campaign.script:
        say(document, ("script",), "is an empty list", "write at least one step")
    _steps(document, campaign, campaign.script, ("script",), decided=False)
    for path, menu in menus(campaign.script):
        _menu(document, campaign, path, menu)
    able = any(_offers(menu) or _refuses(menu) for _, menu in menus(campaign.script))
    if campaign.class_ == "advertising" and not able and not touched(document, ("script",)):
        right = 'add to its menu: "9": {say: "hoặc bấm 9 nếu …", then: [refuse]}'
        say(document, ("script",), "gives no key to refuse further advertising (O21)", right)
    if config and config.registration is None and registered(campaign.script):
        say(document, ("script",), "registers packages", "name the `registration` system in config.yaml")
    if not _SHORTEST_TALK <= campaign.talk_limit <= _LONGEST_TALK:
        say(document, ("talk_limit",), "is no length of a call", "write 10s to 2h")


def _texts(steps: Script, path: Path, offer: str | None) -> Iterator[tuple[Path, str, str | None]]:
    for index, step in enumerate(steps):
        at = (*path, index)
        if isinstance(step, Say):
            yield (*at, "say"), step.text, offer
        elif isinstance(step, Menu):
            if step.say:
                yield (*at, "menu", "say"), step.say, offer
            for name, key in step.keys.items():
                here, first = (*at, "menu", "keys", name), _first(key)
                registers = first.offer if isinstance(first, Register) else None
                about = key.offer or registers or offer
                if key.say:
                    yield (*here, "say"), key.say, about
                yield from _texts(key.then, (*here, "then"), about)
            if step.wrong_key:
                yield (*at, "menu", "wrong_key"), step.wrong_key, offer
            yield from _texts(step.no_key, (*at, "menu", "no_key"), offer)


def _menus(steps: Script, path: Path) -> Iterator[tuple[Path, Menu]]:
    for index, step in enumerate(steps):
        if isinstance(step, Menu):
            at = (*path, index, "menu")
            yield at, step
            for name, key in step.keys.items():
                yield from _menus(key.then, (*at, "keys", name, "then"))
            yield from _menus(step.no_key, (*at, "no_key"))


def _first(key: Key) -> Step | None:
    return key.then[0] if key.then else None


def _offers(menu: Menu) -> bool:
    return any(key.offer is not None or isinstance(_first(key), Register) for key in menu.keys.values())


def _refuses(menu: Menu) -> bool:
    return any(isinstance(_first(key), Refuse) for key in menu.keys.values())


def _steps(document: Document, campaign: Campaign, steps: Script, path: Path, *, decided: bool) -> None:
    """What may stand where: a decision only as the first step under a menu's key, nothing after an end."""
    under_key = path[-1] == "then"
    for index, step in enumerate(steps):
        at: Path = (*path, index)
        if index and isinstance(steps[index - 1], Agent | HangUp):
            say(document, at, f"is never reached: {steps[index - 1].kind} ends the call", "delete it")
        if isinstance(step, _DECISIONS):
            if not under_key or index:
                right = "make it the first step under `then` of a menu's key"
                say(document, at, f"{step.kind} does not come first under a key", right)
            elif decided:
                right = "one key decides once: ask before that"
                say(document, at, f"{step.kind} comes after a decision already made", right)
        if isinstance(step, HangUp) and step.outcome not in (None, Outcome.DECLINED):
            say(
                document,
                (*at, "hang_up"),
                f'"{step.outcome}" is not for a script to say',
                "write declined, or no outcome",
            )
        if isinstance(step, Menu):
            for name, key in step.keys.items():
                then = (*at, "menu", "keys", name, "then")
                here = decided or (under_key and index > 0 and isinstance(steps[0], _DECISIONS))
                _steps(document, campaign, key.then, then, decided=here)
            _steps(document, campaign, step.no_key, (*at, "menu", "no_key"), decided=decided)


def _menu(document: Document, campaign: Campaign, path: Path, menu: Menu) -> None:
    if not _SHORTEST_WAIT <= menu.wait <= _LONGEST_WAIT:
        say(document, (*path, "wait"), "is no time to wait for a key", "write 1s to 60s")
    for name, key in menu.keys.items():
        _key(document, campaign, (*path, "keys", name), key)
    lacks = _offers(menu) and not _refuses(menu) and not touched(document, path)
    if campaign.class_ == "advertising" and lacks:
        free = "9" if "9" not in menu.keys else next((k for k in KEYS if k not in menu.keys), "9")
        right = f'add "{free}": {{say: "hoặc bấm {free} nếu …", then: [refuse]}}'
        say(document, (*path, "keys"), "offers, and gives no key to refuse further advertising (O21)", right)


def _key(document: Document, campaign: Campaign, path: Path, key: Key) -> None:
    first = _first(key)
    named = [((*path, "offer"), key.offer)]
    if isinstance(first, Register):
        named.append(((*path, "then", 0, "register"), first.offer))
        if key.offer is None and first.offer in campaign.offers:
            right = f'write offer: "{first.offer}", so that the key drops out with its offer'
            say(document, (*path, "offer"), "is missing", right)
        elif key.offer is not None and key.offer != first.offer:
            wrong = f'registers "{first.offer}", and its sentence speaks of "{key.offer}"'
            say(document, (*path, "then", 0, "register"), wrong, "name the same offer twice")
    for at, offer in named:
        if offer is not None and offer not in campaign.offers:
            known = ", ".join(campaign.offers) or "(there is none)"
            right = nearest(offer, campaign.offers) or f"write one of {known}"
            say(document, at, f'"{offer}" is not an offer of this file', right)
    if not key.say and (key.offer is not None or isinstance(first, Register)):
        say(document, (*path, "say"), "is missing", "write the sentence that offers this key")
