"""What does one hear from a simulated subscriber? A greeting, a beep and "a lô?", made once, as PCM16 at 8 kHz."""

import math
import struct
import wave
from pathlib import Path


def make_sounds(folder: Path) -> None:
    """Speech to an ear and to an answering-machine detector: a voicemail's that goes on, a person's two syllables."""
    if (folder / "alo.wav").exists():  # the last that is made
        return
    folder.mkdir(parents=True, exist_ok=True)
    rate = 8000

    def syllables(i: int) -> float:
        # so many a second that a detector which gives up after 3 s has counted its words by then
        t = i / rate
        loud = max(0.0, math.sin(2 * math.pi * 3.3 * t)) * (0.0 if 1.1 < t % 2.0 < 1.4 else 1.0)
        pitch = 120 + 25 * math.sin(2 * math.pi * 0.7 * t)
        return loud * sum(math.sin(2 * math.pi * pitch * k * t) / k for k in (1, 2, 3, 5, 7)) / 2

    def beep(i: int) -> float:
        return 0.0 if i < rate // 4 else math.sin(2 * math.pi * 1000 * i / rate)

    for name, wave_of, seconds in (
        ("greeting", syllables, 2.5),
        ("beep", beep, 0.75),
        ("alo", syllables, 0.7),
    ):
        samples = [int(9000 * wave_of(i)) for i in range(int(rate * seconds))]
        with wave.open(str(folder / f"{name}.wav"), "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(2)
            out.setframerate(rate)
            out.writeframes(struct.pack(f"<{len(samples)}h", *samples))
