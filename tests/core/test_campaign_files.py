"""The files we ship: they load, pass the linter, and say what the source documents and the law ask for."""

from datetime import date, datetime, time, timedelta
from functools import lru_cache
from pathlib import Path

import pytest

from core.campaigns import Campaign
from core.check_campaign import SAMPLE_EVENT, SAMPLE_SUBSCRIBER
from core.check_script import menus, spoken_texts
from core.config import Config
from core.facts import Programme
from core.lint import lint
from core.loading import parse_campaign, parse_config, parse_packages
from core.messages import compose
from core.outcomes import Outcome
from core.packages import Catalogue
from core.script import Menu, Refuse, Register
from core.speech import Speech, pieces_to_make
from core.templates import offer_of
from core.triggers import KINDS
from core.written import VIETNAM, Window

ROOT = Path(__file__).parents[2]
NAMES = ("topup-smartphone", "topup-featurephone", "bluezone", "low-balance", "renewal", "bill-due")
TODAY = date(2026, 11, 21)
ENV = dict.fromkeys(("MAI_ARI_PASSWORD", "MAI_SMSC_PASSWORD", "MAI_WEB_TOKEN", "MAI_AGENT1_PASSWORD"), "x")

#: O17, in the order of the source.
PHASE_1 = ["C90N", "C50N", "FD50", "C120", "C120N", "C190", "C290", "C390", "C490"]
PHASE_2 = [
    "THAGA100",
    "BL5G",
    "TN4G",
    "Y60",
    "CS",
    "21G",
    "TS4G",
    "CK30",
    "CK50",
    "CK70",
    "CK100",
    "3C90N",
    "M50",
]


def _loaded() -> tuple[Catalogue, Config]:
    catalogue = parse_packages((ROOT / "packages.yaml").read_bytes(), "packages.yaml")
    config = parse_config((ROOT / "config.yaml").read_bytes(), "config.yaml", ENV)
    assert isinstance(catalogue, Catalogue), catalogue
    assert isinstance(config, Config), config
    return catalogue, config


CATALOGUE, CONFIG = _loaded()


@lru_cache(maxsize=len(NAMES))
def _programme(name: str) -> Programme:
    file = f"campaigns/{name}.yaml"
    programme = parse_campaign((ROOT / file).read_bytes(), file, CATALOGUE, CONFIG, TODAY)
    assert isinstance(programme, Programme), programme
    return programme


def _campaign(name: str) -> Campaign:
    return _programme(name).campaign


def _spoken(name: str) -> list[str]:
    campaign = _campaign(name)
    speech = Speech(CATALOGUE, campaign.offers, {"subscriber": SAMPLE_SUBSCRIBER, "event": SAMPLE_EVENT})
    return [speech.line(text, offer).written for _, text, offer in spoken_texts(campaign.script)]


def _sms(name: str, message: str, offer: str | None = None) -> str:
    campaign = _campaign(name)
    template = campaign.messages[message]
    assert template.text is not None
    values = {}
    if offer:
        code = campaign.offers[offer]
        values["offer"] = offer_of(code, CATALOGUE.packages[code])
    return compose(template.text, template.class_, values, CONFIG.texts)


def test_every_file_in_campaigns_is_tested_here() -> None:
    assert sorted(path.stem for path in (ROOT / "campaigns").glob("*.yaml")) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_campaign_passes_the_linter(name: str) -> None:
    """R11: no finding, and nothing had to be waived."""
    programme = _programme(name)
    file = f"campaigns/{name}.yaml"
    assert lint(programme, (ROOT / file).read_bytes(), file, CATALOGUE, CONFIG, TODAY) == ()
    assert programme.campaign.waivers == ()


def test_there_is_a_sample_for_every_kind_of_trigger_and_those_of_stage_2_do_not_start() -> None:
    """O1, O19."""
    kinds = {name: _campaign(name).trigger.kind for name in NAMES}
    assert set(kinds.values()) == set(KINDS)
    started = {name for name in NAMES if _campaign(name).enabled}
    assert {kinds[name] for name in started} == {"topup", "list"}
    assert {kinds[name] for name in set(NAMES) - started} == {"renewal", "bill_due", "low_balance"}


