"""What does the programme itself ask of a contact? One function per rule of O1-O20, B3, for core/rules.py."""

from datetime import timedelta

from core import audience as who
from core.offering import held_out
from core.outcomes import SUCCESSFUL, Outcome
from core.question import RECHECK, Question, Seen
from core.rules_of_law import cap


def enabled(q: Question) -> Seen:
    on = q.programme.campaign.enabled
    return Seen(on, "yes" if on else "no", "enabled", "" if on else "The programme is not enabled.")


def paused(q: Question) -> Seen:
    by = q.facts.paused
    if by is None:
        return Seen(True, "no", "not paused")
    return Seen(False, f"paused by {by}", "not paused", f"Paused by {by}.", q.now + RECHECK)


def trigger(q: Question) -> Seen:
    """O1: a programme answers to the kind of event that its file names."""
    wanted, event = q.programme.campaign.trigger.kind, q.facts.event
    if event is None or event.kind == wanted:
        return Seen(True, event.kind if event else "no event", wanted)
    return Seen(
        False, event.kind, wanted, f"The event is a {event.kind}; the programme waits for a {wanted}."
    )


def _excluded_flags(q: Question) -> frozenset[str]:
    written = frozenset(q.programme.campaign.audience.exclude_flags)
    return written | q.law.always_excluded if q.class_ == "advertising" else written


def hold_out(q: Question) -> Seen:
    """A group that the programme does not contact, so that its effect can be seen: by a stable hash."""
    percent = q.programme.campaign.hold_out
    limit = f"{percent:g} % held out"
    if not held_out(q.programme, q.facts.number):
        return Seen(True, "not held out", limit)
    return Seen(
        False, "held out", limit, "The number belongs to the group that is not contacted, to compare."
    )


def in_base(q: Question) -> Seen:
    """O2: what must be known about a subscriber is only known of those in the base."""
    if q.facts.subscriber is not None:
        return Seen(True, "in the base", "in the base")
    audience = q.programme.campaign.audience
    if q.class_ == "advertising" or who.asks(audience) or _excluded_flags(q):
        return Seen(False, "not in the base", "in the base", "The number is not in the subscribers base.")
    return Seen(True, "not in the base", "nothing asked of the base")


def audience(q: Question) -> Seen:
    """O2, O4: the conditions of the campaign file, the first that is not met."""
    audience, subscriber = q.programme.campaign.audience, q.facts.subscriber
    if subscriber is None:
        asked = who.asks(audience) or audience.topup_at_least is not None
        return Seen(not asked, who.UNKNOWN, "the audience", "Nothing is known of the subscriber." * asked)
    for condition in who.conditions(audience, subscriber, q.facts.event, q.today):
        if not condition.met:
            reason = f"{condition.name} is {condition.seen}; the programme asks for {condition.limit}."
            return Seen(False, f"{condition.name}: {condition.seen}", condition.limit, reason)
    return Seen(True, "every condition met", "the audience")


def excluded(q: Question) -> Seen:
    """O3, B1: exclusion lists and flags (VIP, internal, duty …)."""
    if q.facts.excluded is not None:
        reason = f"On an exclusion list: {q.facts.excluded}."
        return Seen(False, q.facts.excluded, "on no exclusion list", reason)
    subscriber = q.facts.subscriber
    found = who.flagged(subscriber.flags if subscriber else None, _excluded_flags(q))
    if found is None or found.met:
        return Seen(True, "none", found.limit if found else "on no exclusion list")
    what = "The subscriber's flags are unknown" if found.seen == who.UNKNOWN else f"Flagged {found.seen}"
    return Seen(False, found.seen, found.limit, f"{what}; the programme excludes some.")


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
    most = f"{limit.total_seconds():g} s old"
    if event is None or event.kind == "list":
        return Seen(True, "no event", most)
    age = q.now - event.at
    seen = f"{age.total_seconds():g} s old"
    if age > limit:
        return Seen(False, seen, most, f"The event is {age} old; it may be {limit} old.")
    if -age > timedelta(seconds=q.law.clock_doubt_s):
        return Seen(False, seen, most, f"The event is {-age} in the future: a clock is wrong.")
    return Seen(True, seen, most)


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
        return Seen(True, "each event", "each event")
    if q.facts.called_before:
        return Seen(
            False, "called before", "once", "The programme calls each subscriber once; this one was called."
        )
    return Seen(True, "not called yet", "once")
