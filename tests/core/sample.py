"""A programme, a subscriber and the figures that every rule says yes to; tests change one thing."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from core.campaigns import Campaign, Channel, Class
from core.facts import Event, Facts, Grant, Law, ListState, Programme, Subscriber, Touch
from core.outcomes import Outcome
from core.packages import Catalogue, Package
from core.written import VIETNAM

NUMBER = "+84901234567"
#: A Monday.
TEN = datetime(2026, 11, 23, 10, tzinfo=VIETNAM)

LAW = Law(
    granted=(
        Grant("9090", None),
        Grant("8989", None),
        Grant("MOBIFONE.AI", date(2027, 5, 1)),
        Grant("090", None),
    )
)
CATALOGUE = Catalogue(
    packages={
        code: Package(kind="combo", price=90_000, days=30, allowance="4GB/ngày", syntax=f"DK {code}")
        for code in ("C90N", "FD50")
    }
)
_MESSAGES: dict[str, Any] = {
    "missed": {"sender": "8989", "text": "Quý khách vừa bỏ lỡ cuộc gọi về gói {{ offer.name }}."},
    "offer": {"sender": "8989", "text": "Quý khách vừa bỏ lỡ gói {{ offer.name }}."},
    "thanks": {"class": "transactional", "sender": "8989", "text": "Cám ơn đã đăng ký {{ offer.name }}."},
    "registered": {"class": "transactional", "sender": "9090"},
    "not_registered": {
        "class": "transactional",
        "sender": "8989",
        "text": "Chưa đăng ký được {{ offer.name }}.",
    },
}


def programme(**changes: Any) -> Programme:
    """An advertising programme after a top-up, every key of the campaign file open to change."""
    written = {
        "title": "Sau nạp tiền",
        "unit": "CTKV 1",
        "approval": {"by": "A", "on": date(2026, 10, 1), "reference": "1/QD"},
        "trigger": {"kind": "topup"},
        "caller_id": "9090",
        "offers": {"1": "C90N", "2": "FD50"},
        "script": (),
        "messages": _MESSAGES,
        **changes,
    }
    name = written.pop("name", "topup")
    return Programme(name, Campaign.model_validate(written, strict=False), "v1")


def notice(**changes: Any) -> Programme:
    """A public notice with its own windows (004)."""
    return programme(
        **{
            "name": "bluezone",
            "class": "public_notice",
            "approval": None,
            "signed_off": {"by": "B", "on": date(2026, 10, 1), "reference": "2/BYT"},
            "trigger": {"kind": "list"},
            "caller_id": "090",
            "windows": {"calls": ("10:00-12:00", "15:30-17:30")},
            "per_subscriber": "once",
            "offers": {},
            "messages": {"link": {"class": "public_notice", "sender": "MOBIFONE.AI", "text": "https://x.vn"}},
            **changes,
        }
    )


def subscriber(**changes: Any) -> Subscriber:
    known: dict[str, Any] = {
        "payment": "prepaid",
        "device": "smartphone",
        "status": "two_way",
        "vlr": True,
        "flags": frozenset(),
        "consent": "contract 12",
        **changes,
    }
    return Subscriber(NUMBER, **known)


def facts(now: datetime = TEN, **changes: Any) -> Facts:
    """What is known at `now`: a list in force, a fresh event."""
    usual = Facts(
        NUMBER,
        subscriber(),
        do_not_call=ListState(1, now - timedelta(hours=1), 1000, 1000),
        event=Event("e1", "topup", NUMBER, now - timedelta(seconds=5), 50_000),
    )
    return usual._replace(**changes)


def touch(
    at: datetime,
    kind: Channel = "voice",
    class_: Class = "advertising",
    programme: str = "topup",
    outcome: Outcome | None = Outcome.NO_ANSWER,
) -> Touch:
    return Touch(kind, class_, programme, at, outcome)


MONDAY = date(2026, 11, 23)


def at(text: str, day: date = MONDAY) -> datetime:
    """`"07:59:59"` of that Vietnamese day, as UTC: the rules must not depend on the zone they are handed."""
    return datetime.combine(day, datetime.strptime(text, "%H:%M:%S").time(), VIETNAM).astimezone(UTC)
