"""What does a call cost, and how many can this machine make? Our whole system beside a pure dialplan.

The same callees (SIPp: 180, 200, key 1 after a second) are called by an Asterisk that a dialplan alone steers; by one that
a bare loop over ARI steers, without rules or a store (bench/ari_loop.py); by the running system from a target list, where
as with the dialplan nothing follows the key; and by the running system for a top-up by HTTP, with registration and two
SMS. Both ask all rules and write every row.
"""

import argparse
import asyncio
import json
import math
import os
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from bench import ari_loop
from bench._results import machine, write_section
from bench._until import until_came
from demo.judge import percentile
from demo.world import ROOT, World, stop_system, world, write_lists
from simulator import bare_asterisk
from simulator.ami import Event
from simulator.asterisk_process import Asterisk
from simulator.ports import free_port
from simulator.sipp import SippCallee
from simulator.sounds import make_sounds

_TICKS = os.sysconf("SC_CLK_TCK")
_GREETING_S = 2.5
#: When the callee presses its key, in seconds after the answer: until then a prompt is played.
SHORT_S = 1.0
#: How long nothing comes any more, in seconds, when all has come that will.
_AFTER_S = 20.0
#: The last call's end is written after it, in seconds.
_ENDS_S = 3.0


@dataclass(frozen=True)
class Run:
    """What one way of calling cost."""

    calls: int  #: that the callee answered and that ended as they should
    asked: int
    asterisk_ms: float  #: CPU of its Asterisk, each call
    controller_ms: float  #: CPU of what steers it, each call
    held: float  #: calls per second that the callee saw
    delays: tuple[float, ...] = ()  #: top-up accepted to INVITE, seconds


def numbers(count: int) -> list[str]:
    """So many; what the package system says depends on the third last digit (simulator/behaviours.py)."""
    return [f"090{i:07d}" for i in range(count)]


def plain_numbers(count: int) -> list[str]:
    """So many that the package system registers at once."""
    return [f"090{i // 600:04d}{i % 600:03d}" for i in range(count)]


# --- the peer: a dialplan alone ---

_EXTENSIONS = """\
[menu]
exten => s,1,Read(KEY,{prompt},1,,1,4)
 same => n,UserEvent(Test,What: key,Key: ${{KEY}})
 same => n,Hangup(16)
[nowhere]
"""


async def dialplan(folder: Path, callee: SippCallee, rate: float, seconds: float, prompt_s: float) -> Run:
    """The same calls by AMI Originate into a dialplan that speaks until the key comes."""
    import socket

    make_sounds(folder / "sounds")
    port = free_port(socket.SOCK_DGRAM)
    extensions = _EXTENSIONS.format(prompt=_spoken((folder / "sounds").resolve(), prompt_s))
    files = bare_asterisk.files(port, callee.address, (40000, 49999), extensions)
    pressed = 0

    def seen(event: Event) -> None:
        nonlocal pressed
        pressed += event.get("What") == "key" and event.get("Key") == "1"

    asterisk = Asterisk(folder, files, seen)
    await asterisk.start()
    try:
        assert asterisk.ami
        assert asterisk._process
        pid, count = asterisk._process.pid, int(rate * seconds)
        before, own, began = cpu_s(pid), time.process_time(), time.monotonic()
        async with asyncio.TaskGroup() as group:
            for place, number in enumerate(plain_numbers(count)):
                await asyncio.sleep(max(0.0, began + place / rate - time.monotonic()))
                asked = asterisk.ami.request(
                    "Originate",
                    Channel=f"PJSIP/trunk/sip:{number}@{callee.address}",
                    Context="menu",
                    Exten="s",
                    Priority="1",
                    Async="true",
                    CallerID="<8989>",
                )
                group.create_task(asked)
        await until_came(lambda: pressed, count, prompt_s + _AFTER_S)
        spent, own = cpu_s(pid) - before, time.process_time() - own
    finally:
        await asterisk.stop()
    each = max(pressed, 1)
    return Run(pressed, count, spent / each * 1000, own / each * 1000, held(callee))


