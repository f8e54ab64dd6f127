"""Did every number get exactly what its behaviour demands? The simulator's table against the simulator's records.

Nothing here asks the system what it thinks it did, but for the outcome of each call, which only its log can tell; that
too is held against the simulator's table.
"""

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from simulator.behaviours import (
    ALWAYS_500,
    Expected,
    PackageAnswer,
    Programme,
    digits,
    expected,
    package_answer,
    subscriber,
)
from simulator.mobile_network import MobileCall
from simulator.package_system import Registration
from simulator.smsc import Message

#: How a text is told by a reader; from the source documents and the campaign files.
_KINDS = {
    "missed": re.compile(r"\A\[QC\] .*bỏ lỡ cuộc gọi .*Tu choi QC soan TC gui 8989\Z", re.S),
    "offer": re.compile(r"\A\[QC\] .*bỏ lỡ đăng ký .*Tu choi QC soan TC gui 8989\Z", re.S),
    "thanks": re.compile(r"\AMobiFone chân thành cám ơn Quý khách đã đăng ký gói cước \w+ "),
    "not_registered": re.compile(r"chưa thành công|chua xac nhan duoc|không đủ"),
    "refusal_confirmed": re.compile(r"\AMobiFone da ghi nhan Quy khach tu choi nhan quang cao"),
    "link": re.compile(r"\ABộ TT&TT và Bộ Y tế .*https://www\.bluezone\.gov\.vn/taiapp", re.S),
}


def kind_of(message: Message, said: set[str]) -> str:
    """What kind of SMS the SMSC got; `said`: texts that the package system answered with."""
    if message.text in said:
        return "registered"
    return next(
        (kind for kind, shape in _KINDS.items() if shape.search(message.text)), f"? {message.text[:60]}"
    )


@dataclass
class Seen:
    """What happened to one number, by the simulator's own records and the system's outcome."""

    calls: int = 0
    outcome: str = "(none)"
    registrations: tuple[tuple[str, str], ...] = ()
    sms: tuple[str, ...] = ()


@dataclass
class Verdict:
    """One number: what was demanded and what was seen."""

    number: str
    programme: Programme
    behaviour: str
    wanted: Expected
    seen: Seen
    wrong: list[str] = field(default_factory=list)


def answer_of(number: str, always_500: str) -> PackageAnswer:
    """How the package system treats the number in this demo."""
    return ALWAYS_500 if number == always_500 else package_answer(number)


def judge(
    programmes: dict[str, Programme],
    offers: dict[str, dict[str, str]],
    outcomes: dict[str, str],
    calls: list[MobileCall],
    registrations: list[Registration],
    messages: list[Message],
    always_500: str,
) -> list[Verdict]:
    """A verdict for each number (national), in order. `offers`: programme -> key -> package code."""
    called = Counter(digits(call.number) for call in calls if call.role == "subscriber")
    texts: dict[str, list[str]] = defaultdict(list)
    said = {each.message for each in registrations if each.message and each.status == "registered"}
    for message in messages:
        texts[digits(message.number)].append(kind_of(message, said))
    registered: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for each in registrations:
        key = next((k for k, code in offers[each.programme].items() if code == each.package), each.package)
        registered[digits(each.number)].append((key, each.status))
    verdicts = []
    for number, programme in programmes.items():
        answer = answer_of(number, always_500)
        wanted = expected(number, programme, answer)
        d = digits(number)
        seen = Seen(called[d], outcomes.get(number, "(none)"), tuple(registered[d]), tuple(texts[d]))
        name = subscriber(number).name + (
            "" if answer.name == "accepts" or not wanted.registrations else f", {answer.name}"
        )
        verdicts.append(Verdict(number, programme, name, wanted, seen, _wrong(wanted, seen)))
    strangers = set(called) - {digits(number) for number in programmes}
    verdicts += [
        Verdict(
            f"0{d}",
            "topup-smartphone",
            "must not be called",
            Expected("(none)", calls=0),
            Seen(called[d]),
            ["was called"],
        )
        for d in sorted(strangers)
    ]
    return verdicts


def _wrong(wanted: Expected, seen: Seen) -> list[str]:
    wrong = []
    if seen.calls != wanted.calls:
        wrong.append(f"called {seen.calls} times, not {wanted.calls}")
    if seen.outcome != wanted.outcome:
        wrong.append(f"outcome {seen.outcome}, not {wanted.outcome}")
    # one that never answered clearly has no fate in the package system's records
    fates = tuple(pair for pair in wanted.registrations if pair[1] != "unknown")
    if seen.registrations != fates:
        wrong.append(f"registrations {seen.registrations}, not {fates}")
    if seen.sms != wanted.sms:
        wrong.append(f"SMS {seen.sms}, not {wanted.sms}")
    return wrong


def percentile(values: list[float], percent: int) -> float:
    """Nearest rank; `values` not empty."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]
