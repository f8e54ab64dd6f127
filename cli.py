"""`mai`: what may a person ask of this system? One function a command; `mai COMMAND --help` has an example of each.

Exit status: 0 well, 1 the thing asked for failed, 2 wrong usage or configuration.
"""

import asyncio
import gc
import os
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prompts.errors import CannotMake, CannotSpeak
from runtime import care, commands, copying, node_commands, sms_commands
from runtime.asking import NOTHING_RUNS
from runtime.control import NobodyRuns
from runtime.failed import BadInstallation, CommandFailed, WrongUsage
from runtime.options import CONFIG, AsJson, ConfigFile, Number, Programme
from store.errors import StoreError

if TYPE_CHECKING:
    from runtime.parts import Run

PARTS = "asterisk, campaigns, sms, registrar, agi, dialer, planner, house, intake, web"


def programs() -> "dict[str, Run]":
    """The programs by the name of their part. Imported only by who runs them: commands start quickly."""
    import agi.server
    import ari_app.dialer
    import ari_app.intake
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
        "intake": ari_app.intake.run,
        "web": web.server.run,
    }


app = typer.Typer(
    help="Automatic calls that people do not mind: mAICallCenter.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: quick to start, and examples keep their lines
    context_settings={"help_option_names": ["-h", "--help"]},
)

OptionalProgramme = Annotated[str | None, typer.Option("--programme", help="Only this programme.")]
AProgramme = Annotated[str | None, typer.Argument(help="The stem of its file in campaigns/.")]
Everything = Annotated[bool, typer.Option("--all", help="Every programme.")]


def _fail(sentence: str, status: int) -> typer.Exit:
    typer.secho(sentence, fg="red", err=True)
    return typer.Exit(status)


def ended(work: Callable[[], int] | Coroutine[Any, Any, int]) -> None:
    """Run a command and leave with its exit status; a person's mistake is never a traceback."""
    try:
        raise typer.Exit(asyncio.run(work) if isinstance(work, Coroutine) else work())
    except (WrongUsage, BadInstallation) as wrong:
        raise _fail(str(wrong), 2) from None
    except (CommandFailed, StoreError, CannotMake, CannotSpeak) as failed:
        raise _fail(str(failed), 1) from None
    except NobodyRuns:
        raise _fail(NOTHING_RUNS, 1) from None
    except BrokenPipeError:  # `mai log … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(1) from None
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise _fail(f"{where}{error.strerror or error}", 1) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


@app.command()
def check(config: ConfigFile = CONFIG) -> None:
    """Validate config.yaml, packages.yaml and campaigns/, run the rule linter, and tell what each SMS costs.

    0: every programme starts; 1: a rule forbids one; 2: a file is wrong.

    \b
    Example:
      mai check
    """
    from smpp.cost import cost_lines, house_cost_lines

    ended(lambda: commands.check(config, cost_lines, house_cost_lines))


@app.command()
def run(
    part: Annotated[list[str] | None, typer.Argument(help=f"Some of {PARTS}; none: all.")] = None,
    node: Annotated[
        list[str] | None,
        typer.Option(
            "--node", help="Dial from this node of asterisk.nodes alone (again for more); none: all."
        ),
    ] = None,
    config: ConfigFile = CONFIG,
    json_logs: Annotated[bool, typer.Option("--json-logs", help="Logs as JSON lines.")] = False,
) -> None:
    """Run the system: all parts, or those named. Ctrl-C or `mai stop` ends it well.

    \b
    Examples:
      mai run
      mai run sms registrar
      mai run dialer agi --node ast2
    """
    gc.disable()  # what is loaded now stays: to look through it again and again is a seventh of the start
    from runtime import running
    from runtime.logs import set_up

    set_up(as_json=json_logs)

    async def work() -> int:
        parts = running.chosen_parts(part or [], programs())
        gc.freeze()
        gc.enable()
        await running.run_system(running.with_nodes(running.load(config), node or [], parts), parts)
        return 0

    ended(work())


@app.command()
def stop(config: ConfigFile = CONFIG) -> None:
    """Stop the running system well: calls that are up may end, what is being sent is finished.

    \b
    Example:
      mai stop
    """
    ended(commands.stop(config))


@app.command()
def status(config: ConfigFile = CONFIG, json: AsJson = False) -> None:
    """What is up, what is dialled, and why nothing is when nothing is. 1: nothing runs.

    \b
    Example:
      mai status
    """
    ended(commands.status(config, json=json))


@app.command()
def call(
    number: Number,
    programme: Annotated[str, typer.Option("--programme", help="Whose script is spoken.")],
    config: ConfigFile = CONFIG,
    json: AsJson = False,
) -> None:
    """One test call, under the rules; shows how it ended.

    \b
    Example:
      mai call 0901234567 --programme topup-smartphone
    """
    ended(commands.call(config, number, programme, json=json))


# A negative amount is no option: it is stored as what it is, an invalid event.
@app.command(context_settings={"ignore_unknown_options": True})
def topup(
    number: Number,
    amount: Annotated[str, typer.Argument(help="In đồng, digits only: 50000.")],
    id: Annotated[
        str | None, typer.Option("--id", help="The event's id; a repeated one changes nothing.")
    ] = None,
    at: Annotated[
        str | None, typer.Option("--at", help="When: 2026-11-21T09:00:00+07:00; default now.")
    ] = None,
    config: ConfigFile = CONFIG,
    json: AsJson = False,
) -> None:
    """A top-up event: stored when this returns 0.

    \b
    Examples:
      mai topup 0901234567 50000
      mai topup 0901234567 50000 --id t-1 --at 2026-11-21T09:00:00+07:00
    """
    for word in (number, amount):
        if word.startswith("--"):
            raise typer.BadParameter(f"no such option: {word}")
    ended(commands.topup(config, number, amount, id, at, json=json))


