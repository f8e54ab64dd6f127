"""What does a script consist of? The steps that a person writes; flows/ has one file per kind that runs it.

A script is a list of steps, a tree through the keys of its menus. Bounded on purpose: no variables, no loops
but a menu's own retries. In YAML a step is a mapping with one key, its kind: `- say: "…"`.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from core.outcomes import Outcome
from core.written import Duration, Written, WrittenError, nearest

KEYS = "0123456789*#"


class Say(Written):
    """Play a text to its end."""

    kind: Literal["say"] = Field(default="say", exclude=True)
    text: str = Field(min_length=1)


class Register(Written):
    """Commit the registration of an offer (by its key in `offers`). Must come first under its menu key."""

    kind: Literal["register"] = Field(default="register", exclude=True)
    offer: str


class Agree(Written):
    """Commit that the listener agreed; nothing is registered (B4). Must come first under its menu key."""

    kind: Literal["agree"] = Field(default="agree", exclude=True)


class Refuse(Written):
    """Commit the listener's refusal of all further advertising (O21). Must come first under its menu key."""

    kind: Literal["refuse"] = Field(default="refuse", exclude=True)


class Agent(Written):
    """Hand the call over to a dialplan context where agents are reached (9090)."""

    kind: Literal["agent"] = Field(default="agent", exclude=True)
    context: str = Field(default="agents", pattern=r"^[a-z0-9-]{1,40}$")


class HangUp(Written):
    """End the call. `outcome: declined` records a "no" key."""

    kind: Literal["hang_up"] = Field(default="hang_up", exclude=True)
    outcome: Outcome | None = Field(default=None, strict=False)


class Key(Written):
    """One key of a menu: the sentence that offers it and the steps that follow it.

    `offer` names the offer (a key of `offers`) that the sentence speaks of: where that offer is not eligible
    for a subscriber, the key and its sentence are dropped.
    """

    say: str | None = None
    offer: str | None = None
    then: "Steps" = ()


class Menu(Written):
    """Say the sentences of all keys and take one key."""

    kind: Literal["menu"] = Field(default="menu", exclude=True)
    say: str | None = None  #: before the sentences of the keys
    keys: dict[Annotated[str, Field(pattern="^[0-9*#]$")], Key] = Field(min_length=1)
    wait: Duration = Field(default="5s", validate_default=True)  #: after the last sentence
    tries: int = Field(default=2, ge=1, le=5)
    barge_in: bool = True
    wrong_key: str | None = None  #: said before the next try
    no_key: "Steps" = ()  #: after the last try without a valid key; ends with outcome no_key


#: The kinds of step by their word in YAML; flows/ has a file for each.
KINDS: dict[str, type[Written]] = {
    "say": Say,
    "menu": Menu,
    "register": Register,
    "agree": Agree,
    "refuse": Refuse,
    "agent": Agent,
    "hang_up": HangUp,
}
#: What `- say: "text"` and `- register: "1"` mean: the field that a bare value fills.
BARE = {"say": "text", "register": "offer", "agent": "context", "hang_up": "outcome"}


def _step(raw: Any) -> Any:
    """`{"say": "…"}` or the bare word `hang_up` -> the mapping that pydantic validates by `kind`."""
    if isinstance(raw, Written):
        return raw
    if isinstance(raw, str):
        raw = {raw: None}
    if not isinstance(raw, dict) or len(raw) != 1:
        raise WrittenError("is not a step", f"write `- kind: …`, one kind a step: {', '.join(KINDS)}")
    kind, value = next(iter(raw.items()))
    if kind not in KINDS:
        near = nearest(str(kind), KINDS)
        raise WrittenError(f'"{kind}" is not a kind of step', near or f"write one of {', '.join(KINDS)}")
    if value is None:
        value = {}
    elif kind in BARE and not isinstance(value, dict):
        value = {BARE[kind]: value}
    if not isinstance(value, dict):
        raise WrittenError(f"{kind} does not take {value!r}", f"write the keys of {kind} below it")
    if "kind" in value:
        raise WrittenError('a step has no key "kind"', f"write `- {kind}: …`, the kind is the first word")
    return {"kind": kind, **value}


Step = Annotated[
    Annotated[Say | Menu | Register | Agree | Refuse | Agent | HangUp, Field(discriminator="kind")],
    BeforeValidator(_step),
]
Script = tuple[Step, ...]
#: Behind `_step` pydantic sees Python's values, no longer JSON: a list must be allowed to become the tuple.
Steps = Annotated[Script, Field(strict=False)]
Key.model_rebuild()
Menu.model_rebuild()


def texts(script: Script) -> Iterator[tuple[str, str | None]]:
    """Every text a script may say, with the key of the offer it is about (None: no single offer)."""
    return _texts(script, None)


def _texts(script: Script, offer: str | None) -> Iterator[tuple[str, str | None]]:
    for step in script:
        if isinstance(step, Say):
            yield step.text, offer
        elif isinstance(step, Menu):
            for text in (step.say, step.wrong_key):
                if text:
                    yield text, offer
            for key in step.keys.values():
                if key.say:
                    yield key.say, key.offer or offer
                yield from _texts(key.then, key.offer or offer)
            yield from _texts(step.no_key, offer)
