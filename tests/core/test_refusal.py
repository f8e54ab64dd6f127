"""Which SMS refuse advertising? What people really write, and what only looks like it."""

import pytest

from core.refusal import is_refusal


@pytest.mark.parametrize(
    "text",
    [
        "TC", "tc", "T.C", "(TC)", "TCQC", "TC nhe", "TC 8989", "TC gui 8989", "Soạn TC gửi 8989", "Từ chối", "TU CHOI QC",
        "HỦY QC", "huy quang cao", "từ chối quảng cáo đi", "toi tu choi", "Không nhận quảng cáo", "STOP",
        "TC@", "@TC@@@", "TC\x00", "TC\ufffd", "T@C", "\ufeffTC",
    ],
)  # fmt: skip
def test_a_refusal_is_heard_however_it_is_written(text: str) -> None:
    """R6: any case, with or without marks, also as people copy it from our own line."""
    assert is_refusal(text)


@pytest.mark.parametrize("text", ["", "DK D5", "tc motor gia bao nhieu", "stopwatch", "xin chao", "gui 8989"])
def test_another_text_is_no_refusal(text: str) -> None:
    """R6: doubt about a longer text is not a refusal."""
    assert not is_refusal(text)
