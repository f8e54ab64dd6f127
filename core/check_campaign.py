"""Does a campaign make sense as a whole? Names that must exist, hours, caller ids, and what each text says.

The script has its own file, core/check_script.py.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from core.campaigns import Campaign, Message
from core.check_config import not_granted, say
from core.check_script import check_script, spoken_texts
from core.config import Config
from core.facts import Event, Law, Subscriber, law_of
from core.messages import MOST_CHARACTERS
from core.outcomes import Outcome
from core.packages import Catalogue
from core.shape import touched
from core.speech import Speech
from core.templates import BadTemplate, Offer, offer_of, render
from core.triggers import KINDS
from core.written import VIETNAM, Window, duration_text, nearest
from core.yaml_file import Document, Path

#: A subscriber and a top-up that every text is tried on when a campaign is loaded.
SAMPLE_SUBSCRIBER = Subscriber(
    number="+84901234567",
    payment="prepaid",
    device="smartphone",
    region="CTKV2",
    status="two_way",
    vlr=True,
    segment="S1",
    tariff="MobiQ",
    activated_on=date(2020, 1, 31),
    arpu=(90_000, 80_000, 70_000),
    arpu_data=(50_000, 40_000, 30_000),
    arpu_voice=(40_000, 40_000, 40_000),
    balance=105_000,
    consent="sample",
)
SAMPLE_EVENT = Event("sample", "topup", "+84901234567", datetime(2026, 11, 2, 9, tzinfo=VIETNAM), 50_000)

#: What the program sends by itself after a registration, by its name in `messages`.
AFTER_REGISTRATION = ("thanks", "registered", "not_registered", "unconfirmed")
#: Of these the registration system or the house (config.yaml, `texts`) has the words.
_WORDS_OF_OTHERS = ("registered", "not_registered", "unconfirmed")
#: What follows an outcome by its name in `messages`, without a word in `after`.
_BY_DEFAULT = ("missed", "offer", "link")
#: Events whose amount has to be paid.
_TO_BE_PAID = ("renewal", "bill_due")
#: Outcomes that another call may follow: nobody was reached, and the fate of the call is known.
RETRIED = frozenset(
    {Outcome.NO_ANSWER, Outcome.BUSY, Outcome.REJECTED, Outcome.UNREACHABLE, Outcome.FAILED, Outcome.MACHINE}
)


@dataclass(frozen=True)
class Check:
    """A campaign under examination, and where its problems go."""

    document: Document
    campaign: Campaign
    catalogue: Catalogue
    config: Config | None
    today: date | None

    def say(self, path: Path, wrong: str, right: str) -> None:
        say(self.document, path, wrong, right)

    def offers(self) -> dict[str, Offer]:
        """The offers whose package is known."""
        packages = self.catalogue.packages
        return {
            key: offer_of(code, packages[code])
            for key, code in self.campaign.offers.items()
            if code in packages
        }


def check_campaign(
    document: Document, campaign: Campaign, catalogue: Catalogue, config: Config | None, today: date | None
) -> None:
    """Add every problem of meaning to the document."""
    check = Check(document, campaign, catalogue, config, today)
    _windows(check)
    _freshness(check)
    _audience(check)
    _offers(check)
    _granted(check, ("caller_id",), campaign.caller_id)
    check_script(document, campaign, config)
    _spoken(check)
    for name, message in campaign.messages.items():
        _message(check, name, message)
    _after(check)


def _windows(check: Check) -> None:
    """R8: windows do not overlap, and lie within the law's; a signed-off public notice has its own."""
    windows = check.campaign.windows
    law = law_of(check.config, check.today or date.max) if check.config else Law()
    own = check.campaign.class_ in ("public_notice", "transactional")
    for name, written, allowed in (
        ("calls", windows.calls, law.call_window),
        ("messages", windows.messages, law.sms_window),
    ):
        path: Path = ("windows", name)
        if not written:
            check.say(path, "is an empty list", f'write at least one window: ["{allowed}"]')
        for index, window in enumerate(written):
            at = (*path, index)
            if any(_overlap(window, other) for other in written[:index]):
                check.say(at, f'"{window}" overlaps another window', "write windows that do not overlap")
            if not own and not _inside(window, allowed):
                what = "advertising" if check.campaign.class_ == "advertising" else check.campaign.class_
                check.say(
                    at, f'"{window}" is outside the hours of {what} {name} (R8)', f'stay inside "{allowed}"'
                )


def _overlap(one: Window, other: Window) -> bool:
    if not one.days & other.days:
        return False
    first, second = sorted((one, other), key=lambda window: window.start)
    return first.end is None or second.start < first.end


def _inside(window: Window, allowed: Window) -> bool:
    ends_inside = allowed.end is None or (window.end is not None and window.end <= allowed.end)
    return window.start >= allowed.start and ends_inside


