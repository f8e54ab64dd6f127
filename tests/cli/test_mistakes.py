"""Bad input where nothing runs: one clear sentence, the right exit status, never a traceback (issue 2, Bad input)."""

import json
import re
import shutil
from pathlib import Path

import pytest
import yaml

from core.numbers import masked
from tests.cli.office import ROOT, Office, each_of, mistaken, open_office


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    return open_office(tmp_path_factory.mktemp("office"))


CASES = [
    (("topup", "0901234567", "50.000"), 2, "amount: '50.000' is not whole đồng: write digits only, like 50000"),
    (("topup", "0901234567", "-50000", "--id", "negative"), 1, "amount: -50000 is not between 1 and"),
    (("topup", "12", "50000"), 1, "number: '12' is not a Vietnamese number: write it like 0901234567"),
    (("topup", "0901234567", "50000", "--at", "yesterday"), 1, "is not a time with its offset"),
    (("topup", "0901234567", "50000", "--idd", "x"), 2, "--idd"),
    (("frobnicate",), 2, "No such command 'frobnicate'"),
    (("import", "friends", "friends.csv"), 2, "'friends' is not a kind of list: one of subscribers"),
    (("import", "dnc", "nowhere.csv"), 1, "nowhere.csv"),
    (("import", "targets", "nowhere.csv"), 2, "targets belong to a programme: add --programme NAME"),
    (("import", "targets", "nowhere.csv", "--programme", "renewal"), 2, "renewal is started by renewal events"),
    (("log", "faxes"), 2, "'faxes' is not a log: one of triggers, calls, sms, registrations, received"),
    (("log", "calls", "--since", "bla"), 2, "'bla' is not a time: write 2026-11-21T09:00, 2026-11-21 or 2h"),
    (("pause",), 2, "name a programme, or say --all"),
    (("pause", "nope"), 2, "'nope' is not a programme: one of bill-due, bluezone, "),
    (("resume", "nope"), 2, "'nope' is not a programme: one of bill-due, bluezone, "),
    (("report", "nope"), 2, "'nope' is not a programme: one of bill-due, bluezone, "),
    (("import", "targets", "nowhere.csv", "--programme", "nope"), 2, "'nope' is not a programme: one of bill-due, "),
    (("call", "0901234567", "--programme", "bluezone"), 1, "nothing runs here: start the system with `mai run`"),
    (("node", "drain", "ast9"), 2, "'ast9' is not a node of config.yaml: one of ast1"),
    (("node", "undrain", "ast9"), 2, "'ast9' is not a node of config.yaml: one of ast1"),
    (("run", "dialer", "--node", "ast9"), 2, "'ast9' is not a node of config.yaml: one of ast1"),
    (("store", "copy", "sqlite:///a.db", "mysql://h/b"), 1, "TO is no store: write it like sqlite:///mai.db or "),
    (("store", "copy", "a", "sqlite:///b.db"), 1, "FROM is no store: write it like sqlite:///mai.db or "),
    (("run", "kitchen"), 2, "'kitchen' is not a part: one of asterisk, "),
    (("refuse", "0901234567", "--undo"), 2, "--reason"),
    (("status", "--config", "nowhere.yaml"), 2, "nowhere.yaml: the configuration is not there"),
]  # fmt: skip


@each_of(CASES)
def test_a_mistake_gets_one_sentence_and_its_exit_status(
    office: Office, words: tuple[str, ...], status: int, sentence: str
) -> None:
    """Bad input, §5: 1 the thing asked for failed, 2 wrong usage or configuration."""
    assert mistaken(office, words, status, sentence).out == ""


def test_an_event_that_cannot_be_one_is_in_the_log_and_masked_there(office: Office) -> None:
    """R14: the table masks what --json and --csv show in full."""
    office.mai("topup", "+8613912345678", "50000", "--id", "from-abroad")
    (row,) = [each for each in office.mai("log", "triggers", "--json").rows if each["id"] == "from-abroad"]
    assert row["fate"] == "invalid"
    assert row["number"] == "+8613912345678"
    assert set(row) == {
        "id", "kind", "number", "amount", "at", "received_at", "fate", "rule", "programme", "call",
    }  # fmt: skip
    assert row["received_at"].endswith("+07:00")
    assert row["call"] is None
    table = office.mai("log", "triggers").out
    assert masked("+8613912345678") in table
    assert "13912345678" not in table
    first, *lines = office.mai("log", "triggers", "--csv").out.splitlines()
    assert first == "id,kind,number,amount,at,received_at,fate,rule,programme,call"
    assert any(line.startswith("from-abroad,topup,+8613912345678,50000,") for line in lines)


def test_a_repeated_top_up_changes_nothing_and_other_content_under_its_id_fails_once(office: Office) -> None:
    """O1: exit 0 once stored; a conflict says so in one line."""
    assert office.mai("topup", "0901234567", "50000", "--id", "t-1").out == "t-1: stored\n"
    assert office.mai("topup", "0901234567", "50000", "--id", "t-1", "--json").rows == [
        {"id": "t-1", "result": "repeated"}
    ]
    said = office.mai("topup", "0901234567", "60000", "--id", "t-1")
    assert (said.status, said.out) == (1, "")
    assert said.err == "t-1: came before with other content, and that one stands\n"


