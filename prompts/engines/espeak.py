"""espeak-ng: offline, the default. `make setup` puts the program into .asterisk/bin; text goes by stdin."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from core.config import Prompts
from prompts.audio import Sound, decode
from prompts.errors import CannotSpeak

PROGRAM = Path(__file__).resolve().parents[2] / ".asterisk" / "bin" / "espeak-ng"
_TIMEOUT_S = 30
_AMPLITUDE = 50  #: of 200; its usual 100 already clips inside the program
_VERSION = re.compile(r"[0-9]+(?:\.[0-9]+)+[\w.-]*")


@dataclass(frozen=True)
class Espeak:
    """One voice of espeak-ng; `rate` in words per minute."""

    program: Path
    voice: str
    rate: int
    version: str

    def identity(self, written: str) -> str:
        return f"espeak-ng {self.version} {self.voice} {self.rate} {_AMPLITUDE}"

    def speak(self, written: str, spoken: str) -> Sound:
        options = ["-b", "1", "-v", self.voice, "-s", str(self.rate), "-a", str(_AMPLITUDE)]
        return decode(_run([str(self.program), *options, "--stdin", "--stdout"], spoken.encode()))


def engine(settings: Prompts, root: Path) -> Espeak:
    return espeak(PROGRAM, settings.voice, settings.rate)


def espeak(program: Path, voice: str, rate: int) -> Espeak:
    """Raises CannotSpeak where the program is not there or does not know the voice."""
    version = _VERSION.search(_run([str(program), "--version"], b"").decode(errors="replace"))
    rows = _run([str(program), "--voices"], b"").decode(errors="replace").splitlines()[1:]
    languages = {row.split()[1] for row in rows}
    # The program itself takes "no-such-voice" for Norwegian. Behind a + stands a variant of the voice.
    if voice.partition("+")[0] not in languages:
        ours = ", ".join(sorted(language for language in languages if language.startswith("vi")))
        raise CannotSpeak(f"espeak-ng has no voice {voice!r}: for Vietnamese it has {ours}")
    return Espeak(program, voice, rate, version[0] if version else "unknown")


def _run(command: list[str], stdin: bytes) -> bytes:
    try:
        done = subprocess.run(command, input=stdin, capture_output=True, timeout=_TIMEOUT_S, check=False)
    except OSError as error:
        raise CannotSpeak("espeak-ng is not there: `make setup` gets it") from error
    except subprocess.TimeoutExpired as error:
        raise CannotSpeak(f"espeak-ng did not answer within {_TIMEOUT_S} s") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip() or f"exit status {done.returncode}"
        raise CannotSpeak(f"espeak-ng: {said}")
    return done.stdout
