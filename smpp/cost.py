"""What does an SMS cost before it is sent? Parts and alphabet of a text, and of every template of a campaign."""

from dataclasses import dataclass, replace
from typing import Final

from core.check_campaign import SAMPLE_EVENT, SAMPLE_SUBSCRIBER
from core.config import Bind, Config, Texts
from core.facts import Programme
from core.messages import compose
from core.packages import Catalogue
from core.routes import routes, takes
from core.templates import BadTemplate, Offer, dong, offer_of
from smpp.segments import Method, TooLong, how_many_parts
from smpp.text import Coding, NotText, coding_of, normal

#: What a template may say of the subscriber and the event: such a length is usual.
_SAMPLES: Final = {"subscriber": SAMPLE_SUBSCRIBER, "event": SAMPLE_EVENT}
#: The texts of `texts` in config.yaml that are sent as they stand.
HOUSE_TEXTS: Final = (
    "refusal_confirmed",
    "help",
    "not_on_sale",
    "registered",
    "not_registered",
    "unconfirmed",
)


@dataclass(frozen=True, slots=True)
class SmsCost:
    """What one text takes."""

    parts: int
    coding: Coding
    characters: int
    culprits: str = ""  #: characters that are not in GSM 03.38, each once: without them it costs less

    def __str__(self) -> str:
        parts = f"{self.parts} part{'s' if self.parts > 1 else ''}"
        why = f" for {self.culprits}" if self.culprits else ""
        return f"{parts}, {self.coding.name}{why}, {self.characters} characters"


def sms_cost(text: str, method: Method = Method.UDH8) -> SmsCost:
    """Parts, alphabet and length of a final text. Raises NotText, TooLong."""
    text = normal(text)
    coding = coding_of(text)
    odd = dict.fromkeys(c for c in text if coding is Coding.UCS2 and coding_of(c) is not Coding.GSM)
    shown = "".join(list(odd)[:8]) + ("…" if len(odd) > 8 else "")
    return SmsCost(how_many_parts(text, coding=coding, method=method), coding, len(text), shown)


@dataclass(frozen=True, slots=True)
class TemplateCost:
    """The dearest text that a template makes over the offers of its programme."""

    message: str  #: the key in `messages`
    cost: SmsCost | None  #: None: it cannot be said before it is sent
    why: str = ""


def template_costs(
    programme: Programme, catalogue: Catalogue, texts: Texts, method: Method = Method.UDH8
) -> tuple[TemplateCost, ...]:
    """What every SMS of a programme costs, filled with each of its offers; the dearest is told.

    A text of the registration system (SMS2) is only known when it comes.
    """
    campaign = programme.campaign
    offers = {
        key: offer_of(code, catalogue.packages[code])
        for key, code in campaign.offers.items()
        if code in catalogue.packages
    }
    found = []
    for name, message in campaign.messages.items():
        if message.text is None:
            found.append(TemplateCost(name, None, "the registration system writes it"))
            continue
        one = offers.get(message.offer or "")
        costs: list[SmsCost] = []
        why = ""
        tried: list[Offer | None] = [one] if one else [*offers.values()] or [None]
        for offer in tried:
            try:
                values = {"offer": offer, "offers": offers, **_SAMPLES}
                text = compose(message.text, message.class_, values, texts, remove_marks=message.remove_marks)
                costs.append(sms_cost(text, method))
            except (BadTemplate, NotText, TooLong) as error:
                why = str(error)
        found.append(TemplateCost(name, max(costs, key=lambda cost: cost.parts, default=None), why))
    return tuple(found)


def cost_lines(programme: Programme, catalogue: Catalogue, config: Config) -> list[str]:
    """For `mai check`: one line a template, as the bind sends it that takes its sender."""
    lines = []
    for name, message in programme.campaign.messages.items():
        bind = _bind_of(config, message.sender, programme.name)
        only = {name: message}
        campaign = programme.campaign.model_copy(update={"messages": only})
        [each] = template_costs(replace(programme, campaign=campaign), catalogue, config.texts, _method(bind))
        lines.append(_line(name, each, bind))
    return lines


def house_cost_lines(config: Config, catalogue: Catalogue) -> list[str]:
    """The same for the texts of the house, filled with the package whose name is longest."""
    code = max(catalogue.packages, key=len, default="")
    offer = offer_of(code, catalogue.packages[code]) if code else None
    bind = _bind_of(config, config.texts.refusal_sender, None)
    lines = []
    for name in HOUSE_TEXTS:
        try:
            text = compose(getattr(config.texts, name), "transactional", {"offer": offer}, config.texts)
            each = TemplateCost(name, sms_cost(text, _method(bind)))
        except (BadTemplate, NotText, TooLong) as error:
            each = TemplateCost(name, None, str(error))
        lines.append(_line(name, each, bind))
    return lines


def _bind_of(config: Config, sender: str, programme: str | None) -> Bind | None:
    """The bind that takes such messages; None: there is none."""
    known = routes(config.smsc)
    return next(
        (bind for bind in config.smsc if bind.name in known and takes(known[bind.name], sender, programme)),
        None,
    )


def _method(bind: Bind | None) -> Method:
    return Method(bind.segmentation) if bind else Method.UDH8


def _line(name: str, each: TemplateCost, bind: Bind | None) -> str:
    price = (
        f", {dong(each.cost.parts * bind.price_per_part)}"
        if each.cost and bind and bind.price_per_part
        else ""
    )
    return f"  SMS {name}: {each.cost or 'not known'}{price}{f' ({each.why})' if each.why else ''}"
