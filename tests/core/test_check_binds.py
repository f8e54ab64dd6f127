"""Is one told of SMS that would wait for ever, before they do?"""

from typing import Any

import pytest

from core.check_binds import bind_warnings
from tests.core.sample import programme
from tests.small_app import small_config

GRANTED = [{"name": name, "reference": "r"} for name in ("8989", "9090")]
BIND: dict[str, Any] = {"name": "a", "system_id": "mai", "password": "p"}


@pytest.mark.parametrize(
    ("binds", "said"),
    [
        ([], []),
        ([{}], []),
        ([{"host": " "}], ["smsc.0.host: is empty"]),
        ([{"password": ""}], ["smsc.0.password: is empty"]),
        ([{"ca": "ca.pem"}], ["smsc.0.ca: is not used without tls"]),
        ([{"bind": "receiver"}], ["smsc: none of the binds can send"]),
        ([{"senders": ["8988"]}, {"name": "b"}], ['smsc.0.senders.0: "8988" is not granted (R10)']),
        ([{"programmes": ["topupp"]}, {"name": "b"}], ['smsc.0.programmes.0: "topupp" is not a programme']),
        (
            [{"programmes": ["topup"]}],
            ["smsc: no bind takes messages from 8989 of the house"],
        ),
        (
            [{"senders": ["8989"]}],
            ["smsc: no bind takes messages from 9090 of topup"],
        ),
    ],
)
def test_a_bind_that_cannot_work_is_warned_of(binds: list[dict[str, Any]], said: list[str]) -> None:
    """Issue 4: messages that no bind takes are told by `mai check`."""
    config = small_config(smsc=[BIND | each for each in binds], granted=GRANTED)
    found = bind_warnings(config, {"topup": programme()})
    assert [f"{'.'.join(map(str, path))}: {wrong}" for path, wrong, _ in found] == said