@pytest.mark.parametrize("name", NAMES)
def test_every_piece_of_a_shipped_script_can_be_made(name: str) -> None:
    pieces = pieces_to_make(_campaign(name), CATALOGUE)
    assert len(pieces) >= 3
    assert all(piece.strip() and "{{" not in piece for piece in pieces)


def test_the_catalogue_has_the_22_packages_of_the_source() -> None:
    """O17: and says of every one that its values are samples."""
    assert list(CATALOGUE.packages) == PHASE_1 + PHASE_2
    assert all(package.sample for package in CATALOGUE.packages.values())
    assert all(package.syntax == f"DK {code}" for code, package in CATALOGUE.packages.items())
    assert all(package.to == "999" and package.spoken for package in CATALOGUE.packages.values())
    assert {package.kind for package in CATALOGUE.packages.values()} == {"combo", "data", "voice"}


def test_the_lexicon_has_what_a_voice_would_read_wrongly() -> None:
    for written in ("MobiFone", "GB", "9090", "8989", "SMS", "data", "AI", "QC", "/ngày"):
        assert CATALOGUE.spoken[written]


@pytest.mark.parametrize(
    ("name", "device", "kinds"),
    [
        ("topup-smartphone", "smartphone", {"1": "combo", "2": "data"}),
        ("topup-featurephone", "featurephone", {"1": "combo", "2": "voice"}),
    ],
)
def test_a_top_up_campaign_offers_by_segment(name: str, device: str, kinds: dict[str, str]) -> None:
    """O10: smartphone combo and data, feature phone combo and voice."""
    campaign = _campaign(name)
    assert {key: CATALOGUE.packages[code].kind for key, code in campaign.offers.items()} == kinds
    assert campaign.audience.device == (device,)


@pytest.mark.parametrize("name", ["topup-smartphone", "topup-featurephone"])
def test_a_top_up_campaign_calls_whom_and_when_the_source_says(name: str) -> None:
    """O1-O8: who, from which number, in which hours, how often, with whose approval."""
    campaign = _campaign(name)
    assert campaign.trigger.kind == "topup"
    assert campaign.audience.payment == ("prepaid", "postpaid")
    assert campaign.audience.status == ("two_way",)
    assert campaign.audience.vlr is True
    assert campaign.audience.arpu[0].months <= 3
    assert set(campaign.audience.exclude_flags) >= {"vip", "internal", "duty"}
    assert campaign.windows.calls == (Window(time(8), time(17)),)
    assert campaign.windows.messages == (Window(time(8), time(22)),)
    assert campaign.max_calls_per_24h == 1
    assert campaign.approval is not None
    assert "mẫu" in campaign.approval.by


@pytest.mark.parametrize("name", ["topup-smartphone", "topup-featurephone"])
def test_the_key_of_an_offer_registers_it_and_9_refuses(name: str) -> None:
    """O13, O21."""
    ((_, menu),) = list(menus(_campaign(name).script))
    first = {key: entry.then[0] for key, entry in menu.keys.items()}
    assert first == {"1": Register(offer="1"), "2": Register(offer="2"), "9": Refuse()}
    assert [entry.offer for entry in menu.keys.values()] == ["1", "2", None]


def test_script_1_is_that_of_the_source_with_what_the_law_adds() -> None:
    """O12, R11, R12: automatic, name and address first; then the source's words, full price, and key 9."""
    opening, congratulation, first, _, second, *_ = _spoken("topup-smartphone")
    assert opening == (
        "Xin chào Quý khách. Đây là cuộc gọi tự động giới thiệu dịch vụ của MobiFone, "
        "số 1 phố Phạm Văn Bạch, Cầu Giấy, Hà Nội."
    )
    assert congratulation == (
        "Chúc mừng Quý khách đã nạp tiền thành công! Để đăng ký gói cước ưu đãi nhất trên thị trường mà "
        "MobiFone dành riêng cho Quý khách,"
    )
    assert first == (
        "bấm 1 nếu muốn đăng ký gói cước C90N có 4GB/ngày và miễn phí 1.000 phút gọi nội mạng "
        "chỉ với 90.000đ cho 30 ngày;"
    )
    assert second == "bấm 2 nếu muốn đăng ký gói FD50 có 1,5GB/ngày chỉ với 50.000đ cho 30 ngày;"
    assert "hoặc bấm 9 nếu Quý khách từ chối nhận quảng cáo." in _spoken("topup-smartphone")


