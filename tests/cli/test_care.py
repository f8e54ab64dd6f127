"""The commands of the complaint desk and of who keeps the house, as a person types them; nothing runs."""

from pathlib import Path

import pytest

from tests.cli.office import Office, each_of, mistaken, open_office

NUMBER, FULL = "0901234567", "+84901234567"


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    """An office with a base, a DoNotCall list, two events and a refusal."""
    office = open_office(tmp_path_factory.mktemp("care"))
    office.write("base.csv", f"number,payment,device,consent\n{NUMBER},prepaid,smartphone,contract\n")
    office.write("dnc.csv", "number,channel\n0900000000,both\n")
    for words in (
        ("import", "subscribers", "base.csv"),
        ("import", "dnc", "dnc.csv"),
        ("topup", NUMBER, "50000", "--id", "t1"),
        ("trigger", "renewal", NUMBER, "90000", "--id", "r1"),
        ("refuse", NUMBER),
    ):
        said = office.mai(*words)
        assert said.status == 0, said
    return office


def test_explain_has_a_line_for_every_programme_and_the_table_is_masked(office: Office) -> None:
    """DESIGN §5, R14."""
    rows = office.mai("explain", NUMBER, "--json").rows
    by_name = {row["programme"]: row for row in rows}
    assert set(by_name) == {
        None, "bill-due", "bluezone", "low-balance", "renewal", "topup-featurephone", "topup-smartphone",
    }  # fmt: skip
    assert {row["number"] for row in rows} == {FULL}
    no = {v["rule"] for v in by_name["topup-smartphone"]["verdicts"] if not v["allowed"]}
    assert "R6" in no
    assert by_name["low-balance"]["rule"] == "enabled"
    assert [row["id"] for row in by_name[None]["triggers"]] == ["t1", "r1"]
    shown = office.mai("explain", NUMBER, "--programme", "bluezone").out
    assert "+8490****567" in shown
    assert "901234567" not in shown


def test_a_refusal_that_was_recorded_is_confirmed_once(office: Office) -> None:
    """R6."""
    assert office.mai("refuse", NUMBER).out == "was recorded before\n"
    assert [row["kind"] for row in office.mai("log", "sms", "--json").rows] == ["refusal_confirmed"]


def test_the_calendar_has_thirty_days_from_the_decision_clock(office: Office) -> None:
    """B2, R8."""
    rows = office.mai("calendar", "bluezone", "--json").rows
    assert (rows[0]["date"], len(rows)) == ("2026-11-20", 30)
    assert [window["last_dial"][11:19] for window in rows[0]["calls"]] == ["11:59:30", "17:29:30"]


def test_complaint_backup_restore_and_forget_go_together(office: Office, tmp_path: Path) -> None:
    """Issue 3, 10 and 11."""
    assert office.mai("complaint", NUMBER, "-o", "c.xlsx").status == 0
    assert office.mai("backup", "b.tar").status == 0
    (report,) = office.mai("forget", NUMBER, "--json").rows
    assert report["changed"]["triggers"] == 2
    assert {"numbers", "list of subscribers"} <= {each["table"] for each in report["kept"]}
    assert office.mai("log", "triggers", "--number", NUMBER, "--json").rows == []
    assert office.mai("restore", "b.tar").status == 1
    for name in ("mai.db", "lists"):
        (office.folder / name).rename(tmp_path / name)
    assert office.mai("restore", "b.tar").status == 0
    rows = office.mai("log", "triggers", "--number", NUMBER, "--json").rows
    assert [row["id"] for row in rows] == ["t1", "r1"]


CASES = [
    (("trigger", "birthday", NUMBER, "1"), 2, "'birthday' is not a kind of event: one of topup, renewal"),
    (("trigger", "renewal", NUMBER, "-1"), 1, "amount: -1 is not between 1 and"),
    (("trigger", "renewal", NUMBER, "much"), 2, "amount"),
    (("calendar", "nope"), 2, "'nope' is not a programme: one of bill-due"),
    (("explain", "12"), 2, "'12' is not a Vietnamese number"),
    (("explain", NUMBER, "--programme", "nope"), 2, "'nope' is not a programme"),
    (("complaint", NUMBER, "-o", "c.pdf"), 2, "c.pdf: is no XLSX file"),
    (("complaint", NUMBER, "-o", "config.xlsx/x.xlsx"), 1, "config.xlsx/x.xlsx"),
    (("forget", "12"), 2, "'12' is not a Vietnamese number"),
    (("backup", "config.yaml"), 1, "is there already"),
    (("restore", "nowhere.tar"), 1, "is there: move it away first"),
]


@each_of(CASES)
def test_a_mistake_gets_one_sentence_and_its_exit_status(
    office: Office, words: tuple[str, ...], status: int, sentence: str
) -> None:
    """§5: 1 the thing asked for failed, 2 wrong usage."""
    mistaken(office, words, status, sentence)


def test_a_register_of_other_people_needs_a_word_and_a_lost_folder_does_not_stop_the_next(
    tmp_path: Path,
) -> None:
    """R2: who is gone counts, not only how many; and an import after the list files were lost is taken."""
    office = open_office(tmp_path)
    for name, first in (("one", 0), ("two", 30)):
        rows = [f"09012345{first + at:02},both" for at in range(20)]
        office.write(f"{name}.csv", "\n".join(["number,channel", *rows]))
    assert office.mai("import", "dnc", "one.csv").status == 0
    said = office.mai("import", "dnc", "two.csv")
    assert (said.status, "20 of the 20 numbers of the DoNotCall list in force" in said.err) == (1, True), said
    for file in (tmp_path / "lists").iterdir():
        file.unlink()
    said = office.mai("import", "dnc", "one.csv")
    assert (said.status, "version 2" in said.out) == (0, True), said
