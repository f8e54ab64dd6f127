"""`agree`: commit that the listener agreed; nothing is registered (B4)."""

from core.phone import Decision
from core.script import Agree
from flows.talk import Talk


async def run(step: Agree, talk: Talk) -> None:
    await talk.decide(Decision("agree", talk.key))
