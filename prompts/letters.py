"""How are codes and abbreviations spoken letter by letter? "C90N": "xê chín mươi en"."""

import re

from prompts.numerals import cardinal, digits

_NAMES = {
    "A": "a", "B": "bê", "C": "xê", "D": "đê", "Đ": "đê", "E": "e", "F": "ép", "G": "gờ", "H": "hát",
    "I": "i", "J": "gi", "K": "ca", "L": "lờ", "M": "em", "N": "en", "O": "o", "P": "pê", "Q": "quy",
    "R": "rờ", "S": "ét", "T": "tê", "U": "u", "V": "vê", "W": "vê kép", "X": "ích", "Y": "i", "Z": "dét",
}  # fmt: skip
_RUN = re.compile(r"\d+|[^\W\d_]")


def spell(code: str) -> str:
    """Letters by their names, runs of digits as numbers ("3C90N": "ba xê chín mươi en")."""
    return " ".join(_name(run) for run in _RUN.findall(code))


def _name(run: str) -> str:
    if run.isdecimal():
        return digits(run) if run.startswith("0") or len(run) > 4 else cardinal(int(run))
    return _NAMES.get(run.upper(), run)
