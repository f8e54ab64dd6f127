"""Does an edited campaign hold for the next event, and a wrong edit change nothing?"""

import asyncio
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from ari_app.ending import end_call
from core.outcomes import Outcome
from core.speech import pieces_to_make
from core.written import VIETNAM
from prompts.library import open_library
from runtime import reload
from runtime.app import App
from store import calls, contacts, logs, settings, versions
from store.schema import journal
from store.tx import Tx
from tests.runtime.office import CAMPAIGN, PACKAGES, edit, files, office, write_files
from tests.small_app import running
from tests.store import sample

__all__ = ["files"]
_LONGEST_S = 30


def _least(app: App, name: str = "topup") -> int | None:
    return app.installation.campaign(name).audience.arpu[0].at_least


async def _alarms(app: App) -> dict[str, str]:
    return {alarm.name: alarm.text for alarm in await app.store.read(settings.standing_alarms)}


async def test_a_changed_number_holds_at_once_and_the_version_is_kept(files: Path) -> None:
    """O4: raised in the file, it is what the next event is asked with."""
    async with office(files) as app:
        before = app.installation.programmes["topup"]
        edit(files, CAMPAIGN.replace("30000", "50000"))
        (taken,) = await reload.take_up(app)
        after = app.installation.programmes["topup"]
        content = await app.store.read(lambda tx: versions.content(tx, version=after.version))
    assert (taken.name, taken.refused, _least(app)) == ("topup", None, 50_000)
    assert content == CAMPAIGN.replace("30000", "50000")
    assert app.earlier == {before.version: (before, app.installation.catalogue)}
    assert app.programme_of("topup", before.version) is before
    assert app.programme_of("topup", after.version) is after
    assert app.programme_of("topup", "of another start") is after


async def test_prompts_are_there_before_the_version_starts(files: Path) -> None:
    """DESIGN §4: a version starts only when its pieces exist."""
    async with office(files) as app:
        edit(files, CAMPAIGN.replace("Duy Tân", "Trần Thái Tông"))
        await reload.take_up(app)
        campaign = app.installation.campaign("topup")
        made = [app.media(piece) for piece in pieces_to_make(campaign, app.installation.catalogue)]
    assert made
    assert all(file.stat().st_size > 44 for file in made)


@pytest.mark.parametrize(
    ("wrong", "line", "says"),
    [
        (CAMPAIGN.replace("at_least: 30000", "at_lest: 30000"), 8, 'did you mean "at_least"?'),
        (CAMPAIGN.replace("30000", "30.000"), 8, "write 30000"),
        (CAMPAIGN.replace("C90N", "C91N"), 9, 'did you mean "C90N"?'),
        (CAMPAIGN.replace("tự động ", ""), 11, "R12"),
        ("", 1, "is empty"),
    ],
)
async def test_a_wrong_edit_is_refused_with_its_line_and_what_runs_stays(
    files: Path, wrong: str, line: int, says: str
) -> None:
    """Issue 3, 2: log, alarm, and the running version; R11, R12: the linter is asked too."""
    async with office(files) as app:
        before = app.installation
        edit(files, wrong)
        (refused,) = await reload.take_up(app)
        alarm = (await _alarms(app))["campaign:topup"]
        assert app.installation is before
        assert refused.refused is not None
        assert f"topup.yaml:{line}:" in alarm
        assert says in alarm
        assert f"version {before.programmes['topup'].version} stays" in alarm
        edit(files, CAMPAIGN.replace("30000", "40000"))
        await reload.take_up(app)
        assert await _alarms(app) == {}
        assert _least(app) == 40_000


async def test_going_back_to_what_runs_ends_the_alarm(files: Path) -> None:
    async with office(files) as app:
        edit(files, "title: [")
        await reload.take_up(app)
        assert list(await _alarms(app)) == ["campaign:topup"]
        edit(files, CAMPAIGN)
        assert await reload.take_up(app) == []
        assert await _alarms(app) == {}


async def test_a_new_file_starts_and_one_that_is_gone_ends_and_the_others_stay(files: Path) -> None:
    """O18."""
    async with office(files) as app:
        kept = app.installation.programmes["topup"]
        edit(files, CAMPAIGN.replace("30000", "70000"), "second")
        await reload.take_up(app)
        assert _least(app, "second") == 70_000
        (files / "campaigns" / "second.yaml").unlink()
        await reload.take_up(app)
        assert app.installation.programmes == {"topup": kept}
        assert list(app.installation.files) == ["topup"]


