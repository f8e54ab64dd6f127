"""Does every voice come out at the telephone's rate, equally loud, without dead air or clipping?"""

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from prompts import audio
from prompts.audio import BadSound, Samples, Sound


def tone(seconds: float = 0.5, *, rate: int = 22050, level: float = 0.3, hertz: float = 440) -> Samples:
    return level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


def silence(seconds: float, rate: int = 22050) -> Samples:
    return np.zeros(round(seconds * rate))


def rms(samples: np.ndarray[tuple[int], np.dtype[np.int16]]) -> float:
    return float(np.sqrt(np.mean((samples / 32767.0) ** 2)))


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 24000, 44100, 48000])
def test_a_sound_of_any_rate_keeps_its_length_and_pitch(rate: int) -> None:
    made = audio.for_telephone(Sound(tone(rate=rate), rate), pause_s=0)
    assert made.dtype == np.int16
    assert len(made) == pytest.approx(4000, abs=20)
    assert np.argmax(np.abs(np.fft.rfft(made, 8000))) == pytest.approx(440, abs=2)


@given(level=st.floats(0.001, 20), rate=st.sampled_from([8000, 22050]))
def test_every_voice_is_made_equally_loud_and_none_clips(level: float, rate: int) -> None:
    """espeak-ng peaks at full scale and above."""
    made = audio.for_telephone(Sound(tone(rate=rate, level=level), rate), pause_s=0)
    assert 20 * np.log10(rms(made)) == pytest.approx(-20, abs=0.7)
    assert np.abs(made.astype(int)).max() < 32767 * audio.PEAK + 1


def test_a_voice_with_a_sharp_peak_is_quieter_rather_than_clipped() -> None:
    samples = tone(level=0.01)
    samples[5000:5010] = 1.5
    made = audio.for_telephone(Sound(samples, 22050))
    assert np.abs(made.astype(int)).max() == pytest.approx(32767 * audio.PEAK, abs=2)
    assert 20 * np.log10(rms(made)) < -25


def test_silence_around_the_voice_is_cut_and_the_pause_added() -> None:
    samples = np.concatenate([silence(0.7), tone(0.5), silence(1.2)])
    made = audio.for_telephone(Sound(samples, 22050), pause_s=0.2)
    assert len(made) / 8000 == pytest.approx(0.5 + 2 * 0.03 + 0.2, abs=0.025)
    assert not made[-1600:].any()


def test_silence_between_words_is_kept() -> None:
    samples = np.concatenate([tone(0.2), silence(0.4), tone(0.2)])
    assert len(audio.for_telephone(Sound(samples, 22050), pause_s=0)) / 8000 == pytest.approx(0.8, abs=0.02)


def test_several_channels_become_one() -> None:
    both = np.stack([tone(), np.zeros_like(tone())], axis=1)
    made = audio.for_telephone(Sound(both, 22050), pause_s=0)
    assert made.ndim == 1
    assert 20 * np.log10(rms(made)) == pytest.approx(-20, abs=0.7)


@pytest.mark.parametrize(
    ("samples", "wrong"),
    [
        (np.zeros(0), "nothing is to be heard"),
        (np.zeros(8000), "nothing is to be heard"),
        (np.full(8000, 1e-9), "nothing is to be heard"),
        (np.full(8000, np.nan), "no numbers"),
        (np.full(8000, np.inf), "no numbers"),
    ],
)
@pytest.mark.parametrize("rate", [8000, 22050])
def test_a_sound_with_nothing_in_it_is_refused(samples: Samples, wrong: str, rate: int) -> None:
    with pytest.raises(BadSound, match=wrong):
        audio.for_telephone(Sound(samples, rate))


@pytest.mark.parametrize(
    ("text", "pause"),
    [
        ("Xin cảm ơn!", 0.35),
        ("Xin cảm ơn. ", 0.35),
        ('"Xin cảm ơn."', 0.35),
        ("bấm 1;", 0.25),
        ("Quý khách,", 0.15),
        ("nghìn", 0.04),
        ("", 0.04),
    ],
)
def test_the_pause_after_a_piece_follows_its_last_sign(text: str, pause: float) -> None:
    assert audio.pause_after(text) == pause


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "MP3"])
def test_the_formats_of_engines_and_studios_are_read(kind: str) -> None:
    data = io.BytesIO()
    soundfile.write(data, tone(), 22050, format=kind)
    sound = audio.decode(data.getvalue())
    assert sound.rate == 22050
    assert len(sound.samples) == pytest.approx(11025, abs=3000)


@pytest.mark.parametrize("data", [b"", b"RIFF", b"<html>busy</html>" * 50])
def test_what_is_no_sound_is_refused(data: bytes) -> None:
    with pytest.raises(BadSound):
        audio.decode(data)


def test_a_written_file_is_what_asterisk_plays(tmp_path: Path) -> None:
    file = tmp_path / "new" / "a.wav"
    audio.write(audio.for_telephone(Sound(tone(), 22050)), file)
    info = soundfile.info(file)
    assert (info.samplerate, info.channels, info.format, info.subtype) == (8000, 1, "WAV", "PCM_16")
    assert audio.whole(file)
    assert [found.name for found in file.parent.iterdir()] == ["a.wav"]


def _other(rate: int, subtype: str, channels: int = 1, seconds: float = 0.1) -> bytes:
    data = io.BytesIO()
    soundfile.write(data, np.zeros((round(rate * seconds), channels)), rate, subtype=subtype, format="WAV")
    return data.getvalue()


WHOLE = _other(8000, "PCM_16")


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(WHOLE[:44], id="head only"),
        pytest.param(_other(8000, "PCM_16", seconds=0), id="no samples"),
        pytest.param(WHOLE[:-1], id="cut short"),
        pytest.param(WHOLE[:20], id="half a head"),
        pytest.param(b"\0" * 2000, id="zeros after a power cut"),
        pytest.param(_other(22050, "PCM_16"), id="22 kHz"),
        pytest.param(_other(8000, "ALAW"), id="A-law in WAV"),
        pytest.param(_other(8000, "PCM_16", 2), id="stereo"),
    ],
)
def test_a_file_that_asterisk_would_not_play_well_is_not_whole(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "a.wav"
    file.write_bytes(WHOLE)
    assert audio.whole(file)
    file.write_bytes(content)
    assert not audio.whole(file)
    file.unlink()
    assert not audio.whole(file)
