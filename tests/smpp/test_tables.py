"""Do statuses and addresses mean what the tables say?"""

from __future__ import annotations

import pytest

from smpp import statuses
from smpp.addresses import Address, address
from smpp.statuses import Verdict


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (0x00, Verdict.ACCEPTED),
        (0x08, Verdict.TEMPORARY),
        (0x14, Verdict.TEMPORARY),
        (0x64, Verdict.TEMPORARY),
        (0x58, Verdict.THROTTLED),
        (0x0B, Verdict.PERMANENT),
        (0x45, Verdict.PERMANENT),
        (0x400, Verdict.PERMANENT),
        (0x4FF, Verdict.PERMANENT),
        (0xFF, Verdict.UNKNOWN),
        (0x3FF, Verdict.UNKNOWN),
        (0x500, Verdict.UNKNOWN),
    ],
)
def test_a_status_has_its_consequence(status: int, verdict: Verdict) -> None:
    assert statuses.verdict(status) is verdict


def test_configuration_goes_before_the_table() -> None:
    """Notes: one table that configuration can extend."""
    configured = {0x401: Verdict.THROTTLED, 0x45: Verdict.TEMPORARY}
    assert statuses.verdict(0x401, configured) is Verdict.THROTTLED
    assert statuses.verdict(0x45, configured) is Verdict.TEMPORARY
    assert statuses.verdict(0x58, configured) is Verdict.THROTTLED


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (0x58, "0x00000058 RTHROTTLED"),
        (0x401, "0x00000401 vendor-specific"),
        (0x9999, "0x00009999 reserved"),
    ],
)
def test_a_status_has_a_name_for_people(status: int, name: str) -> None:
    assert statuses.name_of(status) == name


@pytest.mark.parametrize(
    ("text", "ton", "npi", "digits"),
    [
        ("84901234567", 1, 1, "84901234567"),
        ("+84901234567", 1, 1, "84901234567"),
        ("+6591234567", 1, 1, "6591234567"),
        ("8989", 3, 0, "8989"),
        ("090", 3, 0, "090"),
        ("999", 3, 0, "999"),
        ("MOBIFONE.AI", 5, 0, "MOBIFONE.AI"),
        ("MobiFone 4G", 5, 0, "MobiFone 4G"),
    ],
)
def test_an_address_tells_its_type_and_plan(text: str, ton: int, npi: int, digits: str) -> None:
    """R10 and DESIGN §5: 84… is 1/1, a short code 3/0, letters 5/0."""
    assert address(text) == Address(ton, npi, digits)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "0901234567",
        "6591234567",
        "+",
        "+0901234567",
        "MOBIFONE.AI.",
        "Viễn thông",
        "٨٩٨٩",
        "a\n",
        "+84 90",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        address(text)
