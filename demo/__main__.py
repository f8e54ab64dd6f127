"""`make demo`: what does the main job look like, from a top-up to the right SMS, on this very machine?

A day's worth of top-ups goes to the running system over HTTP; a real Asterisk calls over real SIP into a simulated mobile
network; an SMSC and a package system take what follows. At the end every number is held against the simulator's table.
"""

import argparse
import asyncio
import json
import shutil
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path

import aiohttp
import yaml
from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from demo.judge import Verdict, judge, percentile
from demo.world import ON_DO_NOT_CALL, ROOT, World, stop_system, world, write_lists
from simulator.behaviours import ALWAYS_500, Programme, digits, sample_numbers

console = Console(width=None if sys.stdout.isatty() else 150)
_LONGEST_S = 420.0
#: After everything seems done: what should not come has this long to come.
_QUIET_S = 6.0
#: The pace is told over the busiest stretch of this length.
_BUSY_S = 10.0


@dataclass
class Plan:
    """Who is topped up and who is on the list; national numbers."""

    smartphones: list[str]
    featurephones: list[str]
    targets: list[str]
    topped_up_at: dict[str, float] = field(default_factory=dict)

    @property
    def always_500(self) -> str:
        """The number whose registration never gets a clear answer."""
        return next(n for n in self.smartphones if n.endswith("001"))

    @property
    def programmes(self) -> dict[str, Programme]:
        of: dict[str, Programme] = {}
        of |= dict.fromkeys(self.smartphones, "topup-smartphone")
        of |= dict.fromkeys(self.featurephones, "topup-featurephone")
        of |= dict.fromkeys(self.targets, "bluezone")
        return of


def planned(topups: int) -> Plan:
    """Four smartphones to a feature phone, and one round of every behaviour on the mass list."""
    smart = topups * 4 // 5
    return Plan(
        list(sample_numbers(smart, "090")),
        list(sample_numbers(topups - smart, "070")),
        list(sample_numbers(24, "089")),
    )


async def top_up(there: World, plan: Plan, per_second: float) -> None:
    """Send the top-ups at this rate; each must be stored (202)."""
    headers = {"Authorization": f"Bearer {there.token}"}
    numbers = [*plan.smartphones, *plan.featurephones, ON_DO_NOT_CALL]
    began = time.monotonic()
    async with aiohttp.ClientSession(headers=headers) as session:
        for place, number in enumerate(numbers):
            await asyncio.sleep(max(0.0, began + place / per_second - time.monotonic()))
            plan.topped_up_at[number] = time.time()
            event = {"id": f"demo-{number}", "number": number, "amount": 50_000}
            async with session.post(f"{there.web}/v1/topups", json=event) as answer:
                if answer.status != 202:
                    raise RuntimeError(f"top-up of {number}: HTTP {answer.status} {await answer.text()}")


def outcomes_of(there: World) -> dict[str, str]:
    """The outcome of each number's last call, as the system's log of calls has it."""
    done = there.mai("log", "calls", "--json")
    if done.returncode != 0:
        raise RuntimeError(f"mai log calls: {done.stderr}")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return {
        f"0{digits(row['number'])}": row["outcome"]
        for row in rows
        if row["direction"] == "out" and row["outcome"]
    }


def offers() -> dict[str, dict[str, str]]:
    """What each key offers, from the campaign files."""
    found = {}
    for file in (ROOT / "campaigns").glob("*.yaml"):
        found[file.stem] = yaml.safe_load(file.read_text(encoding="utf-8")).get("offers", {})
    return found


def verdicts(there: World, plan: Plan, outcomes: dict[str, str]) -> list[Verdict]:
    return judge(
        plan.programmes,
        offers(),
        outcomes,
        there.network.records(),
        there.packages.records(),
        there.smsc.records(),
        plan.always_500,
    )


def still_open(there: World, plan: Plan) -> list[Verdict]:
    """Numbers whose calls, registrations or SMS are not all there yet (outcomes are read at the end)."""
    return [v for v in verdicts(there, plan, {}) if any(not wrong.startswith("outcome") for wrong in v.wrong)]


