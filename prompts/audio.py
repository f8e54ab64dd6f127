"""How does a voice become what Asterisk plays? PCM16, 8 kHz, mono, one loudness for all, no dead air.

Everything is done in floating point and cut to 16 bits at the very end: voices peak at full scale and above.
"""

import io
import os
import wave
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

Samples = NDArray[np.float64]

RATE = 8000  #: Hz, the telephone's; Asterisk fails on 22 kHz WAV
LOUDNESS = 10 ** (-20 / 20)  #: RMS of the voiced part, -20 dBFS
PEAK = 10 ** (-1.5 / 20)  #: no sample above -1.5 dBFS: what a-law and the handset still carry clean
#: A part of this length counts as voiced when it is less than 40 dB under the loudest part.
_WINDOW_S, _SILENCE = 0.01, 10 ** (-40 / 20)
_MARGIN_S = 0.03  #: kept before and after the voice, so that soft consonants live
#: Pause after a piece, by how its text ends; between the pieces of a number there must be next to none.
_PAUSES_S = {".": 0.35, "!": 0.35, "?": 0.35, "…": 0.35, ";": 0.25, ":": 0.25, ",": 0.15}
_NO_PAUSE_S = 0.04
_HEAD = 44  #: octets before the samples of a WAV file
#: What changes when this file changes the sound; part of the name of every cached file.
VERSION = "pcm16-8000-1"


class BadSound(Exception):
    """A sound that cannot be used; the message says why."""


@dataclass(frozen=True)
class Sound:
    """What an engine made: samples in -1…1 (above is fine), one column per channel, and their rate in Hz."""

    samples: Samples
    rate: int


def decode(data: bytes) -> Sound:
    """WAV, FLAC, OGG, MP3… -> Sound. Raises BadSound."""
    try:
        samples, rate = soundfile.read(io.BytesIO(data), dtype="float64", always_2d=True)
    except soundfile.SoundFileError as error:
        raise BadSound(f"not a sound file: {error}") from error
    return Sound(samples, rate)


def for_telephone(sound: Sound, pause_s: float = _NO_PAUSE_S) -> NDArray[np.int16]:
    """Mono, 8 kHz, trimmed, levelled, a pause after it. Raises BadSound where nothing is to be heard."""
    mono = sound.samples.mean(axis=1) if sound.samples.ndim == 2 else sound.samples
    if not np.isfinite(mono).all():
        raise BadSound("the sound has samples that are no numbers")
    if sound.rate != RATE:
        mono = soxr.resample(mono, sound.rate, RATE, quality="HQ")
    voiced = _voiced(mono)
    margin = round(_MARGIN_S * RATE)
    trimmed = mono[max(0, voiced[0] - margin) : voiced[-1] + 1 + margin]
    loudness = float(np.sqrt(np.mean(mono[voiced] ** 2)))
    gain = min(LOUDNESS / loudness, PEAK / float(np.abs(trimmed).max()))
    padded = np.concatenate([trimmed * gain, np.zeros(round(pause_s * RATE))])
    return np.round(padded * 32767).astype(np.int16)


def _voiced(mono: Samples) -> NDArray[np.intp]:
    """The places of the samples where somebody speaks."""
    window = round(_WINDOW_S * RATE)
    parts = np.pad(mono, (0, -len(mono) % window)).reshape(-1, window)
    loud = np.sqrt(np.mean(parts**2, axis=1))
    if not len(loud) or loud.max() < 1e-5:
        raise BadSound("nothing is to be heard in it")
    return np.flatnonzero(np.repeat(loud >= loud.max() * _SILENCE, window)[: len(mono)])


def pause_after(text: str) -> float:
    """Seconds of silence that follow a piece with this text."""
    return _PAUSES_S.get(text.rstrip(" \"')”")[-1:], _NO_PAUSE_S)


def write(samples: NDArray[np.int16], file: Path) -> None:
    """A WAV file that is there whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f".{file.stem}.{uuid4().hex}.part")
    try:
        soundfile.write(unfinished, samples, RATE, subtype="PCM_16", format="WAV")
        os.replace(unfinished, file)
    finally:
        unfinished.unlink(missing_ok=True)


def whole(file: Path) -> bool:
    """Whether a file of the cache can be played: ours, not cut short, not empty."""
    try:
        with wave.open(str(file), "rb") as sound:
            kind = (sound.getframerate(), sound.getnchannels(), sound.getsampwidth())
            frames = sound.getnframes()  # as its head says: what is missing behind it shows in the size
        return kind == (RATE, 1, 2) and frames > 0 and file.stat().st_size >= _HEAD + 2 * frames
    except (OSError, EOFError, wave.Error):
        return False
