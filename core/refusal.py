"""What does a subscriber's SMS ask for? To refuse advertising (R6, O21: TC, TU CHOI, HUY QC …), or help.

In any case, with or without marks.
"""

import re

from core.messages import plain, without_marks

#: After folding: no marks, small letters, single spaces. What stands alone in the text, or begins it.
WORDS = (
    "tc", "t c", "tu choi", "huy qc", "tu choi qc", "tc qc", "tcqc", "stop", "huy quang cao", "toi tu choi",
    "khong nhan quang cao", "khong nhan qc",
)  # fmt: skip

#: "@" is octet 0 of GSM 03.38, with which some phones end or fill a text; U+FFFD an octet that meant nothing.
_SPACES = re.compile(r"[\s.,;:!?'\"()\[\]@\ufffd-]+")
#: What people copy from "soan TC gui 8989", and what they add to be polite.
_AROUND = re.compile(r"^(?:soan )?(.*?)(?: gui)?(?: [0-9]{3,5})?(?: nhe| nha| a)?$")


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
    bare = _AROUND.sub(r"\1", said)
    return bare in WORDS or any(said.startswith(f"{word} ") for word in WORDS if len(word) > 3)
