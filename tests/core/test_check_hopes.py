"""Is one told of what a programme asks for and will not get?"""

from typing import Any

import pytest

from core.check_hopes import hopes
from tests.core.sample import notice, programme
from tests.small_app import small_config


def _again(**retry: Any) -> dict[str, Any]:
    return {"after": {"no_answer": {"retry": {"times": 1, **retry}}}}


#: a programme beside one trunk of 10 calls a second and 30 channels
ASKED = [
    ({}, None),
    ({"calls_per_second": 10.0, "max_channels": 30}, None),
    ({"calls_per_second": 10.5}, "calls_per_second: is 10.5, and the trunks bear 10 together"),
    ({"max_channels": 31}, "max_channels: is 31, and the trunks have 30 together"),
    (_again(), None),
    (_again(after="24h"), None),
    (_again(after="2h"), "after.no_answer.retry.after: is 2h, and advertising is not called again within 24 hours (R7)"),
]  # fmt: skip


@pytest.mark.parametrize(("written", "said"), ASKED)
def test_what_will_not_be_so_is_warned_of(written: dict[str, Any], said: str | None) -> None:
    """Issue 5, 4 and 5: `mai check` tells before the operator waits for it."""
    found = hopes(small_config(), programme(**written).campaign)
    assert [f"{'.'.join(map(str, path))}: {wrong}" for path, wrong, _ in found] == ([said] if said else [])


def test_a_public_notice_may_be_repeated_sooner() -> None:
    assert not list(hopes(small_config(), notice(**_again(after="2h")).campaign))
