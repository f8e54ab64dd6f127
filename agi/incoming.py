"""Who calls back, what were they offered, and may they come through? What the dialplan of 9090 asks (O15).

dialplan/extensions.conf asks `/incoming` with the caller's number, the call's id and the number called; it reads
OFFER_TEXT (what the agent sees as the caller's name) and BLOCKED (1: refused). `/ended` tells that the call is over,
and with which agent it was (empty: nobody answered; left out: not told).
"""

import re
from datetime import timedelta

from agi.protocol import Request
from core.numbers import BadNumber, subscriber_number
from core.outcomes import Outcome
from runtime.app import App
from runtime.clock import wall
from store import calls, inbound
from store.inbound import LastOffer
from store.tx import Tx

#: The dialplan lets no call live longer (TIMEOUT(absolute)); one whose end nobody told has ended by then.
LONGEST = timedelta(seconds=3600)
_MARGIN = timedelta(minutes=1)
_ID = re.compile(r"[A-Za-z0-9._-]{1,80}\Z")
#: What the dialplan lets into a caller's name; a phone's display is short.
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9 .:/_-]")
_MOST_SHOWN = 60


class BadRequest(ValueError):
    """The dialplan asks for something that we do not know; the message says what."""


def caller_number(text: str) -> str:
    """The caller as the store knows him: E.164 if it is one of our subscribers', else its digits; empty: withheld."""
    try:
        return subscriber_number(text)
    except BadNumber:
        return re.sub(r"[^0-9]", "", text)[:20]


def call_id(request: Request) -> str:
    """The id under which a call stands in the log: Asterisk's own, which names the node too. Raises BadRequest."""
    given = request.argument(1)
    if not _ID.match(given):
        raise BadRequest(f"{given[:40]!r} is not the id of a call")
    return f"in-{given}"


def offer_text(last: LastOffer | None) -> str:
    """What the agent reads: the packages and the programme, in letters that every phone shows. Unknown: empty."""
    if last is None:
        return ""
    text = " ".join([*last.offer, last.programme])
    return _NOT_PLAIN.sub("", text)[:_MOST_SHOWN].strip()


def blocked(app: App) -> frozenset[str]:
    """The numbers whose calls to 9090 are refused."""
    return frozenset(caller_number(number) for number in app.config.limits.blocked_inbound)


async def known(app: App, number: str) -> LastOffer | None:
    """What this number was offered last; None: nothing, or a stranger."""
    return await app.store.read(lambda tx: inbound.last_offer(tx, number=number)) if number else None


async def write_begun(app: App, request: Request, *, refused: bool) -> None:
    """The call into the log, beside the campaign's call it answers. A refused one has ended with that."""
    id_, number, now, at = call_id(request), caller_number(request.argument(0)), app.now(), wall()

    def keep(tx: Tx) -> None:
        inbound.add_inbound(tx, call_id=id_, number=number, at=now, wall_at=at)
        if refused:
            inbound.end_inbound(
                tx, call_id=id_, at=now, outcome=Outcome.REJECTED, reason="this number is blocked"
            )

    await app.store.write(keep)


async def write_ended(app: App, request: Request) -> None:
    """The end of a call into the log; one that we never heard of begins and ends with it."""
    id_, number, now, at = call_id(request), caller_number(request.argument(0)), app.now(), wall()
    agent, told = request.argument(3)[:40], len(request.arguments) > 3
    outcome = Outcome.HUNG_UP if told and not agent else Outcome.TRANSFERRED
    reason = (f"agent {agent}" if agent else "no agent answered") if told else None

    def keep(tx: Tx) -> None:
        inbound.add_inbound(tx, call_id=id_, number=number, at=now, wall_at=at)
        inbound.end_inbound(tx, call_id=id_, at=now, outcome=outcome, reason=reason)

    await app.store.write(keep)


async def close_forgotten(app: App) -> int:
    """End, as unknown, the incoming calls whose end nobody told and that cannot be up any more; returns how many."""
    now = app.now()
    gone = now - LONGEST - _MARGIN
    open_ = await app.store.read(calls.open_calls)
    left = [call.id for call in open_ if call.direction == "in" and call.started_at < gone]
    if not left:
        return 0

    def close(tx: Tx) -> int:
        why = "nobody told us how it ended"
        return sum(
            inbound.end_inbound(tx, call_id=id_, at=now, outcome=Outcome.UNKNOWN, reason=why) for id_ in left
        )

    return await app.store.write(close)
