"""Of millions of numbers, how many does each rule of a programme remove? The rules of core/rules.py over columns.

A rule that sees the same for everybody is asked once. One that looks at a text of the base is asked once for each
different text. What looks at a number's history is asked for each number that has one. Only amounts are compared
as arrays. So the rules themselves decide here too; tests/runtime/test_dry_run.py holds both to the same answers.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core import audience as who
from core import rules_of_law as legal
from core import rules_of_programme as own
from core.campaigns import Arpu, Audience, Channel
from core.facts import Event, Facts, Law, ListState, Programme, Subscriber, Touch
from core.offering import held_out
from core.question import Question
from core.rules import Rule, binding

Mask = NDArray[np.bool_]
Texts = Sequence[str | None]


@dataclass(frozen=True)
class People:
    """Who might be contacted, column by column, and what is known of them."""

    numbers: Sequence[str]  #: E.164; may be made as it is read
    in_base: Mask
    texts: Callable[[str], tuple[NDArray[Any], Texts]]  #: a column: places in its texts, 0 unknown; the texts
    amounts: Callable[[str], NDArray[Any]]  #: a column: amounts plus one, 0 unknown
    excluded: Mask
    do_not_call: ListState | None
    on_do_not_call: Mask  #: for this channel
    refused: Mask
    called_before: Mask
    history: Mapping[int, tuple[Touch, ...]] = field(default_factory=dict)  #: of those who have one
    paused: str | None = None
    event: Event | None = None


class Step(NamedTuple):
    """What one rule removes."""

    rule: str
    what: str  #: the rule in a word
    removed: int  #: of those whom the rules before left
    alone: int  #: of all
    left: int
    reason: str  #: of a no that concerns everybody


@dataclass(frozen=True)
class _Asked:
    people: People
    programme: Programme
    channel: Channel
    now: datetime
    law: Law

    def question(self, **known: Any) -> Question:
        """What a rule is asked about somebody of whom only this is known."""
        usual = Facts(
            "", None, do_not_call=self.people.do_not_call, paused=self.people.paused, event=self.people.event
        )
        class_ = self.programme.campaign.class_
        return Question(
            usual._replace(**known), self.programme, self.channel, class_, self.now, self.law, None
        )

    def by_text(self, column: str, says: Callable[[Subscriber], bool]) -> Mask:
        """Ask once for each different text of a column."""
        codes, texts = self.people.texts(column)
        met: Mask = np.fromiter((says(_known(column, text)) for text in texts), bool, len(texts))
        return np.asarray(met[codes], bool)


def _known(column: str, text: str | None) -> Subscriber:
    """A subscriber of whom one column is known."""
    value: Any = text
    if column in ("packages", "flags") and text is not None:
        value = frozenset(name for name in text.split(";") if name)
    if column == "activated_on" and text is not None:
        value = date.fromisoformat(text)
    return Subscriber("")._replace(**{column: value})


#: Key of the audience -> the column of texts that it looks at. The others: below.
_COLUMN = {
    "payment": "payment", "device": "device", "status": "status", "region": "region", "segment": "segment",
    "tariff": "tariff", "holds": "packages", "holds_none_of": "packages", "months_on_network": "activated_on",
}  # fmt: skip


def _audience(asked: _Asked) -> Mask:
    people, audience, today = asked.people, asked.programme.campaign.audience, asked.question().today
    met = np.ones(len(people.in_base), bool)
    for key in type(audience).model_fields:
        if (written := getattr(audience, key)) in (None, ()) or key == "exclude_flags":
            continue
        only = Audience().model_copy(update={key: written})

        def says(somebody: Subscriber, only: Audience = only) -> bool:
            return all(each.met for each in who.conditions(only, somebody, people.event, today))

        if key == "arpu":
            for wanted in written:
                met &= _arpu(people, wanted)
        elif key in ("balance_at_least", "balance_at_most"):
            balance = people.amounts("balance").astype(np.int64) - 1
            met &= (balance >= 0) & (balance >= written if key.endswith("least") else balance <= written)
        elif key == "balance_below":  # without an event, all whose balance is known
            balance, amount = people.amounts("balance").astype(np.int64) - 1, _amount(people)
            met &= (balance >= 0) & (amount is None or balance < amount)
        elif key == "vlr":
            known = np.array([says(Subscriber("")._replace(vlr=seen)) for seen in (None, False, True)])
            met &= known[people.amounts("vlr")]
        elif key == "topup_at_least":
            met &= says(Subscriber(""))
        else:
            met &= asked.by_text(_COLUMN[key], says)
    return np.where(people.in_base, met, own.audience(asked.question()).allowed)


def _amount(people: People) -> int | None:
    return people.event.amount if people.event else None


def _arpu(people: People, wanted: Arpu) -> Mask:
    kind = "" if wanted.of == "total" else f"_{wanted.of}"
    months = [people.amounts(f"arpu{kind}_{month + 1}") for month in range(wanted.months)]
    total = np.sum([month.astype(np.int64) - 1 for month in months], axis=0)
    met = np.all([month > 0 for month in months], axis=0)
    if wanted.at_least is not None:
        met &= total >= wanted.at_least * wanted.months
    if wanted.at_most is not None:
        met &= total <= wanted.at_most * wanted.months
    return np.asarray(met, bool)


def _excluded(asked: _Asked) -> Mask:
    flags = asked.by_text("flags", lambda somebody: own.excluded(asked.question(subscriber=somebody)).allowed)
    known = np.where(asked.people.in_base, flags, own.excluded(asked.question()).allowed)
    return np.asarray(known & ~asked.people.excluded, bool)


def _in_base(asked: _Asked) -> Mask:
    return asked.people.in_base | own.in_base(asked.question()).allowed


def _consent(asked: _Asked) -> Mask:
    codes, _ = asked.people.texts("consent")  # the evidence may be another for each; a text is never empty
    return np.asarray((codes > 0) & asked.people.in_base, bool)


def _hold_out(asked: _Asked) -> Mask:
    if not asked.programme.campaign.hold_out:
        return np.ones(len(asked.people.in_base), bool)
    held = (held_out(asked.programme, number) for number in asked.people.numbers)
    return ~np.fromiter(held, bool, len(asked.people.in_base))


def _by_history(check: Callable[[Question], Any]) -> Callable[[_Asked], Mask]:
    def mask(asked: _Asked) -> Mask:
        met = np.full(len(asked.people.in_base), check(asked.question()).allowed)
        for place, history in asked.people.history.items():
            met[place] = check(asked.question(history=history)).allowed
        return met

    return mask


def _of_two(
    check: Callable[[Question], Any], which: str, known: Callable[[_Asked], dict[str, Any]]
) -> Callable[[_Asked], Mask]:
    """A rule that asks whether somebody is on a list."""

    def mask(asked: _Asked) -> Mask:
        on_it, off_it = check(asked.question(**known(asked))).allowed, check(asked.question()).allowed
        return np.asarray(np.where(getattr(asked.people, which), on_it, off_it), bool)

    return mask


#: Rules that do not see the same for everybody.
_MASKS: dict[Callable[[Question], Any], Callable[[_Asked], Mask]] = {
    own.in_base: _in_base,
    own.audience: _audience,
    own.hold_out: _hold_out,
    own.excluded: _excluded,
    legal.consent: _consent,
    legal.refused: _of_two(legal.refused, "refused", lambda asked: {"refused_at": asked.now}),
    legal.do_not_call: _of_two(
        legal.do_not_call, "on_do_not_call", lambda asked: {"on_do_not_call": frozenset({asked.channel})}
    ),
    own.once: _of_two(own.once, "called_before", lambda asked: {"called_before": True}),
    legal.frequency: _by_history(legal.frequency),
    own.successful: _by_history(own.successful),
}
#: Rules that see the same for everybody.
UNIFORM = (
    legal.clock, own.enabled, own.paused, own.trigger, legal.class_, own.approved, own.fresh, legal.hours,
    legal.rest_day, legal.used_names,
)  # fmt: skip


def answers(
    people: People, programme: Programme, channel: Channel, now: datetime, law: Law
) -> Iterator[tuple[Rule, Mask, str]]:
    """Every rule that binds the programme, in order, with its answer for everybody; and the reason of a no to all.

    A rule that fails is a no to all (R15). Raises KeyError for a rule that this file does not know.
    """
    asked = _Asked(people, programme, channel, now, law)
    count = len(people.in_base)
    for rule in binding(channel, programme.campaign.class_):
        mask = None if rule.check in UNIFORM else _MASKS[rule.check]
        try:
            if mask is not None:
                yield rule, mask(asked), ""
                continue
            seen = rule.check(asked.question())
            yield rule, np.full(count, seen.allowed), seen.reason
        except Exception as error:
            yield (
                rule,
                np.zeros(count, bool),
                f"Rule {rule.id} could not be decided ({type(error).__name__}).",
            )


def funnel(
    people: People, programme: Programme, channel: Channel, now: datetime, law: Law
) -> tuple[list[Step], Mask]:
    """How many each rule removes, in order and alone, and who is left."""
    left = np.ones(len(people.in_base), bool)
    steps = []
    for rule, says, reason in answers(people, programme, channel, now, law):
        before = int(left.sum())
        left &= says
        after = int(left.sum())
        alone = len(says) - int(says.sum())
        steps.append(Step(rule.id, rule.check.__name__.strip("_"), before - after, alone, after, reason))
    return steps, left