def _audience(check: Check) -> None:
    audience = check.campaign.audience
    for index, wanted in enumerate(audience.arpu):
        path: Path = ("audience", "arpu", index)
        if wanted.at_least is None and wanted.at_most is None and not touched(check.document, path):
            check.say(path, "asks nothing", "write at_least or at_most, in đồng")
        elif wanted.at_least is not None and wanted.at_most is not None and wanted.at_least > wanted.at_most:
            check.say(path, "nobody can be both", "write at_least below at_most")
    for name in ("payment", "device", "region", "status", "segment", "tariff", "holds"):
        if getattr(audience, name) == () and not touched(check.document, ("audience", name)):
            check.say(("audience", name), "is an empty list: nobody is in it", "name one, or delete the line")
    kind = check.campaign.trigger.kind
    if audience.topup_at_least is not None and kind != "topup":
        check.say(("audience", "topup_at_least"), f"a {kind} has no top-up", "delete the line")
    if audience.balance_below is not None and kind not in _TO_BE_PAID:
        wrong = f"the amount of a {kind} is not what has to be paid"
        check.say(("audience", "balance_below"), wrong, "write balance_at_most: …, in đồng")
    least, most = audience.balance_at_least, audience.balance_at_most
    if least is not None and most is not None and least > most:
        check.say(("audience", "balance_at_least"), "nobody can be both", "write it below balance_at_most")
    for name in ("holds", "holds_none_of"):
        for index, code in enumerate(getattr(audience, name) or ()):
            _package(check, ("audience", name, index), code, sold=False)


def _freshness(check: Check) -> None:
    """O20: an event is not called when nobody remembers it."""
    trigger = check.campaign.trigger
    path: Path = ("trigger", "fresh_for")
    most = KINDS[trigger.kind].most_fresh
    right = f"write 15m, or {duration_text(most)} at most (O20)"
    if trigger.fresh_for <= timedelta(0):
        check.say(path, "is no time: every event would be too old", right)
    elif trigger.fresh_for > most:
        check.say(path, f"is longer than a {trigger.kind} is worth a call", right)


def _offers(check: Check) -> None:
    """O5, O17: packages of the catalogue, on sale on the day, under keys that are offers."""
    campaign = check.campaign
    for key, code in campaign.offers.items():
        _package(check, ("offers", key), code)
    for key, codes in campaign.otherwise.items():
        _key(check, ("otherwise", key), key)
        for index, code in enumerate(codes):
            _package(check, ("otherwise", key, index), code)
    shares: dict[tuple[str, ...] | None, int] = {}
    for index, line in enumerate(campaign.offers_for):
        path: Path = ("offers_for", index)
        shares[line.segment] = shares.get(line.segment, 0) + line.share
        if shares[line.segment] > 100:
            wrong = f"the shares of these segments make {shares[line.segment]} %"
            check.say((*path, "share"), wrong, "share a hundred between them")
        for key, code in line.offers.items():
            _key(check, (*path, "offers", key), key)
            _package(check, (*path, "offers", key), code)


def _key(check: Check, path: Path, key: str) -> None:
    if key not in check.campaign.offers and not touched(check.document, ("offers",)):
        check.say(
            path, f'"{key}" is not an offer', f"the keys of `offers` are {', '.join(check.campaign.offers)}"
        )


def _package(check: Check, path: Path, code: str, *, sold: bool = True) -> None:
    package = check.catalogue.packages.get(code)
    if package is None:
        right = nearest(code, check.catalogue.packages) or "write a code of packages.yaml, or add it there"
        check.say(path, f'"{code}" is not a package of the catalogue', right)
    elif sold and check.today and package.valid_to and package.valid_to < check.today:
        check.say(path, f"{code} was sold until {package.valid_to}", "offer another, or extend valid_to")
    elif sold and check.today and package.valid_from and check.today < package.valid_from:
        check.say(path, f"{code} is sold from {package.valid_from} only", "offer another until then")


def _granted(check: Check, path: Path, name: str) -> None:
    """R10, O6: only a granted caller id or sender."""
    if check.config is None:
        return
    row = next((row for row in check.config.granted if row.name == name), None)
    if row is None:
        check.say(path, f'"{name}" is not granted (R10)', not_granted(check.config, name))
    elif check.today and row.until and row.until < check.today:
        check.say(path, f'the grant of "{name}" ended on {row.until} (R10)', "renew it in config.yaml")


def _spoken(check: Check) -> None:
    """Every text of the script can be spoken, for the offer that it is about."""
    known = {key: code for key, code in check.campaign.offers.items() if code in check.catalogue.packages}
    speech = Speech(check.catalogue, known, {"subscriber": SAMPLE_SUBSCRIBER, "event": SAMPLE_EVENT})
    for path, text, offer in spoken_texts(check.campaign.script):
        if offer is None or offer in known:
            _try(check, path, partial(_line, speech, text, offer))


