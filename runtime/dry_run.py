"""`mai dry-run PROGRAMME`: whom would it reach, how long would it take, what would follow and what would that cost?

The funnel asks the rules that the dialer asks (core/funnel.py), at the next moment at which calls may go out, about
everybody on the programme's target list, or of the subscribers base where an event starts its calls: as if each of
them had one. What nobody can know before (who answers, how long they talk) is assumed, and the answer says what.
"""

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from math import ceil
from typing import Any

from rich.table import Table

from core.facts import Event, Programme
from core.forecast import Assumed, calls_each, first_moment, rate_of, shares_of, through
from core.funnel import funnel
from core.messages import compose
from core.outcomes import Outcome
from core.templates import BadTemplate, offer_of
from core.written import VIETNAM
from runtime.app import Installation
from runtime.failed import WrongUsage
from runtime.loading import open_app
from runtime.named import programme_of
from runtime.shown import out
from store.reach import people_of

Parts = Callable[[str], int]


async def dry_run(
    installation: Installation, programme: str, *, parts: Parts, assumed: Assumed | None = None
) -> dict[str, Any]:
    """What the programme would do from now on; writes nothing.

    `parts`: how many parts an SMS has (smpp.segments.how_many_parts). Raises WrongUsage, BadInstallation, StoreError.
    """
    chosen, law = programme_of(installation, programme), installation.law
    async with open_app(installation, readonly=True) as app:
        now = app.now().astimezone(VIETNAM)
        moment = first_moment(chosen, law.at(now), now)
        law = law.at(moment)
        event = _event(chosen, moment)
        people = await app.store.read(lambda tx: people_of(tx, chosen, "voice", moment, event))
    if people is None:
        kind = "a target list" if chosen.campaign.trigger.kind == "list" else "a subscribers base"
        raise WrongUsage(f"{programme} has no {kind.split(' ', 1)[1]} yet: import one with `mai import`")
    steps, left = funnel(people, chosen, "voice", moment, law)
    reached = int(left.sum())
    shares = assumed or Assumed()
    return {
        "programme": programme,
        "now": now.isoformat(),
        "as_of": moment.isoformat(),
        "asked": len(left),
        "reached": reached,
        "funnel": [step._asdict() for step in steps],
        "held_back": installation.held_back.get(programme),
        "assumed": asdict(shares),
        **_effort(installation, chosen, reached, moment, shares),
        **_messages(installation, chosen, reached, moment, shares, parts),
    }


def _event(programme: Programme, moment: datetime) -> Event | None:
    """An event that has just come, with the least amount that the programme asks for."""
    campaign = programme.campaign
    if campaign.trigger.kind == "list":
        return None
    return Event("dry-run", campaign.trigger.kind, "", moment, campaign.audience.topup_at_least)


def _effort(
    installation: Installation, programme: Programme, reached: int, moment: datetime, assumed: Assumed
) -> dict[str, Any]:
    """Calls, days and channels at the trunks' rate inside the windows."""
    trunks = installation.config.trunks
    rate = rate_of(trunks, assumed, programme.campaign)
    calls = ceil(reached * calls_each(programme, shares_of({}, assumed)) - 1e-6)
    found = through(
        programme, installation.law.at(moment), moment, rate, first=reached, shares=shares_of({}, assumed)
    )
    return {
        "calls": calls,
        "calls_per_second": round(rate, 3),
        "calls_per_day": min(calls, int(found.longest_day_s * rate)),
        "days": found.days,
        "finished": found.end.isoformat() if found.end else None,
        "peak_channels": min(sum(t.max_channels for t in trunks), ceil(rate * assumed.busy_s - 1e-6), calls),
    }


def _shares(programme: Programme, assumed: Assumed) -> dict[str, float]:
    """Key of `messages` -> how many of it a call sends, by what follows each outcome (core/after_call.py)."""
    after, written = programme.campaign.after, programme.campaign.messages
    outcomes = {
        (Outcome.NO_ANSWER, "missed"): 1 - assumed.answered,
        (Outcome.NO_KEY, "offer"): assumed.answered * (1 - assumed.registered),
        (Outcome.ACCEPTED, "link"): assumed.answered * assumed.registered,
    }
    sent: dict[str, float] = {}
    for (outcome, usual), share in outcomes.items():
        name = after[outcome].sms if outcome in after else usual
        if name in written:
            sent[name] = sent.get(name, 0.0) + share
    for name in {"thanks", "registered"} & set(written):
        sent[name] = sent.get(name, 0.0) + assumed.answered * assumed.registered
    return sent


def _messages(
    installation: Installation,
    programme: Programme,
    reached: int,
    moment: datetime,
    assumed: Assumed,
    parts: Parts,
) -> dict[str, Any]:
    """SMS in all and on a full day, and their parts: the longest that an offer of the programme makes."""
    effort = _effort(installation, programme, reached, moment, assumed)
    rows = []
    for name, share in sorted(_shares(programme, assumed).items()):
        each = _parts(installation, programme, name, parts)
        count, daily = round(effort["calls"] * share), round(effort["calls_per_day"] * share)
        rows.append(
            {
                "message": name,
                "sms": count,
                "sms_per_day": daily,
                "parts_each": each,
                "parts": count * (each or 1),
            }
        )
    return {
        "messages": rows,
        "sms": sum(row["sms"] for row in rows),
        "sms_per_day": sum(row["sms_per_day"] for row in rows),
        "segments": sum(row["parts"] for row in rows),
        "segments_per_day": sum(row["sms_per_day"] * (row["parts_each"] or 1) for row in rows),
    }


def _parts(installation: Installation, programme: Programme, name: str, parts: Parts) -> int | None:
    """Parts of a message; None: its text is not known before (the registration system's own)."""
    message, campaign = programme.campaign.messages[name], programme.campaign
    if message.text is None:
        return None
    packages = installation.catalogue.packages
    offers = {
        key: offer_of(code, packages[code]) for key, code in campaign.offers.items() if code in packages
    }
    most = 0
    for offer in offers.values() or [None]:
        values = {"offer": offer, "offers": offers, "subscriber": None, "event": None}
        try:
            text = compose(
                message.text,
                message.class_,
                values,
                installation.config.texts,
                remove_marks=message.remove_marks,
            )
        except BadTemplate:
            continue
        most = max(most, parts(text))
    return most or None


def show(found: dict[str, Any]) -> None:
    """`mai dry-run` for people."""
    out.print(f"{found['programme']}: {found['reached']:,} of {found['asked']:,} would be called, as of {found['as_of']}",
              highlight=False)  # fmt: skip
    if found["held_back"]:
        out.print(f"it does not start: {found['held_back']}", markup=False, highlight=False)
    table = Table("rule", "what", "removes", "alone", "left", "why", title="rules", title_justify="left")
    for step in found["funnel"]:
        counts = (f"{step[name]:,}" for name in ("removed", "alone", "left"))
        table.add_row(
            step["rule"], step["what"].replace("_", " "), *counts, step["reason"].replace("[", r"\[")
        )
    out.print(table)
    for name in ("calls", "calls_per_day", "calls_per_second", "days", "finished", "peak_channels", "sms",
                 "sms_per_day", "segments", "segments_per_day"):  # fmt: skip
        value = found[name]
        text = (
            "not within ten years"
            if value is None
            else f"{value:,}"
            if isinstance(value, int)
            else str(value)
        )
        out.print(f"  {name.replace('_', ' ')}: {text}", highlight=False)
    shares = ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in found["assumed"].items())
    out.print(f"  assumed: {shares}", highlight=False)
