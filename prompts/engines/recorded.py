"""Recorded by a person: a folder of sound files, one per piece.

`recorded.yaml` in the folder maps texts to files (`"Xin cảm ơn!": thanks.wav`); a text that is not in it has
the file named after it: `xin-cam-on.wav`, with a few letters of its hash where it is long (`file_name`).
"""

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from core.config import Prompts
from core.yaml_file import BadYaml, load
from prompts.audio import Sound, decode
from prompts.errors import CannotSpeak

INDEX = "recorded.yaml"
_ENDINGS = (".wav", ".flac", ".ogg", ".mp3")
_LONGEST = 48


@dataclass(frozen=True)
class Recorded:
    """A folder of recordings."""

    folder: Path
    files: Mapping[str, str]  #: text -> name in the folder

    def identity(self, written: str) -> str:
        """A new recording under the same name is another sound. Raises CannotSpeak where there is none."""
        return f"recorded {hashlib.sha256(self._read(written)).hexdigest()}"

    def speak(self, written: str, spoken: str) -> Sound:
        return decode(self._read(written))

    def _read(self, written: str) -> bytes:
        text = _folded(written)
        names = [self.files[text]] if text in self.files else [file_name(text) + end for end in _ENDINGS]
        for name in names:
            try:
                return (self.folder / name).read_bytes()
            except FileNotFoundError:
                continue
            except OSError as error:
                raise CannotSpeak(f"{self.folder / name} cannot be read: {error.strerror}") from error
        raise CannotSpeak(f"no recording: it would be {self.folder / names[0]}, or any file named in {INDEX}")


def engine(settings: Prompts, root: Path) -> Recorded:
    folder = root / settings.recorded
    if not folder.is_dir():
        raise CannotSpeak(f"the folder of recordings is not there: {folder}")
    return Recorded(folder, _index(folder))


def file_name(text: str) -> str:
    """ "Xin cảm ơn!" -> `xin-cam-on-5e1b1f62`: readable, and each text's own (the words lose tone marks)."""
    bare = unicodedata.normalize("NFD", _folded(text).lower().replace("đ", "d"))
    words = re.findall(r"[a-z0-9]+", "".join(letter for letter in bare if not unicodedata.combining(letter)))
    mark = hashlib.sha256(_folded(text).encode()).hexdigest()[:8]
    return f"{'-'.join(words)[:_LONGEST].strip('-')}-{mark}".lstrip("-")


def _index(folder: Path) -> dict[str, str]:
    try:
        written, _ = load((folder / INDEX).read_bytes(), str(folder / INDEX))
    except FileNotFoundError:
        return {}
    except (OSError, BadYaml) as error:
        raise CannotSpeak(f"{folder / INDEX} cannot be read: {error}") from error
    if not isinstance(written, dict):
        raise CannotSpeak(f'{folder / INDEX} is not a mapping of texts to files: "Xin cảm ơn!": thanks.wav')
    for text, file in written.items():
        if not isinstance(text, str) or not isinstance(file, str) or not _inside(folder, file):
            raise CannotSpeak(
                f"{folder / INDEX}: {text!r}: {file!r} is not the name of a file in that folder"
            )
    return {_folded(text): file for text, file in written.items()}


def _inside(folder: Path, file: str) -> bool:
    return (folder / file).resolve().is_relative_to(folder.resolve())


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())
