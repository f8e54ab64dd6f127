"""R1-R10: the figures that hold in an installation."""

from datetime import date, timedelta
from typing import Any

import pytest

from core.config import Config
from core.facts import Grant, Law, law_of


def config(**changes: Any) -> Config:
    return Config.model_validate(
        {
            "asterisk": {"nodes": [{"password": "x"}]},
            "trunks": [
                {"name": "a", "address": "127.0.0.1:5070", "caller_id": "9090", "ring_s": 20},
                {"name": "b", "address": "127.0.0.1:5071", "caller_id": "9090", "ring_s": 45},
            ],
            **changes,
        },
        strict=False,
    )


def test_what_nothing_is_written_about_is_the_law() -> None:
    """rules.md: the defaults of the table, the ring limit of the slowest trunk."""
    law, default = law_of(config()), Law()
    assert law.ring_s == 45
    assert (law.calls_per_24h, law.sms_per_24h, law.dnc_max_age_hours, law.dnc_max_shrink) == (1, 3, 24, 0.05)
    assert (str(law.call_window), str(law.sms_window)) == ("08:00-17:00", "08:00-22:00")
    assert law.always_excluded == default.always_excluded == {"vip", "internal", "duty"}


def test_what_is_written_holds_and_changes_the_version() -> None:
    """rules.md: a verdict names the figures it was given under."""
    limits = {
        "calls_per_24h": 0,
        "sms_per_24h": 2,
        "dnc_max_age": timedelta(hours=6),
        "dnc_max_shrink": 0.01,
        "approval_exempt_units": ["CTKV 1"],
        "extra_tet_days": [date(2027, 2, 8)],
    }
    granted = [{"name": "9090", "reference": "1/GP", "until": date(2027, 1, 1)}]
    law = law_of(config(limits=limits, granted=granted))
    assert (law.calls_per_24h, law.sms_per_24h, law.dnc_max_age_hours, law.dnc_max_shrink) == (0, 2, 6, 0.01)
    assert law.approval_exempt_units == {"CTKV 1"}
    assert law.extra_tet_days == (date(2027, 2, 8),)
    assert law.granted == (Grant("9090", date(2027, 1, 1), "1/GP"),)
    assert law.version != law_of(config()).version
    assert law.version == law_of(config(limits=limits, granted=granted)).version


@pytest.mark.parametrize("looser", [{"calls_per_24h": 2}, {"sms_per_24h": 4}, {"dnc_max_shrink": 0.06}])
def test_configuration_may_be_stricter_and_never_looser(looser: dict[str, Any]) -> None:
    """R2, R7: lower only."""
    with pytest.raises(ValueError, match=next(iter(looser))):
        config(limits=looser)
