"""One attempt, from the claim to the recorded outcome. `make_call` is the only place where a call ends.

An attempt that failed before the phone rang may go on over another trunk: it stays one attempt, one row of the log of
calls with the trunk that it ended on, and its slot is given back only if the phone rang on none of them (R7).
"""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import flows
from ari_app.ari import AriAway
from ari_app.causes import trunk_answer
from ari_app.dialling import CallReport
from ari_app.ending import end_call
from ari_app.phone import Attempt, Phone
from core.congestion import Answer
from core.facts import Programme
from core.outcomes import Outcome
from core.phone import CallEnded, Decision
from core.rules_of_law import margin_of, windows_of
from core.speech import Speech
from core.windows import inside
from runtime.app import App
from runtime.logs import log
from runtime.until_stored import until_stored
from store import calls
from store.calls import Ended

logger = log("dialer")

#: From the claim to the INVITE, at most. Later, the store was slow or the machine slept, and what the rules said then
#: need not hold any more: nothing is dialled.
_MOST_LATE = timedelta(seconds=10)


class HeldLine(Protocol):
    """The line that an attempt holds (ari_app/lines.py)."""

    async def move(self, attempt: Attempt) -> Attempt | None:
        """The same attempt on a trunk that it has not tried, whose line is taken; None: there is none."""

    def hear(self, trunk: str, answer: Answer, why: str = "") -> None:
        """The network answered over this trunk."""


@dataclass(frozen=True)
class Claimed:
    """A contact that was claimed: stored as dialing, its slot taken, nothing on the wire yet."""

    programme: Programme
    attempt: Attempt
    speech: Speech
    at: datetime  #: when the rules said yes
    worker: str = ""  #: the id under which this process claimed it


class StoreJournal:
    """Commits what happens on the line before anything follows from it (DESIGN.md §3)."""

    def __init__(self, app: App, attempt: Attempt, line: HeldLine) -> None:
        self._app, self._attempt, self._line = app, attempt, line
        self._id = attempt.id
        self._through = False

    def _goes_through(self) -> None:
        """The trunk is told as soon as the phone rings: how the call ends may be known minutes later."""
        if not self._through:
            self._through = True
            self._line.hear(self._attempt.trunk, "through")

    async def rang(self, at: datetime) -> None:
        self._goes_through()
        await self._app.store.write(lambda tx: calls.rang(tx, call_id=self._id, at=at))

    async def up(self, at: datetime) -> None:
        self._goes_through()
        await self._app.store.write(lambda tx: calls.up(tx, call_id=self._id, at=at))

    async def decide(self, decision: Decision) -> None:
        at = self._app.now()
        await self._app.store.write(lambda tx: calls.decide(tx, call_id=self._id, decision=decision, at=at))


@dataclass
class Course:
    """How far an attempt has come. What stands here is what is recorded, however the attempt ends."""

    attempt: Attempt
    outcome: Outcome = Outcome.FAILED
    reason: str = "nothing was dialled"
    report: CallReport = field(default_factory=CallReport)
    left: list[str] = field(default_factory=list)  #: trunks that failed before, and how
    handed_over: bool = False  #: an agent has it

    @property
    def rang(self) -> bool:
        """The phone rang, or was answered without ringing."""
        return self.report.rang_at is not None or self.report.answered_at is not None

    def ended(self, now: datetime) -> Ended:
        report = self.report
        return Ended(
            call_id=self.attempt.id,
            outcome=self.outcome,
            ended_at=report.ended_at or now,
            rang=self.rang,
            answered_at=report.answered_at,
            keys=tuple(report.keys),
            text=report.text or None,
            cause=report.cause,
            sip_code=report.sip_code,
            trunk=self.attempt.trunk,
            reason="; ".join(why for why in (*self.left, self.reason) if why) or None,
            holds_line=self.handed_over,
            nothing_sent=self.report.nothing_sent and not self.left,
        )


