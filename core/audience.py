"""Does this subscriber belong to the programme's audience (O2-O4)?

One function per condition of the campaign file. A condition that the file does not write asks nothing; a
value that the base does not know is a no.
"""

from collections.abc import Callable, Collection, Iterator
from datetime import date
from functools import lru_cache
from operator import attrgetter
from typing import Any, NamedTuple

from core.campaigns import Arpu, Audience
from core.facts import Event, Facts, Subscriber

UNKNOWN = "unknown"


class Condition(NamedTuple):
    """One condition that the campaign file writes, and what was seen."""

    name: str  #: the key in the campaign file
    met: bool
    seen: str
    limit: str


class Ask(NamedTuple):
    """A condition as it is written: it is asked of ten thousand numbers a second."""

    name: str
    value: Callable[[Facts], Any]  #: what it looks at
    met: Callable[[Any], bool]
    words: Callable[[Any], str]  #: what was seen, for people
    limit: str

    def of(self, facts: Facts) -> Condition:
        seen = self.value(facts)
        return Condition(self.name, self.met(seen), self.words(seen), self.limit)


def _words(value: object) -> str:
    return UNKNOWN if value is None else str(value)


def _one_of(name: str, wanted: Collection[str] | None) -> Ask | None:
    if wanted is None:
        return None
    met = frozenset(wanted).__contains__
    return Ask(name, attrgetter(f"subscriber.{name}"), met, lambda seen: seen or UNKNOWN, " or ".join(wanted))


def payment(audience: Audience, today: date | None) -> Ask | None:
    return _one_of("payment", audience.payment)


def device(audience: Audience, today: date | None) -> Ask | None:
    return _one_of("device", audience.device)


def region(audience: Audience, today: date | None) -> Ask | None:
    return _one_of("region", audience.region)


def status(audience: Audience, today: date | None) -> Ask | None:
    return _one_of("status", audience.status)


def segment(audience: Audience, today: date | None) -> Ask | None:
    return _one_of("segment", audience.segment)


def tariff(audience: Audience, today: date | None) -> Ask | None:
    return _one_of("tariff", audience.tariff)


def vlr(audience: Audience, today: date | None) -> Ask | None:
    """O2: a record in the visitor location register of the region."""
    wanted = audience.vlr
    if wanted is None:
        return None
    words = {None: UNKNOWN, True: "yes", False: "no"}
    met = frozenset({wanted}).__contains__
    return Ask("vlr", attrgetter("subscriber.vlr"), met, words.__getitem__, words[wanted])


def topup(audience: Audience, today: date | None) -> Ask | None:
    """The amount of the event, in đồng."""
    least = audience.topup_at_least
    if least is None:
        return None

    def amount(facts: Facts) -> int | None:
        return facts.event.amount if facts.event else None

    return Ask("topup_at_least", amount, _within(least, None), _words, f"at least {least}")


def _within(least: int | None, most: int | None) -> Callable[[int | None], bool]:
    """What is unknown is not within."""

    def met(seen: int | None) -> bool:
        return seen is not None and (least is None or seen >= least) and (most is None or seen <= most)

    return met


def arpu(wanted: Arpu) -> Ask:
    """O4: the average of the last months, in đồng; fewer months known than asked for is a no."""
    count, least, most = wanted.months, wanted.at_least, wanted.at_most
    column = {"total": "arpu", "data": "arpu_data", "voice": "arpu_voice"}[wanted.of]
    # compared as a sum: no rounding decides
    within = _within(least and least * count, None if most is None else most * count)

    def met(months: tuple[int | None, ...]) -> bool:
        asked = months[:count]
        return None not in asked and within(sum(asked))  # type: ignore[arg-type]

    def words(months: tuple[int | None, ...]) -> str:
        known = [amount for amount in months[:count] if amount is not None]
        if len(known) < count:
            return f"{len(known)} of {count} months known"
        average = sum(known) / count  # as exact as the comparison: 29,999.67 is not 30,000
        return f"{average:.{0 if average.is_integer() else 2}f} over {count} months"

    return Ask(f"arpu {wanted.of}", attrgetter(f"subscriber.{column}"), met, words, _limits(least, most))


def _limits(at_least: int | None, at_most: int | None) -> str:
    least = [] if at_least is None else [f"at least {at_least}"]
    most = [] if at_most is None else [f"at most {at_most}"]
    return " and ".join(least + most) or "known"


