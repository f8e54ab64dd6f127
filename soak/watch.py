"""How does the run go, and what held in the end? The world's records against what must hold (soak/invariants.py)."""

import itertools
import os
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from demo.judge import percentile
from demo.world import World
from simulator.behaviours import digits
from simulator.sipp import SippCallee
from soak import invariants
from soak.ledger import Ledger
from soak.load import Load

#: Ring limit and talk limit of the soak's calls, at most.
_LONGEST_CALL = timedelta(seconds=20) + timedelta(minutes=5)
#: Of a loop that always does the same: how fast the machine's cores are just then.
_PIECE = 100_000
#: Names of numbers in the report, at most.
_NAMED = 20


@dataclass
class Fault:
    """What was broken, when (seconds since 1970)."""

    name: str
    at: float


@dataclass(frozen=True)
class Report:
    text: str
    held: bool


@dataclass
class Watch:
    """Looks on from outside."""

    there: World
    callee: SippCallee
    ledger: Ledger
    load: Load
    faults: list[Fault] = field(default_factory=list)
    overdue: dict[str, timedelta] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)
    unread: int = 0  #: looks at the store that failed: it was away
    speeds: list[float] = field(
        default_factory=list
    )  #: ms of a core for the same piece of work, at each look

    def broke(self, name: str) -> None:
        self.faults.append(Fault(name, time.time()))
        print(f"{_clock(time.monotonic() - self.began)}  -- {name}", flush=True)

    async def look(self) -> str:
        """What is overdue is noted; a line of progress."""
        try:
            now = datetime.now(UTC)
            in_flight = await self.ledger.since()
            self.overdue |= invariants.overdue(in_flight, now, _LONGEST_CALL)
            self.overdue |= invariants.overdue(await self.ledger.stale(now), now, timedelta(0))
            up = f"{len(in_flight):4} up {await self.ledger.waiting():5} due"
        except Exception as error:  # the store is what is broken just now
            self.unread += 1
            up = f"the store cannot be read: {type(error).__name__}"
        self.speeds.append(_piece_ms())
        return (
            f"{_clock(time.monotonic() - self.began)}  {len(self.load.taken):6} taken "
            f"{self.callee.invitations():6} called {len(self.there.packages.records()):6} registered "
            f"{len(self.there.smsc.records()):6} SMS  {up}  load {os.getloadavg()[0]:.1f}  "
            f"core {self.speeds[-1]:.0f} ms"
        )

    async def report(self, died: Collection[str]) -> Report:
        """At the end: what happened, how each fault was got over, and what did not hold."""
        self.speeds.append(_piece_ms())
        invited = self.callee.invited()
        fates = [(each.key, digits(each.number)) for each in self.there.packages.records()]
        told = await self.ledger.fates()
        broken: dict[str, Mapping[str, object] | Collection[str]] = {
            "a phone was reached twice": invariants.called_twice(
                number for number, times in invited.items() for _ in times
            ),
            "registered twice": invariants.registered_twice(fates),
            "an SMS was submitted twice": invariants.submitted_twice(self.there.smsc.record.lines),
            "a top-up without a fate": invariants.without_a_fate(self.load.taken, told),
            "a top-up was answered wrongly": self.load.wrong,
            "in flight for too long": {n: f"{by.total_seconds():.0f} s" for n, by in self.overdue.items()},
            "still under way at the end": await self.ledger.open(),
            "a controller ended by itself": list(died),
        }
        held = not any(broken.values()) and len(invited) > 0
        lines = [*await self._what_happened(invited, told), "", *self._got_over(invited), ""]
        lines += [line for what, found in broken.items() for line in _verdict(what, found)]
        lines.append("all held" if held else "NOT ALL HELD")
        return Report("\n".join(lines) + "\n", held)

    async def _what_happened(
        self, invited: Mapping[str, list[float]], told: Mapping[str, str | None]
    ) -> list[str]:
        came = sorted(times[0] for times in invited.values())
        rate = len(came) / (came[-1] - came[0]) if len(came) > 1 else 0.0
        by_fate: dict[str, int] = {}
        for fate in told.values():
            by_fate[str(fate)] = by_fate.get(str(fate), 0) + 1
        outcomes = await self.ledger.outcomes()
        return [
            f"top-ups taken: {len(self.load.taken)}, of {len(self.load.numbers)} numbers; fates: {_counts(by_fate)}",
            f"numbers called: {len(invited)}, {rate:.1f} a second; outcomes: {_counts(outcomes)}",
            f"registrations: {len(self.there.packages.records())}; SMS: {len(self.there.smsc.records())}",
            f"the machine: a piece of work that is always the same took a core {percentile(self.speeds, 50):.0f} ms "
            f"(median), {min(self.speeds):.0f} to {max(self.speeds):.0f}",
            f"alarms raised: {', '.join(sorted({each.name for each in await self.ledger.alarms()})) or 'none'}",
        ]

    def _got_over(self, invited: Mapping[str, list[float]]) -> list[str]:
        """How long after each fault the callee saw the next call that began after a gap of a second."""
        came = sorted(at for times in invited.values() for at in times)
        lines = []
        for name in dict.fromkeys(fault.name for fault in self.faults):
            gaps = [_gap(came, fault.at) for fault in self.faults if fault.name == name]
            lines.append(
                f"{len(gaps):3} x {name}: no call came for {percentile(gaps, 50):.1f} s (median), "
                f"{max(gaps):.1f} s (longest)"
            )
        return lines


def _piece_ms() -> float:
    """CPU time, not time on the clock: a machine that shares its cores with others grows slow without a sign of it."""
    began = time.process_time()
    sum(each * each % 7 for each in range(_PIECE))
    return (time.process_time() - began) * 1000


def _gap(came: list[float], fault_at: float) -> float:
    """The longest time without a call in the half minute after a fault."""
    near = [at for at in came if fault_at - 1 <= at <= fault_at + 40]
    return max((after - before for before, after in itertools.pairwise(near)), default=40.0)


def _verdict(what: str, found: Mapping[str, object] | Collection[str]) -> list[str]:
    """`ok`, or how many and who."""
    if not found:
        return [f"ok      {what}: none"]
    named = [f"{n}: {found[n]}" if isinstance(found, Mapping) else n for n in list(found)[:_NAMED]]
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return [f"BROKEN  {what}: {len(found)}: {'; '.join(map(str, named))}{more}"]


def _counts(counted: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counted.items()) or "none"


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60:3}:{int(seconds) % 60:02}"
