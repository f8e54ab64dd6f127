"""`menu`: say what the keys offer, take one, and do what follows it."""

from core.outcomes import Outcome
from core.script import Menu
from core.speech import Line
from flows.talk import Talk, eligible


async def run(step: Menu, talk: Talk) -> Outcome | None:
    """A valid key runs its steps, and then those after the menu. After the last try: `no_key`.

    A key whose offer is not eligible is dropped with its sentence; pressed all the same, it is a wrong key.
    With no key left nothing is asked: the steps of `no_key` follow.
    """
    keys = eligible(step.keys, talk.speech)
    sentences = _sentences(step, talk)
    lines = sentences
    for _ in range(step.tries if keys else 0):
        pressed = await talk.call.ask(lines, "".join(keys), step.wait, step.barge_in)
        if pressed in keys:
            return await talk.follow_key(pressed, keys[pressed])
        wrong = pressed is not None and step.wrong_key
        lines = (talk.line(wrong), *sentences) if wrong else sentences
    return await talk.follow(step.no_key) or Outcome.NO_KEY


def _sentences(step: Menu, talk: Talk) -> tuple[Line, ...]:
    """What the menu says, in the order of the file; each key's sentence speaks of that key's offer."""
    lines = [talk.line(step.say)] if step.say else []
    for key in eligible(step.keys, talk.speech).values():
        if key.say:
            lines.append(talk.speech.line(key.say, key.offer or talk.offer))
    return tuple(lines)
