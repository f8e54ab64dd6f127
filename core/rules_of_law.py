"""What does the law ask of a contact? One function per rule R1-R10, R16 (rules.md), for core/rules.py."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from functools import lru_cache

from core.calendar import closed
from core.campaigns import DAY, Channel, Class
from core.facts import Grant, Law, ListState, Programme, Touch
from core.question import Question, Seen, counts_as
from core.windows import Windows, clipped, next_allowed, spans_and_words
from core.written import VIETNAM

# What is said of nearly everybody is made once; ten thousand numbers a second are asked about.
_NOT_LISTED = Seen(True, "not listed", "not listed")
_NEVER_REFUSED = Seen(True, "never refused", "never refused")

#: R10: how long before its end a grant is warned of.
GRANT_WARNING = timedelta(days=30)
_NO_TIME = timedelta(0)
_hours = lru_cache(maxsize=64)(lambda hours: timedelta(hours=hours))


def clock(q: Question) -> Seen:
    """R16: decisions are made on an aware moment."""
    if q.now.tzinfo is None:
        return Seen(False, "no time zone", "an aware moment", "The clock gave a time without its zone.")
    return Seen(True, "aware", "an aware moment")


def class_(q: Question) -> Seen:
    """R1: a public notice names who signed it off."""
    signed = q.programme.campaign.signed_off
    if q.class_ != "public_notice":
        return Seen(True, q.class_, "a class")
    if signed is None:
        reason = "A public notice needs the name of who signed it off."
        return Seen(False, "not signed off", "signed off", reason)
    return Seen(True, f"signed off by {signed.by}", "signed off")


def windows_of(programme: Programme, channel: Channel, class_: Class, law: Law) -> Windows:
    """R8: a programme's windows inside the law's; a signed-off public notice has its own."""
    written = programme.campaign.windows
    own = written.calls if channel == "voice" else written.messages
    if class_ == "public_notice":
        return own
    return clipped(own, law.call_window if channel == "voice" else law.sms_window)


def margin_of(channel: Channel, law: Law) -> timedelta:
    """R8: a call is not dialled when it could still ring at the window's end."""
    return timedelta(seconds=law.ring_s) if channel == "voice" else timedelta(0)


def _next_moment(q: Question, start: datetime) -> datetime | None:
    return next_allowed(
        windows_of(q.programme, q.channel, q.class_, q.law),
        start,
        margin=margin_of(q.channel, q.law),
        rest_days=q.class_ != "care",
        extra_days=q.law.extra_tet_days,
    )


def hours(q: Question) -> Seen:
    """R8, O8: hours of calls and messages; the last moment to dial is its end less the ring limit."""
    windows, local = windows_of(q.programme, q.channel, q.class_, q.law), q.now.astimezone(VIETNAM)
    spans, limit = spans_and_words(windows, local.date())
    moment = local.time().isoformat("seconds")
    end = next((end for start, end in spans if start <= q.now < end), None)
    if end is None:
        when = moment if spans else f"{local:%A} {moment}"
        return Seen(False, moment, limit, f"{when} is outside {limit}.", _next_moment(q, q.now))
    if q.now >= end - margin_of(q.channel, q.law):
        again = _next_moment(q, q.now)
        when = f" Again from {again.astimezone(VIETNAM):%d/%m %H:%M}." if again else ""
        reason = (
            f"{moment} is too late: a call may ring {q.law.ring_s} s, and {limit} must not be left.{when}"
        )
        return Seen(False, moment, limit, reason, again)
    return Seen(True, moment, limit)


def rest_day(q: Question) -> Seen:
    """R9: Tết day 1 and 2, and extra days."""
    today = q.today
    why = closed(today, q.law.extra_tet_days)
    if why is None:
        return Seen(True, today.isoformat(), "no day of rest")
    reason = f"{today} is {why}: nothing goes out."
    return Seen(False, why, "no day of rest", reason, _next_moment(q, q.now))


def used_names(q: Question) -> Seen:
    """R10, O6: only a granted caller id or sender, until its grant ends (that day included)."""
    campaign = q.programme.campaign
    if q.sender is not None:
        used = {q.sender}
    elif q.channel == "voice":
        used = {campaign.caller_id}
    else:
        used = {message.sender for message in campaign.messages.values()}
    return granted(used, q.law, q.today)


