# ruff: noqa: E501 - one case a line
"""The linter: what each rule of texts finds, on which line, and what a named person may let stand."""

from datetime import date
from functools import lru_cache
from pathlib import Path

import pytest

from core.config import Config
from core.facts import Programme
from core.lint import Finding, lint, may_start
from core.loading import parse_campaign, parse_config, parse_packages
from core.packages import Catalogue

ROOT = Path(__file__).parents[2]
FILE = "campaigns/topup-smartphone.yaml"
TEXT = (ROOT / FILE).read_text(encoding="utf-8")
TODAY = date(2026, 11, 21)
ENV = dict.fromkeys(("MAI_ARI_PASSWORD", "MAI_SMSC_PASSWORD", "MAI_WEB_TOKEN", "MAI_AGENT1_PASSWORD"), "x")
CONFIG_TEXT = (ROOT / "config.yaml").read_text(encoding="utf-8")


@lru_cache(maxsize=8)
def _config(text: str = CONFIG_TEXT) -> Config:
    config = parse_config(text, "config.yaml", ENV)
    assert isinstance(config, Config), config
    return config


@lru_cache(maxsize=1)
def _catalogue() -> Catalogue:
    catalogue = parse_packages((ROOT / "packages.yaml").read_bytes(), "packages.yaml")
    assert isinstance(catalogue, Catalogue), catalogue
    return catalogue


def _findings(text: str, config: Config | None = None, today: date | None = TODAY) -> tuple[Finding, ...]:
    config = config or _config()
    programme = parse_campaign(text, FILE, _catalogue(), config)
    assert isinstance(programme, Programme), programme
    return lint(programme, text, FILE, _catalogue(), config, today)


def _line_of(part: str, text: str) -> int:
    return text[: text.index(part)].count("\n") + 1


@pytest.mark.parametrize(
    ("old", "new", "rule", "key", "wrong"),
    [
        ("cuộc gọi tự động giới thiệu", "cuộc gọi giới thiệu", "R12", "script[0].say", "does not say that the call is automatic"),
        ("dịch vụ của MobiFone", "dịch vụ", "R11", "script[0].say", "does not say first who calls"),
        ("số 1 phố Phạm Văn Bạch, Cầu Giấy, Hà Nội", "xin chào", "R11", "script[0].say", "does not say the caller's address"),
        ("chỉ với {{ offer.price }} cho", "chỉ", "R11", "script[1].menu.keys.1.say", "offers without the price"),
        ("({{ offer.price }}/{{ offer.days }} ngày)", "", "R11", "messages.missed.text", "offers without the price"),
        ("say: hoặc bấm 9 nếu Quý khách từ chối nhận quảng cáo.", "say: cảm ơn", "O21", "script[1].menu.keys.9", "is not told to the listener"),
        ("approval:", "# approval:", "O5", "approval", "audience and offers are not approved"),
        ("Quý khách vừa bỏ lỡ cuộc gọi", "Tin nhắn [QC] Quý khách vừa bỏ lỡ cuộc gọi", "R4", "messages.missed.text", "[QC] is not in front"),
        ("MobiFone chân thành", "[QC] MobiFone chân thành", "R4", "messages.thanks.text", "[QC] stands in a text that is not advertising"),
        ("Nếu cần tư vấn thêm,", "Mời Quý khách mua thêm gói ưu đãi,", "R4", "messages.thanks.text", 'a transactional text has words of advertising: "ưu đãi"'),
        ("hoặc gọi 9090 để biết", "hoặc gọi 9090, từ chối soạn HUY QC, để biết", "R5", "messages.missed.text", "says how to refuse in its own words"),
    ],
)  # fmt: skip
def test_a_text_that_breaks_a_rule_is_found(old: str, new: str, rule: str, key: str, wrong: str) -> None:
    """R4, R5, R11, R12, O5, O21: with the rule and the place; the programme does not start."""
    assert old in TEXT
    findings = _findings(TEXT.replace(old, new, 1))
    assert [(finding.rule, finding.key, finding.wrong) for finding in findings] == [(rule, key, wrong)]
    assert not may_start(findings)


def test_a_finding_names_file_line_rule_and_text() -> None:
    text = TEXT.replace("cuộc gọi tự động", "cuộc gọi")
    (finding,) = _findings(text)
    line = _line_of("- say: >-", text)
    assert str(finding) == (
        f"{FILE}:{line}: script[0].say: R12: does not say that the call is automatic, "
        'say "cuộc gọi tự động" in it ("Xin chào Quý khách. Đây là cuộc gọi giới thiệu dịch vụ của …")'
    )


def test_the_source_s_own_opening_is_found_wanting() -> None:
    """R11, R12: 000 begins with the congratulation: no address, nothing says automatic."""
    start, end = TEXT.index("  - say: >-"), TEXT.index("  # Script 1 (O12)")
    rules = [finding.rule for finding in _findings(TEXT[:start] + TEXT[end:])]
    assert rules == ["R11", "R12"]


def test_a_named_person_may_waive_a_rule_of_texts() -> None:
    """R11: the finding stays, with who, when and why."""
    waiver = "waivers: [{rule: R12, by: Lê Văn C, on: 2026-11-01, reason: thử nghiệm}]\n"
    (finding,) = _findings(waiver + TEXT.replace("cuộc gọi tự động", "cuộc gọi"))
    assert finding.waiver is not None
    assert may_start((finding,))
    assert str(finding).endswith(" [waived by Lê Văn C on 2026-11-01: thử nghiệm]")


