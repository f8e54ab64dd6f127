"""One attempt, from the claim to the recorded outcome. `make_call` is the only place where a call ends."""

import asyncio
from dataclasses import dataclass
from datetime import datetime

import flows
from ari_app.call import CallReport
from ari_app.ending import end_call
from ari_app.phone import Attempt, Phone
from core.facts import Programme
from core.outcomes import Outcome
from core.phone import CallEnded, Decision
from core.speech import Speech
from runtime.app import App
from runtime.logs import log
from store import calls
from store.calls import Ended

logger = log("dialer")


@dataclass(frozen=True)
class Claimed:
    """A contact that was claimed: stored as dialing, its slot taken, nothing on the wire yet."""

    programme: Programme
    attempt: Attempt
    speech: Speech


class StoreJournal:
    """Commits what happens on the line before anything follows from it (DESIGN.md §3)."""

    def __init__(self, app: App, call_id: str) -> None:
        self._app = app
        self._id = call_id
        self.rang_at: datetime | None = None

    async def rang(self, at: datetime) -> None:
        self.rang_at = at
        await self._app.store.write(lambda tx: calls.rang(tx, call_id=self._id, at=at))

    async def up(self, at: datetime) -> None:
        await self._app.store.write(lambda tx: calls.up(tx, call_id=self._id, at=at))

    async def decide(self, decision: Decision) -> None:
        at = self._app.now()
        await self._app.store.write(lambda tx: calls.decide(tx, call_id=self._id, decision=decision, at=at))


async def make_call(app: App, phone: Phone, claimed: Claimed) -> None:
    """Dial, run the script, record how it ended and what follows. Never raises for what a call does.

    Whatever happens in between, the end is recorded; a decision that was committed outweighs how it ended.
    """
    attempt, programme = claimed.attempt, claimed.programme
    journal = StoreJournal(app, attempt.id)
    report = CallReport()
    outcome, reason = Outcome.UNKNOWN, "the system was stopped during the call"
    try:
        async with phone.line(attempt, journal) as call:  # always hangs up, always frees the line
            report = call.report
            try:
                await call.dial()
                outcome, reason = await flows.run(programme.campaign.script, call, claimed.speech), ""
            except CallEnded as ended:  # busy, no answer, hung up: the call knows which
                outcome, reason = ended.outcome, str(ended)
    except Exception as error:  # one call must not end the dialer
        outcome, reason = Outcome.UNKNOWN, f"{type(error).__name__}: {error}"
        logger.exception("call failed", call=attempt.id)
    finally:
        ended_call = Ended(
            call_id=attempt.id,
            outcome=outcome,
            ended_at=report.ended_at or app.now(),
            rang=journal.rang_at is not None,
            keys=tuple(report.keys),
            text=report.text or None,
            cause=report.cause,
            sip_code=report.sip_code,
            reason=reason or None,
        )
        await asyncio.shield(
            app.store.write(lambda tx: end_call(tx, app=app, ended=ended_call, now=app.now()))
        )
        logger.info("call ended", call=attempt.id, number=attempt.number, outcome=str(outcome), reason=reason)
