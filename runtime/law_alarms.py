"""What of the law needs a person's hand before it stops us, or has stopped us? Alarms, looked at every minute.

R2: the DoNotCall register is missing, old or shrunk, so that no advertising leaves. R10: a caller id or a sender is
about to lose its grant, or has lost it.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from functools import partial

from core.rules_of_law import grants_ending, list_trouble
from core.written import VIETNAM
from runtime.app import App, Installation
from runtime.logs import log
from store import lists, settings
from store.tx import PASSING, Tx

logger = log("house")

_EVERY_S = 60.0
_LOOK_S = 1.0
#: The names of these alarms begin so, and no others.
_OURS = ("R2:", "R10:")


def wanted(
    installation: Installation, state: Mapping[tuple[str, str], lists.InForce], now: datetime
) -> dict[str, str]:
    """The alarms that should stand now, by name. `state`: every list in force."""
    law = installation.law.at(now)
    found: dict[str, str] = {}
    dnc = state.get(("dnc", ""))
    advertises = any(
        each.campaign.class_ == "advertising" and each.campaign.enabled
        for each in installation.programmes.values()
    )
    if advertises and (trouble := list_trouble(dnc.state if dnc else None, now, law)):
        found["R2:do_not_call"] = f"{trouble} `mai import dnc FILE` brings the register of today."
    today = now.astimezone(VIETNAM).date()
    for grant in grants_ending(law, today):
        assert grant.until is not None
        days = (grant.until - today).days
        when = f"ends on {grant.until} ({days} days)" if days >= 0 else f"ended on {grant.until}"
        found[f"R10:{grant.name}"] = (
            f"the grant of {grant.name} ({grant.reference or 'without a reference'}) {when}: "
            "without a new one nothing leaves from it; `granted` of config.yaml holds them"
        )
    return found


def bring_up_to_date(tx: Tx, *, installation: Installation, now: datetime) -> None:
    """Raise what should stand, clear what stands no more."""
    should = wanted(installation, lists.in_force(tx), now)
    for alarm in settings.standing_alarms(tx):
        if alarm.name.startswith(_OURS) and alarm.name not in should:
            settings.clear_alarm(tx, name=alarm.name, now=now)
    for name, text in should.items():
        if settings.raise_alarm(tx, name=name, text=text, now=now):
            logger.error(text, alarm=name)


async def watch(app: App, stopping: asyncio.Event) -> None:
    """Look every minute, and after an import at once, until told to stop."""
    imported, loop = app.store.watch("lists"), asyncio.get_running_loop()
    look_at = loop.time()
    while not stopping.is_set():
        if loop.time() >= look_at:
            look_at = loop.time() + _EVERY_S
            try:
                job = partial(bring_up_to_date, installation=app.installation, now=app.now())
                await app.store.write(job)
            except PASSING as error:
                logger.error("the store takes no writes, trying again", error=str(error))
        if await imported.wait(_LOOK_S):
            look_at = loop.time()
