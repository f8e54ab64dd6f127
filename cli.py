"""`mai`: what may a person ask of this system? One function a command; `mai COMMAND --help` has an example of each.

Exit status: 0 well, 1 the thing asked for failed, 2 wrong usage or configuration.
"""

import asyncio
import sys
from collections.abc import Coroutine
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from core.written import VIETNAM, duration
from prompts.errors import CannotMake, CannotSpeak
from runtime import importing, requests, shown
from runtime.app import Installation
from runtime.asterisk_files import ROOT, BadAsteriskConfig, installed, render, write
from runtime.control import CommandFailed, NobodyRuns, ask
from runtime.imports import BadFile
from runtime.loading import BadInstallation, check, load, open_app
from runtime.logs import set_up
from runtime.parts import ORDER, Run
from store import logs, reports, settings
from store.errors import NoStore, StoreError


def programs() -> dict[str, Run]:
    """The programs by the name of their part. Imported only by who runs them: commands start quickly."""
    import agi.server
    import ari_app.dialer
    import ari_app.planner
    import ari_app.registrar
    import smpp.gateway
    import web.server

    return {
        "sms": smpp.gateway.run,
        "registrar": ari_app.registrar.run,
        "agi": agi.server.run,
        "dialer": ari_app.dialer.run,
        "planner": ari_app.planner.run,
        "web": web.server.run,
    }


