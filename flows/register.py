"""`register`: commit the registration of an offer. The hook is asked after the call (O13)."""

from core.phone import Decision
from core.script import Register
from flows.talk import Talk


async def run(step: Register, talk: Talk) -> None:
    package = talk.speech.offers[step.offer]
    await talk.decide(Decision("register", talk.key, package, step.offer))
