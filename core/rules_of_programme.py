"""What does the programme itself ask of a contact? One function per rule of O1-O20, B3, for core/rules.py."""

from datetime import timedelta

from core import audience as who
from core.facts import Programme
from core.offering import held_out
from core.outcomes import SUCCESSFUL, Outcome
from core.question import RECHECK, Question, Seen
from core.rules_of_law import cap


def enabled(q: Question) -> Seen:
    on = q.programme.campaign.enabled
    return Seen(on, "yes" if on else "no", "enabled", "" if on else "The programme is not enabled.")


_NO_TIME = timedelta(0)
# What is said of nearly everybody is made once; ten thousand numbers a second are asked about.
_NOT_PAUSED = Seen(True, "no", "not paused")
_IN_BASE = Seen(True, "in the base", "in the base")
_CONDITIONS_MET = Seen(True, "every condition met", "the audience")
_EACH_EVENT = Seen(True, "each event", "each event")
_NOT_CALLED = Seen(True, "not called yet", "once")


def paused(q: Question) -> Seen:
    by = q.facts.paused
    if by is None:
        return _NOT_PAUSED
    return Seen(False, f"paused by {by}", "not paused", f"Paused by {by}.", q.now + RECHECK)


def trigger(q: Question) -> Seen:
    """O1: a programme answers to the kind of event that its file names."""
    wanted, event = q.programme.campaign.trigger.kind, q.facts.event
    if event is None:
        return Seen(True, "no event", wanted)
    if event.kind == wanted:
        return q.same(_awaited)
    return Seen(
        False, event.kind, wanted, f"The event is a {event.kind}; the programme waits for a {wanted}."
    )


def _awaited(q: Question) -> Seen:
    wanted = q.programme.campaign.trigger.kind
    return Seen(True, wanted, wanted)


def _excluded_flags(q: Question) -> frozenset[str]:
    """The same for every number: for `Question.same`."""
    written = frozenset(q.programme.campaign.audience.exclude_flags)
    return written | q.law.always_excluded if q.class_ == "advertising" else written


def hold_out(q: Question) -> Seen:
    """A group that the programme does not contact, so that its effect can be seen: by a stable hash."""
    not_held = q.same(_not_held_out)
    if not q.programme.campaign.hold_out or not held_out(q.programme, q.facts.number):
        return not_held
    return Seen(
        False, "held out", not_held.limit,
        "The number belongs to the group that is not contacted, to compare.",
    )  # fmt: skip


def _not_held_out(q: Question) -> Seen:
    return Seen(True, "not held out", f"{q.programme.campaign.hold_out:g} % held out")


def in_base(q: Question) -> Seen:
    """O2: what must be known about a subscriber is only known of those in the base."""
    if q.facts.subscriber is not None:
        return _IN_BASE
    audience = q.programme.campaign.audience
    if q.class_ == "advertising" or who.asks(audience) or q.same(_excluded_flags):
        return Seen(False, "not in the base", "in the base", "The number is not in the subscribers base.")
    return Seen(True, "not in the base", "nothing asked of the base")


def audience(q: Question) -> Seen:
    """O2, O4: the conditions of the campaign file, the first that is not met."""
    facts = q.facts
    if facts.subscriber is None:
        audience = q.programme.campaign.audience
        asked = who.asks(audience) or audience.topup_at_least is not None
        return Seen(not asked, who.UNKNOWN, "the audience", "Nothing is known of the subscriber." * asked)
    for name, value, met, words, limit in q.same(_asked):
        if not met(value(facts)):
            seen = words(value(facts))
            reason = f"{name} is {seen}; the programme asks for {limit}."
            return Seen(False, f"{name}: {seen}", limit, reason)
    return _CONDITIONS_MET


def conditions_met(programme: Programme, seen: str) -> int:
    """How many conditions stand before the one that `audience` saw as not met."""
    names = [ask.name for ask in who.asked(programme.campaign.audience, None)]
    name = seen.partition(":")[0]
    return names.index(name) if name in names else 0


def _asked(q: Question) -> tuple[who.Ask, ...]:
    return who.asked(q.programme.campaign.audience, q.today)


def excluded(q: Question) -> Seen:
    """O3, B1: exclusion lists and flags (VIP, internal, duty …)."""
    if q.facts.excluded is not None:
        reason = f"On an exclusion list: {q.facts.excluded}."
        return Seen(False, q.facts.excluded, "on no exclusion list", reason)
    flags, unwanted = q.facts.subscriber.flags if q.facts.subscriber else None, q.same(_excluded_flags)
    if flags is not None and flags.isdisjoint(unwanted):
        return q.same(_not_flagged)
    found = who.flagged(flags, unwanted)
    if found is None or found.met:
        return Seen(True, "none", found.limit if found else "on no exclusion list")
    what = "The subscriber's flags are unknown" if found.seen == who.UNKNOWN else f"Flagged {found.seen}"
    return Seen(False, found.seen, found.limit, f"{what}; the programme excludes some.")


def _not_flagged(q: Question) -> Seen:
    found = who.flagged(frozenset(), _excluded_flags(q))
    return Seen(True, "none", found.limit if found else "on no exclusion list")


def approved(q: Question) -> Seen:
    """O5: audience and offers carry an approval, unless the unit is exempt (O18)."""
    campaign = q.programme.campaign
    if campaign.approval is not None:
        return Seen(True, campaign.approval.reference, "an approval")
    if campaign.unit in q.law.approval_exempt_units:
        return Seen(True, f"unit {campaign.unit} is exempt", "an approval")
    return Seen(False, "none", "an approval", "The programme carries no approval of its audience and offers.")


def fresh(q: Question) -> Seen:
    """O20: a trigger older than its freshness limit is dropped."""
    event, limit = q.facts.event, q.programme.campaign.trigger.fresh_for
    most = q.same(_oldest)
    if event is None or event.kind == "list":
        return Seen(True, "no event", most)
    age = q.now - event.at
    seen = f"{age.total_seconds():g} s old"
    if age > limit:
        return Seen(False, seen, most, f"The event is {_seconds(age)} old; it may be {limit} old.")
    if age < _NO_TIME and -age > timedelta(seconds=q.law.clock_doubt_s):
        return Seen(False, seen, most, f"The event is {_seconds(-age)} in the future: a clock is wrong.")
    return Seen(True, seen, most)


def _seconds(age: timedelta) -> timedelta:
    """For people."""
    return timedelta(seconds=int(age.total_seconds()))


def _oldest(q: Question) -> str:
    return f"{q.programme.campaign.trigger.fresh_for.total_seconds():g} s old"


def successful(q: Question) -> Seen:
    """O7: successful calls of this programme; one that still runs or whose fate is unknown counts."""
    name = q.programme.name
    counted = [
        t
        for t in q.facts.history
        if t.kind == "voice"
        and t.programme == name
        and (t.outcome is None or t.outcome is Outcome.UNKNOWN or t.outcome in SUCCESSFUL)
    ]
    return cap(q, q.programme.campaign.max_calls_per_24h, counted, "successful calls of this programme")


def once(q: Question) -> Seen:
    """B3: one call per subscriber, where the programme says so."""
    if q.programme.campaign.per_subscriber == "each_event":
        return _EACH_EVENT
    if q.facts.called_before:
        return Seen(
            False, "called before", "once", "The programme calls each subscriber once; this one was called."
        )
    return _NOT_CALLED
