"""Who speaks? One file per engine, one line in `ENGINES`; an engine turns one text into one sound."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from core.config import Prompts
from prompts.audio import Sound
from prompts.engines import espeak, gtts, recorded


class Engine(Protocol):
    """A voice. `speak` is called from several threads at once."""

    def identity(self, written: str) -> str:
        """What else than the spoken text decides how it sounds: engine, version, voice, rate.

        Part of the name of the cached file: when it changes, the piece is made again.
        """

    def speak(self, written: str, spoken: str) -> Sound:
        """The text as sound. Raises CannotSpeak or BadSound."""


#: Name in config.yaml -> engine; a relative folder in the settings is seen from `root`. Raises CannotSpeak.
ENGINES: dict[str, Callable[[Prompts, Path], Engine]] = {
    "espeak-ng": espeak.engine,
    "gtts": gtts.engine,
    "recorded": recorded.engine,
}
