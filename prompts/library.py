"""Which file is played for a piece of text? A cache of sounds, filled before any call, looked up in calls.

A file's name is the hash of everything that decides how it sounds, so that nothing is ever out of date, two
campaigns share their pieces, and a changed voice leaves the old files to those who still play them.
"""

import hashlib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from core.config import Prompts
from core.packages import Catalogue
from prompts import audio
from prompts.audio import BadSound
from prompts.engines import ENGINES, Engine
from prompts.errors import CannotMake, CannotSpeak, NotMade
from prompts.lexicon import Lexicon
from prompts.words import in_words

_WORKERS = 2
#: Called after each piece: how many are done, of how many, and the piece.
Progress = Callable[[int, int, str], None]


class Library:
    """The sounds of one voice and one lexicon, in one folder."""

    def __init__(self, folder: Path, engine: Engine, lexicon: Lexicon) -> None:
        self.folder = folder
        self._engine = engine
        self._lexicon = lexicon
        self._files: dict[str, Path] = {}  #: what is known to be there and whole

    def file(self, piece: str) -> Path:
        """The WAV file of a piece (PCM16, 8 kHz, mono). Raises NotMade.

        After `make` or `missing` a look into a dict: fit for the event loop.
        """
        known = self._files.get(piece)
        if known is None and self._is_made(piece):
            known = self._files[piece]
        if known is None:
            raise NotMade(f"{piece!r} has no sound yet")
        return known

    def missing(self, pieces: Iterable[str]) -> tuple[str, ...]:
        """The pieces that have no file, or a broken or empty one; each once."""
        return tuple(piece for piece in dict.fromkeys(pieces) if not self._is_made(piece))

    def make(self, pieces: Iterable[str], progress: Progress | None = None) -> int:
        """Make what is missing, in two threads; returns how many were made. Blocks: call it in a thread.

        A piece that fails does not stop the rest. Raises CannotMake with all that failed.
        """
        missing = self.missing(pieces)
        failures = dict[str, str]()
        workers = ThreadPoolExecutor(_WORKERS, "prompts")
        try:
            made = {workers.submit(self._make, piece): piece for piece in missing}
            for done, future in enumerate(as_completed(made), start=1):
                piece, error = made[future], future.exception()
                if isinstance(error, CannotSpeak | BadSound | OSError):
                    failures[piece] = str(error)
                elif error is not None:
                    raise error
                if progress is not None:
                    progress(done, len(missing), piece)
        finally:  # who interrupts does not wait for the rest
            workers.shutdown(cancel_futures=True)
        if failures:
            raise CannotMake(tuple((piece, failures[piece]) for piece in missing if piece in failures))
        return len(missing)

    def say(self, text: str, file: Path) -> str:
        """Write a text as a WAV file, for a person to hear; returns what was spoken, in words.

        Raises CannotSpeak, BadSound, OSError.
        """
        spoken = in_words(text, self._lexicon)
        self._write(text, spoken, file)
        return spoken

    def _make(self, piece: str) -> None:
        file = self._name(piece)
        self._write(piece, in_words(piece, self._lexicon), file)
        self._files[piece] = file

    def _write(self, written: str, spoken: str, file: Path) -> None:
        sound = self._engine.speak(written, spoken)
        audio.write(audio.for_telephone(sound, audio.pause_after(spoken)), file)

    def _is_made(self, piece: str) -> bool:
        try:
            name = self._name(piece)
        except CannotSpeak:  # a recording that is not there: `make` will say so
            return False
        if not audio.whole(name):
            self._files.pop(piece, None)
            return False
        self._files[piece] = name
        return True

    def _name(self, piece: str) -> Path:
        spoken = in_words(piece, self._lexicon)
        sounds = "\0".join((audio.VERSION, self._engine.identity(piece), spoken))
        return self.folder / f"{hashlib.sha256(sounds.encode()).hexdigest()[:32]}.wav"


def open_library(settings: Prompts, catalogue: Catalogue, root: Path) -> Library:
    """The library that config.yaml describes; `root`: the folder of config.yaml. Raises CannotSpeak."""
    engine = ENGINES[settings.engine](settings, root)
    return Library(root / settings.cache, engine, Lexicon.of(catalogue))
