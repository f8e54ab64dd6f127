"""Does a programme say what the law asks for? Texts held against the rules of contact, before it starts.

A finding names its rule and its line. A programme with a finding that stops does not start, unless a named
person waives that rule in the file (`waivers:`), which is logged. Looked at: R1, R4, R5, R10, R11, R12, O5,
O6, O21. Whether a number may be contacted at all is decided elsewhere, by core/rules.py.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

from core.campaigns import Campaign, Message, Waiver
from core.check_campaign import AFTER_REGISTRATION, SAMPLE_EVENT, SAMPLE_SUBSCRIBER
from core.check_script import menus, spoken_texts
from core.config import Config
from core.facts import Programme
from core.messages import LABELS, advertising_word, compose, without_marks
from core.packages import Catalogue
from core.script import Refuse
from core.speech import Speech
from core.templates import offer_of
from core.yaml_file import Path, key_of, read

_WARN_BEFORE = timedelta(days=30)  # R10
#: R12: words that say that nobody speaks.
_AUTOMATIC = ("tự động", "trí tuệ nhân tạo", "trợ lý ảo")
#: R11: without `advertiser` in config.yaml an address is guessed from these.
_ADDRESS = re.compile(r"địa chỉ|trụ sở|\bsố \d|\bđường\b|\bphố\b|\bphường\b|\bquận\b|\btòa nhà\b")
#: R1: what neither care nor a public notice says, without marks.
_OFFERING = ("uu dai", "khuyen mai", "giam gia", "mua ngay", "dang ky goi")


@dataclass(frozen=True)
class Finding:
    """A text that breaks a rule, as the person who wrote it reads it."""

    rule: str
    file: str
    line: int
    key: str
    excerpt: str
    wrong: str
    right: str
    stops: bool = True  #: the programme does not start
    waiver: Waiver | None = None  #: who let it stand

    def __str__(self) -> str:
        said = f"{self.file}:{self.line}: {self.key}: {self.rule}: {self.wrong}, {self.right}"
        excerpt = f' ("{self.excerpt}")' if self.excerpt else ""
        waived = (
            f" [waived by {self.waiver.by} on {self.waiver.on}: {self.waiver.reason}]" if self.waiver else ""
        )
        return said + excerpt + waived


@dataclass(frozen=True)
class _Found:
    """A finding without its place in the file."""

    path: Path
    text: str
    wrong: str
    right: str
    stops: bool = True


@dataclass(frozen=True)
class _Look:
    """What a rule of texts may look at."""

    campaign: Campaign
    catalogue: Catalogue
    config: Config
    today: date | None

    @property
    def advertising(self) -> bool:
        return self.campaign.class_ == "advertising"

    def first_prompt(self) -> tuple[Path, str]:
        return next(((path, text) for path, text, _ in spoken_texts(self.campaign.script)), (("script",), ""))

    def sent(self, message: Message) -> Iterator[tuple[str, str | None]]:
        """The final texts of a message, with the offer that each is about."""
        offers = {key: offer_of(c, self.catalogue.packages[c]) for key, c in self.campaign.offers.items()}
        values = {"offers": offers, "subscriber": SAMPLE_SUBSCRIBER, "event": SAMPLE_EVENT}
        about = [message.offer] if message.offer else list(offers)
        for key in about or [""]:
            shown = {**values, "offer": offers[key]} if key else values
            yield compose(message.text or "", message.class_, shown, self.config.texts), key or None


def lint(
    programme: Programme,
    text: str | bytes,
    file: str,
    catalogue: Catalogue,
    config: Config,
    today: date | None = None,
) -> tuple[Finding, ...]:
    """Every finding of a programme that was loaded from `text`, in the order of its lines.

    Without `today` (Vietnamese date) the ends of grants are not looked at.
    """
    document = read(text, file)
    look = _Look(programme.campaign, catalogue, config, today)
    waivers = {waiver.rule: waiver for waiver in programme.campaign.waivers}
    findings = []
    for rule, find in RULES:
        for found in find(look):
            line, key, excerpt = document.line(found.path), key_of(found.path), _excerpt(found.text)
            finding = Finding(rule, file, line, key, excerpt, found.wrong, found.right, found.stops)
            if finding.stops and rule in waivers:
                finding = replace(finding, stops=False, waiver=waivers[rule])
            findings.append(finding)
    return tuple(sorted(findings, key=lambda finding: finding.line))


def may_start(findings: tuple[Finding, ...]) -> bool:
    """R11: a programme with a finding that nobody waived does not start."""
    return not any(finding.stops for finding in findings)


def _excerpt(text: str) -> str:
    folded = " ".join(text.split())
    return folded if len(folded) <= 60 else folded[:59] + "…"


def _signed_off(look: _Look) -> Iterator[_Found]:
    """R1: a public notice names who signed it off."""
    if look.campaign.class_ == "public_notice" and look.campaign.signed_off is None:
        right = "write signed_off: {by: …, on: …, reference: …}"
        yield _Found(("class",), "", "nobody signed this public notice off", right)


def _class(look: _Look) -> Iterator[_Found]:
    """R1: a call that offers packages is advertising, whatever its file calls it; and no call is transactional."""
    campaign = look.campaign
    if look.advertising:
        return
    right = "write class: advertising"
    if campaign.class_ == "transactional":
        yield _Found(
            ("class",), "", "no call of a programme is transactional: only the SMS after a key are", right
        )
    if campaign.offers:
        yield _Found(("class",), "", f"a programme with offers is not {campaign.class_}", right)
    for path, text, _ in spoken_texts(campaign.script):
        yield from _words_of_offer(path, text, campaign.class_)
    for name, message in campaign.messages.items():
        if message.class_ in ("care", "public_notice"):
            yield from _words_of_offer(("messages", name, "text"), message.text or "", message.class_)


def _words_of_offer(path: Path, text: str, class_: str) -> Iterator[_Found]:
    said = without_marks(" ".join(text.split())).lower()
    word = next((word for word in _OFFERING if word in said), None)
    if word is not None:
        yield _Found(
            path, text, f'a text of class {class_} has words of offer ("{word}")', "write class: advertising"
        )


def _approved(look: _Look) -> Iterator[_Found]:
    """O5, O18: audience and offers are approved, unless the unit is exempt."""
    exempt = look.campaign.unit in look.config.limits.approval_exempt_units
    if look.advertising and look.campaign.approval is None and not exempt:
        right = "write approval: {by: …, on: …, reference: …}"
        yield _Found(("approval",), "", "audience and offers are not approved", right)


def _label(look: _Look) -> Iterator[_Found]:
    """R4: the label is put in front of advertising, and of nothing else."""
    for name, message in look.campaign.messages.items():
        path: Path = ("messages", name, "text")
        text = (message.text or "").upper()
        has = [label for label in LABELS if label in text]
        if has and message.class_ != "advertising":
            yield _Found(
                path, message.text or "", f"{has[0]} stands in a text that is not advertising", "take it out"
            )
        elif has and not text.startswith(has[0]):
            yield _Found(
                path, message.text or "", f"{has[0]} is not in front", "take it out, it is put in front"
            )
        if message.class_ == "transactional":
            word = advertising_word(message.text or "")
            if word is not None:
                wrong = f'a transactional text has words of advertising: "{word}"'
                yield _Found(path, message.text or "", wrong, "take them out, or write class: advertising")


def _refusal(look: _Look) -> Iterator[_Found]:
    """R5: how to refuse is said once, at the end, as the house says it."""
    for name, message in look.campaign.messages.items():
        if message.class_ != "advertising" or message.text is None:
            continue
        for sent, _ in look.sent(message):
            said = without_marks(sent).lower().count("tu choi")
            house = without_marks(look.config.texts.how_to_refuse).lower().count("tu choi")
            if said > house:
                right = "take it out: the house's line is put at the end"
                yield _Found(
                    ("messages", name, "text"), message.text, "says how to refuse in its own words", right
                )
                break


def _grants(look: _Look) -> Iterator[_Found]:
    """R10: 30 days before the end of a grant somebody is told."""
    used: list[tuple[Path, str]] = [(("caller_id",), look.campaign.caller_id)]
    used += [
        (("messages", name, "sender"), message.sender) for name, message in look.campaign.messages.items()
    ]
    granted = {row.name: row.until for row in look.config.granted}
    for path, name in used:
        until = granted.get(name)
        if name not in granted:
            yield _Found(path, name, "is not granted", "add its grant to config.yaml, or use another")
        elif look.today and until and until < look.today:
            yield _Found(path, name, f"its grant ended on {until}", "renew it in config.yaml")
        elif look.today and until and until - look.today <= _WARN_BEFORE:
            yield _Found(path, name, f"its grant ends on {until}", "renew it in time", stops=False)


def _caller_named(look: _Look) -> Iterator[_Found]:
    """R11: an advertising call says first who calls: name and address."""
    if not look.advertising:
        return
    path, text = look.first_prompt()
    said = " ".join(text.split()).lower()
    advertiser = look.config.advertiser
    if advertiser and " ".join(advertiser.name.split()).lower() not in said:
        yield _Found(path, text, "does not say first who calls", f'name "{advertiser.name}" in it')
    if advertiser and " ".join(advertiser.address.split()).lower() not in said:
        yield _Found(path, text, "does not say the caller's address", f'say "{advertiser.address}" in it')
    if not advertiser and not _ADDRESS.search(said):
        yield _Found(path, text, "does not say the caller's address", "say name and address before the offer")


def _full_price(look: _Look) -> Iterator[_Found]:
    """R11: each offer is made with its full price."""
    if not look.advertising:
        return
    speech = Speech(
        look.catalogue, look.campaign.offers, {"subscriber": SAMPLE_SUBSCRIBER, "event": SAMPLE_EVENT}
    )
    for path, menu in menus(look.campaign.script):
        for name, key in menu.keys.items():
            if key.offer and key.say:
                said = speech.line(key.say, key.offer).written
                if not _priced(look, said, key.offer):
                    right = "add {{ offer.price }} and for how long"
                    yield _Found((*path, "keys", name, "say"), key.say, "offers without the price", right)
    for name, message in look.campaign.messages.items():
        if message.class_ != "advertising" or name in AFTER_REGISTRATION:
            continue
        for sent, offer in look.sent(message):
            if offer and look.campaign.offers[offer] in sent and not _priced(look, sent, offer):
                right = "add {{ offer.price }} and for how long"
                yield _Found(
                    ("messages", name, "text"), message.text or "", "offers without the price", right
                )
                break


def _priced(look: _Look, text: str, offer: str) -> bool:
    price = look.catalogue.packages[look.campaign.offers[offer]].price
    return re.search(rf"(?<!\d){f'{price:,}'.replace(',', '[. ]?')}(?!\d)", text) is not None


def _automatic(look: _Look) -> Iterator[_Found]:
    """R12: an automatic voice says so in the first prompt, whatever the programme is."""
    path, text = look.first_prompt()
    if not any(word in " ".join(text.split()).lower() for word in _AUTOMATIC):
        yield _Found(path, text, "does not say that the call is automatic", 'say "cuộc gọi tự động" in it')


def _refusal_told(look: _Look) -> Iterator[_Found]:
    """O21: the listener is told of the key that refuses."""
    for path, menu in menus(look.campaign.script):
        for name, key in menu.keys.items():
            if key.then and isinstance(key.then[0], Refuse) and name not in (key.say or ""):
                right = f'write say: "hoặc bấm {name} nếu Quý khách từ chối nhận quảng cáo"'
                yield _Found((*path, "keys", name), key.say or "", "is not told to the listener", right)


def _machines(look: _Look) -> Iterator[_Found]:
    """What listening for answering machines costs the people who answer; it stops nothing."""
    if look.campaign.answering_machine.detect:
        wrong = "who answers hears nothing for 1 to 3 s, and a person taken for a machine is hung up on"
        right = "look at `mai report`: `machine` should be rare where few have a voicemail"
        yield _Found(("answering_machine", "detect"), "", wrong, right, stops=False)


#: Every rule of texts, once.
RULES: tuple[tuple[str, Callable[[_Look], Iterator[_Found]]], ...] = (
    ("R1", _signed_off),
    ("R1", _class),
    ("O5", _approved),
    ("R4", _label),
    ("R5", _refusal),
    ("R10", _grants),
    ("R11", _caller_named),
    ("R11", _full_price),
    ("R12", _automatic),
    ("O21", _refusal_told),
    ("AMD", _machines),
)
