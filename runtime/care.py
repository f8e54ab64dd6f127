"""Which commands of `mai` are about care: other events, the calendar, complaints, forgetting, backups?

They are added to the program by cli.py; heavy imports stand in the functions that need them.
"""

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

from runtime.asking import carry_out, new_id, who
from runtime.commands import subscriber
from runtime.failed import CommandFailed, WrongUsage
from runtime.options import CONFIG, AsJson, ConfigFile, Number, Programme

Ended = Callable[[Coroutine[Any, Any, int]], None]


def add_commands(app: typer.Typer, ended: Ended) -> None:
    """Add every command of this file to the program; `ended` runs one and leaves with its exit status."""
    _of_programmes(app, ended)
    _of_one_number(app, ended)
    _of_the_store(app, ended)


def _of_programmes(app: typer.Typer, ended: Ended) -> None:
    @app.command(context_settings={"ignore_unknown_options": True})
    def trigger(
        kind: Annotated[str, typer.Argument(help="renewal, bill_due, low_balance or topup.")],
        number: Number,
        amount: Annotated[
            int, typer.Argument(help="In đồng: of the renewal, of the bill, the balance left.")
        ],
        id: Annotated[str | None, typer.Option("--id", help="A repeated one changes nothing.")] = None,
        at: Annotated[str | None, typer.Option("--at", help="When, with its offset; default now.")] = None,
        config: ConfigFile = CONFIG,
    ) -> None:
        """An event that a programme may wait for: stored when this returns 0.

        \b
        Example:
          mai trigger renewal 0901234567 90000 --id r-1
        """
        ended(_trigger(config, kind, number, amount, id, at))

    @app.command()
    def calendar(programme: Programme, config: ConfigFile = CONFIG, json: AsJson = False) -> None:
        """The next 30 days of a programme: windows, last moment to dial, Tết.

        \b
        Example:
          mai calendar topup-smartphone
        """
        ended(_calendar(config, programme, json=json))


def _of_one_number(app: typer.Typer, ended: Ended) -> None:
    @app.command()
    def complaint(
        number: Number,
        file: Annotated[Path, typer.Option("-o", help="The XLSX file to write.")],
        config: ConfigFile = CONFIG,
    ) -> None:
        """Everything about one number, in order, word for word, as a workbook. The journal keeps who asked.

        \b
        Example:
          mai complaint 0901234567 -o complaint.xlsx
        """
        ended(_complaint(config, number, file))

    @app.command()
    def forget(number: Number, config: ConfigFile = CONFIG, json: AsJson = False) -> None:
        """Pseudonymise what no law obliges us to keep; says what was kept and why. It cannot be undone.

        \b
        Example:
          mai forget 0901234567
        """
        ended(_forget(config, number, json=json))


def _of_the_store(app: typer.Typer, ended: Ended) -> None:
    @app.command()
    def backup(
        file: Annotated[Path, typer.Argument(help="A new file; it holds subscribers' data.")],
        config: ConfigFile = CONFIG,
    ) -> None:
        """Copy the store and its lists into one file, also while the system runs.

        \b
        Example:
          mai backup mai-2026-11-21.tar
        """
        ended(_backup(config, file))

    @app.command()
    def restore(
        file: Annotated[Path, typer.Argument(help="A file of `mai backup`.")], config: ConfigFile = CONFIG
    ) -> None:
        """Put a backup where no store is: nothing is overwritten.

        \b
        Example:
          mai restore mai-2026-11-21.tar
        """
        ended(_restore(config, file))


async def _trigger(config: Path, kind: str, number: str, amount: int, id: str | None, at: str | None) -> int:
    event = id or new_id(kind)
    fields: dict[str, Any] = {"kind": kind, "id": event, "number": number, "amount": amount}
    result = await carry_out(config, "trigger", **fields, **({"at": at} if at else {}))
    if result == "conflict":
        raise CommandFailed(f"{event}: came before with other content, and that one stands")
    print(f"{event}: {result}")
    return 0


async def _calendar(config: Path, programme: str, *, json: bool) -> int:
    from runtime import calendar_view, shown
    from runtime.loading import load

    days = await calendar_view.calendar_of(load(config), programme)
    shown.as_json(days) if json else calendar_view.show(programme, days)
    return 0


async def _complaint(config: Path, number: str, file: Path) -> int:
    from runtime import complaint
    from runtime.loading import load, open_app

    whom = subscriber(number)
    if file.suffix.lower() != ".xlsx":
        raise WrongUsage(f"{file}: is no XLSX file: name it like complaint.xlsx")
    if file.exists():
        raise CommandFailed(f"{file}: is there already: name a new file")
    await carry_out(config, "complaint", number=whom, by=who())
    async with open_app(load(config), readonly=True) as app:
        found = await complaint.everything(app, whom)
        made = {"made by": who(), "made at": app.now().isoformat(timespec="seconds")}
    complaint.write_workbook(found, made, file)
    print(f"{file}: {sum(map(len, found.rows.values()))} rows")
    return 0


async def _forget(config: Path, number: str, *, json: bool) -> int:
    from runtime import forgetting, shown

    found = await carry_out(config, "forget", number=subscriber(number), by=who())
    shown.as_json([found]) if json else forgetting.show(found)
    return 0


async def _backup(config: Path, file: Path) -> int:
    from runtime.backup import backup
    from runtime.loading import load_config

    octets = await backup(load_config(config), config.resolve().parent, file)
    print(f"{file}: {octets:,} octets")
    return 0


async def _restore(config: Path, file: Path) -> int:
    from runtime.backup import restore
    from runtime.loading import load_config

    place = await restore(load_config(config), config.resolve().parent, file)
    print(f"restored: {place}")
    print("What was stored after the backup is missing: record the refusals of that time before you start.")
    return 0
