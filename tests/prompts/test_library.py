"""Is every piece made once, found again, made anew when it must be, and is every failure named?"""

from pathlib import Path

import numpy as np
import pytest

from prompts import audio
from prompts.audio import Sound
from prompts.errors import CannotMake, CannotSpeak, NotMade
from prompts.lexicon import Lexicon
from prompts.library import Library

LEXICON = Lexicon({"MobiFone": "mô bi phôn"})


class Tone:
    """An engine that hums: what it was asked is kept in `asked`; it fails on the texts named."""

    def __init__(self, voice: str = "hum", fails: tuple[str, ...] = (), silent: tuple[str, ...] = ()) -> None:
        self.asked: list[tuple[str, str]] = []
        self._voice, self._fails, self._silent = voice, fails, silent

    def identity(self, written: str) -> str:
        return self._voice

    def speak(self, written: str, spoken: str) -> Sound:
        self.asked.append((written, spoken))
        if written in self._fails:
            raise CannotSpeak("lost its voice")
        level = 0 if written in self._silent else 0.5
        return Sound(level * np.sin(np.arange(4000) / 5), 16000)


class Broken(Tone):
    """An engine with a fault of its own."""

    def speak(self, written: str, spoken: str) -> Sound:
        raise ZeroDivisionError


def test_a_piece_is_put_into_words_spoken_once_and_found_again(tmp_path: Path) -> None:
    engine = Tone()
    library = Library(tmp_path, engine, LEXICON)
    assert library.missing(["gói MobiFone", "90", "90"]) == ("gói MobiFone", "90")
    assert library.make(["gói MobiFone", "90", "90"]) == 2
    assert sorted(engine.asked) == [("90", "chín mươi"), ("gói MobiFone", "gói mô bi phôn")]
    assert library.missing(["gói MobiFone", "90"]) == ()
    assert library.make(["90"]) == 0
    assert library.file("90") != library.file("gói MobiFone")
    assert audio.whole(library.file("90"))
    started_again = Library(tmp_path, Tone(), LEXICON)
    assert started_again.file("90") == library.file("90")


def test_a_piece_that_was_not_made_is_named(tmp_path: Path) -> None:
    """DESIGN §4: nothing is synthesised while a call is up."""
    engine = Tone()
    with pytest.raises(NotMade, match="'Xin chào' has no sound yet"):
        Library(tmp_path, engine, LEXICON).file("Xin chào")
    assert engine.asked == []


def test_progress_counts_to_the_end(tmp_path: Path) -> None:
    told: list[tuple[int, int, str]] = []
    pieces = [str(number) for number in range(7)]
    Library(tmp_path, Tone(fails=("3",)), LEXICON).make(
        pieces[:3], lambda done, of, piece: told.append((done, of, piece))
    )
    assert [(done, of) for done, of, _ in told] == [(1, 3), (2, 3), (3, 3)]
    assert {piece for _, _, piece in told} == set(pieces[:3])
    told.clear()
    with pytest.raises(CannotMake):
        Library(tmp_path, Tone(fails=("3",)), LEXICON).make(
            pieces, lambda done, of, piece: told.append((done, of, piece))
        )
    assert [(done, of) for done, of, _ in told] == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_what_changes_the_sound_makes_another_file(tmp_path: Path) -> None:
    files = set()
    for engine, lexicon in (
        (Tone("low"), LEXICON),
        (Tone("high"), LEXICON),
        (Tone("low"), Lexicon({"MobiFone": "mô bai phôn"})),
    ):
        library = Library(tmp_path, engine, lexicon)
        library.make(["MobiFone"])
        files.add(library.file("MobiFone"))
    assert len(files) == 3
    same_words = Library(tmp_path, Tone("low"), Lexicon({"MobiFone": "mô bi phôn", "khác": "X"}))
    assert same_words.missing(["MobiFone"]) == ()


@pytest.mark.parametrize("content", [b"", b"RIFF", b"\0" * 5000])
def test_a_broken_file_of_the_cache_is_noticed_and_made_again(content: bytes, tmp_path: Path) -> None:
    first = Library(tmp_path, Tone(), LEXICON)
    first.make(["Xin chào"])
    first.file("Xin chào").write_bytes(content)
    library = Library(tmp_path, Tone(), LEXICON)
    with pytest.raises(NotMade):
        library.file("Xin chào")
    assert first.missing(["Xin chào"]) == library.missing(["Xin chào"]) == ("Xin chào",)
    assert library.make(["Xin chào"]) == 1
    assert audio.whole(library.file("Xin chào"))


def test_pieces_that_fail_are_all_named_and_the_rest_is_made(tmp_path: Path) -> None:
    library = Library(tmp_path, Tone(fails=("hai", "bốn"), silent=("ba",)), LEXICON)
    with pytest.raises(CannotMake) as failed:
        library.make(["một", "hai", "ba", "bốn", "năm"])
    assert failed.value.failures == (
        ("hai", "lost its voice"),
        ("ba", "nothing is to be heard in it"),
        ("bốn", "lost its voice"),
    )
    assert "'hai': lost its voice" in str(failed.value)
    assert library.missing(["một", "hai", "ba", "bốn", "năm"]) == ("hai", "ba", "bốn")
    assert len(list(tmp_path.iterdir())) == 2


def test_a_long_list_of_failures_is_shortened_in_words_only(tmp_path: Path) -> None:
    pieces = tuple(map(str, range(30)))
    with pytest.raises(CannotMake, match=r"made: 30\n(?s:.*)and 10 more") as failed:
        Library(tmp_path, Tone(fails=pieces), LEXICON).make(pieces)
    assert len(failed.value.failures) == 30


def test_a_folder_that_takes_no_files_is_an_error_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(CannotMake, match="file"):
        Library(tmp_path / "file", Tone(), LEXICON).make(["một"])


def test_a_fault_of_the_program_is_not_taken_for_a_fault_of_the_text(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        Library(tmp_path, Broken(), LEXICON).make(["một", "hai"])


def test_a_text_is_written_where_a_person_asks_for_it(tmp_path: Path) -> None:
    """`mai say TEXT -o FILE`."""
    library = Library(tmp_path / "cache", Tone(), LEXICON)
    assert library.say("gói MobiFone 90.000đ", tmp_path / "out.wav") == (
        "gói mô bi phôn chín mươi nghìn đồng"
    )
    assert audio.whole(tmp_path / "out.wav")
    assert not (tmp_path / "cache").exists()
