"""gTTS: the voice of Google Translate, over the network; an extra, imported only when it is chosen."""

import importlib
import importlib.util
import io
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from core.config import Prompts
from prompts.audio import Sound, decode
from prompts.errors import CannotSpeak

_TIMEOUT_S = 20
_SLOW_BELOW = 100  #: words per minute; the service knows two speeds only


@dataclass(frozen=True)
class Gtts:
    """One language of gTTS."""

    library: Any
    version: str
    voice: str
    slow: bool

    def identity(self, written: str) -> str:
        return f"gtts {self.version} {self.voice} {'slow' if self.slow else 'normal'}"

    def speak(self, written: str, spoken: str) -> Sound:
        mp3 = io.BytesIO()
        try:
            self.library.gTTS(spoken, lang=self.voice, slow=self.slow, timeout=_TIMEOUT_S).write_to_fp(mp3)
        except (self.library.gTTSError, OSError, ValueError, AssertionError) as error:
            raise CannotSpeak(f"gTTS: {error}") from error
        return decode(mp3.getvalue())


def engine(settings: Prompts, root: Path) -> Gtts:
    if importlib.util.find_spec("gtts") is None:
        raise CannotSpeak("gTTS is not installed: pip install --require-hashes -r requirements-gtts.txt")
    return Gtts(importlib.import_module("gtts"), version("gTTS"), settings.voice, settings.rate < _SLOW_BELOW)
