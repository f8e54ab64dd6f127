"""Is one told of the same way out written twice, before it is loaded twice?"""

from typing import Any

import pytest

from core.check_trunks import trunk_warnings
from core.config import Config
from core.loading import parse_config
from tests.small_app import small_config

CONFIG = """\
asterisk: {nodes: [{password: x}]}
granted: [{name: "9090", reference: r}]
trunks:
  - {name: a, caller_id: "9090", address: "sbc.example:5060"%s}
  - {name: b, caller_id: "9090", address: "%s"%s}
"""
TWICE = (
    "c.yaml:5: trunks[1].address: %s is the address of trunk a too (line 4), "
    "delete one of them, or give each a user or prefixes of its own"
)


@pytest.mark.parametrize(
    ("first", "address", "second", "said"),
    [
        ("", "sbc.example:5060", "", TWICE % "sbc.example:5060"),
        ("", "SBC.example:05060", "", TWICE % "SBC.example:05060"),
        ("", "sbc.example:5060", ', prefixes: ["090"]', TWICE % "sbc.example:5060"),
        (', prefixes: ["09"]', "sbc.example:5060", ', prefixes: ["090"]', TWICE % "sbc.example:5060"),
        (', prefixes: ["091"]', "sbc.example:5060", ', prefixes: ["090"]', None),
        (", user: u, password: p", "sbc.example:5060", ", user: v, password: p", None),
        (", user: u, password: p", "sbc.example:5060", ", user: u, password: p", TWICE % "sbc.example:5060"),
        ("", "sbc.example:5060", ", transport: tcp", None),
        ("", "sbc.example:5061", "", None),
        ("", "sbc2.example:5060", "", None),
    ],
)
def test_the_same_way_out_twice_is_a_mistake_with_both_lines(
    first: str, address: str, second: str, said: str | None
) -> None:
    """Issue 5, 5: it would get the channels and the rate of both. Two accounts, or numbers of their own, may be."""
    found = parse_config(CONFIG % (first, address, second), "c.yaml", {})
    assert (None if isinstance(found, Config) else "\n".join(map(str, found))) == said


@pytest.mark.parametrize(
    ("second", "warned"),
    [
        ({"address": "10.0.0.1:5061", "codecs": ["alaw"]}, [1]),
        ({"address": "10.0.0.1:5061", "codecs": ["ulaw", "alaw"]}, []),
        ({"address": "10.0.0.2:5060", "codecs": ["alaw"]}, []),
    ],
)
def test_who_calls_from_the_host_of_two_trunks_gets_the_codecs_of_one(
    second: dict[str, Any], warned: list[int]
) -> None:
    """Asterisk knows a caller by his address (pjsip.conf, identify): `mai check` warns."""
    first = {"name": "a", "caller_id": "9090", "address": "10.0.0.1:5060", "codecs": ["alaw", "ulaw"]}
    config = small_config(trunks=(first, first | {"name": "b"} | second))
    assert [path[1] for path, _, _ in trunk_warnings(config)] == warned
