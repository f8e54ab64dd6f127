"""What does an SMS cost before it is sent? Parts and alphabet of a text, and of every template of a campaign."""

from dataclasses import dataclass

from core.config import Bind, Texts
from core.facts import Programme
from core.messages import compose
from core.packages import Catalogue
from core.templates import BadTemplate, Offer, offer_of
from smpp.segments import Method, TooLong, how_many_parts
from smpp.text import Coding, NotText, coding_of, normal


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
                values = {"offer": offer, "offers": offers}
                text = compose(message.text, message.class_, values, texts, remove_marks=message.remove_marks)
                costs.append(sms_cost(text, method))
            except (BadTemplate, NotText, TooLong) as error:
                why = str(error)
        found.append(TemplateCost(name, max(costs, key=lambda cost: cost.parts, default=None), why))
    return tuple(found)


def cost_lines(
    programme: Programme, catalogue: Catalogue, texts: Texts, binds: tuple[Bind, ...]
) -> list[str]:
    """For `mai check`: one line a template."""
    method = Method(binds[0].segmentation) if binds else Method.UDH8
    return [
        f"  {each.message}: {each.cost or 'not known'}{f' ({each.why})' if each.why else ''}"
        for each in template_costs(programme, catalogue, texts, method)
    ]
