"""Which packages is this subscriber offered? By segment and share, by priority, and only what makes sense (O5, O10).

The script speaks of keys ("1", "2"); here each key gets its package: that of the first line of `offers_for` that
fits the subscriber, else that of `offers`; where it is not for them, the next of `otherwise`; none: no key.
"""

from collections.abc import Iterator
from datetime import date
from hashlib import blake2s

from core.campaigns import Campaign, OffersFor
from core.facts import Event, Facts, Programme, Subscriber
from core.packages import Catalogue, Package
from core.triggers import KINDS

_BUCKETS = 10_000  #: a hundredth of a percent


def bucket(salt: str, number: str) -> float:
    """Where a number stands in [0, 100): always the same, spread evenly, and another for another salt."""
    digest = blake2s(f"{salt}\0{number}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % _BUCKETS / (_BUCKETS / 100)


def held_out(programme: Programme, number: str) -> bool:
    """Whether the number belongs to the group that the programme does not contact, to be compared with."""
    return bucket(f"{programme.name}:hold_out", number) < programme.campaign.hold_out


def offers_of(programme: Programme, catalogue: Catalogue, known: Facts, today: date) -> dict[str, str]:
    """The offers (key -> package code) for a subscriber, in the order of the file. None left: no call.

    Left out: what is not on sale today (a Vietnamese date), what the subscriber has, what another key offers,
    and, where the file asks for it, what costs more than is within reach.
    """
    who, campaign = known.subscriber, programme.campaign
    held = (who.packages if who else None) or frozenset()
    most = within_reach(who, known.event) if campaign.within_balance else None
    chosen: dict[str, str] = {}
    for key, codes in candidates(programme, known.number, who).items():
        for code in codes:
            package = catalogue.packages.get(code)
            free = code not in held and code not in chosen.values()
            if (
                package is not None
                and free
                and sold(package, today)
                and (most is None or package.price <= most)
            ):
                chosen[key] = code
                break
    return chosen


def sold(package: Package, today: date) -> bool:
    """Whether the package is on sale on this Vietnamese date."""
    begun = package.valid_from is None or package.valid_from <= today
    return begun and (package.valid_to is None or today <= package.valid_to)


def within_reach(who: Subscriber | None, event: Event | None) -> int:
    """What the subscriber can pay, in đồng, as far as it is known: the balance of the base, and the event's.

    A top-up is added to the balance of the base, which is older; a balance that the event tells replaces it.
    """
    balance = (who.balance if who else None) or 0
    if event is None or event.amount is None:
        return balance
    reach = KINDS[event.kind].reach
    if reach == "balance":
        return event.amount
    return balance + event.amount if reach == "added" else balance


def candidates(programme: Programme, number: str, who: Subscriber | None) -> dict[str, tuple[str, ...]]:
    """For each key the packages that may stand there, the first choice first."""
    campaign = programme.campaign
    fits = next((line for line in _lines(programme, number) if _fits(line, who)), None)
    special = fits.offers if fits else {}
    return {
        key: tuple(dict.fromkeys((special.get(key, code), *campaign.otherwise.get(key, ()))))
        for key, code in campaign.offers.items()
    }


def _fits(line: OffersFor, who: Subscriber | None) -> bool:
    return line.segment is None or (who is not None and who.segment in line.segment)


def _lines(programme: Programme, number: str) -> Iterator[OffersFor]:
    """The lines whose share the number falls into: those of the same segments share the hundred percent."""
    place = bucket(f"{programme.name}:offers", number)
    taken: dict[tuple[str, ...] | None, int] = {}
    for line in programme.campaign.offers_for:
        start = taken.get(line.segment, 0)
        taken[line.segment] = start + line.share
        if start <= place < start + line.share:
            yield line


def every_package(campaign: Campaign) -> dict[str, tuple[str, ...]]:
    """For each key every package that it may ever offer: what prompts are made of."""
    return {
        key: tuple(
            dict.fromkeys(
                (
                    code,
                    *(line.offers[key] for line in campaign.offers_for if key in line.offers),
                    *campaign.otherwise.get(key, ()),
                )
            )
        )
        for key, code in campaign.offers.items()
    }