async def ari_alone(folder: Path, callee: SippCallee, rate: float, seconds: float, prompt_s: float) -> Run:
    """The same calls by a bare loop over ARI (bench/ari_loop.py)."""
    asterisk, url, password = await ari_loop.started(folder, callee.address)
    wanted = plain_numbers(int(rate * seconds))
    try:
        assert asterisk._process
        pid = asterisk._process.pid
        process = ari_loop.controller(
            url,
            password,
            endpoint=f"PJSIP/trunk/sip:{{}}@{callee.address}",
            media=",".join(
                f"sound:{path}" for path in _spoken((folder / "sounds").resolve(), prompt_s).split("&")
            ),
            numbers=wanted,
            rate=rate,
            quiet_s=prompt_s + _AFTER_S,
        )
        with process:
            assert process.stdout
            if await asyncio.to_thread(process.stdout.readline) != "ready\n":
                raise RuntimeError("the loop over ARI did not begin")
            before = cpu_s(pid)
            told = json.loads(await asyncio.to_thread(process.stdout.readline))
            spent = cpu_s(pid) - before
    finally:
        await asterisk.stop()
    each = max(told["good"], 1)
    return Run(told["good"], len(wanted), spent / each * 1000, told["cpu_s"] / each * 1000, held(callee))


def held(callee: SippCallee) -> float:
    """Calls per second that the callee saw, first to last."""
    came = sorted(at for times in callee.invited().values() for at in times)
    return (len(came) - 1) / (came[-1] - came[0]) if len(came) > 1 else 0.0


# --- our whole system ---


def cpu_s(pid: int) -> float:
    """CPU seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def of_folder(folder: Path, program: str) -> Iterator[int]:
    """Processes of this program whose command line names the folder."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if program in line and str(folder) in line:
                yield int(entry.name)


_CAMPAIGN = ROOT / "tests" / "kill" / "short.yaml"
_ALONE = ROOT / "bench" / "alone.yaml"
#: Lasts more than a second.
_MENU = "Mời Quý khách chọn."
_LAST_WORDS = "            - say: Xin cảm ơn Quý khách đã chọn.\n"


@asynccontextmanager
async def installation(
    folder: Path, callee: SippCallee, rate: float, prompt_s: float = SHORT_S, *, alone: bool = False
) -> AsyncIterator[World]:
    """The demo's world, with one trunk that leads to the callees and one short programme.

    `alone`: its programme calls a list as fast as `rate`, and nothing follows a call.
    """
    async with world(folder, ring_s=20, calls_per_second=rate if alone else rate * 2, channels=2000) as there:
        found = json.loads(there.config.read_text(encoding="utf-8"))
        found["trunks"][0] |= {"address": callee.address}
        found["campaigns"] = "campaigns"
        found["smsc"][0] |= {"per_second": 2000, "window": 50}
        (folder / "campaigns").mkdir()
        source = _ALONE if alone else _CAMPAIGN
        programme = source.read_text(encoding="utf-8").replace(_LAST_WORDS, "")  # as the dialplan: key, end
        if prompt_s > SHORT_S:
            programme = programme.replace(_MENU, " ".join([_MENU] * math.ceil(prompt_s + 1)))
        (folder / "campaigns" / source.name).write_text(programme, encoding="utf-8")
        there.config.write_text(json.dumps(found, ensure_ascii=False, indent=2), encoding="utf-8")
        yield there


def _spoken(sounds: Path, prompt_s: float) -> str:
    """The greeting as often as it takes."""
    return "&".join([str(sounds / "greeting")] * math.ceil((prompt_s + 1) / _GREETING_S))


