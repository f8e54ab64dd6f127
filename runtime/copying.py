"""`mai store copy FROM TO`: what does a person see while a store moves, and what is to be done then?"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runtime.asking import filled
from runtime.care import Ended
from runtime.options import CONFIG, AsJson, ConfigFile

if TYPE_CHECKING:
    from store.copying import Copy


_HELP = """The store: move it to another engine.

\b
Example:
  mai store copy sqlite:///mai.db 'postgresql://mai:${MAI_DB_PASSWORD}@db.example/mai'
"""


def add_commands(app: typer.Typer, ended: Ended) -> None:
    """Add `mai store` to the program; `ended` runs a command and leaves with its exit status."""
    store = typer.Typer(help=_HELP, no_args_is_help=True)
    app.add_typer(store, name="store")

    @store.callback()
    def _() -> None:
        """So that `copy` is a word of its own, also while it is the only one."""

    @store.command()
    def copy(
        source: Annotated[str, typer.Argument(metavar="FROM", help="sqlite:///mai.db or postgresql://…")],
        target: Annotated[str, typer.Argument(metavar="TO", help="Like FROM; it must be empty.")],
        config: ConfigFile = CONFIG,
        json: AsJson = False,
    ) -> None:
        """Copy every row of one store into another, empty one, and its lists; nothing may run meanwhile.

        Paths are relative to config.yaml. A ${NAME} is taken from the environment: no password in the list of
        processes. Both stores stay as they are if anything fails; the old one is never changed.

        \b
        Example:
          mai store copy sqlite:///mai.db 'postgresql://mai:${MAI_DB_PASSWORD}@db.example/mai'
        """
        ended(_copy(config, source, target, json=json))


async def _copy(config: Path, source: str, target: str, *, json: bool) -> int:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from runtime.shown import as_json
    from store.copying import copy_store

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    whence, whither = filled(source, os.environ), filled(target, os.environ)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("copy", total=None)

        def told(did: str, table: str, done: int, of: int) -> None:
            progress.update(bar, description=f"{table} {did}", completed=done, total=of)

        done = await copy_store(whence, whither, config.resolve().parent, told)
    rows = [{"table": each.table, "rows": each.rows, "checksum": each.checksum} for each in done.tables]
    as_json(rows) if json else _show(done, target)
    return 0


def _show(done: "Copy", target: str) -> None:
    from runtime.shown import as_table, out

    rows = [{"table": e.table, "rows": f"{e.rows:,}", "checksum": e.checksum} for e in done.tables]
    as_table("copied: counts and checksums are the same on both sides", rows)
    lists = f"{done.list_files} files copied to" if done.list_files else "they are in"
    shared = "; every machine that runs a part needs this folder beside its config.yaml"
    for line in (
        f"lists: {lists} {done.lists}" + (shared if target.startswith("postgresql") else ""),
        f"Now set store.url of config.yaml to {target} and start. Never start the old one again:",
        "it would make calls that the new one makes too.",
    ):
        out.print(line, highlight=False, markup=False, soft_wrap=True)
