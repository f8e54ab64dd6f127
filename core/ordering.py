"""Which package does a subscriber order by SMS, and what is answered? `DK D5`, `đăng ký gói D5`, in any case (issue 4, 5).

Only what names a package and nothing more is an order: it costs the subscriber money. Doubt is answered with help.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from core.after_call import EndedRegistration, NewMessage, Policy, from_the_house
from core.config import Texts
from core.messages import finished
from core.offering import sold
from core.packages import Catalogue
from core.refusal import folded
from core.templates import Offer, offer_of, render

_NOT_WORD = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class Order:
    """An SMS that begins with a keyword of registration. `package` None: it names none that is on sale."""

    package: str | None


def order_of(text: str, keywords: Iterable[str], catalogue: Catalogue, today: date) -> Order | None:
    """The order in a subscriber's SMS; None: it is none. `today` is a Vietnamese date; no keywords: never an order."""
    said, words = folded(text), sorted(map(folded, keywords), key=len, reverse=True)
    if not words:
        return None
    on_sale = {code: each for code, each in catalogue.packages.items() if sold(each, today)}
    for code, package in on_sale.items():  # as it is advertised: its own syntax
        if _together(said) == _together(folded(package.syntax)):
            return Order(code)
    keyword = next((word for word in words if said == word or said.startswith(f"{word} ")), None)
    if keyword is None:
        return None
    wanted = _together(said.removeprefix(keyword))
    return Order(next((code for code in on_sale if wanted and _together(folded(code)) == wanted), None))


def _together(words: str) -> str:
    """`c90 n` and `C90-N` are the code C90N."""
    return _NOT_WORD.sub("", words)


def not_on_sale(number: str, said: str, sender: str, texts: Texts, now: datetime) -> NewMessage:
    """How to order; once a day for the same words, so that two machines never talk to each other for ever."""
    key = f"not_on_sale:{number}:{now:%Y-%m-%d}:{folded(said)}"
    return _told(key, "help", number, sender, finished(texts.not_on_sale, "transactional", texts), now)


def answered(
    ended: EndedRegistration, sender: str, catalogue: Catalogue, texts: Texts, now: datetime
) -> NewMessage:
    """What tells the subscriber how the order ended: in the registration system's words, else in the house's."""
    package = catalogue.packages.get(ended.package)
    offer = offer_of(ended.package, package) if package else Offer(ended.package, "", "", "", "", 0)
    kind = "registered" if ended.state == "registered" else "not_registered"
    house = {"registered": texts.registered, "unknown": texts.unconfirmed}.get(
        ended.state, texts.not_registered
    )
    said = ended.message if ended.state in ("registered", "refused") else None
    text = finished(said or render(house, {"offer": offer}), "transactional", texts)
    return _told(f"{kind}:{ended.id}", kind, ended.number, sender, text, now)


def _told(key: str, kind: str, number: str, sender: str, text: str, now: datetime) -> NewMessage:
    policy: Policy = "once" if kind == "help" else "at_least_once"
    return from_the_house(key, kind, number, sender, text, now, policy=policy)