async def system(
    folder: Path, callee: SippCallee, rate: float, seconds: float, prompt_s: float, *, alone: bool = False
) -> Run:
    """The running system: a top-up for each call; `alone`: a target list, and nothing follows a call."""
    wanted = plain_numbers(int(rate * seconds))
    async with installation(folder, callee, rate, prompt_s, alone=alone) as there:
        await import_lists(there, wanted)
        process = there.start()
        try:
            await until_up(there)
            asterisk = next(of_folder(folder / "run", "asterisk"))
            before, own = cpu_s(asterisk), cpu_s(process.pid)
            accepted: dict[str, float] = {}
            if alone:
                await _import(there, "targets", "--programme", _ALONE.stem)
                await until_came(lambda: len(callee.invited()), len(wanted), _AFTER_S)
                await asyncio.sleep(prompt_s + _ENDS_S)
            else:
                accepted = await top_ups(there, wanted, rate)
                await until_came(lambda: len(there.smsc.records()), 2 * len(wanted), prompt_s + _AFTER_S)
            spent, own = cpu_s(asterisk) - before, cpu_s(process.pid) - own
            log = await asyncio.to_thread(there.mai, "log", "calls", "--json")
        finally:
            await stop_system(there, process)
    rows = [json.loads(line) for line in log.stdout.splitlines()]
    good = sum(row["outcome"] == "accepted" for row in rows)
    for outcome in sorted({row["outcome"] for row in rows} - {"accepted"}, key=str):
        print(f"  {sum(row['outcome'] == outcome for row in rows)} calls ended as {outcome}")
    came = callee.invited()
    delays = sorted(came[number][0] - at for number, at in accepted.items() if number in came)
    each = max(good, 1)
    return Run(good, len(wanted), spent / each * 1000, own / each * 1000, held(callee), tuple(delays))


async def import_lists(there: World, wanted: list[str]) -> None:
    """These numbers become subscribers who may be called; a list of them as targets lies there."""
    write_lists(there.folder, wanted, [], [])
    (there.folder / "targets.csv").write_text("\n".join(["number", *wanted]), encoding="utf-8")
    for kind in ("subscribers", "dnc"):
        await _import(there, kind)


async def _import(there: World, kind: str, *more: str) -> None:
    done = await asyncio.to_thread(there.mai, "import", kind, str(there.folder / f"{kind}.csv"), *more)
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)


async def until_up(there: World) -> None:
    """Until the system answers and would dial. Raises RuntimeError with what it said instead, after a minute."""
    said = ""
    try:
        async with aiohttp.ClientSession() as session, asyncio.timeout(60):
            while "no contact is due" not in said:
                await asyncio.sleep(0.2)
                said = await _dialer_says(session, there)
    except TimeoutError:
        log = (there.folder / "mai.log").read_text(encoding="utf-8")
        raise RuntimeError(f"it would not dial, for: {said}\n{log[-4000:]}") from None


async def _dialer_says(session: aiohttp.ClientSession, there: World) -> str:
    try:
        async with session.get(f"{there.web}/health") as answer:
            health = await answer.json()
    except aiohttp.ClientError as error:  # not listening yet
        return str(error)
    return str(health["parts"].get("dialer", {}).get("reason"))


async def top_ups(there: World, wanted: list[str], rate: float) -> dict[str, float]:
    """Top up each number at this rate; when each was accepted."""
    accepted: dict[str, float] = {}
    headers = {"Authorization": f"Bearer {there.token}"}

    async def one(session: aiohttp.ClientSession, number: str) -> None:
        event = {"id": f"b-{number}", "number": number, "amount": 50_000}
        async with session.post(f"{there.web}/v1/topups", json=event) as answer:
            if answer.status != 202:
                raise RuntimeError(f"HTTP {answer.status}: {await answer.text()}")
        accepted[number] = time.time()

    began = time.monotonic()
    async with aiohttp.ClientSession(headers=headers) as session, asyncio.TaskGroup() as group:
        for place, number in enumerate(wanted):
            await asyncio.sleep(max(0.0, began + place / rate - time.monotonic()))
            group.create_task(one(session, number))
    return accepted


