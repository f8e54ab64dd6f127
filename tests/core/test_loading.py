# ruff: noqa: E501 - one case a line, with the exact sentence
"""Loading what people write: one mistake each in a good file, with the exact sentence that comes back."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.config import Config
from core.facts import Programme
from core.loading import Problem, parse_campaign, parse_config, parse_packages, version_of
from core.packages import Catalogue
from core.schemas import schema_files
from core.written import duration, duration_text

ROOT = Path(__file__).parents[2]
ENV = {
    "MAI_ARI_PASSWORD": "ari-hunter2",
    "MAI_SMSC_PASSWORD": "smsc-hunter2",
    "MAI_WEB_TOKEN": "web-hunter2",
    "MAI_AGENT1_PASSWORD": "agent-hunter2",
}

PACKAGES = """\
packages:
  C90N: {kind: combo, price: 90000, days: 30, allowance: 4GB/ngày, syntax: DK C90N, valid_to: 2027-12-31}
  FD50: {kind: data, price: 50000, days: 30, allowance: 1GB/ngày, syntax: DK FD50}
spoken:
  GB: ghi ga bai
"""

CAMPAIGN = """\
title: Mời gói cước
unit: CTKV2
trigger: {kind: topup}
caller_id: "9090"
audience:
  arpu: [{months: 3, at_least: 50000}]
windows:
  calls: ["08:00-11:00", "13:00-17:00"]
offers:
  "1": C90N
  "2": FD50
script:
  - say: Cuộc gọi tự động của MobiFone.
  - menu:
      keys:
        "1":
          say: bấm 1 mua {{ offer.name }} giá {{ offer.price }}
          offer: "1"
          then:
            - register: "1"
            - say: Đã chọn {{ offer.name }}.
        "9": {say: bấm 9 từ chối, then: [refuse]}
      wait: 5s
messages:
  missed: {sender: "8989", offer: "1", text: "Gói {{ offer.name }}"}
  not_registered: {class: transactional, sender: "8989", text: Chưa đăng ký được.}
after:
  no_answer: {sms: missed}
