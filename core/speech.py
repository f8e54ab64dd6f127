"""What exactly is said to this subscriber, in pieces that were recorded beforehand?

A text of a campaign is a Jinja2 template over `offer` (the key's own package), `subscriber` and `event`.
Offers are known when the campaign is loaded; the fields of the subscriber and the event only at the call.
So a text becomes parts: fixed ones, rendered per offer at load, and blanks, whose values are spoken from
number pieces. At load and at the call the same function splits the text, so what is played is always among
what was made. Nothing is synthesised while a call is up.

A spoken text may not use `offers`: an offer that is not eligible for a subscriber could not be left out.
It may use a blank as a plain value only: a text that changed with it could not be made beforehand.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from functools import lru_cache
from typing import Any, NoReturn

from jinja2 import TemplateRuntimeError

from core.campaigns import Campaign
from core.facts import Event, Subscriber
from core.numbers import national
from core.offering import every_package
from core.packages import Catalogue
from core.script import Script, texts
from core.templates import BadTemplate, Offer, dong, offer_of, render
from core.written import VIETNAM


@dataclass(frozen=True)
class Line:
    """One thing to say: as a person reads it, and the pieces (written text each) whose files are played."""

    written: str
    pieces: tuple[str, ...]


@dataclass(frozen=True)
class _Kind:
    """How a blank is filled: as a person reads it, the pieces of a value, all pieces it may ever need."""

    written: Callable[[Any], str]
    pieces: Callable[[Any], tuple[str, ...]]
    all_pieces: tuple[str, ...]


@dataclass(frozen=True)
class _Blank:
    """A value that is known only at the call: `event.amount`."""

    path: str
    kind: _Kind


def _number(amount: int) -> tuple[str, ...]:
    """1005000 -> 1, triệu, không trăm lẻ, 5, nghìn. Any integer."""
    if amount < 0:
        return ("âm", *_number(-amount))
    if amount < 1000:
        return (str(amount),)
    for size, name in ((10**9, "tỷ"), (10**6, "triệu"), (10**3, "nghìn")):
        if amount >= size:
            rest = _after(amount % size)
            return (*_number(amount // size), name, *rest)
    raise AssertionError(amount)


def _after(rest: int) -> tuple[str, ...]:
    """What follows a larger unit: its first group of three is read in full, 5 as "không trăm lẻ năm"."""
    if rest == 0:
        return ()
    first = rest
    while first >= 1000:
        first //= 1000
    if first < 10:
        return ("không trăm lẻ", *_number(rest))
    if first < 100:
        return ("không trăm", *_number(rest))
    return _number(rest)


_ALL_NUMBERS = (
    *(str(number) for number in range(1000)),
    *("âm", "nghìn", "triệu", "tỷ", "không trăm", "không trăm lẻ"),
)


def _day(value: date) -> date:
    """A moment is spoken as its day in Vietnam (R16)."""
    return value.astimezone(VIETNAM).date() if isinstance(value, datetime) else value


def _date_pieces(value: date) -> tuple[str, ...]:
    day = _day(value)
    return (_DAYS[day.day - 1], f"tháng {day.month}", "năm", *_number(day.year))


_DAYS = tuple(f"ngày mùng {day}" if day <= 10 else f"ngày {day}" for day in range(1, 32))

_MONEY = _Kind(dong, lambda amount: (*_number(amount), "đồng"), (*_ALL_NUMBERS, "đồng"))
_COUNT = _Kind(str, _number, _ALL_NUMBERS)
_DIGITS = _Kind(national, lambda number: tuple(national(number)), tuple("0123456789"))
_DATE = _Kind(
    lambda value: f"{_day(value):%d/%m/%Y}",
    _date_pieces,
    (*_DAYS, *(f"tháng {month}" for month in range(1, 13)), "năm", *_ALL_NUMBERS),
)
#: The fields that can be spoken, and how. Free text (tariff, region…) cannot be made beforehand.
_KINDS = {
    "event.amount": _COUNT,
    "event.number": _DIGITS,
    "event.at": _DATE,
    "subscriber.number": _DIGITS,
    "subscriber.balance": _COUNT,
    "subscriber.activated_on": _DATE,
}

#: A blank in a rendered text; characters of the private use area, which nobody types. A đ after it: `| dong`.
_MARK = re.compile("\ue000([^\ue001]*)\ue001(đ(?!\\w))?")
_PAUSES = ".,;:!?…()\"' –-"


class _Field:
    """Stands in a template for a field not known yet: renders as a mark and is good for nothing else."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __str__(self) -> str:
        return f"\ue000{self._path}\ue001"

    def __format__(self, spec: str) -> str:
        return str(self)

    def _refuse(self, *_: object) -> NoReturn:
        raise TemplateRuntimeError(
            f"a spoken text may not depend on {self._path}: only write it, as {{{{ {self._path} }}}}"
        )

    __bool__ = __len__ = __iter__ = _refuse
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse
    __add__ = __radd__ = __sub__ = __rsub__ = _refuse
    __hash__ = None  # type: ignore[assignment]