@pytest.mark.parametrize(("place", "code"), [(3, "C90N"), (5, "FD50")])
def test_scripts_2_and_3_are_those_of_the_source(place: int, code: str) -> None:
    """O13."""
    assert _spoken("topup-smartphone")[place] == (
        f"Quý khách đã lựa chọn gói cước {code}, ngay sau đây hệ thống sẽ hỗ trợ đăng ký gói cho Quý khách. "
        "Xin cảm ơn!"
    )


def test_the_sms_after_a_missed_call_is_that_of_the_source() -> None:
    """O11, R4, R5: from 8989, package 1, label in front, how to refuse at the end."""
    assert _sms("topup-smartphone", "missed", "1") == (
        "[QC] Quý khách vừa bỏ lỡ cuộc gọi tư vấn gói cước ưu đãi nhất của MobiFone dành riêng cho bạn, gói C90N "
        "4GB/ngày và miễn phí 1.000 phút gọi nội mạng. Mời Quý khách soạn DK C90N gửi 999 (90.000đ/30 ngày) hoặc "
        "gọi 9090 để biết thêm chi tiết. Xin cảm ơn. Tu choi QC soan TC gui 8989"
    )


def test_the_sms_after_no_key_is_that_of_the_source() -> None:
    """O14, R4, R5."""
    assert _sms("topup-smartphone", "offer", "1") == (
        "[QC] Quý khách vừa bỏ lỡ đăng ký gói cước ưu đãi nhất của MobiFone dành riêng cho bạn, gói C90N có "
        "4GB/ngày và miễn phí 1.000 phút gọi nội mạng. Để tự đăng ký soạn DK C90N gửi 999 (90.000đ/30 ngày) hoặc "
        "gọi 9090 để biết thêm chi tiết. Xin cảm ơn. Tu choi QC soan TC gui 8989"
    )


def test_sms1_thanks_in_the_words_of_the_source_without_advertising() -> None:
    """O13: SMS1; transactional, so no label."""
    assert _sms("topup-smartphone", "thanks", "2") == (
        "MobiFone chân thành cám ơn Quý khách đã đăng ký gói cước FD50 qua tổng đài tự động. Nếu cần tư vấn thêm, "
        "vui lòng liên hệ 9090. Xin cảm ơn."
    )


@pytest.mark.parametrize("name", ["topup-smartphone", "topup-featurephone"])
def test_a_top_up_campaign_sends_what_follows_each_outcome(name: str) -> None:
    """O11, O13, O14; SMS2 has the registration system's own text."""
    campaign = _campaign(name)
    follows = {outcome: follow.sms for outcome, follow in campaign.after.items()}
    assert follows == {
        Outcome.NO_ANSWER: "missed",
        Outcome.BUSY: "missed",
        Outcome.NO_KEY: "offer",
        Outcome.HUNG_UP: "offer",
    }
    introduce = (campaign.messages["missed"], campaign.messages["offer"])
    assert all((m.sender, m.offer, m.class_) == ("8989", "1", "advertising") for m in introduce)
    assert campaign.messages["registered"].text is None
    answers = [campaign.messages[kind] for kind in ("thanks", "registered", "not_registered")]
    assert all(message.class_ == "transactional" for message in answers)


def test_bluezone_calls_as_the_source_says() -> None:
    """B1-B3: whom, from which number, when, and who is called once more."""
    campaign = _campaign("bluezone")
    assert campaign.class_ == "public_notice"
    assert campaign.signed_off is not None
    assert "mẫu" in campaign.signed_off.by
    assert (campaign.trigger.kind, campaign.per_subscriber, campaign.caller_id) == ("list", "once", "090")
    assert campaign.windows.calls == (Window(time(10), time(12)), Window(time(15, 30), time(17, 30)))
    assert campaign.audience.device == ("smartphone",)
    assert set(campaign.audience.exclude_flags) == {"mdt", "fastconnect", "duty", "vip", "gold", "diamond"}
    retry = campaign.after[Outcome.NO_ANSWER].retry
    assert retry is not None
    assert (retry.times, retry.after, retry.after_first_pass) == (1, timedelta(0), True)
    assert [outcome for outcome, follow in campaign.after.items() if follow.retry] == [Outcome.NO_ANSWER]