async def _all(rate: float, seconds: float, prompt_s: float) -> tuple[Run, Run, Run, Run]:
    with tempfile.TemporaryDirectory(prefix="bench-dialer-", ignore_cleanup_errors=True) as name:
        work = Path(name)
        async with SippCallee(work / "sipp1", ring_s=0.1, after_s=prompt_s) as callee:
            pure = await dialplan(work / "pure", callee, rate, seconds, prompt_s)
        async with SippCallee(work / "sipp4", ring_s=0.1, after_s=prompt_s) as callee:
            bare = await ari_alone(work / "bare", callee, rate, seconds, prompt_s)
        async with SippCallee(work / "sipp2", ring_s=0.1, after_s=prompt_s) as callee:
            alone = await system(work / "alone", callee, rate, seconds, prompt_s, alone=True)
        async with SippCallee(work / "sipp3", ring_s=0.1, after_s=prompt_s) as callee:
            whole = await system(work / "whole", callee, rate, seconds, prompt_s)
    return pure, bare, alone, whole


@dataclass(frozen=True)
class Load:
    """Calls at a rate, for a while, each so long; what is asked of it."""

    rate: float
    seconds: float
    prompt_s: float
    wanted: str


#: Issue 5's three questions: the ratio and the delay, the most that is held, and calls that speak for long.
LOADS = (
    Load(50, 60, SHORT_S, "ratio ≤ 1.5; top-up to INVITE p99 ≤ 250 ms"),
    Load(100, 60, SHORT_S, "100 calls/s held, no call lost"),
    Load(10, 40, 20.0, "ratio ≤ 1.10"),
)


def table(load: Load, pure: Run, bare: Run, alone: Run, ours: Run) -> list[str]:
    """What one load showed."""
    lines = [
        f"{load.rate:g} calls/s for {load.seconds:g} s, key after {load.prompt_s:g} s of prompt (wanted: {load.wanted}):",
        "",
        "| who | calls | calls/s | Asterisk ms CPU/call | what steers it ms CPU/call | all, ratio |",
        "|---|---|---|---|---|---|",
    ]
    whole = pure.asterisk_ms + pure.controller_ms
    ways = (
        ("pure dialplan", pure),
        ("a bare loop over ARI: no rules, no store", bare),
        ("the system, from a list", alone),
        ("the system, whole", ours),
    )
    for who, run in ways:
        total = run.asterisk_ms + run.controller_ms
        lines.append(
            f"| {who} | {run.calls} of {run.asked} | {run.held:.1f} | {run.asterisk_ms:.1f} "
            f"| {run.controller_ms:.1f} | {total:.1f}, {total / whole:.2f} |"
        )
    if ours.delays:
        p50, p99 = (percentile(list(ours.delays), of) * 1000 for of in (50, 99))
        lines += ["", f"Top-up accepted to INVITE on the wire: p50 {p50:.0f} ms, p99 {p99:.0f} ms."]
    return [*lines, ""]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.dialer",
        description=__doc__,
        epilog="Example: python -m bench.dialer --rate 50 --seconds 30; without --rate the three loads of RESULTS.md",
    )
    parser.add_argument("--rate", type=float, help="top-ups per second")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--prompt", type=float, default=SHORT_S, help="seconds of prompt before the key")
    given, _ = parser.parse_known_args()
    asked = LOADS if given.rate is None else (Load(given.rate, given.seconds, given.prompt, "as given"),)
    lines = []
    for load in asked:
        lines += table(load, *asyncio.run(_all(load.rate, load.seconds, load.prompt_s)))
        print("\n".join(lines[-10:]), flush=True)
    if given.rate is None:
        about = (
            f"`python -m bench dialer`, {machine()} Callees (SIPp), SMSC and package system are on the same two cores. "
            '"From a list": as with the dialplan nothing follows the key, but all rules are asked and every row is written. '
            '"Whole": a top-up by HTTP before each call, a registration and two SMS with their receipts after it.'
        )
        write_section("dialer", ["## Calls: our whole system beside a pure dialplan", "", about, "", *lines])


if __name__ == "__main__":
    main()
