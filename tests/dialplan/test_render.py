"""Can anything a person writes in config.yaml become syntax in Asterisk's files?"""

import re
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from core.config import Config
from runtime.asterisk_files import BadAsteriskConfig, Installed, render, write

HERE = Installed(("asterisk",), "22.10.1", "/lib/modules", "/share/asterisk", "/share/moh")
FOLDER = Path("/run/mai/asterisk/ast1")


def config(*, node: dict[str, Any] | None = None, trunk: dict[str, Any] | None = None, **more: Any) -> Config:
    nodes = ({"password": "secret-of-ari"} | (node or {}),)
    trunks = ({"name": "viettel", "address": "192.0.2.1:5060", "caller_id": "090"} | (trunk or {}),)
    return Config.model_validate({"asterisk": {"nodes": nodes}, "trunks": trunks} | more, strict=False)


def rendered(config: Config, installed: Installed | None = HERE) -> dict[str, str]:
    return render(config, config.asterisk.nodes[0], FOLDER, installed)


def sections(text: str) -> list[str]:
    return re.findall(r"^\[([^\]]+)\]", text, re.MULTILINE)


AGENT = {"name": "an", "extension": "101", "password": "secret-of-an"}


def test_every_file_is_written_for_its_owner_alone(tmp_path: Path) -> None:
    """Secure by default: the files hold secrets."""
    made = rendered(config(agents=(AGENT,)))
    write(made, tmp_path / "ast1")
    folder = tmp_path / "ast1" / "etc"
    assert stat.S_IMODE((tmp_path / "ast1").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert {path.name: path.read_text() for path in folder.iterdir()} == made
    assert (tmp_path / "ast1" / "spool" / "recording").is_dir()


def test_secrets_stand_only_where_asterisk_reads_them() -> None:
    ami = {"ami_port": 5038, "ami_password": "secret-of-ami"}
    made = rendered(config(node=ami, trunk={"user": "u", "password": "secret-of-trunk"}, agents=(AGENT,)))
    holding = {name: re.findall(r"secret-of-\w+", text) for name, text in made.items() if "secret-of" in text}
    assert holding == {
        "ari.conf": ["secret-of-ari"],
        "manager.conf": ["secret-of-ami"],
        "pjsip.conf": ["secret-of-trunk", "secret-of-an"],
    }


def test_the_sections_are_exactly_those_asked_for() -> None:
    made = rendered(config(agents=(AGENT,)))
    assert sections(made["pjsip.conf"]) == ["global", "transport-udp", *["trunk-viettel"] * 3, *["an"] * 3]
    assert sections(made["extensions.conf"]) == [
        *("general", "from-trunk", "agents", "amd", "from-agents", "nowhere", "ask", "tell", "agi")
    ]
    assert sections(made["ari.conf"]) == ["general", "mai"]
    assert sections(made["queues.conf"]) == ["general", "agents"]


def test_ami_is_off_unless_asked_for_and_then_can_only_listen() -> None:
    """DESIGN §2: AMI is read-only."""
    assert "enabled = no" in rendered(config())["manager.conf"]
    manager = rendered(config(node={"ami_port": 5038, "ami_password": "p"}))["manager.conf"]
    assert "write =\n" in manager
    assert "bindaddr = 127.0.0.1" in manager


def test_an_asterisk_of_others_keeps_its_own_folders() -> None:
    assert "asterisk.conf" not in rendered(config(node={"managed": False}), None)


def test_live_dangerously_is_off_and_every_context_has_a_time_limit() -> None:
    """Issue 2: TIMEOUT(absolute) on every call."""
    made = rendered(config())
    assert "live_dangerously = no" in made["asterisk.conf"]
    entries = re.findall(r"^exten => \w+,1,(.*)$", made["extensions.conf"], re.MULTILINE)
    theirs = (
        "Set(SHARED(ANSWERED)",
        "Originate(",
        "AMD()",
    )  # called from a context, or with the call's own limit
    own = [first for first in entries if not first.startswith(theirs)]
    assert own
    assert all(first.startswith("Set(TIMEOUT(absolute)=") for first in own)


def test_no_pattern_matches_more_than_the_numbers_we_answer() -> None:
    """Patterns that cannot be injected: there are none."""
    extensions = re.findall(r"^exten => ([^,]+),", rendered(config())["extensions.conf"], re.MULTILINE)
    assert sorted(set(extensions)) == ["9090", "ended", "incoming", "s"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"trunk": {"caller_id": "MOBI FONE"}}, "has a space"),
        ({"trunk": {"codecs": ("g729",)}}, "no prompt can be spoken in g729"),
        ({"node": {"ami_port": 5038}}, "ami_password is missing"),
        ({"node": {"rtp_ports": "9999-5000"}}, "is no range"),
        ({"node": {"ari_url": "http://0.0.0.0:8088"}}, "must be http://127.0.0.1:PORT"),
        ({"agents": (AGENT, AGENT)}, "are called an"),
        ({"agents": (AGENT | {"name": "trunk-viettel"},)}, "are called trunk-viettel"),
        ({"node": {"password": ""}}, "a password of Asterisk is empty"),
    ],
)
def test_what_asterisk_could_not_do_is_said_in_one_sentence(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(BadAsteriskConfig, match=re.escape(said)):
        rendered(config(**wrong))


@pytest.mark.parametrize(
    "bad", ["a;b", "a\nb", "a]b", "[x", "a\\b", 'a"b', "${SHELL(id)}", "$[1+1]", " zq", "zq ", ">zq"]
)
def test_a_password_that_would_be_read_as_syntax_is_refused_and_not_shown(bad: str) -> None:
    with pytest.raises(BadAsteriskConfig) as refused:
        rendered(config(node={"password": bad}))
    assert bad.strip() not in str(refused.value)


@settings(deadline=None)
@given(st.text(min_size=1, max_size=30))
def test_no_password_changes_the_structure_of_a_file(password: str) -> None:
    """For every text: refused, or one line that holds exactly it."""
    installation = config(node={"password": SecretStr(password)})
    try:
        made = rendered(installation)["ari.conf"]
    except BadAsteriskConfig:
        return
    assert sections(made) == ["general", "mai"]
    assert f"\npassword = {password}\n" in made
    assert len(made.splitlines()) == len(rendered(config())["ari.conf"].splitlines())


@settings(deadline=None)
@given(
    st.sampled_from(["name", "address", "caller_id", "user"]),
    st.text(alphabet='ab1;[]\n\r"\\$(){}%&=>,@ ', min_size=1, max_size=20),
)
def test_no_value_of_a_trunk_changes_the_structure_of_a_file(key: str, value: str) -> None:
    """For every text: refused by the model or by us, or harmless."""
    try:
        made = rendered(config(trunk={key: value, "password": "p"}))
    except (ValidationError, BadAsteriskConfig):
        return
    assert len(sections(made["pjsip.conf"])) in (5, 6)
    assert all("\r" not in text for text in made.values())
    assert sections(made["extensions.conf"])[1] == "from-trunk"