"""


def _catalogue() -> Catalogue:
    catalogue = parse_packages(PACKAGES, "packages.yaml")
    assert isinstance(catalogue, Catalogue)
    return catalogue


def _config() -> Config:
    config = parse_config((ROOT / "config.yaml").read_bytes(), "config.yaml", ENV)
    assert isinstance(config, Config)
    return config


CATALOGUE, CONFIG = _catalogue(), _config()


def _said(text: str, today: date | None = None) -> list[str]:
    answer = parse_campaign(text, "c.yaml", CATALOGUE, CONFIG, today)
    return [str(problem).removeprefix("c.yaml:") for problem in answer] if isinstance(answer, list) else []


def test_a_good_campaign_is_a_programme_named_after_its_file() -> None:
    answer = parse_campaign(CAMPAIGN, "campaigns/mua-goi.yaml", CATALOGUE, CONFIG, date(2026, 11, 21))
    assert isinstance(answer, Programme)
    assert answer.name == "mua-goi"
    assert answer.campaign.offers == {"1": "C90N", "2": "FD50"}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        # names of keys
        ("unit: CTKV2", "unit: CTKV2\nofers: {}", '3: ofers: is not a key here, did you mean "offers"?'),
        ("wait: 5s", "waits: 5s", '23: script[1].menu.waits: is not a key here, did you mean "wait"?'),
        ("wait: 5s", "zzz: 5s", "23: script[1].menu.zzz: is not a key here, the keys are say, keys, wait, tries, barge_in, wrong_key, no_key"),
        ("unit: CTKV2\n", "", "1: unit: is missing, write `unit: …`, text in quotes"),
        ("trigger: {kind: topup}\n", "", "1: trigger: is missing, write `trigger: …`, its keys: kind, fresh_for"),
        # types
        ('"9090"', "9090", '4: caller_id: is the number 9090, write it in quotes: "9090"'),
        ('"9090"', "090", '4: caller_id: 090 is a number with a leading zero, write it quoted: "090"'),
        ("at_least: 50000", "at_least: 50.000", "6: audience.arpu[0].at_least: is the number 50.000, write 50000"),
        ("at_least: 50000", "at_least: 50.000đ", '6: audience.arpu[0].at_least: is the text "50.000đ", write 50000'),
        ("months: 3", "months: 4", "6: audience.arpu[0].months: is 4, write at most 3"),
        ("[{months: 3, at_least: 50000}]", "{months: 3}", "6: audience.arpu: has keys of its own, write a list: [{of: …, months: …, at_least: …, at_most: …}, …]"),
        ("audience:", "audience:\n  vlr: yes", '6: audience.vlr: is the text "yes", write true'),
        ("audience:", "audience:\n  device: smartphone", '6: audience.device: is the text "smartphone", write a list: ["smartphone"]'),
        ("audience:", "audience:\n  device: [smartfone]", '6: audience.device[0]: "smartfone" is not known here, did you mean "smartphone"?'),
        ("kind: topup", "kind: top-up", '3: trigger.kind: "top-up" is not known here, did you mean "topup"?'),
        ("unit: CTKV2", "unit: CTKV2\nanswering_machine: on", '3: answering_machine: is the text "on", write {detect: true}'),
        ("unit: CTKV2", "unit: CTKV2\nanswering_machine: false", "3: answering_machine: is false, write {detect: false}"),
        ("audience:", "audience:\n  device:", "6: audience.device: is empty, write a list: [one of smartphone, featurephone, …], or delete the line"),
        ("unit: CTKV2", "unit: CTKV2\ncalls_per_second:  # all", "3: calls_per_second: is empty, write a number, or delete the line"),
        ("unit: CTKV2", "unit: CTKV2\napproval:", "3: approval: is empty, write its keys: by, on, reference, or delete the line"),
        ("wait: 5s", "say:", "23: script[1].menu.say: is empty, write text in quotes, or delete the line"),
        ("wait: 5s", "no_key: say", '23: script[1].menu.no_key: is the text "say", write a list: [steps, …]'),
        ("wait: 5s", "wait: 5", '23: script[1].menu.wait: 5 is not a duration, write a number and a unit: "5s", "15m", "24h" or "7d"'),
        ("wait: 5s", "wait: 0s", "23: script[1].menu.wait: is no time to wait for a key, write 1s to 60s"),
        ("unit: CTKV2", "unit: CTKV2\ntalk_limit: 5s", "3: talk_limit: is no length of a call, write 10s to 2h"),
        ("unit: CTKV2", 'unit: CTKV2\napproval: {by: "", on: 2026-13-01}', '3: approval.by: is empty, write a text\n3: approval.on: is the text "2026-13-01", write a date like 2026-11-30\n3: approval.reference: is missing, write `reference: …`, text in quotes'),
        ("unit: CTKV2", "unit: CTKV2\nenabled: maybe", '3: enabled: is the text "maybe", write true or false'),
        ("unit: CTKV2", "unit: true", '2: unit: is true, write it in quotes: "true"'),
        ("unit: CTKV2", "unit: [CTKV2]", "2: unit: is a list, write text in quotes"),
        ("      wait: 5s", "      no_key: hang_up", '23: script[1].menu.no_key: is the text "hang_up", write a list: ["hang_up"]'),
        ("      wait: 5s", "      no_key: 5", "23: script[1].menu.no_key: is the number 5, write a list: [steps, …]"),
        ("      wait: 5s", "      no_key: [menu: {keys: {}}]", "23: script[1].menu.no_key[0].menu.keys: is an empty list, write at least one entry"),
        ("audience:\n  arpu: [{months: 3, at_least: 50000}]", "audience: smartphone", '5: audience: is the text "smartphone", write its keys: payment, device, region, status, vlr, segment, tariff, arpu, topup_at_least, balance_at_least, balance_at_most, balance_below, months_on_network, holds, holds_none_of, exclude_flags'),
        ("  no_answer: {sms: missed}\n", "  no_answer: missed\n", '28: after.no_answer: is the text "missed", write its keys: sms, retry'),
        # hours (R8)
        ("windows:", 'windows:\n  messages: ["20:00-24:01"]', '8: windows.messages[0]: "20:00-24:01" ends after midnight, the last end is 24:00'),
        ("windows:", 'windows:\n  messages: ["20:00-24:00"]', '8: windows.messages[0]: "20:00-24:00" is outside the hours of advertising messages (R8), stay inside "08:00-22:00"'),
        ("08:00-11:00", "8:00-11:00", '8: windows.calls[0]: "8:00-11:00" is not a window, write start and end: "08:00-17:00", or days before them: "mon-sat 08:00-17:00"'),
        ("08:00-11:00", "mon-set 08:00-11:00", '8: windows.calls[0]: "set" is not a weekday, did you mean "sat"?'),
        ("08:00-11:00", "T2 08:00-11:00", '8: windows.calls[0]: "T2" is not a weekday, write mon tue wed thu fri sat sun, as mon-sat or mon,wed'),
        ("08:00-11:00", "sat,sun 10:00-14:00", '8: windows.calls[1]: "13:00-17:00" overlaps another window, write windows that do not overlap'),
        ("08:00-11:00", "sun 07:00-11:00", '8: windows.calls[0]: "sun 07:00-11:00" is outside the hours of advertising calls (R8), stay inside "08:00-17:00"'),
        ("08:00-11:00", "11:00-08:00", '8: windows.calls[0]: "11:00-08:00" ends before it starts, write two windows for one that crosses midnight'),
        ("08:00-11:00", "08:00-13:01", '8: windows.calls[1]: "13:00-17:00" overlaps another window, write windows that do not overlap'),
        ("13:00-17:00", "13:00-17:30", '8: windows.calls[1]: "13:00-17:30" is outside the hours of advertising calls (R8), stay inside "08:00-17:00"'),
        ("windows:", 'windows:\n  messages: ["07:00-22:00"]', '8: windows.messages[0]: "07:00-22:00" is outside the hours of advertising messages (R8), stay inside "08:00-22:00"'),
        ('["08:00-11:00", "13:00-17:00"]', "[]", '8: windows.calls: is an empty list, write at least one window: ["08:00-17:00"]'),
        # audience
        ("audience:", "audience:\n  balance_below: amount", "6: audience.balance_below: the amount of a topup is not what has to be paid, write balance_at_most: …, in đồng"),
        ("audience:", "audience:\n  device: []", "6: audience.device: is an empty list: nobody is in it, name one, or delete the line"),
        ("{kind: topup}", "{kind: topup, fresh_for: 30d}", "3: trigger.fresh_for: is longer than a topup is worth a call, write 15m, or 1d at most (O20)"),
        ("{kind: topup}", "{kind: topup, fresh_for: 0s}", "3: trigger.fresh_for: is no time: every event would be too old, write 15m, or 1d at most (O20)"),
        ("at_least: 50000", "at_least: null", "6: audience.arpu[0]: asks nothing, write at_least or at_most, in đồng"),
        ("at_least: 50000", "at_least: 50000, at_most: 1000", "6: audience.arpu[0]: nobody can be both, write at_least below at_most"),
        # offers (O17)
        ('"1": C90N', '"1": C9ON', '10: offers.1: "C9ON" is not a package of the catalogue, did you mean "C90N"?'),
        ('"1": C90N', '"1": ZZZZ', '10: offers.1: "ZZZZ" is not a package of the catalogue, write a code of packages.yaml, or add it there'),
        ('register: "1"', 'register: "2"', '20: script[1].menu.keys.1.then[0].register: registers "2", and its sentence speaks of "1", name the same offer twice'),
        ('          offer: "1"\n', "", '16: script[1].menu.keys.1.offer: is missing, write offer: "1", so that the key drops out with its offer'),
        # grants (R10, O6)
        ('"9090"', '"9099"', '4: caller_id: "9099" is not granted (R10), did you mean "9090"?'),
        ('{sender: "8989", offer', '{sender: SPAM, offer', '25: messages.missed.sender: "SPAM" is not granted (R10), use one of 9090, 8989, 090, 999, MobiFone, MOBIFONE.AI, or add its grant to config.yaml'),
        # the script
        ("- say: Cuộc gọi tự động của MobiFone.", "- sya: x", '13: script[0]: "sya" is not a kind of step, did you mean "say"?'),
        ("- say: Cuộc gọi tự động của MobiFone.", "- say:", "13: script[0].say.text: is missing, write `text: …`, text in quotes"),
        ("- say: Cuộc gọi tự động của MobiFone.", "- say: x\n    menu: {}", "13: script[0]: is not a step, write `- kind: …`, one kind a step: say, menu, register, agree, refuse, agent, hang_up"),
        ("- say: Cuộc gọi tự động của MobiFone.", "- refuse", "13: script[0]: refuse does not come first under a key, make it the first step under `then` of a menu's key"),
        ("- say: Cuộc gọi tự động của MobiFone.", "- hang_up: accepted", '13: script[0].hang_up: "accepted" is not for a script to say, write declined, or no outcome\n14: script[1]: is never reached: hang_up ends the call, delete it'),
        ('            - register: "1"\n            - say: Đã chọn {{ offer.name }}.', '            - say: Đã chọn {{ offer.name }}.\n            - register: "1"', "21: script[1].menu.keys.1.then[1]: register does not come first under a key, make it the first step under `then` of a menu's key"),
        ('        "9": {', '        "10": {', '22: script[1].menu.keys.10: "10" is not known here, write one of the keys 0 to 9, * or #'),
        ("- say: Cuộc gọi tự động của MobiFone.", "- {say: {text: x, kind: menu}}", '13: script[0]: a step has no key "kind", write `- say: …`, the kind is the first word'),
        ("- say: Cuộc gọi tự động của MobiFone.", "- menu: [1]", "13: script[0]: menu does not take [1], write the keys of menu below it"),
        ("- say: Cuộc gọi tự động của MobiFone.", "- agent: Agents!", '13: script[0].agent: "Agents!" is not right, write the name of a dialplan context: small letters, digits and -'),
        ("            - say: Đã chọn {{ offer.name }}.", '            - menu: {keys: {"1": {then: [agree]}}}', "21: script[1].menu.keys.1.then[1].menu.keys.1.then[0]: agree comes after a decision already made, one key decides once: ask before that"),
        ("then: [refuse]", "then: [hang_up]", '15: script[1].menu.keys: offers, and gives no key to refuse further advertising (O21), add "0": {say: "hoặc bấm 0 nếu …", then: [refuse]}'),
        ("          say: bấm 1 mua {{ offer.name }} giá {{ offer.price }}\n", "", "16: script[1].menu.keys.1.say: is missing, write the sentence that offers this key"),
        ("{{ offer.price }}", "{{ ofer.price }}", "17: script[1].menu.keys.1.say: cannot be filled in ('ofer' is undefined), write names like {{ offer.name }}, {{ offer.price }}, {{ event.amount | dong }}"),
        # messages (O11, O13, O14)
        ("Gói {{ offer.name }}", "Gói {{ offer.nam }}", "25: messages.missed.text: cannot be filled in (Offer has no field 'nam'), write names like {{ offer.name }}, {{ offer.price }}, {{ event.amount | dong }}"),
        (', text: "Gói {{ offer.name }}"', "", "25: messages.missed.text: is missing, write `text: …`, what the SMS says"),
        ('offer: "1", text', 'offer: "3", text', '25: messages.missed.offer: "3" is not an offer, write one of 1, 2'),
        ("sms: missed", "sms: mised", '28: after.no_answer.sms: "mised" is not a message of this file, did you mean "missed"?'),
        ("  not_registered: {", "  xyz: {sender: \"8989\", text: x}\n  not_registered: {", '26: messages.xyz: is never sent, name it in `after`, as `no_answer: {sms: xyz}`'),
        ("  not_registered: {", "  thank: {class: transactional, sender: \"8989\", text: x}\n  not_registered: {", '26: messages.thank: is never sent, did you mean "thanks"?'),
        ("  missed: {", "  missed: {class: transactional, ", '25: messages.missed.class: "transactional" is not what a message after no_answer is, write class: advertising (R1: a missed call that offers is advertising)'),
        ("class: transactional, ", "", '26: messages.not_registered.class: "advertising" is not what not_registered is, write class: transactional'),
        ('text: "Gói {{ offer.name }}"', f"text: {'a' * 16831}", "25: messages.missed.text: has 16831 characters, more than 255 parts may hold, write at most 16830"),
        ('text: "Gói {{ offer.name }}"', 'text: " "', "25: messages.missed.text: says nothing, write a text, or delete the line"),
        ("  missed: {", "  missed: {class: public_notice, ", '25: messages.missed.class: is looser than its programme, write class: advertising\n25: messages.missed.class: "public_notice" is not what a message after no_answer is, write class: advertising (R1: a missed call that offers is advertising)'),
        # what follows
        ("  no_answer: {sms", "  no_answr: {sms", '28: after.no_answr: "no_answr" is not known here, did you mean "no_answer"?'),
        ("{sms: missed}", "{sms: missed}\n  accepted: {retry: {}}", "29: after.accepted.retry: a call that ended accepted is not made again, retry after busy, failed, machine, no_answer, rejected, unreachable only"),
        ("{sms: missed}", "{sms: missed, retry: {after_first_pass: true}}", "28: after.no_answer.retry.after_first_pass: only a list has passes, delete it"),
        ("{sms: missed}", "{sms: missed}\n  accepted: {sms: not_registered}", "29: after.accepted.sms: not_registered is sent after a registration by itself, delete the line"),
        ("{sms: missed}", "{sms: missed}\n  machine: {sms: missed}", "29: after.machine: never comes: nobody listens for answering machines, write answering_machine: {detect: true}, or delete the line"),
        ("{sms: missed}", "{sms: missed}\nanswering_machine: true", "29: answering_machine: is true, write {detect: true}"),
        ("{sms: missed}", "{sms: missed}\n  refused: {sms: missed}", "29: after.refused.sms: nothing but its confirmation follows a refusal, delete the line"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_campaign_is_said_with_its_line(old: str, new: str, said: str) -> None:
    """Item 7: `file:line: key: what is wrong, what would be right`."""
    assert CAMPAIGN.count(old) >= 1
    got = _said(CAMPAIGN.replace(old, new, 1))
    assert got == said.split("\n")


def test_several_mistakes_are_said_at_once_whatever_their_kind() -> None:
    """Item 7: errors of writing, of shape and of meaning in one go, in the order of the lines."""
    text = (
        CAMPAIGN.replace("CTKV2", "CTKV2\nfoo: 1").replace('"9090"', "090").replace('"1": C90N', '"1": C9ON')
    )
    text = text.replace("13:00-17:00", "13:00-18:00").replace("{{ offer.name }}", "{{ ofer.name }}")
    lines = [int(said.split(":")[0]) for said in _said(text + "title: again\n")]
    assert lines == sorted(lines)
    assert set(lines) >= {3, 5, 9, 11, 30}


def test_what_was_refused_once_is_not_refused_again() -> None:
    """A wrong trigger is not also a missing trigger."""
    assert len(_said(CAMPAIGN.replace("{kind: topup}", "{kind: 5}"))) == 1
    assert len(_said(CAMPAIGN.replace("trigger: {kind: topup}", "trigger: topup"))) == 1


@pytest.mark.parametrize(
    ("on", "said"),
    [
        (date(2027, 12, 31), []),
        (
            date(2028, 1, 1),
            ["10: offers.1: C90N was sold until 2027-12-31, offer another, or extend valid_to"],
        ),
    ],
)
def test_a_package_is_offered_until_its_last_day(on: date, said: list[str]) -> None:
    assert _said(CAMPAIGN, on) == said


def test_a_grant_holds_until_its_last_day() -> None:
    """R10: stop at expiry."""
    text = CAMPAIGN.replace('{sender: "8989", offer', "{sender: MobiFone, offer")
    assert _said(text, date(2027, 12, 31)) == []
    ended = '25: messages.missed.sender: the grant of "MobiFone" ended on 2028-12-31 (R10), renew it in config.yaml'
    assert ended in _said(text, date(2029, 1, 1))


def test_a_list_has_no_top_up_and_may_have_a_second_pass() -> None:
    """B3."""
    text = CAMPAIGN.replace("kind: topup", "kind: list").replace(
        "{sms: missed}", "{retry: {after_first_pass: true}}"
    )
    assert _said(text) == []
    asks = text.replace("audience:", "audience:\n  topup_at_least: 20000")
    assert _said(asks) == ["6: audience.topup_at_least: a list has no top-up, delete the line"]


def test_a_package_is_not_offered_before_its_first_day() -> None:
    catalogue = parse_packages(
        PACKAGES.replace("valid_to: 2027-12-31", "valid_from: 2027-01-01"), "packages.yaml"
    )
    assert isinstance(catalogue, Catalogue)
    answer = parse_campaign(CAMPAIGN, "c.yaml", catalogue, CONFIG, date(2026, 12, 31))
    assert isinstance(answer, list)
    assert [problem.wrong for problem in answer] == ["C90N is sold from 2027-01-01 only"]


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("[]", "4: script: is an empty list, write at least one step"),
        (
            "[say: hi]",
            '4: script: gives no key to refuse further advertising (O21), add to its menu: "9": {say: "hoặc bấm 9 nếu …", then: [refuse]}',
        ),
    ],
)
def test_advertising_that_cannot_be_refused_is_refused(script: str, said: str) -> None:
    """O21."""
    text = f'title: x\nunit: u\ntrigger: {{kind: topup}}\nscript: {script}\ncaller_id: "9090"\n'
    assert _said(text)[0] == said


def test_a_script_that_registers_needs_a_registration_system() -> None:
    """O13."""
    config = CONFIG.model_copy(update={"registration": None})
    answer = parse_campaign(CAMPAIGN, "c.yaml", CATALOGUE, config)
    assert isinstance(answer, list)
    assert [(problem.key, problem.wrong) for problem in answer] == [("script", "registers packages")]


@pytest.mark.parametrize("text", ["hello", "- a\n- b\n", "5", "~"])
def test_a_file_that_does_not_consist_of_keys_is_refused(text: str) -> None:
    (said,) = _said(text)
    assert said.startswith("1: file: does not consist of keys, write its keys: title, unit, class")


def test_a_public_notice_has_its_own_windows() -> None:
    """R8, B2: until 17:30."""
    text = CAMPAIGN.replace("13:00-17:00", "15:30-17:30").replace(
        "unit: CTKV2", "unit: CTKV2\nclass: public_notice"
    )
    assert _said(text) == []


def test_a_programme_is_named_by_a_plain_file_name() -> None:
    answer = parse_campaign(CAMPAIGN, "campaigns/Mời gói.yaml", CATALOGUE)
    said = 'campaigns/Mời gói.yaml:1: file: "Mời gói" is not a name, name the file with small letters, digits, - and _'
    assert isinstance(answer, list)
    assert [str(problem) for problem in answer] == [said]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("price: 90000", "price: 90.000", "2: packages.C90N.price: is the number 90.000, write 90000"),
        ("price: 90000", "price: 90", "2: packages.C90N.price: is 90, write at least 1000"),
        ("price: 90000", 'price: "90000"', '2: packages.C90N.price: is the text "90000", write a whole number'),
        ("kind: combo", "kind: compo", '2: packages.C90N.kind: "compo" is not known here, did you mean "combo"?'),
        ("days: 30", "day: 30", '2: packages.C90N.days: is missing, write `days: …`, a whole number\n2: packages.C90N.day: is not a key here, did you mean "days"?'),
        ("  C90N:", "  c90n:", '2: packages.c90n: "c90n" is not known here, write the code in capital letters and digits, at most 16'),
        ("2027-12-31}", "2027-12-31, valid_from: 2028-01-01}", "2: packages.C90N.valid_to: 2027-12-31 is before valid_from 2028-01-01, swap the two dates"),
        ("  FD50:", "  C90N:", "3: packages.C90N: is written twice (first on line 2), keep one of them"),
        ("GB: ghi ga bai", "GB:", "5: spoken.GB: is empty, write text in quotes"),
        ("GB: ghi ga bai", 'GB: " "', "5: spoken.GB: is empty, write how it is spoken, or delete the line"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_catalogue_is_said_with_its_line(old: str, new: str, said: str) -> None:
    answer = parse_packages(PACKAGES.replace(old, new, 1), "p.yaml")
    assert isinstance(answer, list)
    assert "\n".join(str(problem).removeprefix("p.yaml:") for problem in answer) == said


CONFIG_TEXT = (ROOT / "config.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("ring_s: 30", "ring_s: 300", "trunks[0].ring_s: is 300, write at most 120"),
        ("address: 127.0.0.1:5080", "address: localhost", 'trunks[0].address: "localhost" is not right, write host and port, like "127.0.0.1:5060"'),
        ("address: 127.0.0.1:5080", "address: 127.0.0.1:99999", "trunks[0].address: 99999 is no port, write 1 to 65535"),
        ("rtp_ports: 10000-19999", "rtp_ports: 19999-10000", 'asterisk.nodes[0].rtp_ports: "19999-10000" is no range of ports, write it like "10000-19999"'),
        ("codecs: [alaw, ulaw]", "codecs: [alaw, gsm]", 'trunks[0].codecs[1]: "gsm" is not known here, write one of alaw, ulaw, g722, g729, opus, slin'),
        ('name: "9090", kind', 'name: "8989", kind', 'granted[1].name: "8989" is used twice, give each its own\ntrunks[0].caller_id: "9090" is not granted, did you mean "090"?'),
        ("name: MobiFone, kind: brandname", 'name: "12345678901", kind: brandname', 'granted[4].name: "12345678901" is no brandname, write up to 11 Latin letters, digits, - _ . and spaces, not digits alone; or kind: number'),
        ("name: MobiFone, kind: brandname", "name: MobiFone, kind: number", 'granted[4].name: "MobiFone" is no number, write digits, or kind: brandname'),
        ("url: sqlite:///mai.db", "url: mysql://x", "store.url: is not a store, write sqlite:///mai.db or postgresql://…"),
        ("calls_per_24h: 1", "calls_per_24h: 2", "limits.calls_per_24h: is 2, write at most 1 (Decree 91/2020/NĐ-CP, Art 13.5)"),
        ("dnc_max_age: 24h", "dnc_max_age: 1 day", 'limits.dnc_max_age: "1 day" is not a duration, write a number and a unit: "5s", "15m", "24h" or "7d"'),
        ("keep_logs: 731d", "keep_logs: 365d", "limits.keep_logs: is 365d, write at least 366d (Decree 91/2020/NĐ-CP, Art 16)"),
        ("dnc_max_age: 24h", "dnc_max_age: 48h", "limits.dnc_max_age: is 2d, write at most 1d (Decree 91/2020/NĐ-CP, Art 7, 11)"),
        ("dnc_max_shrink: 0.05", "dnc_max_shrink: 0.06", "limits.dnc_max_shrink: is 0.06, write at most 0.05 (Decree 91/2020/NĐ-CP, Art 7, 11)"),
        ("sms_per_24h: 3", 'sms_per_24h: 3\n  sms_hours: "07:00-22:00"', "limits.sms_hours: is 07:00-22:00, stay inside \"08:00-22:00\" (Decree 91/2020/NĐ-CP, Art 13.6; the operator's O8)"),
        ("dated: []", "dated: [{effective_from: 2027-01-01, sms_per_24h: 4}]", "limits.dated[0].sms_per_24h: is 4, write at most 3 (Decree 91/2020/NĐ-CP, Art 13.5)"),
        ("dated: []", "dated: [{sms_per_24h: 2}]", "limits.dated[0]: says no day, write effective_from or effective_to; what always holds goes above"),
        ("dated: []", "dated: [{effective_from: 2027-01-01}]", "limits.dated[0]: sets no figure, write one, like sms_per_24h: 2"),
        ("dated: []", "dated: [{effective_from: 2027-01-02, effective_to: 2027-01-01, sms_per_24h: 2}]", "limits.dated[0].effective_to: 2027-01-01 is before effective_from 2027-01-02, swap the two dates"),
        ("dated: []", "dated: [{effective_from: 2027-01-01, sms_per_24h: 2}, {effective_from: 2027-02-01, sms_per_24h: 1}]", "limits.dated[1].sms_per_24h: limits.dated[0] sets it for some of the same days, end one row (effective_to) before the other begins"),
        ("dated: []", "dated: [{effective_from: 2027-02-30, sms_per_24h: 2}]", 'limits.dated[0].effective_from: is the text "2027-02-30", write a date like 2026-11-30'),
        ("sms_per_24h: 3", "sms_per_24h: 3\n  call_hours: 8-17", 'limits.call_hours: "8-17" is not a window, write start and end: "08:00-17:00", or days before them: "mon-sat 08:00-17:00"'),
        ("blocked_inbound: []", "blocked_inbound: [0901234567]", 'limits.blocked_inbound[0]: 0901234567 is a number with a leading zero, write it quoted: "0901234567"'),
        ("blocked_inbound: []", "blocked_inbound: [84901234567]", 'limits.blocked_inbound[0]: is the number 84901234567, write it in quotes: "84901234567"'),
        ('advertising_label: "[QC]"', 'advertising_label: "[Q.C]"', 'texts.advertising_label: "[Q.C]" is not the label, write [QC] or [AD] (R4)'),
        ("prompts:", "clock: {now: 2026-11-30 09:00}\nprompts:", 'clock.now: is the text "2026-11-30 09:00", write a moment with its offset, like "2026-11-30T09:00:00+07:00"'),
        ("how_to_refuse: Tu choi QC soan TC gui 8989", 'how_to_refuse: " "', "texts.how_to_refuse: is empty, write how to refuse by SMS or call (R5)"),
        ("how_to_refuse: Tu choi QC soan TC gui 8989", "how_to_refuse: Tu choi QC soan TC", 'texts.how_to_refuse: names no number to refuse by (R5), write it like "Tu choi QC soan TC gui 8989"'),
        ("soan TC gui 8989", "soan KHONG gui 8989", 'texts.how_to_refuse: "KHONG" would not be understood as a refusal (R6), write one of TC, TU CHOI, HUY QC'),
        ("how_to_refuse:", "help: 'Ưu đãi gui 8989'\n  how_to_refuse:", 'texts.help: an answer of the house has words of advertising ("ưu đãi"), take them out (R6)'),
        ("how_to_refuse:", "not_on_sale: '[QC] khong co'\n  how_to_refuse:", 'texts.not_on_sale: an answer of the house has words of advertising ("[QC]"), take them out (R6)'),
        ("how_to_refuse:", f"help: '{'a' * 16831}'\n  how_to_refuse:", "texts.help: has 16831 characters, write at most 16830"),
        ("how_to_refuse:", "unconfirmed: 'Goi {{ ofer.name }}'\n  how_to_refuse:", "texts.unconfirmed: cannot be filled in ('ofer' is undefined), write names like {{ offer.name }}"),
        ('refusal_sender: "8989"', 'refusal_sender: "8988"', 'texts.refusal_sender: "8988" is not granted, did you mean "8989"?'),
        ("blocked_inbound: []", 'blocked_inbound: ["+1555"]', 'limits.blocked_inbound[0]: \'+1555\' is a foreign number, only +84 is called'),
        (', until: 2028-12-31}', "}", "granted[4].until: is missing, write the end of the grant (3 years): 2028-12-31"),
        ('password: "${MAI_AGENT1_PASSWORD}"}', 'password: x, contact: "127.0.0.1:0"}', "agents[0].contact: 0 is no port, write 1 to 65535"),
        ("system_id: mai", "system_id: longer-than-15-signs", "smsc[0].system_id: is too long, write at most 15 signs"),
        ("prefixes: []", 'prefixes: ["+84"]', 'trunks[0].prefixes[0]: "+84" is not right, write how the national number begins, in quotes, like "090"; "0" is every number'),
        ("prices: []", 'prices: [{prefix: "090", per_minute: 1}, {prefix: "090", per_minute: 2}]', 'trunks[0].prices[1].prefix: "090" has two prices, keep one of them'),
        ("prefixes: []                     # [090, 093] in quotes; []: every number\n    prices: []", 'prefixes: ["090"]\n    prices: [{prefix: "091", per_minute: 1}]', 'trunks[0].prices[0].prefix: mobifone carries no numbers of "091", add it to prefixes (090), or delete the price'),
        ("prices: []", 'prices: [{prefix: "090", per_minute: -1}]', "trunks[0].prices[0].per_minute: is -1, write at least 0"),
        ("prices: []", 'prices: [{prefix: "090", per_minute: 400000}]', "trunks[0].prices[0].per_minute: is 400000, write at most 100000"),
        ("slow_start_s: 0", "slow_start_s: 5m", 'trunks[0].slow_start_s: is the text "5m", write its seconds: 300'),
        ("slow_start_s: 0", "slow_start_s: soon", 'trunks[0].slow_start_s: is the text "soon", write a number'),
        ("prices: []", "prices: cheap", 'trunks[0].prices: is the text "cheap", write a list: [{prefix: …, per_minute: …}, …]'),
        ("prices: []", "prices:", "trunks[0].prices: is empty, write a list: [{prefix: …, per_minute: …}, …]"),
        ("number_format: national", "number_format: national\n    user:", "trunks[0].user: is empty, write text in quotes, or delete the line"),
        ("number_format: national", "number_format: national\n    user: mai", "trunks[0].user: is of no use without password, write password, or delete the line"),
        ("number_format: national", "number_format: national\n    password: x", "trunks[0].password: is of no use without user, write user, or delete the line"),
        ("address: 127.0.0.1:5080", "address: 127.0.0.1:5060", "trunks[0].address: 127.0.0.1:5060 is where our own Asterisk ast1 listens (sip_bind, line 15), write the address of the SBC"),
        ("sources: []", "sources: in", 'sources: is the text "in", write a list: [{name: …, kind: folder or kafka, …}, …]'),
        ("sources: []", "sources: [{name: a, kind: folder, path: in, marker: }]", "sources[0].marker: is empty, write text in quotes, or delete the line"),
        ("calls_per_second: 15", "calls_per_second: 0", "trunks[0].calls_per_second: is 0, write more than 0"),
        ("${MAI_WEB_TOKEN}", "${MAI_WEB_TOKN}", "web.token: the variable MAI_WEB_TOKN is not set, set it before the start: export MAI_WEB_TOKN=…"),
        ("${MAI_WEB_TOKEN}", "${MAI_WEB_TOKEN", "web.token: has a ${ without its name and }, write ${NAME}"),
    ],
)  # fmt: skip
def test_a_mistake_in_config_yaml_is_said_with_its_line(old: str, new: str, said: str) -> None:
    assert old in CONFIG_TEXT
    answer = parse_config(CONFIG_TEXT.replace(old, new, 1), "c.yaml", ENV)
    assert isinstance(answer, list)
    line = CONFIG_TEXT[: CONFIG_TEXT.index(old)].count("\n") + 1
    assert sorted(f"{problem.key}: {problem.wrong}, {problem.right}" for problem in answer) == said.split(
        "\n"
    )
    assert any(abs(problem.line - line) <= 1 for problem in answer)


def test_a_variable_that_is_missing_is_named_and_its_value_is_what_is_used() -> None:
    """Item 7: secrets come from the environment."""
    answer = parse_config(CONFIG_TEXT, "config.yaml", {"MAI_WEB_TOKEN": ""})
    assert isinstance(answer, list)
    assert [problem.wrong for problem in answer] == [
        "the variable MAI_ARI_PASSWORD is not set",
        "the variable MAI_SMSC_PASSWORD is not set",
        "the variable MAI_WEB_TOKEN is empty",
        "the variable MAI_AGENT1_PASSWORD is not set",
    ]
    assert CONFIG.asterisk.nodes[0].password.get_secret_value() == "ari-hunter2"


@pytest.mark.parametrize("secret", ["12345678", "0123456789", "[hunter2-in-a-list]", "{hunter2: 1}"])
@pytest.mark.parametrize("variable", ["${MAI_ARI_PASSWORD}", "${MAI_WEB_TOKEN}", '"${MAI_AGENT1_PASSWORD}"'])
def test_no_problem_shows_a_secret(secret: str, variable: str) -> None:
    """Secrets are never printed, neither those written wrongly nor those filled in."""
    answer = parse_config(CONFIG_TEXT.replace(variable, secret), "config.yaml", ENV)
    assert isinstance(answer, list)
    assert not any(hidden in str(problem) for problem in answer for hidden in ("hunter2", "12345678"))


def test_a_filled_in_value_that_is_wrong_is_shown_as_its_variable() -> None:
    text = CONFIG_TEXT.replace("url: http://127.0.0.1:8090/registrations", 'url: "${MAI_HOOK}"')
    answer = parse_config(text, "config.yaml", {**ENV, "MAI_HOOK": "hunter2@host"})
    assert isinstance(answer, list)
    assert [problem.wrong for problem in answer] == ['"${MAI_HOOK}" is not right']


def test_a_version_changes_with_the_file_the_catalogue_and_the_voice() -> None:
    """A call's log names what was really loaded (O16)."""
    voice = CONFIG.prompts
    slower = voice.model_copy(update={"rate": 120})
    elsewhere = voice.model_copy(update={"cache": "other"})
    dearer = parse_packages(PACKAGES.replace("90000", "95000"), "packages.yaml")
    assert isinstance(dearer, Catalogue)
    same = version_of(CAMPAIGN, CATALOGUE, voice)
    others = [
        version_of(CAMPAIGN + "\n", CATALOGUE, voice),
        version_of(CAMPAIGN, dearer, voice),
        version_of(CAMPAIGN, CATALOGUE, slower),
    ]
    assert len({same, *others}) == 4
    assert version_of(CAMPAIGN.encode(), CATALOGUE, elsewhere) == same