@app.command(name="import")
def import_(
    kind: Annotated[str, typer.Argument(help="subscribers, dnc, targets or exclusions.")],
    file: Annotated[Path, typer.Argument(help="CSV, XLSX or Parquet; its first line names the columns.")],
    programme: OptionalProgramme = None,
    force: Annotated[
        bool, typer.Option("--force", help="Accept a list that shrank by more than 5 %.")
    ] = False,
    config: ConfigFile = CONFIG,
    json: AsJson = False,
) -> None:
    """Import a list from CSV, XLSX or Parquet; a bad row is reported with its line and reason and does not stop the rest.

    \b
    Examples:
      mai import subscribers base.csv
      mai import dnc dnc.csv
      mai import targets list.csv --programme bluezone
    """
    from runtime.importing import import_list

    ended(import_list(config, kind, file, programme, force=force, json=json))


@app.command()
def log(
    kind: Annotated[str, typer.Argument(help="calls, sms, registrations, received or triggers.")],
    number: Annotated[str | None, typer.Option("--number", help="Only this subscriber.")] = None,
    since: Annotated[str | None, typer.Option("--since", help="From: 2026-11-21T09:00, or 2h ago.")] = None,
    until: Annotated[str | None, typer.Option("--until", help="Before: like --since.")] = None,
    programme: OptionalProgramme = None,
    csv: Annotated[bool, typer.Option("--csv", help="CSV, numbers in full.")] = False,
    json: AsJson = False,
    config: ConfigFile = CONFIG,
) -> None:
    """Who was called, texted, registered, when and with which words (O16).

    \b
    Examples:
      mai log calls --number 0901234567
      mai log sms --since 2h --json
    """
    ended(commands.log(config, kind, number, since, until, programme, csv=csv, json=json))


@app.command()
def report(
    programme: Programme,
    config: ConfigFile = CONFIG,
    json: AsJson = False,
) -> None:
    """The results of a programme: outcomes, registrations, SMS, from top-up to ringing.

    \b
    Example:
      mai report topup-smartphone
    """
    ended(commands.report(config, programme, json=json))


@app.command(name="dry-run")
def dry_run(programme: str, config: ConfigFile = CONFIG, json: AsJson = False) -> None:
    """Whom a programme would reach and why not the others, how long it takes, what it sends. Calls nobody.

    \b
    Examples:
      mai dry-run bluezone
      mai dry-run topup-smartphone --json
    """

    async def work() -> int:
        from runtime import dry_run as runs
        from runtime import shown
        from runtime.loading import load
        from smpp.segments import how_many_parts

        found = await runs.dry_run(load(config), programme, parts=how_many_parts)
        shown.as_json([found]) if json else runs.show(found)
        return 0

    ended(work())


@app.command()
def explain(
    number: Number,
    programme: OptionalProgramme = None,
    at: Annotated[str | None, typer.Option("--at", help="As of then: 2026-11-21T09:00.")] = None,
    config: ConfigFile = CONFIG,
    json: AsJson = False,
) -> None:
    """Why is this number called, or not: every programme, every rule with its value and verdict.

    \b
    Examples:
      mai explain 0901234567
      mai explain 0901234567 --programme bluezone --at 2026-11-21T09:00
    """
    ended(commands.explain(config, number, programme, at, json=json))


@app.command()
def pause(programme: AProgramme = None, all: Everything = False, config: ConfigFile = CONFIG) -> None:
    """Start no call, let running ones finish, hold advertising SMS.

    \b
    Examples:
      mai pause topup-smartphone
      mai pause --all
    """
    ended(commands.pause(config, programme, all))


@app.command()
def resume(programme: AProgramme = None, all: Everything = False, config: ConfigFile = CONFIG) -> None:
    """Go on after a pause.

    \b
    Examples:
      mai resume topup-smartphone
      mai resume --all
    """
    ended(commands.resume(config, programme, all))


@app.command()
def refuse(
    number: Number,
    undo: Annotated[bool, typer.Option("--undo", help="The subscriber takes it back.")] = False,
    reason: Annotated[
        str | None, typer.Option("--reason", help="Why, for the journal; --undo needs it.")
    ] = None,
    config: ConfigFile = CONFIG,
) -> None:
    """Record that a subscriber refuses advertising: it holds at once, for calls and messages of every programme.

    \b
    Examples:
      mai refuse 0901234567
      mai refuse 0901234567 --undo --reason "wrong number, ticket 12"
    """
    ended(commands.refuse(config, number, undo, reason))


@app.command()
def say(
    text: Annotated[str, typer.Argument(help="What is to be spoken.")],
    file: Annotated[Path, typer.Option("-o", help="The WAV file to write.")],
    config: ConfigFile = CONFIG,
) -> None:
    """Hear a prompt as a caller would.

    \b
    Example:
      mai say "Gói C90N chỉ với 90.000đ" -o prompt.wav
    """
    ended(commands.say(config, text, file))


@app.command()
def dialplan(
    folder: Annotated[Path, typer.Argument(help="Where the files go, a folder for each node.")],
    config: ConfigFile = CONFIG,
) -> None:
    """Write Asterisk's files for an Asterisk that others run.

    \b
    Example:
      mai dialplan ./asterisk-files
    """
    ended(commands.dialplan(config, folder))


care.add_commands(app, ended)
sms_commands.add_commands(app, ended)
copying.add_commands(app, ended)
node_commands.add_commands(app, ended)


def main() -> None:
    """The program `mai`."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    app()


if __name__ == "__main__":
    main()