def granted(used: Iterable[str], law: Law, today: date) -> Seen:
    """R10 for these caller ids or senders on this Vietnamese date."""
    names = sorted(used)
    for name in names:
        grant = next((grant for grant in law.granted if grant.name == name), None)
        if grant is None:
            return Seen(False, name, "granted", f"{name} is not a granted caller id or sender.")
        if grant.until is not None and today > grant.until:
            return Seen(False, name, f"until {grant.until}", f"The grant of {name} ended on {grant.until}.")
    return Seen(True, ", ".join(names), "granted")


def grants_ending(law: Law, today: date) -> tuple[Grant, ...]:
    """R10: the grants to warn of: ended, or 30 days or less before their end."""
    return tuple(g for g in law.granted if g.until is not None and today >= g.until - GRANT_WARNING)


def list_trouble(state: ListState | None, now: datetime, law: Law) -> str | None:
    """R2: why the DoNotCall list cannot be relied on, in one sentence for the alarm; None: it can.

    Missing, older than the limit, shrunk by more than the limit, or imported in the future.
    """
    if state is None:
        return "The DoNotCall list is missing: all advertising stops."
    age = now - state.imported_at
    if age > _hours(law.dnc_max_age_hours):
        limit = f"{law.dnc_max_age_hours:g} h is the limit"
        old = timedelta(seconds=int(age.total_seconds()))
        return f"The DoNotCall list is {old} old, {limit}: all advertising stops."
    if age < _NO_TIME and -age > timedelta(seconds=law.clock_doubt_s):
        return (
            f"The DoNotCall list was imported {-age} in the future: a clock is wrong, all advertising stops."
        )
    if state.rows_before and state.rows < state.rows_before * (1 - law.dnc_max_shrink):
        return (
            f"The DoNotCall list shrank from {state.rows_before} to {state.rows} rows, "
            f"{law.dnc_max_shrink:.0%} is the limit: all advertising stops."
        )
    return None


def do_not_call(q: Question) -> Seen:
    """R2: no advertising to a listed number, and none at all without a list that can be relied on."""
    trouble = list_trouble(q.facts.do_not_call, q.now, q.law)
    if trouble:
        return Seen(False, "a list in doubt", "a list in force", trouble, q.recheck)
    if q.channel in q.facts.on_do_not_call:
        what = "calls" if q.channel == "voice" else "messages"
        return Seen(False, "listed", "not listed", f"The number is on the DoNotCall list for {what}.")
    return _NOT_LISTED


def consent(q: Question) -> Seen:
    """R3: prior consent; silence is not consent."""
    subscriber = q.facts.subscriber
    if subscriber is None or not subscriber.consent:
        return Seen(False, "none", "consent", "There is no evidence that the subscriber consented.")
    return Seen(True, subscriber.consent, "consent")


def refused(q: Question) -> Seen:
    """R6, O21: a refusal holds from that moment for calls and messages of every programme."""
    at = q.facts.refused_at
    if at is None:
        return _NEVER_REFUSED
    when = at.astimezone(VIETNAM).isoformat(" ", "seconds")
    return Seen(
        False, f"refused at {when}", "never refused", f"The subscriber refused advertising at {when}."
    )


def cap(q: Question, limit: int, counted: list[Touch], what: str) -> Seen:
    """At most `limit` in any rolling 24 h; exactly 24 h later one is free again.

    A touch that lies in the future (the clock went back) counts.
    """
    if not counted and limit > 0:
        return _nothing_in_24h(limit)
    since = q.now - DAY
    recent = sorted(touch.at for touch in counted if touch.at > since)
    seen, allowed = f"{len(recent)} in 24 h", len(recent) < limit
    if allowed:
        return Seen(True, seen, f"{limit} in 24 h")
    again = recent[len(recent) - limit] + DAY if limit else None
    return Seen(
        False, seen, f"{limit} in 24 h", f"{len(recent)} {what} in the last 24 h, {limit} allowed.", again
    )


@lru_cache(maxsize=64)
def _nothing_in_24h(limit: int) -> Seen:
    return Seen(True, "0 in 24 h", f"{limit} in 24 h")


def frequency(q: Question) -> Seen:
    """R7: calls and messages of this class over all programmes; one whose fate is unknown counts."""
    law, care = q.law, q.class_ == "care"
    if q.channel == "voice":
        limit = law.care_calls_per_24h if care else law.calls_per_24h
    else:
        limit = law.care_sms_per_24h if care else law.sms_per_24h
    if not q.facts.history and limit > 0:
        return _nothing_in_24h(limit)
    counted = [t for t in q.facts.history if t.kind == q.channel and counts_as(t.class_) == q.class_]
    what = f"{'care' if care else 'advertising'} {'calls' if q.channel == 'voice' else 'messages'}"
    return cap(q, limit, counted, what)
