"""Does this SMS refuse advertising? (R6, O21: TC, TU CHOI, HUY QC … in any case, with or without marks)"""

import re

from core.messages import plain, without_marks

#: After folding: no marks, small letters, single spaces. What stands alone in the text, or begins it.
WORDS = ("tc", "tu choi", "huy qc", "tu choi qc", "tc qc", "stop")

_SPACES = re.compile(r"[\s.,;:!?'\"-]+")


def is_refusal(text: str) -> bool:
    """Whether a subscriber's SMS refuses advertising. Doubt about a longer text is not a refusal."""
    folded = _SPACES.sub(" ", without_marks(plain(text)).casefold()).strip()
    return folded in WORDS or any(folded.startswith(f"{word} ") for word in WORDS if len(word) > 2)
