"""`mai node`: which Asterisk takes calls, and how is one taken out of service without losing any?

It is added to the program by cli.py; heavy imports stand in the functions that need them.
"""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

import typer

from runtime.asking import ask_running, carry_out, who
from runtime.control import NobodyRuns
from runtime.options import CONFIG, AsJson, ConfigFile

Ended = Callable[[Coroutine[Any, Any, int]], None]
Name = Annotated[str, typer.Argument(help="Its name in asterisk.nodes.")]


def add_commands(app: typer.Typer, ended: Ended) -> None:
    """Add `mai node …` to the program; `ended` runs one and leaves with its exit status."""
    node = typer.Typer(
        no_args_is_help=True, rich_markup_mode=None, help="The Asterisk nodes: drain one, see all."
    )

    @node.command(name="list")
    def list_(config: ConfigFile = CONFIG, json: AsJson = False) -> None:
        """Every node: which process drives it, who drains it, and the calls that are left.

        \b
        Example:
          mai node list
        """
        ended(_list(config, json=json))

    @node.command()
    def drain(name: Name, config: ConfigFile = CONFIG) -> None:
        """No new call from this node; those that are up go on to their end. `mai node list` says when none is left.

        \b
        Example:
          mai node drain ast2
        """
        ended(_drain(config, name))

    @node.command()
    def undrain(name: Name, config: ConfigFile = CONFIG) -> None:
        """Dial from this node again.

        \b
        Example:
          mai node undrain ast2
        """
        ended(_undrain(config, name))

    app.add_typer(node, name="node")


async def _list(config: Any, *, json: bool) -> int:
    from runtime import shown

    try:
        found = await ask_running(config, "nodes")
    except NobodyRuns:
        from runtime.loading import load, open_app
        from runtime.requests import nodes_of

        async with open_app(load(config), readonly=True) as app:
            found = await nodes_of(app)
    shown.as_json(found) if json else shown.as_table("nodes", found)
    return 0


async def _drain(config: Any, name: str) -> int:
    new = await carry_out(config, "drain", node=name, by=who())
    print("drained: `mai node list` says how many calls are left" if new else "was drained already")
    return 0


async def _undrain(config: Any, name: str) -> int:
    was = await carry_out(config, "undrain", node=name)
    print("dials again" if was else "was not drained")
    return 0
