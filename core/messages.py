"""What exactly is written to the subscriber? The final text of an SMS (R4, R5, O9)."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from core.campaigns import Class
from core.config import Texts
from core.templates import render

#: R4: what an advertising SMS begins with (Art 15).
LABELS = ("[QC]", "[AD]")
#: Control characters but the line feed, and half a surrogate pair: no alphabet of SMS has them.
_UNSENDABLE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
#: What word processors put into Vietnamese templates, in GSM 03.38.
_PLAIN = str.maketrans({
    "đ": "d", "Đ": "D", "₫": "d", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‘": "'", "’": "'",
    "‚": "'", "´": "'", "`": "'", "–": "-", "—": "-", "‐": "-", "‑": "-", "−": "-", "•": "-", "…": "...",
    "\u00a0": " ", "\u202f": " ", "\u2009": " ", "\t": " ", "\u200b": None, "\ufeff": None, "\u00ad": None,
})  # fmt: skip
_MARKED_LATIN = re.compile("([A-Za-z])[\u0300-\u036f]+")
#: A transactional message has no word of advertising in it (rules.md, which rule binds which class).
_ADVERTISING = (
    "ưu đãi",
    "khuyến mại",
    "khuyến mãi",
    "giảm giá",
    "miễn phí",
    "tặng",
    "mời quý khách",
    "gửi 999",
)
#: Not "tang" alone, which is in "nen tang" too.
_ADVERTISING_WITHOUT_MARKS = (
    *("uu dai", "khuyen mai", "giam gia", "mien phi", "qua tang", "duoc tang", "tang them"),
    *("moi quy khach", "gui 999"),
)
#: An SMS has at most 255 parts, of 66 characters where they are marked and numbered widely.
MOST_CHARACTERS = 255 * 66
_SENTENCE_END = (".", "!", "?", ":", "…")


def compose(
    template: str, class_: Class, values: Mapping[str, Any], house: Texts, *, remove_marks: bool = False
) -> str:
    """The text that is sent: filled in, NFC, advertising with its label first and how to refuse at the end.

    Checked on the final text, whatever the template did. remove_marks: without Vietnamese marks (GSM7, fewer
    parts). Raises core.templates.BadTemplate for a template that cannot be filled.
    """
    return finished(render(template, values), class_, house, remove_marks=remove_marks)


def finished(text: str, class_: Class, house: Texts, *, remove_marks: bool = False) -> str:
    """The same for a text that is no template: one that another system wrote (SMS2)."""
    text = plain(text)
    if class_ == "advertising":
        text = _refusable(_labelled(text, house), house)
    return without_marks(text) if remove_marks else text


def plain(text: str) -> str:
    """NFC without control characters; for texts that come from outside (SMS2) as well as our own."""
    return unicodedata.normalize("NFC", _UNSENDABLE.sub(" ", text)).strip()


def without_marks(text: str) -> str:
    """`Đăng ký “C90N” – 90.000đ` -> `Dang ky "C90N" - 90.000d`: in GSM 03.38. Other scripts keep their marks."""
    bare = _MARKED_LATIN.sub(r"\1", unicodedata.normalize("NFD", text))
    return unicodedata.normalize("NFC", bare.translate(_PLAIN))


def advertising_word(text: str) -> str | None:
    """A word of advertising in a text, with its marks or in a text without any; None: it has none."""
    said = " ".join(text.lower().split())
    words = _ADVERTISING if said != without_marks(said) else _ADVERTISING_WITHOUT_MARKS
    return next((word for word in words if word in said), None)


def advertises(text: str) -> str | None:
    """What makes a text advertising: one of its words, or the label that says so itself (R4); None: nothing."""
    return advertising_word(text) or next((label for label in LABELS if label in text.upper()), None)


def _labelled(text: str, house: Texts) -> str:
    if text.startswith(LABELS):
        return text
    label = house.advertising_label if house.advertising_label in LABELS else LABELS[0]
    return f"{label} {text}"


def _refusable(text: str, house: Texts) -> str:
    how = plain(house.how_to_refuse)
    if _folded(text).endswith(_folded(how)):
        return text
    return f"{text}{'' if text.endswith(_SENTENCE_END) else '.'} {how}"


def _folded(text: str) -> str:
    """For comparing: a sentence with or without marks, capitals and last full stop is the same sentence."""
    return " ".join(without_marks(text).casefold().split()).rstrip(".! ")
