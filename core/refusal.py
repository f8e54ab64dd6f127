"""What does a subscriber's SMS ask for? To refuse advertising (R6, O21: TC, TU CHOI, HUY QC …), or help.

In any case, with or without marks.
"""

import re

from core.messages import plain, without_marks

#: After folding: no marks, small letters, single spaces. What stands alone in the text, or begins it.
WORDS = ("tc", "tu choi", "huy qc", "tu choi qc", "tc qc", "stop")

_SPACES = re.compile(r"[\s.,;:!?'\"-]+")


#: The whole text, nothing beside it.
HELP_WORDS = ("tg", "tro giup", "hd", "huong dan", "help", "ho tro")


def folded(text: str) -> str:
    """The words alone: no marks, small letters, single spaces."""
    return _SPACES.sub(" ", without_marks(plain(text)).casefold()).strip()


def is_help(text: str) -> bool:
    """Whether a subscriber's SMS asks what can be asked."""
    return folded(text) in HELP_WORDS


def is_refusal(text: str) -> bool:
    """Whether a subscriber's SMS refuses advertising. Doubt about a longer text is not a refusal."""
    said = folded(text)
    return said in (*WORDS, "t c") or any(said.startswith(f"{word} ") for word in WORDS if len(word) > 2)