@pytest.mark.parametrize("rule", ["O5", "R10", "O21", "R1", "R7"])
def test_only_rules_of_texts_can_be_waived(rule: str) -> None:
    text = f"waivers: [{{rule: {rule}, by: Lê Văn C, on: 2026-11-01, reason: x}}]\n{TEXT}"
    answer = parse_campaign(text, FILE, _catalogue(), _config())
    assert isinstance(answer, list)
    assert [problem.key for problem in answer] == ["waivers[0].rule"]


def test_an_exempt_unit_needs_no_approval() -> None:
    """O5, O18."""
    config = _config(CONFIG_TEXT.replace("approval_exempt_units: []", "approval_exempt_units: [CTKV2]"))
    assert _findings(TEXT.replace("approval:", "# approval:"), config) == ()


def test_a_public_notice_that_nobody_signed_does_not_start() -> None:
    """R1."""
    text = (
        (ROOT / "campaigns/bluezone.yaml").read_text(encoding="utf-8").replace("signed_off:", "# signed_off:")
    )
    findings = _findings(text)
    assert [(finding.rule, finding.stops) for finding in findings] == [("R1", True)]


@pytest.mark.parametrize(
    ("today", "found"),
    [
        (date(2028, 12, 1), []),
        (date(2028, 12, 2), [(False, "its grant ends on 2029-01-01")]),
        (date(2029, 1, 1), [(False, "its grant ends on 2029-01-01")]),
        (date(2029, 1, 2), [(True, "its grant ended on 2029-01-01")]),
    ],
)
def test_the_end_of_a_grant_is_warned_of_and_then_stops(today: date, found: list[tuple[bool, str]]) -> None:
    """R10: warn 30 days ahead, stop at expiry."""
    config = _config(CONFIG_TEXT.replace("2028-12-31", "2029-01-01"))
    text = TEXT.replace('caller_id: "9090"', "caller_id: MobiFone")
    findings = _findings(text, config, today)
    assert [(finding.stops, finding.wrong) for finding in findings] == found


def test_listening_for_machines_is_warned_of_and_stops_nothing() -> None:
    """Issue 5, point 7: off by default, its false-positive risk said."""
    findings = _findings(TEXT + "\nanswering_machine: {detect: true}\n")
    assert [(finding.rule, finding.key, finding.stops) for finding in findings] == [
        ("AMD", "answering_machine.detect", False)
    ]
    assert "a person taken for a machine is hung up on" in findings[0].wrong


def test_without_an_advertiser_in_config_an_address_is_looked_for() -> None:
    """R11."""
    start, end = CONFIG_TEXT.index("advertiser:"), CONFIG_TEXT.index("web:")
    config = _config(CONFIG_TEXT[:start] + CONFIG_TEXT[end:])
    assert _findings(TEXT, config) == ()
    without = TEXT.replace("số 1 phố Phạm Văn Bạch, Cầu Giấy, Hà Nội", "xin chào")
    assert [finding.rule for finding in _findings(without, config)] == ["R11"]


def test_a_name_that_is_not_granted_is_found_where_loading_knew_no_grants() -> None:
    """R10, O6."""
    text = TEXT.replace('caller_id: "9090"', "caller_id: SPAM")
    programme = parse_campaign(text, FILE, _catalogue())
    assert isinstance(programme, Programme)
    findings = lint(programme, text, FILE, _catalogue(), _config(), TODAY)
    assert [(finding.rule, finding.key, finding.stops) for finding in findings] == [
        ("R10", "caller_id", True)
    ]


@pytest.mark.parametrize("class_", ["care", "transactional", "public_notice"])
def test_a_programme_with_offers_is_advertising_whatever_its_file_calls_it(class_: str) -> None:
    """R1: one word in a file must not take a campaign out of R2, R3, R6, R7 and R8."""
    text = TEXT.replace("class: advertising", f"class: {class_}", 1)
    if class_ == "public_notice":
        signed = "signed_off: {by: A, on: 2026-10-01, reference: B}"
        text = text.replace("class: public_notice", f"class: public_notice\n{signed}", 1)
    findings = _findings(text)
    assert not may_start(findings)
    assert (class_, "R1", "class") in {(class_, finding.rule, finding.key) for finding in findings}


def test_care_has_no_words_of_offer() -> None:
    """R1: a reminder that offers something is advertising, with or without marks."""
    file = ROOT / "campaigns" / "bill-due.yaml"
    text = file.read_text(encoding="utf-8")
    programme = parse_campaign(text, file.name, _catalogue(), _config())
    assert isinstance(programme, Programme)
    assert may_start(lint(programme, text, file.name, _catalogue(), _config(), TODAY))
    for words in ("Ưu đãi giảm giá", "uu dai"):
        offering = text.replace("    text: >-\n      ", f"    text: >-\n      {words} ", 1)
        programme = parse_campaign(offering, file.name, _catalogue(), _config())
        assert isinstance(programme, Programme), programme
        found = lint(programme, offering, file.name, _catalogue(), _config(), TODAY)
        assert [finding.rule for finding in found if finding.stops] == ["R1"]
