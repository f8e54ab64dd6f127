"""How is one outbound call held over ARI? `AriCall`: the Call that flows speak to, with `dial`.

The channel is created in our application first and dialled then. POST /channels (originate) follows a 302,
and a Contact such as `PJSIP/1900…@trunk` gets past every context; `dial` never follows one. A call that is
ringing also outlives a websocket that is lost.

Events of the channel are taken from one queue, in order, so a key pressed just before a hang-up is seen
first. Nothing waits without a deadline: ARI reports a playback that fails in no usable way.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import NoReturn

from ari_app.ari import Ari, AriAway, AriError, Event, Events
from ari_app.causes import Ending, outcome_of
from ari_app.dialling import CallReport, Dialling, Journal
from ari_app.machine import LISTEN, LONGEST_S, Heard, heard_in
from core.outcomes import Outcome
from core.phone import CallEnded, Decision
from core.script import KEYS
from core.speech import Line

#: How long Asterisk may take for what it does at once, beyond what the network or a prompt takes.
_MARGIN_S = 5.0
#: Bytes of PCM16 at 8 kHz for one second.
_BYTES_A_SECOND = {".wav": 16000, ".sln": 16000, ".alaw": 8000, ".ulaw": 8000}


class AriCall:
    """One outbound call. `events` was listened to before the channel exists."""

    def __init__(
        self,
        ari: Ari,
        events: Events,
        dialling: Dialling,
        journal: Journal,
        media: Callable[[str], Path],
        clock: Callable[[], datetime],
        margin_s: float = _MARGIN_S,
    ) -> None:
        self._margin_s = margin_s
        self.report = CallReport()
        self.handed_over = False
        self.decision: Decision | None = None
        self._ari, self._events, self._dialling = ari, events, dialling
        self._journal, self._media, self._clock = journal, media, clock
        self._kept: deque[str] = deque()
        self._over: CallEnded | None = None
        self._created = self._dialled = self._gone = self._hanging_up = self._refused = False
        self._hangup: Event | None = None
        self._prompts = 0

    async def dial(self) -> None:
        """Ring the subscriber; returns when the call is answered and that is committed.

        Raises CallEnded: busy, no_answer …; failed when nothing was dialled; unknown when nobody can know.
        """
        await self._create()
        until = _now() + self._dialling.ring.total_seconds() + self._margin_s
        while self.report.answered_at is None:
            event = await self._event(until)
            if event is None:
                await self._abandon("the ring limit passed and Asterisk did not end the call")
            elif event["type"] == "StasisStart":
                self._dialled = True
                await self._ask("POST", "dial", params={"timeout": _whole(self._dialling.ring)})
            elif _rings(event) and self.report.rang_at is None:
                self.report.rang_at = self._clock()
                await self._journal.rang(self.report.rang_at)
            elif _answered(event):
                self.report.answered_at = self._clock()
                await self._journal.up(self.report.answered_at)

    async def say(self, line: Line) -> None:
        """Play a line to its end. Keys pressed meanwhile are kept for the next `ask`."""
        self._raise_if_over()
        await self._play(line, stop_on_key=False)

    async def ask(
        self, lines: tuple[Line, ...], keys: str, wait: timedelta, barge_in: bool = True
    ) -> str | None:
        """Play the lines and take one key, or None when `wait` passed after them. See core.phone.Call."""
        self._raise_if_over()
        try:
            for line in lines:
                if not (barge_in and self._kept):
                    await self._play(line, stop_on_key=barge_in)
            await self._key_within(wait)
            if not self._kept and self._ari.state == "silent" and await self._ari.speaks(self._margin_s):
                await self._key_within(wait)  # a key that was pressed meanwhile comes now
        except CallEnded:
            if not self._kept:  # a key once pressed is honoured, also by those who hang up right after it
                raise
        if not self._kept and self._ari.state != "connected":  # a key may have been missed
            await self._abandon("the connection to Asterisk was lost while a key was waited for")
        return self._kept.popleft() if self._kept else None

    async def _key_within(self, wait: timedelta) -> None:
        until = _now() + wait.total_seconds()
        while not self._kept and await self._event(until) is not None:
            pass

    async def decide(self, decision: Decision) -> None:
        """Commit a decision, also when the other side has hung up meanwhile. A second one changes nothing."""
        if self.decision is None:
            await self._journal.decide(decision)
            self.decision = decision
            if self._over is not None:
                self._over = CallEnded(decision.outcome, str(self._over))

    async def expect_person(self) -> str:
        """Let Asterisk listen who answered (ari_app/machine.py); returns what it heard of a person.

        Raises CallEnded: machine. Doubt is a person, a key pressed is one too; but such a key answers nothing
        yet, since nothing was said.
        """
        self._raise_if_over()
        await self._ask("POST", "continue", params=LISTEN)
        heard, until = None, _now() + LONGEST_S + self._margin_s
        while heard is None:
            event = await self._event(until)
            if event is None:
                await self._abandon("Asterisk listened who answered and did not come back")
            heard = await self._heard(event) if event.get("reconciled") else heard_in(event)
        if heard.machine and not self._kept:
            await self.hang_up()
            self._end(Outcome.MACHINE, f"an answering machine: {heard.cause}")
        self._kept.clear()
        return heard.cause

    async def hand_over(self, context: str) -> None:
        """Send the call into a dialplan context; raises CallEnded(TRANSFERRED)."""
        self._raise_if_over()
        await self._ask("POST", "continue", params={"context": context, "extension": "s", "priority": "1"})
        self.handed_over = True
        self._end(Outcome.TRANSFERRED, f"handed over to {context}")

    async def hang_up(self) -> None:
        """End the call and wait until it is over. Harmless when it is, or when it was handed over."""
        if self._gone or self.handed_over or not self._created:
            return
        self._hanging_up = True
        try:
            await self._ari.request("DELETE", "channels", self._dialling.channel)
            until = _now() + self._margin_s
            while self._ari.state == "connected" and await self._event(until) is not None:
                pass
        except (CallEnded, AriError, AriAway):
            self._gone = True  # over already, or Asterisk is away: its TIMEOUT(absolute) or recover ends it
        self._note_end()

    def end_refused(self, via: str) -> bool:
        """R6: the subscriber refused advertising another way; what waits on the line raises CallEnded at once.

        A key that came before is still honoured, a decision taken stands. False: it was told before.
        """
        told, self._refused = self._refused, True
        if not told:
            self._events.put_nowait({"type": "Refused", "via": via})
        return not told

    # -- the channel

    async def _create(self) -> None:
        """Create the channel in our application; it is dialled when StasisStart comes."""
        if self._ari.state != "connected":
            self.report.nothing_sent = True
            self._end(Outcome.FAILED, self._ari.problem)
        what = self._dialling
        limit = what.ring + what.talk_limit
        variables = {
            "TIMEOUT(absolute)": _whole(limit),
            "CONNECTEDLINE(num,i)": what.caller_id.replace(" ", ""),  # becomes From
            "CONNECTEDLINE(num-pres,i)": "allowed",
            "SUBSCRIBER": what.subscriber,
            "OFFER_TEXT": what.offer_text,
        }
        if not what.caller_id.removeprefix("+").isdigit():
            variables["CONNECTEDLINE(name,i)"] = what.caller_id
        body = {
            "endpoint": what.endpoint,
            "app": self._ari.app,
            "channelId": what.channel,
            "variables": variables,
        }
        self._created = True
        try:
            await self._ari.request("POST", "channels", "create", body=body)
        except AriError as error:
            self._gone = True
            self._end(Outcome.FAILED, f"Asterisk did not place the call: {error}")
        except AriAway as error:
            self._gone = not error.sent
            self._end(Outcome.UNKNOWN, str(error))

    async def _ask(self, method: str, *path: str, params: dict[str, str]) -> None:
        """A request about the channel. A channel that is gone ends the call, as its last events say."""
        try:
            await self._ari.request(method, "channels", self._dialling.channel, *path, params=params)
        except AriError as error:
            if error.status in (404, 409, 412):
                await self._drain(str(error))
            await self._abandon(f"Asterisk refused: {error}", Outcome.FAILED)
        except AriAway as error:
            if path == ("dial",):
                self._dialled = error.sent
            await self._abandon(str(error))

    async def _drain(self, why: str) -> NoReturn:
        """The channel is gone: its last events say how. Raises CallEnded."""
        until = _now() + self._margin_s
        while await self._event(until) is not None:
            pass
        await self._abandon(why)

    async def _abandon(self, why: str, outcome: Outcome = Outcome.UNKNOWN) -> NoReturn:
        """We cannot go on with the call: end it and say what is known. Raises CallEnded."""
        await self.hang_up()
        if self._over is not None:
            raise self._over
        self._end(outcome, why)

    # -- events

    async def _event(self, until: float) -> Event | None:
        """The next event, None at the deadline (loop time). Keeps keys; raises CallEnded at the end."""
        try:
            async with asyncio.timeout_at(until):
                event = await self._events.get()
        except TimeoutError:
            return None
        kind = event["type"]
        if kind == "ChannelDtmfReceived" and event["digit"] in tuple(KEYS):
            self._kept.append(event["digit"])
            self.report.keys.append((event["digit"], self._clock()))
        elif kind == "ChannelHangupRequest" and self._hangup is None:
            self._hangup = event
        elif kind == "ChannelDestroyed":
            self._gone = True
            self._destroyed(event)
        elif kind == "Reconnected":
            return await self._reconcile()
        elif kind == "Refused" and not self._hanging_up:
            self._end(Outcome.REFUSED, f"R6: advertising was refused by {event['via']} during the call")
        return event

    async def _reconcile(self) -> Event:
        """Events were lost in a gap: ask Asterisk what is left of the call, as an event."""
        try:
            channel = await self._ari.request("GET", "channels", self._dialling.channel)
        except AriError:
            self._gone = True
            self._end(Outcome.UNKNOWN, "the call ended while the connection to Asterisk was lost")
        except AriAway as error:
            self._end(Outcome.UNKNOWN, str(error))
        return {"type": "ChannelStateChange", "channel": channel, "reconciled": True}

    async def _heard(self, reconciled: Event) -> Heard | None:
        """What was heard while events were lost; None: Asterisk still listens."""
        said: list[str] = []
        if reconciled["channel"]["dialplan"]["app_name"] != "Stasis":
            return None
        for name in ("AMDSTATUS", "AMDCAUSE"):
            path = ("channels", self._dialling.channel, "variable")
            try:
                said.append((await self._ari.request("GET", *path, params={"variable": name}))["value"])
            except (AriError, AriAway):
                return None
        return Heard(*said) if said[0] else None

    def _destroyed(self, event: Event) -> NoReturn:
        """The channel is gone. Before the answer the table says what it was; after it, who ended it."""
        asked = self._hangup or {}
        self.report.cause = asked.get("cause") if asked.get("tech_cause") else event.get("cause")
        self.report.sip_code = asked.get("tech_cause")
        if self.report.answered_at is None:
            ring_limit = bool(asked) and self.report.sip_code is None
            outcome = outcome_of(Ending(self.report.sip_code, self.report.cause, ring_limit))
            self._end(outcome, "the ring limit" if ring_limit else f"cause {self.report.cause}")
        if asked:
            self._end(Outcome.HUNG_UP, "the other side hung up")
        self._end(Outcome.NO_KEY, "ended by us or at the talk limit")

    def _note_end(self) -> None:
        if self.report.ended_at is None:
            self.report.ended_at = self._clock()

    def _end(self, outcome: Outcome, why: str) -> NoReturn:
        """From here on every method raises the same. A decision taken outweighs how the call ended.

        R7: where `dial` never left, there is no doubt: no phone rang, and none will, though Asterisk may yet make the
        channel (the connection ends it when it comes).
        """
        if outcome is Outcome.UNKNOWN and not self._dialled:
            self.report.nothing_sent, outcome = True, Outcome.FAILED
        self._note_end()
        self._over = CallEnded(self.decision.outcome if self.decision else outcome, why)
        raise self._over

    def _raise_if_over(self) -> None:
        if self._over is not None:
            raise self._over

    # -- prompts

    async def _play(self, line: Line, stop_on_key: bool) -> None:
        """Play one line to its end, or to the first key."""
        paths = [self._media(piece) for piece in line.pieces]
        until = _now() + sum(_seconds(path) for path in paths) + self._margin_s
        self._prompts += 1
        id_ = f"{self._dialling.channel}-p{self._prompts}"
        asked, began = await self._ask_to_play(id_, paths), False
        while (event := await self._event(until)) is not None:
            kind = event["type"] if event.get("playback", {}).get("id") == id_ else None
            if event.get("reconciled"):
                if await self._plays(id_):
                    kind = "PlaybackStarted"
                elif asked or began:
                    return  # it ended while we did not see it
                else:
                    asked = await self._ask_to_play(id_, paths)
            if kind == "PlaybackStarted" and not began:
                began = True
                self.report.spoken.append(line.written)
            elif kind == "PlaybackFinished":
                if event["playback"].get("state") == "failed":
                    await self._drain("a prompt could not be played")
                return
            elif stop_on_key and self._kept:
                await self._stop(id_)
                return
        await self._abandon("a prompt did not end")

    async def _ask_to_play(self, id_: str, paths: list[Path]) -> bool:
        """False: the connection failed, so that it is asked again once it is back, unless it plays by then."""
        media = ",".join(f"sound:{path.with_suffix('')}" for path in paths)
        params = {"media": media, "playbackId": id_}
        try:
            await self._ari.request("POST", "channels", self._dialling.channel, "play", params=params)
        except AriError as error:
            await self._drain(str(error))
        except AriAway:
            return False
        return True

    async def _stop(self, id_: str) -> None:
        """Stop a prompt and wait for its end, so that the next request does not wait for it."""
        try:
            await self._ari.request("DELETE", "playbacks", id_)
        except AriError as error:
            if error.status != 404:  # 404: it ended by itself
                raise
        except AriAway as error:
            await self._abandon(str(error))
        until = _now() + self._margin_s
        while (event := await self._event(until)) is not None:
            if event["type"] == "PlaybackFinished" and event["playback"]["id"] == id_:
                return

    async def _plays(self, id_: str) -> bool:
        try:
            await self._ari.request("GET", "playbacks", id_)
        except (AriError, AriAway):
            return False
        return True


def _now() -> float:
    return asyncio.get_running_loop().time()


def _whole(time: timedelta) -> str:
    """Whole seconds, at least one: Asterisk reads 0 as no limit."""
    return str(max(1, round(time.total_seconds())))


def _rings(event: Event) -> bool:
    """180 or 183: R7 gives the slot back only when neither was seen."""
    if event["type"] == "Dial":
        return str(event.get("dialstatus")) in ("RINGING", "PROGRESS")
    return _state(event) == "Ringing"


def _answered(event: Event) -> bool:
    return _state(event) == "Up"


def _state(event: Event) -> str:
    return str(event["channel"]["state"]) if event["type"] == "ChannelStateChange" else ""


def _seconds(path: Path) -> float:
    """How long a prompt lasts. Raises FileNotFoundError: Asterisk would skip it without a word."""
    return path.stat().st_size / _BYTES_A_SECOND.get(path.suffix, 8000)
