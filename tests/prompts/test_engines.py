"""Does each engine speak, and say what is missing when it cannot? espeak-ng is the real program."""

import importlib.util
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO

import numpy as np
import pytest
import soundfile

from core.config import Prompts
from core.packages import Catalogue, Package
from prompts import audio
from prompts.engines import ENGINES, espeak, gtts, recorded
from prompts.errors import CannotMake, CannotSpeak, NotMade
from prompts.library import open_library

CATALOGUE = Catalogue(
    packages={
        "C90N": Package(kind="combo", price=90000, days=30, allowance="4GB/ngày", syntax="DK C90N"),
    }
)
TEXTS = ("Xin chào Quý khách.", "C90N giá 90.000đ;", "15", "nghìn", "--version", "-w x; id $(id) `id`")


def test_espeak_makes_telephone_sound_of_equal_loudness(tmp_path: Path) -> None:
    library = open_library(Prompts(), CATALOGUE, tmp_path)
    library.make(TEXTS)
    for text in TEXTS:
        file = library.file(text)
        assert file.is_relative_to(tmp_path / ".run" / "prompts")
        samples, rate = soundfile.read(file)
        assert rate == 8000
        assert 0.15 < len(samples) / rate < 8
        assert np.abs(samples).max() <= audio.PEAK + 1e-4
        voiced = samples[np.abs(samples) > 0.01]
        assert -24 < 20 * np.log10(np.sqrt(np.mean(voiced**2))) < -14


def test_espeak_speaks_faster_when_told_and_keeps_both(tmp_path: Path) -> None:
    text = "Xin chào Quý khách, cảm ơn Quý khách đã nạp tiền."
    slow, fast = (open_library(Prompts(rate=rate), CATALOGUE, tmp_path) for rate in (100, 250))
    for library in (slow, fast):
        library.make([text])
    assert soundfile.info(slow.file(text)).duration > 1.5 * soundfile.info(fast.file(text)).duration


@pytest.mark.parametrize("voice", ["no-such-voice", "", "Vietnamese", "../../etc/passwd"])
def test_an_unknown_voice_of_espeak_is_said_at_once(voice: str) -> None:
    with pytest.raises(CannotSpeak, match="for Vietnamese it has vi, vi-vn-x-central, vi-vn-x-south"):
        espeak.espeak(espeak.PROGRAM, voice, 150)


@pytest.mark.parametrize("voice", ["vi", "vi-vn-x-south", "vi+f2"])
def test_the_voices_of_espeak_are_taken(voice: str) -> None:
    assert espeak.espeak(espeak.PROGRAM, voice, 150).identity("") == f"espeak-ng {_version()} {voice} 150 50"


def _version() -> str:
    said = subprocess.run([espeak.PROGRAM, "--version"], capture_output=True, text=True, check=True).stdout
    return said.split()[3]


def test_a_missing_espeak_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(CannotSpeak, match="make setup"):
        espeak.espeak(tmp_path / "espeak-ng", "vi", 150)


def test_every_engine_that_config_yaml_may_name_is_there() -> None:
    assert set(ENGINES) == set(Prompts.model_json_schema()["properties"]["engine"]["enum"])


def record(file: Path, hertz: float = 300) -> None:
    soundfile.write(file, 0.4 * np.sin(2 * np.pi * hertz * np.arange(16000) / 16000), 16000)


@pytest.fixture
def studio(tmp_path: Path) -> Path:
    folder = tmp_path / "recorded"
    folder.mkdir()
    return folder


RECORDED = Prompts(engine="recorded")


def test_a_recording_is_found_by_its_text_in_the_index_or_by_its_name(studio: Path) -> None:
    record(studio / "thanks.wav")
    record(studio / f"{recorded.file_name('Xin chào!')}.flac")
    (studio / "recorded.yaml").write_text('"Xin cảm  ơn!": thanks.wav\n', encoding="utf-8")
    library = open_library(RECORDED, CATALOGUE, studio.parent)
    assert library.make(["Xin cảm ơn!", "Xin chào!"]) == 2
    assert soundfile.info(library.file("Xin cảm ơn!")).duration == pytest.approx(1.35, abs=0.05)


