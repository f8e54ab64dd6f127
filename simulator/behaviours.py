"""What does each number do, and what must the system then have done?

The one table of the simulated world, written by hand from DESIGN §5 (what is seen on the line, what we
call it, what follows) and REQUIREMENTS O10-O14, O21, B3-B6. It is not derived from the system's code:
demo and tests compare the system with this table and with the simulator's own records.

A number is read from its end: `090 1234 p v l`: l last digit, v second-last, p third-last.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Programme = Literal["topup-smartphone", "topup-featurephone", "bluezone"]
Fate = Literal["registered", "refused", "unknown"]
Sms = Literal["missed", "offer", "thanks", "registered", "not_registered", "refusal_confirmed", "link"]


@dataclass(frozen=True)
class Subscriber:
    """How one subscriber treats a call.

    `key` is the last key pressed (empty: none); without one, `outcome` is what DESIGN §5 calls what is seen.
    """

    name: str
    what: str
    outcome: str = ""
    key: str = ""


#: By the last digit of the number.
LAST_DIGIT = {
    "0": Subscriber("no answer", "rings (180), never answers", outcome="no_answer"),
    "1": Subscriber("presses 1", "answers, hears the prompt out, presses 1", key="1"),
    "2": Subscriber("presses 2", "answers, hears the prompt out, presses 2", key="2"),
    "3": Subscriber("busy", "486", outcome="busy"),
    "4": Subscriber("rejects", "rings, then 603", outcome="rejected"),
    "5": Subscriber("hangs up", "answers, hangs up in the middle of the prompt", outcome="hung_up"),
    "6": Subscriber("no circuit", "503, cause 34, never rang", outcome="failed"),
    "7": Subscriber(
        "voicemail", "greeting, beep, records; presses nothing; machine where AMD is on", outcome="no_key"
    ),
    "8": Subscriber("unallocated", "404, never rang", outcome="invalid_number"),
    "9": Subscriber("listens", "answers, presses nothing, stays", outcome="no_key"),
}

#: By the second-last digit, only where the last digit is 1; any other second-last digit: plain.
BEFORE_1 = {
    "1": Subscriber("refuses", "hears the prompt out, presses 9", key="9"),
    "2": Subscriber("wrong key", "presses 5, hears what follows, presses 1", key="1"),
    "3": Subscriber("barges in", "presses 1 about a second into the prompt", key="1"),
    "4": Subscriber("answers late", "rings 5 s before answering, presses 1", key="1"),
    "5": Subscriber("last moment", "answers 1 s before the ring limit, presses 1", key="1"),
    "6": Subscriber("presses, hangs up", "presses 1 and hangs up within 100 ms", key="1"),
    "7": Subscriber("says a lô", "says a lô as it answers, hears the prompt out, presses 1", key="1"),
}


@dataclass(frozen=True)
class PackageAnswer:
    """How the package system treats this number's registrations."""

    name: str
    fate: Fate = "registered"
    message: bool = True
    """Whether the answer carries the text of SMS2."""
    late_s: float = 0.0
    fails: int = 0
    """How many times a key is answered with 500 before the answer; -1: always."""


_PLAIN = PackageAnswer("accepts")
#: By the third-last digit; 0 to 5: accepts with reference and message.
THIRD_LAST = {
    "6": PackageAnswer("accepts silently", message=False),
    "7": PackageAnswer("not enough balance", fate="refused"),
    "8": PackageAnswer("answers late", late_s=3.0),
    "9": PackageAnswer("fails twice", fails=2),
}
#: Only by command (`PackageSystem.overrides`): no number does it by itself.
ALWAYS_500 = PackageAnswer("fails for ever", fate="unknown", fails=-1)

