"""Has the complaint desk everything about one number, in order, word for word, and nothing of another?"""

import stat
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from python_calamine import CalamineWorkbook

from core.outcomes import Outcome
from runtime import requests
from runtime.app import App
from runtime.complaint import everything, history, write_workbook
from runtime.failed import CommandFailed
from store import contacts, journal, messages, numbers, received, triggers, versions
from store.calls import NOTHING, Ended, finish
from store.tx import Tx
from tests.core.sample import subscriber
from tests.runtime.town import AN, NOW, town
from tests.store import sample

FORMULA = '=HYPERLINK("http://x","+84")'


def _a_day(tx: Tx) -> None:
    """A top-up, the call, its SMS, a refusal by SMS; and another number's call."""

    versions.keep(tx, programme="topup", version="v1", content="title: Sau nạp tiền\n", now=NOW)
    triggers.add(tx, event=sample.topup("t1", at=NOW), received_at=NOW)
    contacts.plan(tx, sample.contact("c1", trigger="t1"), now=NOW + timedelta(minutes=1))
    call = contacts.NewCall(id="call-1", wall_at=NOW, offer=("C90N",), prompt_version="v1")
    contacts.claim(tx, "c1", call, now=NOW + timedelta(minutes=2))
    said = Ended("call-1", Outcome.NO_KEY, NOW, True, keys=(("5", NOW),), text="Bấm 1 đăng ký gói C90N")
    finish(tx, said, NOTHING, now=NOW)
    new = replace(sample.message("offer:c1"), text="[QC] Gói C90N")
    messages.add(tx, new, now=NOW + timedelta(minutes=3))
    received.add(tx, id="mo", number=AN, to="8989", text=FORMULA, bind="b", at=NOW + timedelta(minutes=4))
    numbers.refuse(tx, number=AN, at=NOW + timedelta(minutes=5), via="sms", ref="mo")
    sample.dialing(tx, "c2", "call-2", number=sample.BINH)


async def _written(app: App, file: Path) -> dict[str, list[list[Any]]]:
    write_workbook(await everything(app, AN), {"made by": "lan"}, file)
    book = CalamineWorkbook.from_path(file)
    return {name: book.get_sheet_by_name(name).to_python() for name in book.sheet_names}


async def test_everything_is_there_in_order_with_its_words(tmp_path: Path) -> None:
    """O16."""
    async with town(tmp_path) as app:
        await app.store.write(_a_day)
        sheets = await _written(app, tmp_path / "an.xlsx")
    header, *lines = sheets["History"]
    told = [(line[header.index("what")], line[header.index("text")]) for line in lines]
    assert told == [
        ("event", ""),
        ("planned", ""),
        ("call", "Bấm 1 đăng ký gói C90N"),
        ("SMS to", "[QC] Gói C90N"),
        ("SMS from", FORMULA),
        ("journal", "by sms"),
    ]
    assert lines[2][header.index("version")] == "v1"
    assert "offer C90N" in str(lines[2][header.index("details")])
    assert sheets["Programmes"][1][3] == "title: Sau nạp tiền\n"
    about = {row[0]: row[1] for row in sheets["About"]}
    assert (about["made by"], about["number"], about["consent"]) == ("lan", AN, "contract 12")
    assert sample.BINH not in str(sheets)


async def test_no_cell_is_a_formula_and_a_long_text_is_cut_not_lost(tmp_path: Path) -> None:
    """What strangers wrote is opened at a desk."""
    async with town(tmp_path) as app:
        await app.store.write(
            partial(received.add, id="mo", number=AN, to="8989", text="=1+" + "9" * 40_000, bind="b", at=NOW)
        )
        sheets = await _written(app, tmp_path / "an.xlsx")
    assert len(str(sheets["History"][1][5])) == 32_767
    assert "<f>" not in _xml(tmp_path / "an.xlsx")


def _xml(file: Path) -> str:
    with ZipFile(file) as packed:
        return "".join(packed.read(name).decode() for name in packed.namelist() if "sheets/" in name)


async def test_the_file_is_for_its_owner_and_no_other_is_written_over(tmp_path: Path) -> None:
    """R14."""
    async with town(tmp_path, base=[subscriber()]) as app:
        await _written(app, tmp_path / "an.xlsx")
        assert stat.S_IMODE((tmp_path / "an.xlsx").stat().st_mode) == 0o600
        with pytest.raises(CommandFailed, match="is there already"):
            await _written(app, tmp_path / "an.xlsx")


async def test_who_asked_for_it_is_in_the_journal(tmp_path: Path) -> None:
    """R14: a reveal is logged."""
    async with town(tmp_path) as app:
        await requests.complaint(app, number="0901234567", by="lan")
        kept = await app.store.read(partial(journal.of_number, number=AN))
        lines = history(await everything(app, AN))
    assert [(entry.did, entry.by) for entry in kept] == [("complaint", "lan")]
    assert [line[4] for line in lines] == ["complaint"]