def test_a_list_that_is_missing_or_wrong_is_said_once() -> None:
    start, end = CAMPAIGN.index("offers:"), CAMPAIGN.index("script:")
    said = _said(CAMPAIGN[:start] + "offers: [C90N, FD50]\n" + CAMPAIGN[end:])
    assert said[0] == "9: offers: is a list, write its entries below it"
    start, end = CONFIG_TEXT.index("trunks:"), CONFIG_TEXT.index("# One row for each SMPP bind.")
    answer = parse_config(CONFIG_TEXT[:start] + "trunks: []\n" + CONFIG_TEXT[end:], "config.yaml", ENV)
    assert isinstance(answer, list)
    assert [f"{problem.key}: {problem.wrong}" for problem in answer] == ["trunks: is an empty list"]


@pytest.mark.parametrize("text", ["5s", "90s", "15m", "24h", "36h", "7d", "300ms", "1500ms", "0s"])
def test_a_duration_is_written_back_as_the_same_length(text: str) -> None:
    assert duration(duration_text(duration(text))) == duration(text)


@pytest.mark.parametrize(("text", "written"), [("60s", "1m"), ("0m", "0s"), ("90s", "90s"), ("48h", "2d")])
def test_a_duration_is_written_in_the_largest_unit_that_fits(text: str, written: str) -> None:
    assert duration_text(duration(text)) == written