@pytest.mark.parametrize(
    ("hour", "minute", "inside"),
    [(9, 59, False), (10, 0, True), (12, 0, False), (15, 29, False), (15, 30, True), (17, 30, False)],
)
def test_bluezone_calls_in_its_two_windows_only(hour: int, minute: int, inside: bool) -> None:
    """B2: 10h00-12h00 and 15h30-17h30."""
    at = datetime(2026, 11, 20, hour, minute, tzinfo=VIETNAM)
    assert any(at in window for window in _campaign("bluezone").windows.calls) is inside


def test_bluezone_says_the_words_of_the_source() -> None:
    """B4, R12."""
    announcement, question, closing = _spoken("bluezone")
    assert announcement == (
        "Xin chào quý khách! Đây là cuộc gọi tự động từ Bộ Thông tin truyền thông, Bộ Y tế qua ứng dụng Tổng đài "
        'trí tuệ nhân tạo của MobiFone. Hiện thuê bao của Quý khách chưa cài đặt "khẩu trang điện tử". Theo yêu '
        "cầu của Thủ tướng Chính phủ, đề nghị tất cả người dân có điện thoại thông minh cài đặt Bluezone tại "
        "Bluezone.gov.vn để truy vết Covid-19, bảo vệ bản thân và gia đình. MobiFone sẽ gửi bạn đường dẫn để cài "
        "đặt ứng dụng qua tin nhắn."
    )
    assert question == "Để đồng ý, xin vui lòng bấm phím 1. Xin cảm ơn quý khách!"
    assert closing == "Chúng tôi đã ghi nhận thông tin. Xin trân trọng cảm ơn sự phản hồi của quý khách."


def test_bluezone_sends_the_link_to_who_agreed() -> None:
    """B5: from MOBIFONE.AI, the source's text, no label: it is a public notice."""
    campaign = _campaign("bluezone")
    assert campaign.after[Outcome.ACCEPTED].sms == "link"
    assert campaign.messages["link"].sender == "MOBIFONE.AI"
    assert _sms("bluezone", "link") == (
        "Bộ TT&TT và Bộ Y tế đề nghị người dân có điện thoại thông minh cài đặt ứng dụng Bluezone tại "
        "https://www.bluezone.gov.vn/taiapp để được cảnh báo nguy cơ lây nhiễm COVID-19, giúp bảo vệ bản thân, "
        "gia đình và cộng đồng"
    )


def test_the_line_that_thanks_who_does_not_agree_is_one_line_away() -> None:
    """B4: the source is ambiguous; one line of YAML changes it."""
    text = (ROOT / "campaigns" / "bluezone.yaml").read_text(encoding="utf-8")
    changed = text.replace("# no_key:", "no_key:")
    assert changed != text
    programme = parse_campaign(changed, "bluezone.yaml", CATALOGUE, CONFIG, TODAY)
    assert isinstance(programme, Programme)
    menu = programme.campaign.script[1]
    assert isinstance(menu, Menu)
    assert [step.kind for step in menu.no_key] == ["say"]


def test_the_sample_installation_is_on_loopback_and_grants_what_it_uses() -> None:
    """R10; secure by default."""
    assert CONFIG.web is not None
    assert {CONFIG.web.host, CONFIG.agi.host, *(bind.host for bind in CONFIG.smsc)} == {"127.0.0.1"}
    assert all(node.sip_bind.startswith("127.0.0.1:") for node in CONFIG.asterisk.nodes)
    granted = {row.name for row in CONFIG.granted}
    assert granted >= {"9090", "8989", "090", "999", "MOBIFONE.AI", "MobiFone"}