def test_help_shows_examples_on_lines_of_their_own(office: Office) -> None:
    """§5: every command has an example that can be copied."""
    said = office.mai("topup", "--help")
    assert said.status == 0
    assert "    mai topup 0901234567 50000\n" in said.out
    assert "mai store copy sqlite:///mai.db" in office.mai("store", "--help").out
    commands = office.mai("--help").out
    assert all(name in commands for name in ("check", "run", "stop", "status", "import", "report", "resume"))


def test_status_has_the_same_keys_before_and_after_the_first_event(tmp_path: Path) -> None:
    """§5: what is absent is null; exit status 1 because nothing runs."""
    office = open_office(tmp_path)
    before = office.mai("status", "--json")
    assert before.status == 1
    office.mai("topup", "0901234567", "50000")
    after = office.mai("status", "--json")
    (first,), (second,) = before.rows, after.rows
    assert set(first) == set(second)
    assert (first["running"], first["calls"]) == (False, None)
    assert (second["calls"], second["triggers_new"]) == ({"dialing": 0, "up": 0}, 1)
    assert "no subscribers are known: `mai import subscribers FILE`" in second["why"]


#: campaign, what is written there, what is written instead, what the person must read
SPOILT = [
    ("topup-smartphone", "trigger:", "triger:", ": triger: "),
    ("topup-featurephone", "C50N", "C99X", "C99X"),
    ("bluezone", "15:30-17:30", "11:30-17:30", "11:30-17:30"),
]


def test_a_wrong_campaign_is_held_back_with_its_line_and_the_rest_goes_on(tmp_path: Path) -> None:
    """Bad input (a typo, an unknown package, overlapping windows): `mai check` 2, file:line: key; status names them."""
    (tmp_path / "campaigns").mkdir()
    for campaign in [campaign for campaign, *_ in SPOILT]:
        shutil.copy(ROOT / "campaigns" / f"{campaign}.yaml", tmp_path / "campaigns")
    shutil.copy(ROOT / "campaigns" / "bluezone.yaml", tmp_path / "campaigns" / "well.yaml")
    office = open_office(tmp_path, campaigns="campaigns")
    for campaign, right, wrong, _ in SPOILT:
        text = (tmp_path / "campaigns" / f"{campaign}.yaml").read_text(encoding="utf-8")
        office.write(f"campaigns/{campaign}.yaml", text.replace(right, wrong))
    said = office.mai("check")
    assert said.status == 2
    for campaign, _, _, told in SPOILT:
        assert re.search(
            rf"^campaigns/{campaign}\.yaml:[0-9]+: .*{re.escape(told.strip(': '))}", said.out, re.M
        ), said.out
        assert f"campaigns/{campaign}.yaml: does not start" in said.out
    assert said.out.count(": starts\n") == 1
    assert set(office.mai("status", "--json").rows[0]["held_back"]) == {name for name, *_ in SPOILT}


def test_a_price_that_is_no_whole_number_stops_every_command_with_its_line(tmp_path: Path) -> None:
    """Bad input: 90.000 is the number 90.0, and the catalogue is what everything stands on."""
    text = (ROOT / "packages.yaml").read_text(encoding="utf-8")
    assert "price:  90000" in text
    office = open_office(tmp_path, packages="packages.yaml")
    office.write("packages.yaml", text.replace("price:  90000", "price: 90.000", 1))
    said = office.mai("topup", "0901234567", "50000")
    assert said.status == 2
    assert said.err.startswith("packages.yaml:11: ")
    assert "price" in said.err
    assert "Traceback" not in said.err


def test_a_secret_that_is_not_set_is_named_and_no_secret_is_shown(tmp_path: Path) -> None:
    """Secrets are never shown; the variable is an error by its name."""
    office = open_office(tmp_path)
    text = json.dumps(office.config, ensure_ascii=False, indent=1)
    office.write("config.yaml", text.replace("${MAI_WEB_TOKEN}", "${MAI_NOT_SET}"))
    said = office.mai("check")
    assert said.status == 2
    assert "MAI_NOT_SET is not set" in said.err
    assert "token-of-tests" not in said.err + said.out


def test_check_tells_what_every_sms_costs(office: Office) -> None:
    """Issue 4, 2: number of segments and cost, shown by `mai check` for every template; also with samples in it."""
    said = office.mai("check")
    files = [yaml.safe_load(file.read_text("utf-8")) for file in (ROOT / "campaigns").glob("*.yaml")]
    written = sum(len(file["messages"]) for file in files)
    told = [line for line in said.out.splitlines() if line.startswith("  SMS ")]
    assert written > 3
    assert len(told) == written + 6  # and the texts of the house
    assert not [line for line in told if "not known" in line and "registration system" not in line]