app = typer.Typer(
    help="Automatic calls that people do not mind: mAICallCenter.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
error = Console(stderr=True)

ConfigFile = Annotated[
    Path, typer.Option("--config", help="The installation's configuration.", envvar="MAI_CONFIG")
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line, numbers in full.")]
OptionalProgramme = Annotated[str | None, typer.Option("--programme", help="Only this programme.")]
CONFIG = Path("config.yaml")


def ended(work: Coroutine[Any, Any, int | None]) -> None:
    """Run a command and leave with its exit status; a person's mistake is never a traceback."""
    try:
        raise typer.Exit(asyncio.run(work) or 0)
    except (CommandFailed, StoreError, BadFile, CannotMake, CannotSpeak) as failed:
        error.print(str(failed), style="red", markup=False, highlight=False)
        raise typer.Exit(1) from None
    except (BadInstallation, BadAsteriskConfig) as wrong:
        error.print(str(wrong), style="red", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def installation_of(config: Path) -> Installation:
    """The installation, or exit status 2 with every problem."""
    try:
        return load(config)
    except BadInstallation as wrong:
        error.print(str(wrong), style="red", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(2) from None


def moment(text: str | None) -> datetime | None:
    """`2026-11-21T09:00`, `2026-11-21`, or a duration ago like `2h`; without an offset in Vietnamese time."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
        return at if at.tzinfo else at.replace(tzinfo=VIETNAM)
    except ValueError:
        try:
            return datetime.now(VIETNAM) - duration(text)
        except ValueError:
            raise typer.BadParameter(f"{text!r}: write 2026-11-21T09:00, 2026-11-21 or 2h") from None


@app.command(name="check")
def check_(config: ConfigFile = CONFIG) -> None:
    """Validate config.yaml, packages.yaml and campaigns/, and run the rule linter.

    Example: mai check
    """
    try:
        lines, all_start = check(config)
    except BadInstallation as wrong:
        for line in wrong.lines:
            error.print(line, markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(2) from None
    for line in lines:
        shown.out.print(line, markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(0 if all_start else 1)


@app.command()
def run(
    part: Annotated[list[str] | None, typer.Argument(help=f"Some of {', '.join(ORDER)}; none: all.")] = None,
    config: ConfigFile = CONFIG,
    json_logs: Annotated[bool, typer.Option("--json-logs", help="Logs as JSON lines.")] = False,
) -> None:
    """Run the system: all parts, or those named. Ctrl-C or `mai stop` ends it well.

    Example: mai run            Example: mai run sms registrar
    """
    from runtime import running

    set_up(as_json=json_logs)
    installation = installation_of(config)
    try:
        parts = running.chosen_parts(part or [], programs())
    except ValueError as wrong:
        raise typer.BadParameter(str(wrong)) from None
    for name, why in installation.held_back.items():
        error.print(f"{name} does not start: {why}", style="yellow", markup=False)
    ended(running.run_system(installation, parts))


@app.command()
def stop(config: ConfigFile = CONFIG) -> None:
    """Stop the running system well: calls that are up may end, what is being sent is finished.

    Example: mai stop
    """

    from runtime import running

    async def work() -> int:
        installation = installation_of(config)
        try:
            await ask(installation.run_dir, "stop", timeout_s=180)
            shown.out.print("stopped")
        except NobodyRuns:
            left = [node for node in running.managed_nodes(installation) if await node.stop()]
            shown.out.print("nothing ran" + (", but its Asterisk did; it is stopped" if left else ""))
        return 0

    ended(work())


@app.command()
def status(config: ConfigFile = CONFIG, json: AsJson = False) -> None:
    """What is up, what is dialled, and why nothing is when nothing is.

    Example: mai status
    """

    async def work() -> int:
        installation = installation_of(config)
        try:
            says = await ask(installation.run_dir, "says", timeout_s=5)
        except NobodyRuns:
            says = None
        found: dict[str, Any] = {"running": says is not None, "parts": says}
        try:
            async with open_app(installation, readonly=True) as opened:
                now = opened.now()
                found |= {"now": now.isoformat()} | await opened.store.read(
                    lambda tx: reports.status(tx, now=now)
                )
        except NoStore:
            found |= {"store": "nothing is stored yet"}
        found["held_back"] = installation.held_back
        shown.as_json([found]) if json else shown.status(found)
        return 0 if says is not None else 1

    ended(work())


@app.command()
def call(
    number: str,
    programme: Annotated[str, typer.Option("--programme", help="Whose script is spoken.")],
    config: ConfigFile = CONFIG,
    json: AsJson = False,
) -> None:
    """One test call, under the rules; shows how it ended.

    Example: mai call 0901234567 --programme topup-smartphone
    """

    async def work() -> int:
        folder = installation_of(config).run_dir
        try:
            made = await ask(folder, "call", number=number, programme=programme)
            while True:
                found = await ask(folder, "fate", trigger=made["trigger"], number=number)
                event, made_call = found["trigger"], found["call"]
                if event and event["fate"] not in (None, "called"):
                    raise CommandFailed(f"not called: {event['rule']}")
                if made_call and made_call["outcome"]:
                    shown.as_json([made_call]) if json else shown.as_table(
                        "call", [made_call], shown.COLUMNS["calls"]
                    )
                    return 0
                await asyncio.sleep(0.3)
        except NobodyRuns:
            raise CommandFailed("nothing runs here: start the system with `mai run`") from None

    ended(work())


@app.command()
def topup(
    number: str,
    amount: int,
    id: Annotated[
        str | None, typer.Option("--id", help="The event's id; a repeated one changes nothing.")
    ] = None,
    at: Annotated[
        str | None, typer.Option("--at", help="When: 2026-11-21T09:00:00+07:00; default now.")
    ] = None,
    config: ConfigFile = CONFIG,
) -> None:
    """A top-up event: stored when this returns 0.

    Example: mai topup 0901234567 50000 --id t-1
    """

    async def work() -> int:
        fields: dict[str, Any] = {"id": id or requests.new_id("topup"), "number": number, "amount": amount}
        if at is not None:
            fields["at"] = at
        result = await requests.carry_out(installation_of(config), "topup", **fields)
        shown.out.print(f"{fields['id']}: {result}", markup=False)
        if result == "conflict":
            raise CommandFailed(f"{fields['id']} came before with other content, and that one stands")
        return 0

    ended(work())


@app.command(name="import")
def import_(
    kind: Annotated[str, typer.Argument(help="subscribers, dnc, targets or exclusions.")],
    file: Path,
    programme: OptionalProgramme = None,
    force: Annotated[
        bool, typer.Option("--force", help="Accept a list that shrank by more than 5 %.")
    ] = False,
    config: ConfigFile = CONFIG,
) -> None:
    """Import a list from CSV; a bad row is reported with its line and reason and does not stop the rest.

    Example: mai import dnc dnc.csv          Example: mai import targets list.csv --programme bluezone
    """
    ended(importing.import_list(installation_of(config), kind, file, programme, force=force))


@app.command()
def log(
    kind: Annotated[str, typer.Argument(help="calls, sms, registrations or triggers.")],
    number: Annotated[str | None, typer.Option("--number", help="Only this subscriber.")] = None,
    since: Annotated[str | None, typer.Option("--since", help="From: 2026-11-21T09:00, or 2h ago.")] = None,
    until: Annotated[str | None, typer.Option("--until", help="Before: like --since.")] = None,
    programme: OptionalProgramme = None,
    csv: Annotated[bool, typer.Option("--csv", help="CSV, numbers in full.")] = False,
    json: AsJson = False,
    config: ConfigFile = CONFIG,
) -> None:
    """Who was called, texted, registered, when and with which words (O16).

    Example: mai log calls --number 0901234567          Example: mai log sms --since 2h --json
    """
    if kind not in shown.COLUMNS:
        raise typer.BadParameter(f"{kind!r}: one of {', '.join(shown.COLUMNS)}")
    first, last = moment(since), moment(until)

    async def work() -> int:
        whom = requests.number_of(number) if number else None
        async with open_app(installation_of(config), readonly=True) as opened:
            rows = await opened.store.read(
                lambda tx: list(
                    getattr(logs, kind)(tx, number=whom, since=first, until=last, programme=programme)
                )
            )
        if json:
            shown.as_json(rows)
        elif csv:
            shown.as_csv(rows)
        else:
            shown.as_table(kind, rows, shown.COLUMNS[kind])
        return 0

    ended(work())


@app.command()
def report(programme: str, config: ConfigFile = CONFIG, json: AsJson = False) -> None:
    """The results of a programme: outcomes, registrations, SMS, from top-up to ringing.

    Example: mai report topup-smartphone
    """

    async def work() -> int:
        installation = installation_of(config)
        if programme not in installation.programmes:
            raise CommandFailed(
                f"{programme!r} is not a programme: one of {', '.join(sorted(installation.programmes))}"
            )
        async with open_app(installation, readonly=True) as opened:
            found = await opened.store.read(lambda tx: reports.report(tx, programme=programme))
        shown.as_json([found]) if json else shown.report(found)
        return 0

    ended(work())


@app.command()
def explain(
    number: str,
    programme: OptionalProgramme = None,
    at: Annotated[str | None, typer.Option("--at", help="As of then: 2026-11-21T09:00.")] = None,
    config: ConfigFile = CONFIG,
    json: AsJson = False,
) -> None:
    """Why is this number called, or not: every programme, every rule with its value and verdict.

    Example: mai explain 0901234567          Example: mai explain 0901234567 --at 2026-11-21T09:00
    """
    from runtime.explain import explain as found
    from runtime.explained import explained

    then = moment(at)

    async def work() -> int:
        whom = requests.number_of(number)
        async with open_app(installation_of(config), readonly=True) as opened:
            lines = await found(opened, number=whom, programme=programme, at=then)
        shown.as_json(lines) if json else explained(lines)
        return 0

    ended(work())


Everything = Annotated[bool, typer.Option("--all", help="Every programme.")]


def _which(programme: str | None, everything: bool) -> str:
    if (programme is None) != everything:
        raise typer.BadParameter("name a programme, or --all")
    return programme or settings.ALL


@app.command()
def pause(
    programme: Annotated[str | None, typer.Argument()] = None,
    all: Everything = False,
    config: ConfigFile = CONFIG,
) -> None:
    """Start no call, let running ones finish, hold advertising SMS.

    Example: mai pause topup-smartphone          Example: mai pause --all
    """
    which = _which(programme, all)

    async def work() -> int:
        new = await requests.carry_out(installation_of(config), "pause", programme=which, by=requests.who())
        shown.out.print("paused" if new else "was paused already")
        return 0

    ended(work())


@app.command()
def resume(
    programme: Annotated[str | None, typer.Argument()] = None,
    all: Everything = False,
    config: ConfigFile = CONFIG,
) -> None:
    """Go on after a pause.

    Example: mai resume topup-smartphone
    """
    which = _which(programme, all)

    async def work() -> int:
        was = await requests.carry_out(installation_of(config), "resume", programme=which)
        shown.out.print("goes on" if was else "was not paused")
        return 0

    ended(work())


@app.command()
def refuse(
    number: str,
    undo: Annotated[bool, typer.Option("--undo", help="The subscriber takes it back.")] = False,
    reason: Annotated[
        str | None, typer.Option("--reason", help="Why, for the journal; --undo needs it.")
    ] = None,
    config: ConfigFile = CONFIG,
) -> None:
    """Record that a subscriber refuses advertising: it holds at once, for calls and messages of every programme.

    Example: mai refuse 0901234567          Example: mai refuse 0901234567 --undo --reason "wrong number, ticket 12"
    """

    async def work() -> int:
        changed = await requests.carry_out(
            installation_of(config), "refuse", number=number, undo=undo, by=requests.who(), reason=reason
        )
        before = "there was no refusal" if undo else "was recorded before"
        shown.out.print("recorded" if changed else before)
        return 0

    ended(work())


@app.command()
def say(
    text: str,
    file: Annotated[Path, typer.Option("-o", help="The WAV file to write.")],
    config: ConfigFile = CONFIG,
) -> None:
    """Hear a prompt as a caller would.

    Example: mai say "Gói C90N chỉ với 90.000đ" -o prompt.wav
    """

    from prompts.library import open_library

    async def work() -> int:
        installation = installation_of(config)
        library = open_library(installation.config.prompts, installation.catalogue, installation.folder)
        spoken = await asyncio.to_thread(library.say, text, file)
        shown.out.print(spoken, markup=False)
        return 0

    ended(work())


@app.command()
def dialplan(folder: Path, config: ConfigFile = CONFIG) -> None:
    """Write Asterisk's files for an Asterisk that others run.

    Example: mai dialplan ./asterisk-files
    """

    async def work() -> int:
        installation = installation_of(config)
        for node in installation.config.asterisk.nodes:
            there = (folder / node.name).resolve()
            made = render(installation.config, node, there, installed(ROOT) if node.managed else None)
            write(made, there)
            shown.out.print(f"{len(made)} files in {there / 'etc'}", markup=False)
        return 0

    ended(work())


def main() -> None:
    """The program `mai`."""
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    app()


if __name__ == "__main__":
    main()
