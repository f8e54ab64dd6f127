"""Do texts keep their meaning on the way into octets and back?"""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.messages import without_marks
from smpp import text
from smpp.text import Coding, NotText

OFFER = "Quý khách đã đăng ký gói C90N, giá 90.000đ/tháng"
GSM = st.text(st.sampled_from(sorted(text._GSM_CHARACTERS)))


@given(GSM)
def test_gsm_text_comes_back_from_its_septets(said: str) -> None:
    septets = text.encode(said, Coding.GSM)
    assert text.decode(septets, 0) == said
    assert max(septets, default=0) < 128


@given(st.text())
def test_ucs2_text_comes_back_from_its_octets(said: str) -> None:
    assert text.decode(text.encode(said, Coding.UCS2), 8) == said


@given(st.binary(), st.integers(0, 255))
def test_any_octets_are_some_text(octets: bytes, data_coding: int) -> None:
    assert isinstance(text.decode(octets, data_coding), str)


@pytest.mark.parametrize(
    ("said", "septets"),
    [
        ("@", "00"),
        ("Δ", "10"),
        ("€", "1b65"),
        ("[^]", "1b3c1b141b3e"),
        ("à", "7f"),
        ("\n", "0a"),
        ("Ç", "09"),
    ],
)
def test_the_table_is_that_of_gsm_03_38(said: str, septets: str) -> None:
    """3GPP TS 23.038, 6.2.1 and 6.2.1.1."""
    assert text.encode(said, Coding.GSM).hex() == septets


@pytest.mark.parametrize(
    ("octets", "data_coding", "said"),
    [
        (b"\x1bA", 0, "A"),
        (b"a\x1b", 0, "a "),
        (b"\x1b\x1b", 0, " "),
        (b"\x80", 0, "�"),
        (b"caf\xe9", 3, "café"),
        (b"\x00T\x00", 8, "T�"),
        (b"\xd8\x3d", 8, "�"),
        (b"\x00", 0xF1, "@"),
        (b"\xe9", 0xF5, "é"),
        (b"\x00T\x1e\xeb", 0x18, "Từ"),
        (b"\x00T\x1e\xeb", 0x48, "Từ"),
        (b"\x00T\x1e\xeb", 0xE0, "Từ"),
        (b"\x11", 0x10, "_"),
        (b"\x11", 0xC8, "_"),
        (b"\xe9", 0x15, "é"),
        (b"\x00T\x00C", 0, "TC"),
        (b"\x00T\x00C", 3, "TC"),
    ],
)
def test_odd_octets_are_read_as_far_as_they_mean_something(
    octets: bytes, data_coding: int, said: str
) -> None:
    assert text.decode(octets, data_coding) == said


def test_the_smscs_own_alphabet_can_be_another() -> None:
    assert text.decode("£".encode("latin-1"), 0, Coding.LATIN1) == "£"


@pytest.mark.parametrize(
    ("said", "coding"),
    [
        ("Goi C90N gia 90.000d", Coding.GSM),
        ("[QC] {€}", Coding.GSM),
        (OFFER, Coding.UCS2),
        ("`", Coding.UCS2),
    ],
)
def test_the_cheapest_coding_that_holds_the_text_is_chosen(said: str, coding: Coding) -> None:
    assert text.coding_of(said) is coding


def test_a_sentence_in_nfd_is_sent_in_nfc() -> None:
    """Notes: a 51-character sentence is 70 in NFD, a part more."""
    assert text.normal(unicodedata.normalize("NFD", OFFER)) == OFFER


def test_marks_are_removed_for_a_template_that_asks_for_it() -> None:
    said = "“Gói cước” C90N – 90.000₫… ĐƯỢC ‘Nghe\u00a0gọi’"
    assert without_marks(said) == "\"Goi cuoc\" C90N - 90.000d... DUOC 'Nghe gọi'".replace("ọ", "o")


@given(
    st.text(
        st.sampled_from(
            "aăâbcdđeêghiklmnoôơpqrstuưvxyàáảãạằắẳẵặầấẩẫậèéẻẽẹềếểễệìíỉĩịòóỏõọồốổỗộờớởỡợùúủũụừứửữựỳýỷỹỵĐ “”–"
        )
    )
)
def test_vietnamese_without_marks_fits_gsm(said: str) -> None:
    for form in ("NFC", "NFD"):
        plain = without_marks(unicodedata.normalize(form, said))
        assert text.coding_of(plain) is Coding.GSM
        assert len(plain) == len(said)


def test_other_scripts_keep_their_marks() -> None:
    assert without_marks("ไม่ และ Ελλάδα") == unicodedata.normalize("NFC", "ไม่ และ Ελλάδα")


@pytest.mark.parametrize("said", ["ab\ud83d", "\udc00", "x\udc00\ud800y"])
def test_an_unpaired_surrogate_is_refused_by_its_place(said: str) -> None:
    with pytest.raises(NotText, match=r"character \d is an unpaired surrogate"):
        text.normal(said)
    with pytest.raises(NotText, match="unpaired surrogate"):
        text.encode(said, Coding.UCS2)


@pytest.mark.parametrize(("said", "coding", "place"), [("gậy", Coding.GSM, 2), ("óiđ", Coding.LATIN1, 3)])
def test_a_character_that_the_asked_coding_lacks_is_refused_by_its_place(
    said: str, coding: Coding, place: int
) -> None:
    with pytest.raises(NotText, match=f"character {place} is not in"):
        text.encode(said, coding)


@pytest.mark.parametrize(
    ("octets", "said"),
    [
        (b"a@b_c $5 {x}", "a@b_c $5 {x}"),  # IA5, as it is called
        (b"a\x00b\x11c \x025 \x1b\x28x\x1b\x29 \x7f", "a@b_c $5 {x} à"),  # GSM 03.38, called IA5
        (b"line\tone\r\nline two", "line\tone\r\nline two"),
        (b"\x00caf\xe9", "\x00café"),
        (b"", ""),
    ],
)
def test_ia5_is_read_as_gsm_where_only_gsm_makes_sense(octets: bytes, said: str) -> None:
    """Issue 4, 7: node-smpp calls its GSM 03.38 data_coding 1."""
    assert text.decode(octets, 1) == said


@given(st.text(st.sampled_from([*map(chr, range(32, 127)), "\n", "\r", "\t"]), max_size=200))
def test_any_ia5_text_is_read_as_it_is(said: str) -> None:
    assert text.decode(said.encode("ascii"), 1) == said
