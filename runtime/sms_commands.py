"""`mai sms` and `mai smsc`: does the way to the SMSC work, and what waits there?

They are added to the program by cli.py; heavy imports stand in the functions that need them.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

import typer

from runtime.asking import ask_live, who
from runtime.failed import CommandFailed
from runtime.options import CONFIG, AsJson, ConfigFile, Number

Ended = Callable[[Coroutine[Any, Any, int]], None]

#: Seconds that `mai sms` waits for the SMSC's answer, and between its looks.
_ANSWER_S = 30.0
_LOOK_S = 0.3
#: A message in one of these has had its answer.
_ANSWERED = ("accepted", "delivered", "failed", "unknown", "dropped")


def add_commands(app: typer.Typer, ended: Ended) -> None:
    """Add both commands to the program; `ended` runs one and leaves with its exit status."""

    @app.command()
    def sms(
        number: Number,
        text: Annotated[str, typer.Argument(help="What it says; nothing is added.")],
        sender: Annotated[str | None, typer.Option("--sender", help="A granted sender.")] = None,
        anyway: Annotated[
            str | None,
            typer.Option("--anyway", help="Why words of advertising go to a number that refused them."),
        ] = None,
        config: ConfigFile = CONFIG,
        json: AsJson = False,
    ) -> None:
        """Send a test SMS; returns when the SMSC has answered.

        \b
        Examples:
          mai sms 0901234567 "Thử nghiệm từ tổng đài"
          mai sms 0901234567 "Ưu đãi … (thử)" --anyway "own phone, ticket 12"
        """
        ended(_sms(config, number, text, sender, anyway, json=json))

    @app.command()
    def smsc(config: ConfigFile = CONFIG, json: AsJson = False) -> None:
        """The binds, their windows and rates; the outbox by state and age; what is unknown.

        \b
        Example:
          mai smsc
        """
        ended(_smsc(config, json=json))


async def _sms(
    config: Any, number: str, text: str, sender: str | None, anyway: str | None, *, json: bool
) -> int:
    from runtime import shown

    asked = {"number": number, "text": text, "sender": sender, "anyway": anyway, "by": who()}
    sent = await ask_live(config, "sms", **asked)
    if sent["waits"]:
        raise CommandFailed(f"stored and not sent yet: {sent['waits']}. It stays queued and goes by itself")
    waited = 0.0
    while True:
        found = await ask_live(config, "sms_fate", id=sent["id"], number=sent["number"])
        if found and found["state"] in _ANSWERED:
            break
        if waited >= _ANSWER_S:
            state = found["state"] if found else "due"
            raise CommandFailed(
                f"no answer of the SMSC within {_ANSWER_S:g} s, the message is {state} and stays queued; "
                "`mai smsc` says why"
            )
        await asyncio.sleep(_LOOK_S)
        waited += _LOOK_S
    shown.as_json([found]) if json else shown.as_table("sms", [found], shown.COLUMNS["sms"])
    return 0 if found["state"] in ("accepted", "delivered") else 1


async def _smsc(config: Any, *, json: bool) -> int:
    from runtime import shown

    found = await ask_live(config, "smsc")
    if json:
        shown.as_json([found])
        return 0
    shown.as_table("binds", found["binds"])
    shown.as_table("outbox", found["outbox"])
    shown.out.print(
        f"parts waiting {found['parts_waiting']}; the outbox is {found['fullness']:.0%} of what can leave today",
        highlight=False,
    )
    shown.as_table("unknown", found["unknown"])
    if found["untaken"]:
        shown.as_table("no bind takes these: see smsc[].senders and programmes", found["untaken"])
    return 0