async def make_call(app: App, phone: Phone, claimed: Claimed, line: HeldLine) -> None:
    """Dial, run the script, record how it ended and what follows. Never raises for what a call does.

    Whatever happens in between, the end is recorded; a decision that was committed outweighs how it ended.
    """
    course = Course(claimed.attempt)
    try:
        if late := _too_late(app, claimed):
            course.reason = late
            return
        await _dial_and_talk(app, phone, claimed, course, line)
        while _may_try_another(app, claimed, course) and (other := await line.move(course.attempt)):
            course.left.append(f"trunk {course.attempt.trunk}: {course.reason}")
            course.attempt = other
            await _dial_and_talk(app, phone, claimed, course, line)
    finally:
        await asyncio.shield(asyncio.ensure_future(_record(app, course)))


async def _dial_and_talk(app: App, phone: Phone, claimed: Claimed, course: Course, line: HeldLine) -> None:
    """One call over one trunk; what becomes of it stands in `course`."""
    course.outcome, course.reason, course.report = Outcome.FAILED, "nothing was dialled", CallReport()
    script, journal = claimed.programme.campaign.script, StoreJournal(app, course.attempt, line)
    try:
        async with phone.line(course.attempt, journal) as call:  # always hangs up, always frees the line
            course.report = call.report
            course.outcome, course.reason = Outcome.UNKNOWN, "the system was stopped during the call"
            try:
                await call.dial()
                if claimed.programme.campaign.answering_machine.detect:
                    heard = await call.expect_person()
                    logger.info("a person answered", call=course.attempt.id, heard=heard)
                course.outcome, course.reason = await flows.run(script, call, claimed.speech), ""
            except CallEnded as ended:  # busy, no answer, hung up: the call knows which
                course.outcome, course.reason = ended.outcome, str(ended)
            except Exception as error:  # one call must not end the dialer
                course.reason = f"{type(error).__name__}: {error}"
                logger.exception("call failed", call=course.attempt.id)
            finally:
                course.handed_over = call.handed_over
    except (
        Exception
    ) as error:  # no line was given: nothing went out. Or it could not be given back: it is over
        if course.outcome is Outcome.FAILED and not course.rang:
            course.reason = f"{type(error).__name__}: {error}"
            course.report.nothing_sent = isinstance(error, AriAway) and not error.sent
        logger.exception("line failed", call=course.attempt.id)
    report = course.report
    if not (course.rang or report.nothing_sent) and (
        said := trunk_answer(course.outcome, report.sip_code, report.cause)
    ):
        line.hear(course.attempt.trunk, *said)


def _may_try_another(app: App, claimed: Claimed, course: Course) -> bool:
    """Failed before any 18x, there is still time to ring before the window ends (R8), and the call is still ours."""
    if course.outcome is not Outcome.FAILED or course.rang or course.report.nothing_sent:
        return False
    ours = claimed.worker == app.worker.id and app.worker.sure()
    return ours and _in_time_to_ring(app, claimed.programme)


def _in_time_to_ring(app: App, programme: Programme) -> bool:
    """R8: what is dialled now stops ringing before the window ends."""
    law, class_ = app.installation.law.at(app.now()), programme.campaign.class_
    windows = windows_of(programme, "voice", class_, law)
    return inside(windows, app.now(), margin_of("voice", law))


def _too_late(app: App, claimed: Claimed) -> str:
    """Why this call may not be dialled any more, though it was claimed; empty: it may."""
    if claimed.worker != app.worker.id or not app.worker.sure():
        return "not dialled: this process may have been taken for dead since it was claimed"
    late = app.now() - claimed.at
    if abs(late) > _MOST_LATE:
        return f"not dialled: it was claimed {late.total_seconds():.0f} s ago"
    if claimed.programme.campaign.class_ != "transactional" and not _in_time_to_ring(app, claimed.programme):
        return "R8: not dialled: it would ring after the window's end"
    return ""


async def _record(app: App, course: Course) -> None:
    ended = course.ended(app.now())
    recorded = await until_stored(
        app.store,
        lambda tx: end_call(tx, app=app, ended=ended, now=app.now()),
        what=f"the end of {ended.call_id}",
    )
    logger.info(
        "call ended",
        call=ended.call_id,
        number=course.attempt.number,
        outcome=str(recorded or ended.outcome),
        trunk=ended.trunk,
        reason=ended.reason or "",
    )