async def test_a_programme_that_was_held_back_starts_when_its_file_is_mended(tmp_path: Path) -> None:
    """R12."""
    write_files(tmp_path, topup=CAMPAIGN.replace("tự động ", ""))
    async with office(tmp_path) as app:
        assert "R12" in app.installation.held_back["topup"]
        edit(tmp_path, CAMPAIGN)
        await reload.take_up(app)
        assert app.installation.held_back == {}


async def test_a_folder_that_is_away_changes_nothing_and_is_told(files: Path) -> None:
    async with office(files) as app:
        before = app.installation
        (files / "campaigns").rename(files / "elsewhere")
        assert await reload.take_up(app) == []
        assert "is not there" in (await _alarms(app))["campaigns"]
        assert app.installation is before


async def test_the_part_takes_up_what_is_edited_while_it_runs(files: Path) -> None:
    """Issue 3, 2: without a restart; the planner and the dialer are woken."""
    async with office(files) as app, running(reload.run, app, "campaigns"):
        woken = app.store.watch("triggers")
        edit(files, CAMPAIGN.replace("30000", "60000"))
        async with asyncio.timeout(_LONGEST_S):
            while _least(app) != 60_000:
                await woken.wait(_LONGEST_S)
        assert app.says["campaigns"]() == {"topup": app.installation.programmes["topup"].version}


async def test_what_was_edited_before_the_part_began_is_taken_up_too(files: Path) -> None:
    async with office(files) as app:
        edit(files, CAMPAIGN.replace("30000", "80000"))
        async with running(reload.run, app, "campaigns"):
            assert _least(app) == 80_000


async def test_a_call_that_began_before_the_edit_ends_with_the_texts_it_began_with(files: Path) -> None:
    """Issue 3, 2: without touching calls in progress."""
    text = 'messages:\n  offer: {sender: "8989", text: "Gói {{ offer.name }} %s, giá {{ offer.price }}."}\n'
    edit(files, CAMPAIGN + text % "cũ")
    now = datetime(2026, 11, 23, 9, 0, tzinfo=VIETNAM)
    async with office(files) as app:
        old = app.installation.programmes["topup"]

        def begin(tx: Tx) -> None:
            contacts.plan(tx, sample.contact("c1"), now=now)
            call = contacts.NewCall(id="call-1", wall_at=now, offer=("C90N",), prompt_version=old.version)
            contacts.claim(tx, "c1", call, now=now)

        await app.store.write(begin)
        edit(files, CAMPAIGN + text % "mới")
        await reload.take_up(app)
        ended = calls.Ended("call-1", Outcome.NO_KEY, now, True)
        await app.store.write(lambda tx: end_call(tx, app=app, ended=ended, now=now))
        (sent,) = await app.store.read(lambda tx: [*logs.sms(tx)])
    assert app.installation.programmes["topup"] is not old
    assert "Gói C90N cũ, giá 90.000đ." in sent["text"]


def _packages(files: Path, text: str) -> None:
    beside = files / ".packages.swp"
    beside.write_text(text, encoding="utf-8")
    beside.rename(files / "packages.yaml")


DEARER = PACKAGES.replace("90000", "95000")