_LINES = CAMPAIGN.split("\n")
_VALUES = st.sampled_from(
    ["", "~", "5", "90.000", "yes", "[]", "{}", "x", "[a, 1]", "{a: 1}", '"9"', "- x", "*", "é:"]
)


@given(st.lists(st.tuples(st.integers(0, len(_LINES) - 1), _VALUES), min_size=1, max_size=3))
def test_whatever_stands_in_a_line_the_answer_is_a_programme_or_problems(
    edits: list[tuple[int, str]],
) -> None:
    """Never a traceback for a person's mistake (DESIGN §5)."""
    lines = list(_LINES)
    for index, value in edits:
        lines[index] = lines[index].partition(":")[0] + ": " + value
    answer = parse_campaign("\n".join(lines), "c.yaml", CATALOGUE, CONFIG, date(2026, 11, 21))
    if isinstance(answer, list):
        assert answer
        assert all(isinstance(problem, Problem) and 1 <= problem.line <= len(lines) for problem in answer)


@pytest.mark.parametrize("name", list(schema_files()))
def test_the_schemas_for_editors_are_those_of_the_models(name: str) -> None:
    """Run `python -m core.schemas schemas` after a change of a model."""
    assert (ROOT / "schemas" / name).read_text(encoding="utf-8") == schema_files()[name]
