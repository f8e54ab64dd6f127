"""`refuse`: commit the listener's refusal of all further advertising, which holds from that moment (O21)."""

from core.phone import Decision
from core.script import Refuse
from flows.talk import Talk


async def run(step: Refuse, talk: Talk) -> None:
    await talk.decide(Decision("refuse", talk.key))