async def watch(there: World, plan: Plan, feeding: "asyncio.Task[None]") -> None:
    """Live progress until everything that must come has come, or the demo's longest time has passed."""
    bars = Progress(
        TextColumn("{task.description:<14}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    )
    everyone = len(plan.programmes)
    fed, settled = (
        bars.add_task("top-ups", total=everyone - len(plan.targets)),
        bars.add_task("settled", total=everyone),
    )
    until = time.monotonic() + _LONGEST_S
    with Live(console=console, refresh_per_second=4, transient=not console.is_terminal) as live:
        while time.monotonic() < until:
            left = still_open(there, plan)
            bars.update(fed, completed=min(len(plan.topped_up_at), everyone - len(plan.targets)))
            bars.update(settled, completed=everyone - len(left))
            live.update(Group(bars, *live_lines(there)))
            if feeding.done():
                feeding.result()
                if not left:
                    break
            await asyncio.sleep(1)
        await asyncio.sleep(_QUIET_S)


def live_lines(there: World) -> Iterator[str]:
    """What the world sees just now."""
    calls = [call for call in there.network.records() if call.role == "subscriber"]
    open_ = [call for call in calls if call.ended_at is None]
    talking = sum(call.answered_at is not None for call in open_)
    keys = Counter(call.keys[-1:] for call in calls if call.keys)
    pressed = ", ".join(f"key {key}: {count}" for key, count in sorted(keys.items()))
    yield f"calls: {len(open_) - talking} ringing, {talking} talking, {len(calls) - len(open_)} ended; {pressed}"
    fates = Counter(each.status for each in there.packages.records())
    yield "registrations: " + (", ".join(f"{fate} {count}" for fate, count in fates.items()) or "none yet")
    yield f"SMS taken by the SMSC: {len(there.smsc.records())}"


async def call_back(there: World, plan: Plan) -> str:
    """O15: a subscriber calls 9090; the agent's phone must ring and show the offer. Returns what is wrong, or ''."""
    caller = plan.smartphones[0]
    await there.network.wait_registered()
    await there.network.call(caller, "9090", talk_s=3.0)
    try:
        records = await there.network.wait_for(
            lambda calls: any(c.role == "agent" and c.ended_at is not None for c in calls), timeout_s=40
        )
    except TimeoutError:
        return "the agent's phone did not ring and end"
    agent = next(c for c in records if c.role == "agent")
    console.print(
        f"9090: {caller[:4]}***{caller[-3:]} called back; the agent's phone showed [bold]{agent.caller_name}[/bold]"
    )
    code = offers()["topup-smartphone"]["1"]
    return (
        ""
        if code in agent.caller_name
        else f"the agent's phone showed {agent.caller_name!r}, not the offer {code}"
    )


def report(there: World, plan: Plan, found: list[Verdict]) -> None:
    """The table of outcomes per behaviour, the time from top-up to ringing, and everything that is wrong."""
    groups: dict[tuple[str, str], list[Verdict]] = defaultdict(list)
    for verdict in found:
        groups[verdict.programme, verdict.behaviour].append(verdict)
    table = Table(title="what each behaviour led to", title_justify="left", header_style="bold")
    for column in ("programme", "behaviour", "numbers", "outcome", "registrations", "SMS", "exact"):
        table.add_column(column)
    for (programme, behaviour), members in sorted(groups.items()):
        exact = sum(not member.wrong for member in members)
        outcome = Counter(member.seen.outcome for member in members)
        fates = Counter(fate for member in members for _, fate in member.seen.registrations)
        sms = Counter(kind for member in members for kind in member.seen.sms)
        table.add_row(
            programme,
            behaviour,
            str(len(members)),
            *(
                ", ".join(f"{word} {count}" for word, count in counted.items()) or "-"
                for counted in (outcome, fates, sms)
            ),
            f"[green]{exact}/{len(members)}[/green]"
            if exact == len(members)
            else f"[red]{exact}/{len(members)}[/red]",
        )
    console.print(table)
    began = sorted(c.invite_at.timestamp() for c in there.network.records() if c.role == "subscriber")
    busiest = max(sum(at <= other < at + _BUSY_S for other in began) for at in began)
    console.print(f"calls: {len(began)}; in the busiest {_BUSY_S:.0f} s {busiest / _BUSY_S:.1f} a second")
    rang = ringing_times(there, plan)
    if rang:
        console.print(
            f"from top-up to ringing: p50 {percentile(rang, 50):.2f} s, p99 {percentile(rang, 99):.2f} s ({len(rang)} calls)"
        )
    for verdict in found:
        for wrong in verdict.wrong:
            console.print(
                f"[red]{verdict.number} ({verdict.programme}, {verdict.behaviour}): {wrong}[/red]",
                soft_wrap=True,
            )


def ringing_times(there: World, plan: Plan) -> list[float]:
    """Seconds from sending a top-up to its 180, for the numbers that rang; by the network's own clock."""
    rang = {
        f"0{digits(c.number)}": c.ringing_at
        for c in reversed(there.network.records())
        if c.role == "subscriber" and c.ringing_at
    }
    return [rang[number].timestamp() - sent for number, sent in plan.topped_up_at.items() if number in rang]


def prepare(there: World, plan: Plan) -> None:
    """Check the configuration and import the lists, as an operator would."""
    write_lists(there.folder, plan.smartphones, plan.featurephones, plan.targets)
    for words in (
        ("check",),
        ("import", "subscribers", str(there.folder / "subscribers.csv")),
        ("import", "dnc", str(there.folder / "dnc.csv")),
        ("import", "targets", str(there.folder / "targets.csv"), "--programme", "bluezone"),
    ):
        done = there.mai(*words)
        console.print(f"[bold]mai {words[0]} {words[1] if len(words) > 1 else ''}[/bold]")
        console.print(done.stdout.strip(), highlight=False, markup=False, soft_wrap=True)
        if done.returncode != 0:
            raise RuntimeError(
                f"mai {' '.join(words)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
            )


async def up(there: World) -> None:
    """Until the system answers on its health page."""
    async with aiohttp.ClientSession() as session, asyncio.timeout(90):
        while True:
            with suppress(aiohttp.ClientError):  # not up yet
                async with session.get(f"{there.web}/health") as answer:
                    if answer.status == 200:
                        return
            await asyncio.sleep(0.3)


async def demo(folder: Path, topups: int, per_second: float) -> int:
    """Run it; returns the exit status: 0 when every number got exactly what its behaviour demands."""
    plan = planned(topups)
    started = datetime.now(timezone(timedelta(hours=7)))
    console.print(
        f"[bold]mAICallCenter demo[/bold], {started:%d/%m/%Y %H:%M}: {topups} top-ups and 24 targets"
    )
    async with world(folder, ring_s=12, calls_per_second=per_second + 8, channels=320) as there:
        there.packages.override(plan.always_500, ALWAYS_500)
        await asyncio.to_thread(prepare, there, plan)
        system = there.start()
        try:
            await up(there)
            feeding = asyncio.create_task(top_up(there, plan, per_second))
            await watch(there, plan, feeding)
            wrong_call_back = await call_back(there, plan)
            outcomes = await asyncio.to_thread(outcomes_of, there)
            found = verdicts(there, plan, outcomes)
        finally:
            await stop_system(there, system)
        report(there, plan, found)
        if wrong_call_back:
            console.print(f"[red]9090: {wrong_call_back}[/red]")
        wrong = sum(bool(verdict.wrong) for verdict in found) + bool(wrong_call_back)
        console.print(f"log and records: {folder}", soft_wrap=True)
        console.print("[green]all exact[/green]" if not wrong else f"[red]{wrong} not as demanded[/red]")
        return 1 if wrong else 0


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m demo",
        description=__doc__,
        epilog="Example: python -m demo --topups 60 --per-second 5",
    )
    parser.add_argument("--topups", type=int, default=240, help="how many top-ups (default 240)")
    parser.add_argument("--per-second", type=float, default=12.0, help="top-ups a second (default 12)")
    parser.add_argument(
        "--folder", type=Path, default=ROOT / ".run" / "demo", help="where logs and records go"
    )
    options = parser.parse_args()
    shutil.rmtree(options.folder, ignore_errors=True)
    try:
        sys.exit(asyncio.run(demo(options.folder.resolve(), options.topups, options.per_second)))
    except RuntimeError as failed:
        console.print(f"[red]{failed}[/red]", soft_wrap=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
