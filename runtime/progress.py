"""How far is a programme, and when will it have called everybody? For `mai report`: sums, no row is counted."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Any

from core.facts import Programme
from core.forecast import ENOUGH, Assumed, calls_each, first_moment, lately, rate_of, shares_of, through
from core.written import VIETNAM
from runtime.app import Installation
from runtime.shown import as_table, grouped, out
from store import contacts, lists, settings, tallies
from store.tallies import SLICE, Tallies
from store.tx import Tx

#: The hour in which it called last.
_SLICES = 6
_BAR = 40


@dataclass(frozen=True)
class Seen:
    """What the store knows of a programme at one moment."""

    sums: Tallies
    running: Mapping[str, int]  #: contacts that are being called: dialing, up
    place: tuple[int, int] | None  #: numbers taken from its target list, and in it; None: no list
    begun: tuple[tuple[datetime, int], ...]  #: calls by slices of time, the latest first
    last_due: datetime | None  #: when the last of all that wait is due; None: nobody waits
    paused_by: str | None


def seen(tx: Tx, *, programme: str) -> Seen:
    """All of it in this transaction."""
    return Seen(
        sums=tallies.of(tx, programme=programme),
        running=contacts.running(tx, programme=programme),
        place=lists.place_in_targets(tx, programme=programme),
        begun=tallies.begun_lately(tx, programme=programme, most=_SLICES),
        last_due=contacts.last_due_at(tx, programme=programme),
        paused_by=settings.paused_by(tx, programme=programme),
    )


def progress(
    found: Seen, programme: Programme | None, installation: Installation, now: datetime
) -> dict[str, Any]:
    """Where it stands. Of a programme with a target list also when it will be through, if it goes on as lately.

    `programme` None: its file is wrong, so that nothing can be foretold. Rates are calls per hour of dialling.
    """
    sums, being_called = found.sums, sum(found.running.values())
    waiting = sum(sums.waiting.values())
    done = sums.planned - waiting - being_called
    rate = lately(found.begun, SLICE, now)
    told: dict[str, Any] = {
        "targets": found.place[1] if found.place else None,
        "taken": found.place[0] if found.place else None,
        "planned": sums.planned,
        "called": sums.called,
        "being_called": being_called,
        "waiting": {str(each): count for each, count in sorted(sums.waiting.items())},
        "pass": min(sums.waiting, default=None),
        "refused_by": dict(sums.refused),
        "done": done,
        "calls_per_hour": None if rate is None else round(rate * 3600),
        "paused_by": found.paused_by,
    }
    if found.place is None or programme is None:
        return told
    untaken = found.place[1] - found.place[0]
    left = untaken + waiting + being_called
    told["share"] = round(done / (done + left), 4) if done + left else 1.0
    return told | _forecast(found, untaken, programme, installation, now, rate)


def _forecast(
    found: Seen,
    untaken: int,
    programme: Programme,
    installation: Installation,
    now: datetime,
    rate: float | None,
) -> dict[str, Any]:
    """The calls that are left, and when they will have been made: shares and rate as they were so far."""
    sums, assumed = found.sums, Assumed()
    shares = shares_of(sums.calls, assumed)
    each = calls_each(programme, shares)
    decided = sums.called + sum(sums.refused.values())
    reached = sums.called / decided if decided >= ENOUGH else 1.0
    first = untaken * reached + sums.waiting.get(1, 0)
    later = sum(sums.waiting.values()) - sums.waiting.get(1, 0)
    calls = ceil(first * each + later - 1e-6)
    per_second = rate or rate_of(installation.config.trunks, assumed, programme.campaign)
    law = installation.law.at(now)
    moment = first_moment(programme, law, now.astimezone(VIETNAM))
    ends = through(
        programme, law, moment, per_second, first=first, shares=shares, later=later, last_due=found.last_due
    )
    return {
        "calls_left": calls,
        "forecast_by": "calls lately" if rate else "calls per second of the trunks",
        "finished": ends.end.isoformat() if ends.end and calls else None,
        "days": ends.days if calls else 0,
    }


def show(told: Mapping[str, Any]) -> None:
    """For people; the numbers and dates as in Vietnam."""
    if told["targets"] is not None:
        share = told.get("share", 0.0)
        full = int(share * _BAR)
        percent = f"{share * 100:.1f}".replace(".", ",")
        _say(f"  {'█' * full}{'░' * (_BAR - full)} {percent} %")
        _say(f"  list: {grouped(told['targets'])} numbers, {grouped(told['taken'])} taken from it")
    if told["planned"]:
        waiting = ", ".join(f"{grouped(count)} in pass {each}" for each, count in told["waiting"].items())
        refused = sum(told["refused_by"].values())
        _say(
            f"  planned: {grouped(told['planned'])}, of them {grouped(told['called'])} called"
            f"{f', {grouped(refused)} refused by a rule' if refused else ''}; "
            f"being called now: {grouped(told['being_called'])}; waiting: {waiting or '0'}"
        )
    if told["calls_per_hour"] is not None:
        _say(f"  calls an hour, lately: {grouped(told['calls_per_hour'])}")
    if told["paused_by"]:
        _say(f"  paused by {told['paused_by']}")
    if told.get("calls_left"):
        _say(f"  left: about {grouped(told['calls_left'])} calls; {_end(told)}")
    if told["refused_by"]:
        rows = [{"what": rule, "how many": count} for rule, count in told["refused_by"].items()]
        as_table("contacts refused by rule", rows)


def _end(told: Mapping[str, Any]) -> str:
    if told["finished"] is None:
        return "not within ten years"
    at = datetime.fromisoformat(told["finished"])
    days = f"{told['days']} day{'s' if told['days'] != 1 else ''} of calling"
    return f"through at {at:%d/%m/%Y %H:%M}, after {days}, by {told['forecast_by']}"


def _say(line: str) -> None:
    out.print(line, markup=False, highlight=False)