def balance(audience: Audience, today: date | None) -> Ask | None:
    """The balance that the base knows, in đồng."""
    least, most = audience.balance_at_least, audience.balance_at_most
    if least is None and most is None:
        return None
    value = attrgetter("subscriber.balance")
    return Ask("balance", value, _within(least, most), _words, _limits(least, most))


def balance_below(audience: Audience, today: date | None) -> Ask | None:
    """O19: the balance that the base knows does not suffice for what the event asks."""
    if audience.balance_below is None:
        return None

    def both(facts: Facts) -> tuple[int | None, int | None]:
        amount = facts.event.amount if facts.event else None
        return (facts.subscriber.balance if facts.subscriber else None), amount

    def met(seen: tuple[int | None, int | None]) -> bool:
        have, amount = seen
        return have is not None and amount is not None and have < amount

    def words(seen: tuple[int | None, int | None]) -> str:
        return f"balance {_words(seen[0])}, amount {_words(seen[1])}"

    return Ask("balance_below", both, met, words, "a balance below the event's amount")


def holds(audience: Audience, today: date | None) -> Ask | None:
    """One of these packages is active."""
    wanted = audience.holds
    if wanted is None:
        return None

    def met(packages: frozenset[str] | None) -> bool:
        return packages is not None and not packages.isdisjoint(wanted)

    return Ask("holds", attrgetter("subscriber.packages"), met, _packages, " or ".join(wanted))


def holds_none_of(audience: Audience, today: date | None) -> Ask | None:
    """None of these packages is active; packages that are unknown are a no."""
    unwanted = audience.holds_none_of
    if unwanted is None:
        return None

    def met(packages: frozenset[str] | None) -> bool:
        return packages is not None and packages.isdisjoint(unwanted)

    limit = f"none of {', '.join(unwanted)}"
    return Ask("holds_none_of", attrgetter("subscriber.packages"), met, _packages, limit)


def _packages(packages: frozenset[str] | None) -> str:
    return UNKNOWN if packages is None else ", ".join(sorted(packages)) or "none"


def months_on_network(audience: Audience, today: date | None) -> Ask | None:
    """Whole months since activation on this Vietnamese date."""
    least = audience.months_on_network
    if least is None:
        return None

    def months(facts: Facts) -> int | None:
        since = facts.subscriber.activated_on if facts.subscriber else None
        if since is None or today is None:
            return None
        return (today.year - since.year) * 12 + today.month - since.month - (today.day < since.day)

    return Ask("months_on_network", months, _within(least, None), _words, f"at least {least}")


_CONDITIONS: tuple[Callable[[Audience, date | None], Ask | None], ...] = (
    payment,
    device,
    status,
    vlr,
    region,
    segment,
    tariff,
    topup,
    balance,
    balance_below,
    holds,
    holds_none_of,
    months_on_network,
)


def asked(audience: Audience, today: date | None) -> tuple[Ask, ...]:
    """Every condition that the campaign file writes, in order, on this Vietnamese date."""
    written = (condition(audience, today) for condition in _CONDITIONS)
    return (*(ask for ask in written if ask is not None), *map(arpu, audience.arpu))


def conditions(
    audience: Audience, who: Subscriber, event: Event | None, today: date | None = None
) -> Iterator[Condition]:
    """What every condition that is written says of a subscriber."""
    known = Facts(who.number, who, event=event)
    return (ask.of(known) for ask in asked(audience, today))


def asks(audience: Audience) -> bool:
    """Whether the audience asks anything that only the subscribers base knows."""
    written = (getattr(audience, name) for name in type(audience).model_fields if name != "topup_at_least")
    return any(value not in (None, ()) for value in written)


def flagged(flags: frozenset[str] | None, excluded: Collection[str]) -> Condition | None:
    """O3, B1: subscribers with one of these flags are not contacted; flags that are unknown are a no."""
    if not excluded:
        return None
    limit = _none_of(frozenset(excluded))
    if flags is None:
        return Condition("exclude_flags", False, UNKNOWN, limit)
    found = ", ".join(sorted(flags.intersection(excluded)))
    return Condition("exclude_flags", not found, found or "none", limit)


@lru_cache(maxsize=256)
def _none_of(excluded: frozenset[str]) -> str:
    return f"none of {', '.join(sorted(excluded))}"
