"""Does this subscriber belong to the programme's audience (O2-O4)?

One function per condition of the campaign file. A condition that the file does not write asks nothing; a
value that the base does not know is a no.
"""

from collections.abc import Callable, Collection, Iterator
from datetime import date
from typing import NamedTuple

from core.campaigns import Arpu, Audience
from core.facts import Event, Subscriber

UNKNOWN = "unknown"


class Condition(NamedTuple):
    """One condition that the campaign file writes, and what was seen."""

    name: str  #: the key in the campaign file
    met: bool
    seen: str
    limit: str


def _one_of(name: str, wanted: Collection[str] | None, value: str | None) -> Condition | None:
    if wanted is None:
        return None
    return Condition(name, value is not None and value in wanted, value or UNKNOWN, " or ".join(wanted))


def payment(audience: Audience, who: Subscriber, event: Event | None) -> Condition | None:
    return _one_of("payment", audience.payment, who.payment)


def device(audience: Audience, who: Subscriber, event: Event | None) -> Condition | None:
    return _one_of("device", audience.device, who.device)


def region(audience: Audience, who: Subscriber, event: Event | None) -> Condition | None:
    return _one_of("region", audience.region, who.region)


def status(audience: Audience, who: Subscriber, event: Event | None) -> Condition | None:
    return _one_of("status", audience.status, who.status)


def segment(audience: Audience, who: Subscriber, event: Event | None) -> Condition | None:
    return _one_of("segment", audience.segment, who.segment)


def tariff(audience: Audience, who: Subscriber, event: Event | None) -> Condition | None:
    return _one_of("tariff", audience.tariff, who.tariff)


def vlr(audience: Audience, who: Subscriber, event: Event | None) -> Condition | None:
    """O2: a record in the visitor location register of the region."""
    if audience.vlr is None:
        return None
    seen = UNKNOWN if who.vlr is None else "yes" if who.vlr else "no"
    return Condition("vlr", who.vlr is audience.vlr, seen, "yes" if audience.vlr else "no")


def topup(audience: Audience, who: Subscriber, event: Event | None) -> Condition | None:
    """The amount of the event, in đồng."""
    least = audience.topup_at_least
    if least is None:
        return None
    amount = event.amount if event else None
    met = amount is not None and amount >= least
    return Condition("topup_at_least", met, UNKNOWN if amount is None else str(amount), f"at least {least}")


def arpu(wanted: Arpu, who: Subscriber) -> Condition:
    """O4: the average of the last months, in đồng; fewer months known than asked for is a no."""
    months = {"total": who.arpu, "data": who.arpu_data, "voice": who.arpu_voice}[wanted.of][: wanted.months]
    name, limit = f"arpu {wanted.of}", _limits(wanted.at_least, wanted.at_most)
    known = [amount for amount in months if amount is not None]
    if len(known) < wanted.months:
        return Condition(name, False, f"{len(known)} of {wanted.months} months known", limit)
    total = sum(known)  # compared as a sum: no rounding decides
    met = (wanted.at_least is None or total >= wanted.at_least * wanted.months) and (
        wanted.at_most is None or total <= wanted.at_most * wanted.months
    )
    return Condition(name, met, f"{total / wanted.months:.0f} over {wanted.months} months", limit)


def _limits(at_least: int | None, at_most: int | None) -> str:
    least = [] if at_least is None else [f"at least {at_least}"]
    most = [] if at_most is None else [f"at most {at_most}"]
    return " and ".join(least + most) or "known"


def balance(audience: Audience, who: Subscriber, event: Event | None) -> Condition | None:
    """The balance that the base knows, in đồng."""
    least, most = audience.balance_at_least, audience.balance_at_most
    if least is None and most is None:
        return None
    seen, limit = who.balance, _limits(least, most)
    met = seen is not None and (least is None or seen >= least) and (most is None or seen <= most)
    return Condition("balance", met, UNKNOWN if seen is None else str(seen), limit)


def holds(audience: Audience, who: Subscriber, event: Event | None) -> Condition | None:
    """One of these packages is active."""
    if audience.holds is None:
        return None
    met = who.packages is not None and not who.packages.isdisjoint(audience.holds)
    return Condition("holds", met, _packages(who), " or ".join(audience.holds))


def holds_none_of(audience: Audience, who: Subscriber, event: Event | None) -> Condition | None:
    """None of these packages is active; packages that are unknown are a no."""
    if audience.holds_none_of is None:
        return None
    met = who.packages is not None and who.packages.isdisjoint(audience.holds_none_of)
    return Condition("holds_none_of", met, _packages(who), f"none of {', '.join(audience.holds_none_of)}")


def _packages(who: Subscriber) -> str:
    return UNKNOWN if who.packages is None else ", ".join(sorted(who.packages)) or "none"


def months_on_network(audience: Audience, who: Subscriber, today: date | None) -> Condition | None:
    """Whole months since activation on this Vietnamese date."""
    least = audience.months_on_network
    if least is None:
        return None
    since = who.activated_on
    if since is None or today is None:
        return Condition("months_on_network", False, UNKNOWN, f"at least {least}")
    months = (today.year - since.year) * 12 + today.month - since.month - (today.day < since.day)
    return Condition("months_on_network", months >= least, str(months), f"at least {least}")


_CONDITIONS: tuple[Callable[[Audience, Subscriber, Event | None], Condition | None], ...] = (
    payment,
    device,
    status,
    vlr,
    region,
    segment,
    tariff,
    topup,
    balance,
    holds,
    holds_none_of,
)


def conditions(
    audience: Audience, who: Subscriber, event: Event | None, today: date | None = None
) -> Iterator[Condition]:
    """Every condition that the campaign file writes, in order, with its answer on this Vietnamese date."""
    for condition in _CONDITIONS:
        answer = condition(audience, who, event)
        if answer is not None:
            yield answer
    since = months_on_network(audience, who, today)
    if since is not None:
        yield since
    for wanted in audience.arpu:
        yield arpu(wanted, who)


def asks(audience: Audience) -> bool:
    """Whether the audience asks anything that only the subscribers base knows."""
    written = (getattr(audience, name) for name in type(audience).model_fields if name != "topup_at_least")
    return any(value not in (None, ()) for value in written)


def flagged(flags: frozenset[str] | None, excluded: Collection[str]) -> Condition | None:
    """O3, B1: subscribers with one of these flags are not contacted; flags that are unknown are a no."""
    if not excluded:
        return None
    limit = f"none of {', '.join(sorted(excluded))}"
    if flags is None:
        return Condition("exclude_flags", False, UNKNOWN, limit)
    found = sorted(flags.intersection(excluded))
    return Condition("exclude_flags", not found, ", ".join(found) or "none", limit)