def test_a_missing_recording_names_the_text_and_the_file_it_wants(studio: Path) -> None:
    library = open_library(RECORDED, CATALOGUE, studio.parent)
    with pytest.raises(CannotMake) as failed:
        library.make(["Xin chào!", "Tạm biệt"])
    assert "'Xin chào!': no recording: it would be" in str(failed.value)
    assert str(studio / "xin-chao-") in str(failed.value)
    assert "'Tạm biệt'" in str(failed.value)
    with pytest.raises(NotMade):
        library.file("Tạm biệt")


def test_a_new_recording_under_the_same_name_is_another_sound(studio: Path) -> None:
    file = studio / f"{recorded.file_name('Xin chào!')}.wav"
    record(file)
    library = open_library(RECORDED, CATALOGUE, studio.parent)
    library.make(["Xin chào!"])
    first = library.file("Xin chào!")
    record(file, hertz=600)
    again = open_library(RECORDED, CATALOGUE, studio.parent)
    assert again.missing(["Xin chào!"]) == ("Xin chào!",)
    again.make(["Xin chào!"])
    assert again.file("Xin chào!") != first


@pytest.mark.parametrize(
    ("index", "wrong"),
    [
        ("- a", "not a mapping"),
        ("a: [b]", "not the name of a file"),
        ("a: ../secret.wav", "not the name of a file"),
        ("a: /etc/passwd", "not the name of a file"),
        ("a: {", "cannot be read"),
    ],
)
def test_a_bad_index_of_recordings_is_refused(index: str, wrong: str, studio: Path) -> None:
    (studio / "recorded.yaml").write_text(index, encoding="utf-8")
    with pytest.raises(CannotSpeak, match=wrong):
        open_library(RECORDED, CATALOGUE, studio.parent)


def test_recordings_without_a_folder_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(CannotSpeak, match="is not there"):
        open_library(RECORDED, CATALOGUE, tmp_path)


def test_the_file_name_of_a_recording_is_readable_and_its_own() -> None:
    names = {recorded.file_name(text) for text in ("Xin chào!", "Xin chao!", "Xin chào", "Đã", "…")}
    assert len(names) == 5
    assert recorded.file_name("Đã  ghi nhận.").startswith("da-ghi-nhan-")
    assert recorded.file_name("…").isalnum()
    assert len(recorded.file_name("dài " * 100)) < 60


class _Said(Exception):
    """What gTTS raises when the service does not answer."""


def _service(answers: bool) -> Any:
    """What the gTTS library looks like from our side; the voice is a hum in MP3."""

    class GTTS:
        def __init__(self, text: str, *, lang: str, slow: bool, timeout: float) -> None:
            self.asked = (text, lang, slow)

        def write_to_fp(self, file: BinaryIO) -> None:
            if not answers:
                raise _Said("429 (Too Many Requests)")
            soundfile.write(file, 0.3 * np.sin(np.arange(24000) / 9), 24000, format="MP3")

    return SimpleNamespace(gTTS=GTTS, gTTSError=_Said)


def test_what_gtts_sends_is_decoded_and_its_refusal_is_told() -> None:
    voice = gtts.Gtts(_service(answers=True), "2.5.4", "vi", False)
    assert len(audio.for_telephone(voice.speak("a", "a"))) / 8000 == pytest.approx(1, abs=0.2)
    with pytest.raises(CannotSpeak, match="429"):
        gtts.Gtts(_service(answers=False), "2.5.4", "vi", False).speak("a", "a")


def test_gtts_is_imported_only_when_chosen_and_says_how_to_install_it(tmp_path: Path) -> None:
    if importlib.util.find_spec("gtts") is None:
        with pytest.raises(CannotSpeak, match=r"requirements-gtts\.txt"):
            open_library(Prompts(engine="gtts"), CATALOGUE, tmp_path)
    else:
        open_library(Prompts(engine="gtts"), CATALOGUE, tmp_path)