class _Source:
    """Stands in a template for the subscriber or the event."""

    def __init__(self, name: str, names: list[str]) -> None:
        self._name = name
        self._names = names

    def __getattr__(self, name: str) -> _Field:
        if name.startswith("_"):
            raise AttributeError(name)
        if name not in self._names:
            raise TemplateRuntimeError(f"{self._name} has no {name!r}: it has {', '.join(self._names)}")
        return _Field(f"{self._name}.{name}")

    def __str__(self) -> str:
        raise TemplateRuntimeError(f"{self._name} as a whole cannot be spoken: name a field")


_SOURCES = {
    "subscriber": _Source("subscriber", list(Subscriber._fields)),
    "event": _Source("event", [field.name for field in fields(Event)]),
}


@lru_cache(maxsize=4096)
def _parts(text: str, offer: Offer | None) -> tuple[str | _Blank, ...]:
    """Split a text at its blanks. Raises BadTemplate saying what cannot be spoken."""
    values: dict[str, Any] = dict(_SOURCES)
    if offer is not None:
        values["offer"] = offer
    try:
        rendered = render(text, values)
    except BadTemplate as error:
        if "'offers' is undefined" in str(error):
            raise BadTemplate(
                "a spoken text may use `offer`, under the key that names it, not `offers`"
            ) from error
        raise
    except (TypeError, ArithmeticError) as error:  # "a" + 1
        raise BadTemplate(f"a spoken text cannot compute that: {error}") from error
    parts: list[str | _Blank] = []
    end = 0
    for mark in _MARK.finditer(rendered):
        parts += [rendered[end : mark.start()], _blank(mark[1], money=mark[2] is not None)]
        end = mark.end()
    return (*parts, rendered[end:])


def _blank(path: str, *, money: bool) -> _Blank:
    kind = _KINDS.get(path)
    if kind is None:
        raise BadTemplate(f"{path} cannot be spoken: only {', '.join(sorted(_KINDS))} can")
    if money and kind is not _COUNT:
        raise BadTemplate(f"{path} is not an amount of money")
    return _Blank(path, _MONEY if money else kind)


def _fixed(part: str) -> tuple[str, ...]:
    """The piece of a fixed part: none when only punctuation stands between two blanks."""
    bare = part.strip()
    if not bare.strip(_PAUSES):
        return ()
    return (bare.lstrip(".,;:!?…) "),)


@dataclass(frozen=True)
class Speech:
    """What is said in one call: the eligible offers (key -> package code), and `subscriber` and `event`."""

    catalogue: Catalogue
    offers: Mapping[str, str]
    values: Mapping[str, Subscriber | Event | None] = field(default_factory=dict)

    def line(self, text: str, offer_key: str | None = None) -> Line:
        """The text for this subscriber; every piece is among `pieces_to_make` of its campaign.

        offer_key: the offer it is about. Raises BadTemplate where that offer is not eligible or a value that
        the text names is not known: ask `unknown` before the call.
        """
        written, pieces = "", list[str]()
        for part in self._parts(text, offer_key):
            if isinstance(part, str):
                written += part
                pieces += _fixed(part)
                continue
            value = self._value(part)
            if value is None:
                raise BadTemplate(f"{part.path} is not known, and the text says it: {text!r}")
            written += part.kind.written(value)
            pieces += part.kind.pieces(value)
        return Line(written, tuple(pieces))

    def unknown(self, script: Script) -> tuple[str, ...]:
        """The fields that this script would say and that are not known of this subscriber: no call then."""
        missing = {
            part.path: None
            for text, key in texts(script)
            if key is None or key in self.offers
            for part in self._parts(text, key)
            if isinstance(part, _Blank) and self._value(part) is None
        }
        return tuple(missing)

    def _parts(self, text: str, offer_key: str | None) -> tuple[str | _Blank, ...]:
        if offer_key is not None and offer_key not in self.offers:
            raise BadTemplate(
                f"offer {offer_key!r} is not one of this call's: {', '.join(self.offers) or 'none'}"
            )
        return _parts(text, _offer(offer_key, self.offers, self.catalogue))

    def _value(self, blank: _Blank) -> Any:
        source, _, name = blank.path.partition(".")
        return getattr(self.values.get(source), name, None)


def _offer(key: str | None, offers: Mapping[str, str], catalogue: Catalogue) -> Offer | None:
    return None if key is None else offer_of(offers[key], catalogue.packages[offers[key]])


def pieces_to_make(campaign: Campaign, catalogue: Catalogue) -> tuple[str, ...]:
    """Every piece that the script of this campaign may ever play, each once, in the order of the script.

    Raises BadTemplate for a text that cannot be spoken. `campaign.offers` and its packages must be known.
    """
    pieces = dict.fromkeys(_pieces_to_make(campaign, catalogue))
    return tuple(pieces)


def _pieces_to_make(campaign: Campaign, catalogue: Catalogue) -> Iterator[str]:
    every = every_package(campaign)
    for text, key in texts(campaign.script):
        if key is not None and key not in every:
            raise BadTemplate(f"{key!r} is not an offer: one of {', '.join(campaign.offers) or '(none)'}")
        for code in [None] if key is None else every[key]:
            offer = None if code is None else offer_of(code, catalogue.packages[code])
            for part in _parts(text, offer):
                yield from _fixed(part) if isinstance(part, str) else part.kind.all_pieces