async def test_a_changed_package_holds_for_the_next_event_with_every_campaign(files: Path) -> None:
    """Issue 3, 2, O17: price in the script, in the SMS and in the version; nobody is held back meanwhile."""
    async with office(files) as app:
        before = app.installation
        told = pieces_to_make(before.campaign("topup"), before.catalogue)
        open_library(before.config.prompts, before.catalogue, files).make(told)
        _packages(files, DEARER + "spoken:\n  GB: ghi ga bai\n")
        (taken,) = await reload.take_up(app)
        after = app.installation
        assert (taken.name, taken.refused) == ("topup", None)
        assert after.catalogue.packages["C90N"].price == 95_000
        assert after.programmes["topup"].version != before.programmes["topup"].version
        old = app.earlier[before.programmes["topup"].version]
        assert old == (before.programmes["topup"], before.catalogue)
        assert app.catalogue_of(after.programmes["topup"].version) is after.catalogue
        pieces = [*told, *pieces_to_make(after.campaign("topup"), after.catalogue)]
        assert all(app.media(piece).stat().st_size > 44 for piece in pieces)
        journaled = await app.store.read(lambda tx: tx.execute(select(journal)).all())
    assert [(row.did, row.reason) for row in journaled if row.did == "packages_changed"] == [
        ("packages_changed", "C90N, how words are spoken")
    ]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (
            PACKAGES.replace("price", "prise"),
            'packages.yaml:2: packages.C90N.prise: is not a key here, did you mean "price"?',
        ),
        (
            PACKAGES.replace("C90N", "C91N"),
            'with the packages as edited: campaigns/topup.yaml:9: offers.1: "C90N" is not a package',
        ),
        ("packages: [", "packages.yaml:1: "),
        (
            PACKAGES.replace("kind: combo, price", "kind: cmbo, dayz: 3, prise"),
            "… and 1 more (the packages that run stay)",
        ),
        (
            PACKAGES.replace("90000", "90.000"),
            "packages.yaml:2: packages.C90N.price: is the number 90.000, write 90000",
        ),
    ],
)
async def test_wrong_packages_are_refused_with_their_line_and_what_runs_stays(
    files: Path, monkeypatch: pytest.MonkeyPatch, wrong: str, says: str
) -> None:
    """Issue 3, 2: as for a campaign; the alarm ends when the file is back, or right."""
    monkeypatch.chdir(files)
    async with office(files) as app:
        before = app.installation
        _packages(files, wrong)
        assert await reload.take_up(app) == []
        assert says in (await _alarms(app))["packages"]
        assert app.installation is before
        _packages(files, PACKAGES)
        assert await reload.take_up(app) == []
        assert await _alarms(app) == {}
        assert app.installation is before


async def test_a_campaign_is_taken_up_beside_packages_that_are_wrong(files: Path) -> None:
    """The mistake of one person holds up nobody else."""
    async with office(files) as app:
        _packages(files, "packages: [")
        edit(files, CAMPAIGN.replace("30000", "50000"))
        await reload.take_up(app)
        assert _least(app) == 50_000
        assert list(await _alarms(app)) == ["packages"]


async def test_a_package_that_was_missing_lets_its_campaign_start(tmp_path: Path) -> None:
    """O17, O18: held back for its package, it starts when the package is there; nothing is said until then."""
    write_files(tmp_path, topup=CAMPAIGN, second=CAMPAIGN.replace("C90N", "D5"))
    async with office(tmp_path) as app:
        assert list(app.installation.held_back) == ["second"]
        _packages(tmp_path, DEARER)
        await reload.take_up(app)
        assert await _alarms(app) == {}
        d5 = "  D5: {kind: data, price: 5000, days: 1, allowance: 1GB, syntax: DK D5}\n"
        _packages(tmp_path, DEARER + d5)
        await reload.take_up(app)
        assert app.installation.held_back == {}
        assert sorted(app.installation.programmes) == ["second", "topup"]


async def test_the_part_takes_up_packages_that_are_edited_while_it_runs(files: Path) -> None:
    """Issue 3, 2: without a restart."""
    async with office(files) as app, running(reload.run, app, "campaigns"):
        woken = app.store.watch("triggers")
        _packages(files, DEARER)
        async with asyncio.timeout(_LONGEST_S):
            while app.installation.catalogue.packages["C90N"].price != 95_000:
                await woken.wait(_LONGEST_S)


async def test_a_call_that_began_before_its_package_changed_ends_with_the_price_it_was_told(
    files: Path,
) -> None:
    """Issue 3, 2: calls in progress keep their packages."""
    text = 'messages:\n  offer: {sender: "8989", text: "Gói {{ offer.name }}, giá {{ offer.price }}."}\n'
    edit(files, CAMPAIGN + text)
    now = datetime(2026, 11, 23, 9, 0, tzinfo=VIETNAM)
    async with office(files) as app:
        version = app.installation.programmes["topup"].version

        def begin(tx: Tx) -> None:
            contacts.plan(tx, replace(sample.contact("c1"), version=version), now=now)
            call = contacts.NewCall(id="call-1", wall_at=now, offer=("C90N",), prompt_version=version)
            contacts.claim(tx, "c1", call, now=now)

        await app.store.write(begin)
        _packages(files, DEARER)
        await reload.take_up(app)
        ended = calls.Ended("call-1", Outcome.NO_KEY, now, True)
        await app.store.write(lambda tx: end_call(tx, app=app, ended=ended, now=now))
        (sent,) = await app.store.read(lambda tx: [*logs.sms(tx)])
    assert "giá 90.000đ." in sent["text"]