def _line(speech: Speech, text: str, offer: str | None) -> str:
    return speech.line(text, offer).written


def _try(check: Check, path: Path, rendered: Callable[[], str]) -> bool:
    try:
        if not rendered().strip():
            check.say(path, "says nothing", "write a text, or delete the line")
            return False
    except (BadTemplate, TypeError, ArithmeticError) as error:
        check.say(path, f"cannot be filled in ({error})", _NAMES)
        return False
    return True


_NAMES = "write names like {{ offer.name }}, {{ offer.price }}, {{ event.amount | dong }}"


def _message(check: Check, name: str, message: Message) -> None:
    path: Path = ("messages", name)
    _granted(check, (*path, "sender"), message.sender)
    _message_class(check, name, message)
    sent = {follow.sms for follow in check.campaign.after.values()}
    typo = touched(check.document, ("after",)) or not sent <= {None, *check.campaign.messages}
    known = (*_BY_DEFAULT, *AFTER_REGISTRATION)
    if name not in sent and name not in known and not typo:
        right = nearest(name, known) or f"name it in `after`, as `no_answer: {{sms: {name}}}`"
        check.say(path, "is never sent", right)
    if message.offer is not None and message.offer not in check.campaign.offers:
        right = nearest(message.offer, check.campaign.offers) or _one_of(check.campaign.offers)
        check.say((*path, "offer"), f'"{message.offer}" is not an offer', right)
        return
    if message.text is None:
        if name not in _WORDS_OF_OTHERS:
            check.say((*path, "text"), "is missing", "write `text: …`, what the SMS says")
        return
    _rendered(check, (*path, "text"), message)


def _rendered(check: Check, path: Path, message: Message) -> None:
    """The text for its offer, or for each where it names none (SMS1 thanks for whichever was registered)."""
    offers = check.offers()
    about = [message.offer] if message.offer else list(check.campaign.offers)
    values: dict[str, Any] = {"subscriber": SAMPLE_SUBSCRIBER, "event": SAMPLE_EVENT}
    values["offers"] = offers
    shown = [{**values, "offer": offers[key]} for key in about if key in offers]
    if about and not shown:
        return  # its package is not known: said once, at `offers`
    for each in shown or [values]:
        if not _try(check, path, partial(render, message.text or "", each)):
            return
        length = len(render(message.text or "", each))
        if length > MOST_CHARACTERS:
            wrong = f"has {length} characters, more than 255 parts may hold"
            check.say(path, wrong, f"write at most {MOST_CHARACTERS}")
            return


def _message_class(check: Check, name: str, message: Message) -> None:
    """R1: what a message is, not what it is called, says which rules bind it."""
    path: Path = ("messages", name, "class")
    if name in AFTER_REGISTRATION and message.class_ != "transactional":
        check.say(path, f'"{message.class_}" is not what {name} is', "write class: transactional")
    if message.class_ == "public_notice" and check.campaign.class_ != "public_notice":
        check.say(path, "is looser than its programme", f"write class: {check.campaign.class_}")
    after = [outcome for outcome, follow in check.campaign.after.items() if follow.sms == name]
    unasked = [outcome for outcome in after if outcome is not Outcome.ACCEPTED]
    if check.campaign.class_ == "advertising" and unasked and message.class_ != "advertising":
        wrong = f'"{message.class_}" is not what a message after {unasked[0]} is'
        check.say(path, wrong, "write class: advertising (R1: a missed call that offers is advertising)")


def _one_of(names: Iterable[str]) -> str:
    return f"write one of {', '.join(names) or '(there is none)'}"


def _after(check: Check) -> None:
    campaign = check.campaign
    for outcome, follow in campaign.after.items():
        path: Path = ("after", outcome.value)
        if follow.sms is not None and follow.sms not in campaign.messages:
            right = nearest(follow.sms, campaign.messages) or _one_of(campaign.messages)
            check.say((*path, "sms"), f'"{follow.sms}" is not a message of this file', right)
        if follow.sms in AFTER_REGISTRATION:
            check.say(
                (*path, "sms"), f"{follow.sms} is sent after a registration by itself", "delete the line"
            )
        if follow.sms is not None and outcome is Outcome.REFUSED:
            check.say((*path, "sms"), "nothing but its confirmation follows a refusal", "delete the line")
        if outcome is Outcome.MACHINE and not campaign.answering_machine.detect:
            right = "write answering_machine: {detect: true}, or delete the line"
            check.say(path, "never comes: nobody listens for answering machines", right)
        if follow.retry is None:
            continue
        if outcome not in RETRIED:
            wrong = f"a call that ended {outcome} is not made again"
            check.say((*path, "retry"), wrong, f"retry after {', '.join(sorted(RETRIED))} only")
        if follow.retry.after_first_pass and campaign.trigger.kind != "list":
            check.say((*path, "retry", "after_first_pass"), "only a list has passes", "delete it")
