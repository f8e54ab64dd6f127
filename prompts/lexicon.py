"""Which written words are spoken otherwise? `spoken:` of packages.yaml, codes and allowances of packages.

The longest entry wins, whole words only: "GB" is found in "4GB" and not in "GBP", "9090" not in "9090.000đ".
An entry with an upper-case letter is found as it is written, one without in any case. What it puts in its
place is final: no other rule touches it.
"""

import re
import unicodedata
from collections.abc import Mapping

from core.packages import Catalogue
from prompts.letters import spell
from prompts.numerals import COUNTED

#: In the place of an entry that was found: one character of a private use plane, which nobody types.
MARK = "[\U000f0000-\U000ffffd]"
_FIRST_MARK = 0xF0000


class Lexicon:
    """Written -> spoken."""

    def __init__(self, entries: Mapping[str, str]) -> None:
        self._entries = {_plain(written): _plain(spoken) for written, spoken in entries.items()}
        longest_first = sorted((entry for entry in self._entries if entry), key=len, reverse=True)
        self._pattern = re.compile("|".join(map(_pattern, longest_first)) or r"(?!)")

    @classmethod
    def of(cls, catalogue: Catalogue) -> "Lexicon":
        """The house's lexicon, and how each package is spoken; a code without `spoken` letter by letter.

        `spoken:` outweighs what a package says of itself.
        """
        entries: dict[str, str] = {}
        for code, package in catalogue.packages.items():
            entries[code] = package.spoken or spell(code)
            if package.spoken_allowance:
                entries[package.allowance] = package.spoken_allowance
        return cls(entries | catalogue.spoken)

    def mark(self, text: str, found: list[str]) -> str:
        """Replace every entry by a mark; `found` takes how each is spoken."""

        def one(match: re.Match[str]) -> str:
            written = match[0]
            found.append(self._entries[written if written in self._entries else written.lower()])
            return chr(_FIRST_MARK + len(found) - 1)

        return self._pattern.sub(one, text)


def unmark(text: str, found: list[str]) -> str:
    """Put what is spoken in the place of each mark."""
    return re.sub(MARK, lambda mark: f" {found[ord(mark[0]) - _FIRST_MARK]} ", text)


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def _pattern(entry: str) -> str:
    """No letter may touch a letter of the entry, no digit a digit; 999 is not in 999.000 nor 999 phút."""
    before, after = _edge(entry[0], "(?<!{})"), _edge(entry[-1], "(?!{})")
    if entry[0].isdigit():
        before += r"(?<!\d[.,])"
    if entry[-1].isdigit():
        after += r"(?![.,]\d)"
    if entry.isdigit():
        after += rf"(?!\s*{COUNTED})"
    body = re.escape(entry) if entry != entry.lower() else f"(?i:{re.escape(entry)})"
    return f"{before}{body}{after}"


def _edge(letter: str, look: str) -> str:
    if letter.isdigit():
        return look.format(r"\d")
    return look.format(r"[^\W\d_]") if letter.isalpha() else ""