#: What a key means in a programme; a key that is not here is a wrong key, and nothing else follows it.
KEYS: dict[Programme, dict[str, str]] = {
    "topup-smartphone": {"1": "accepted", "2": "accepted", "9": "refused"},  # O10, O13, O21
    "topup-featurephone": {"1": "accepted", "2": "accepted", "9": "refused"},  # O10, O13, O21
    "bluezone": {"1": "accepted"},  # B4: press 1 to agree; no key 1, the call ends
}
_TOPUP_SMS: dict[str, tuple[Sms, ...]] = {
    "no_answer": ("missed",),  # O11
    "busy": ("missed",),  # DESIGN §5: 486 follows O11
    "no_key": ("offer",),  # O14
    "hung_up": ("offer",),  # O14
    "refused": ("refusal_confirmed",),  # R6
}
#: What the outcome alone sends; what a registration sends comes on top.
OUTCOME_SMS: dict[Programme, dict[str, tuple[Sms, ...]]] = {
    "topup-smartphone": _TOPUP_SMS,
    "topup-featurephone": _TOPUP_SMS,
    "bluezone": {"accepted": ("link",)},  # B5
}


@dataclass(frozen=True)
class Expected:
    """What must have happened to a number once nothing is under way any more."""

    outcome: str
    """A name of DESIGN §5's table, of the last attempt."""
    registrations: tuple[tuple[str, Fate], ...] = ()
    """(offer key "1" or "2", fate) of every registration asked for."""
    sms: tuple[Sms, ...] = ()
    """Kinds of all messages, in the order of sending."""
    calls: int = 1
    """How many times the number is called (B3 calls once more who did not pick up)."""


def digits(number: str) -> str:
    """The number as nine national digits, whether it came as 09…, 84… or +84…."""
    plain = "".join(c for c in number if c.isdigit())
    if len(plain) < 9:
        raise ValueError(f"{number!r} is not a subscriber number: 09 and eight digits, 84 or +84 and nine")
    return plain[-9:]


def subscriber(number: str) -> Subscriber:
    """How the holder of this number treats a call."""
    d = digits(number)
    if d[-1] == "1" and d[-2] in BEFORE_1:
        return BEFORE_1[d[-2]]
    return LAST_DIGIT[d[-1]]


def package_answer(number: str) -> PackageAnswer:
    """How the package system treats this number."""
    return THIRD_LAST.get(digits(number)[-3], _PLAIN)


def expected(number: str, programme: Programme, answer: PackageAnswer | None = None) -> Expected:
    """What one contact of this number in this programme must end in; `answer` where it was overridden."""
    who = subscriber(number)
    answer = answer or package_answer(number)
    outcome = KEYS[programme].get(who.key, "no_key") if who.key else who.outcome
    sms = OUTCOME_SMS[programme].get(outcome, ())
    if programme == "bluezone":
        return Expected(outcome, sms=sms, calls=2 if outcome == "no_answer" else 1)  # B3
    if outcome != "accepted":
        return Expected(outcome, sms=sms)
    return Expected(outcome, registrations=((who.key, answer.fate),), sms=sms + _registration_sms(answer))


def _registration_sms(answer: PackageAnswer) -> tuple[Sms, ...]:
    """O13: thanks and then the registration system's own text; a refusal is told honestly, never thanked."""
    if answer.fate == "refused":
        return ("not_registered",)
    if answer.fate == "unknown":
        return ("not_registered",)  # told that it could not be confirmed; people look
    return ("thanks", "registered") if answer.message else ("thanks",)


def sample_numbers(count: int, prefix: str = "090") -> Iterator[str]:
    """`count` different national numbers (10 digits), going round all behaviours; at most 20,000 a prefix."""
    tails = [f"0{v}1" for v in "01234567"] + [f"{p}01" for p in "6789"] + [f"{p}02" for p in "06789"]
    tails += [f"00{last}" for last in "03456789"]
    if count > len(tails) * 1000:
        raise ValueError(f"at most {len(tails) * 1000} sample numbers with one prefix")
    for i in range(count):
        yield f"{prefix}{i // len(tails):04d}{tails[i % len(tails)]}"
