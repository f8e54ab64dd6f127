"""`say`: play a text to its end."""

from core.script import Say
from flows.talk import Talk


async def run(step: Say, talk: Talk) -> None:
    await talk.call.say(talk.line(step.text))
