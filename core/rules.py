"""May this number be contacted now, and if not, which rule says no? (rules.md)

One function per rule, one table, one gate. The dialer, explain and the dry-run ask the same list. A rule that
fails, a value that is not known and a doubt about the clock are a no (R15), with the reason.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from core import rules_of_law as legal
from core import rules_of_programme as own
from core.campaigns import Channel, Class
from core.facts import Facts, Law, Programme
from core.question import CLASSES, Question, Seen, counts_as

#: What is said of a trigger that no programme takes up (DESIGN.md §5).
Fate = Literal["refused_by_rule", "stale", "out_of_window", "unknown_number"]


class Verdict(NamedTuple):
    """What one rule answered."""

    rule: str
    allowed: bool
    seen: str
    limit: str
    reason: str  #: of a no, one sentence; of a yes empty
    version: str  #: of the programme and of the figures
    fate: Fate
    again: datetime | None = None  #: of a no that may end by itself: not before this moment


class Answer(NamedTuple):
    """Yes, or no with every rule that was asked."""

    allowed: bool
    verdicts: tuple[Verdict, ...]

    @property
    def no(self) -> Verdict | None:
        """The first rule that said no."""
        return next((verdict for verdict in self.verdicts if not verdict.allowed), None)


@dataclass(frozen=True, slots=True)
class Rule:
    """A line of the table: which classes a rule binds on which channel, and what a no makes of a trigger.

    alike: it does not look at the facts of a number, so it says the same of every number of a batch.
    """

    id: str
    check: Callable[[Question], Seen]
    voice: frozenset[str]
    sms: frozenset[str]
    fate: Fate = "refused_by_rule"
    alike: bool = False


_ALL = CLASSES
_NONE: frozenset[str] = frozenset()
_ADV = frozenset({"advertising"})
_ADV_CARE = frozenset({"advertising", "care"})
_ADV_NOTICE = frozenset({"advertising", "public_notice"})
_NOT_TRANSACTIONAL = CLASSES - {"transactional"}

#: Which rule binds which class (rules.md, the paragraph of that name), in the order in which they are asked:
#: first what makes a programme the wrong one for a subscriber, then the hour, then what needs the history.
#: The paragraph is about R1-R16; conditions that a unit writes itself (O, B) bind whatever it calls for.
RULES: tuple[Rule, ...] = (
    Rule("R16", legal.clock, voice=_ALL, sms=_ALL, alike=True),
    Rule("enabled", own.enabled, voice=_ALL, sms=_NONE, alike=True),
    Rule("pause", own.paused, voice=_ALL, sms=_ADV),
    Rule("O1", own.trigger, voice=_NOT_TRANSACTIONAL, sms=_NONE),
    Rule("O2", own.in_base, voice=_NOT_TRANSACTIONAL, sms=_NONE, fate="unknown_number"),
    Rule("O2", own.audience, voice=_NOT_TRANSACTIONAL, sms=_NONE),
    Rule("hold_out", own.hold_out, voice=_NOT_TRANSACTIONAL, sms=_NONE),
    Rule("O3", own.excluded, voice=_NOT_TRANSACTIONAL, sms=_ADV_NOTICE),
    Rule("R1", legal.class_, voice=_ALL, sms=_ALL, alike=True),
    Rule("O5", own.approved, voice=_ADV, sms=_ADV, alike=True),
    Rule("O20", own.fresh, voice=_NOT_TRANSACTIONAL, sms=_NONE, fate="stale"),
    Rule(
        "R8", legal.hours, voice=_NOT_TRANSACTIONAL, sms=_NOT_TRANSACTIONAL, fate="out_of_window", alike=True
    ),
    Rule("R9", legal.rest_day, voice=_ADV_NOTICE, sms=_ADV_NOTICE, fate="out_of_window", alike=True),
    Rule("R10", legal.used_names, voice=_ALL, sms=_ALL, alike=True),
    Rule("R6", legal.refused, voice=_ADV, sms=_ADV),
    Rule("R3", legal.consent, voice=_ADV, sms=_ADV),
    Rule("R2", legal.do_not_call, voice=_ADV, sms=_ADV),
    Rule("R7", legal.frequency, voice=_ADV_CARE, sms=_ADV_CARE),
    Rule("O7", own.successful, voice=_NOT_TRANSACTIONAL, sms=_NONE),
    Rule("B3", own.once, voice=_NOT_TRANSACTIONAL, sms=_NONE),
)
_DIGITS = re.compile(r"\+?[0-9]{7,}")


def binding(channel: Channel, class_: str) -> tuple[Rule, ...]:
    """The rules that bind this class on this channel, in order; an unknown class is advertising (R1)."""
    return _BINDING[channel, counts_as(class_)]


_BINDING: dict[tuple[str, str], tuple[Rule, ...]] = {
    (channel, class_): tuple(
        rule for rule in RULES if class_ in (rule.voice if channel == "voice" else rule.sms)
    )
    for channel in ("voice", "sms")
    for class_ in CLASSES
}


def may_contact(
    facts: Facts,
    programme: Programme,
    channel: Channel,
    class_: Class,
    now: datetime,
    law: Law,
    *,
    sender: str | None = None,
    first_no: bool = False,
) -> Answer:
    """Whether this number may be called or texted at `now`: yes, or no with every rule that said no.

    `now` is aware. `sender`: who an SMS is from; without it every sender of the programme must be granted.
    first_no: stop at the first no. A call has its programme's class; asked as another, it is advertising.
    """
    return Gate(programme, channel, class_, now, law, sender=sender).answer(facts, first_no=first_no)


class Gate:
    """`may_contact` for one number after the other: what a rule says whoever is asked about, it says once."""

    def __init__(
        self,
        programme: Programme,
        channel: Channel,
        class_: Class,
        now: datetime,
        law: Law,
        *,
        sender: str | None = None,
    ) -> None:
        bound = counts_as(class_)
        if channel == "voice" and bound != programme.campaign.class_:
            bound = "advertising"
        law = law.at(now)  # the figures of that day
        self._question = Question(Facts("", None), programme, channel, bound, now, law, sender)
        self._version = f"{programme.version} {law.version}"
        self._rules = _BINDING[channel, bound]
        #: What each rule said last: the same words make the same verdict.
        self._said: list[tuple[Seen, Verdict] | None] = [None] * len(self._rules)

    def answer(self, facts: Facts, *, first_no: bool = False) -> Answer:
        """Whether this number may be contacted; arguments as of `may_contact`."""
        question, version, said = self._question, self._version, self._said
        question.facts = facts
        verdicts = []
        allowed = True
        for place, rule in enumerate(self._rules):
            last = said[place]
            try:
                if last is None or not rule.alike:
                    seen = rule.check(question)
                    if last is None or seen is not last[0]:
                        yes, value, limit, reason, again = seen
                        verdict = Verdict(rule.id, yes, value, limit, reason, version, rule.fate, again)
                        last = said[place] = seen, verdict
                verdict = last[1]
            except Exception as error:  # R15: whatever goes wrong in a rule is a no, and the log says what
                verdict = _failed(rule, error, question, version)
            verdicts.append(verdict)
            if not verdict.allowed:
                allowed = False
                if first_no:
                    break
        return Answer(allowed, tuple(verdicts))


def _failed(rule: Rule, error: Exception, question: Question, version: str) -> Verdict:
    what = _DIGITS.sub("…", f"{type(error).__name__}: {error}")
    reason = f"Rule {rule.id} could not be decided ({what}): no contact."
    return Verdict("R15", False, what, "no error", reason, version, "refused_by_rule", question.recheck)


def fate(answer: Answer) -> Fate:
    """The word for a trigger that was refused with this answer: that of the first rule that said no."""
    return answer.no.fate if answer.no else "refused_by_rule"


def nearest(answers: Iterable[tuple[Programme, Answer]]) -> tuple[Programme, Answer] | None:
    """Of programmes that all refused to call a number, the one that came furthest: its no is what people look for.

    Furthest in the table of rules, then in its audience: low revenue on the right phone is nearer than the wrong phone.
    """
    return max(answers, key=lambda pair: _passed(*pair), default=None)


def _passed(programme: Programme, answer: Answer) -> tuple[int, int]:
    """The place of the first no in the table, and how many conditions of the audience were met before it."""
    place = next((i for i, verdict in enumerate(answer.verdicts) if not verdict.allowed), None)
    if place is None:
        return len(RULES), 0
    rule = binding("voice", programme.campaign.class_)[place]
    met = own.conditions_met(programme, answer.verdicts[place].seen) if rule.check is own.audience else 0
    return RULES.index(rule), met
