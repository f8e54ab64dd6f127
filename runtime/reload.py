"""How do edited campaigns and packages take effect while calls are up? Read, judged, prompts made, then switched.

A number changed in a file of campaigns/, or in packages.yaml, holds for the next event. Calls in progress go on with
the version and the packages that they began with (`App.earlier`). A wrong edit is refused with its line: in the log, as
an alarm and in `mai status`; what runs stays, until the file is right or as it was. The catalogue is taken with every
campaign that runs, or not at all. The rest of the installation takes effect at the next start.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path

from watchfiles import Change, awatch

from core.facts import Programme
from core.packages import Catalogue
from core.speech import pieces_to_make
from prompts.errors import CannotMake, CannotSpeak, NotMade
from prompts.library import Library, open_library
from runtime.app import App, Installation, Media
from runtime.failed import BadInstallation
from runtime.loading import Loaded, load_campaigns, load_catalogue
from runtime.logs import log
from store import journal, settings, versions
from store.tx import Tx

logger = log("campaigns")

#: An editor writes a file in several steps; they are looked at together, after this many milliseconds.
_TOGETHER_MS = 400
#: The catalogue is looked at this often, in milliseconds.
_LOOK_MS = 1000
_FOLDER_ALARM = "campaigns"
_PACKAGES_ALARM = "packages"
#: Problems of one file that an alarm tells; `mai check` tells all.
_TOLD = 3


@dataclass(frozen=True)
class Edit:
    """One file that is not as it runs: the version to start, or why it is refused; neither: it is gone."""

    name: str
    loaded: Loaded | None = None
    refused: str | None = None


@dataclass(frozen=True)
class Look:
    """What was found in the files: the catalogue to go on with, why the written one is refused, the campaigns."""

    catalogue: Catalogue
    refused: str | None
    edits: list[Edit]


async def run(app: App, stopping: asyncio.Event) -> None:
    """Take up what is edited in campaigns/ and packages.yaml until told to stop."""
    installation = app.installation
    packages = installation.path(installation.config.packages)
    watching = awatch(
        installation.path(installation.config.campaigns),
        debounce=_TOGETHER_MS,
        rust_timeout=_LOOK_MS,
        yield_on_timeout=True,
        stop_event=stopping,
        watch_filter=_is_ours,
        recursive=False,
    )
    looked_at = -1
    async for changes in watching:
        edited_at = _edited_at(packages)
        if changes or edited_at != looked_at:  # the first time: what was edited before the watch began
            looked_at = edited_at
            await take_up(app)
            app.says["campaigns"] = lambda: _said(app)


def _edited_at(file: Path) -> int:
    """When the file was last written; 0: it is not there."""
    try:
        return file.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _is_ours(_: Change, path: str) -> bool:
    return path.endswith((".yaml", ".yml"))


def _said(app: App) -> dict[str, str]:
    """Each programme and the version that runs; held back: it does not."""
    held = app.installation.held_back
    return {
        name: "held back" if name in held else programme.version
        for name, programme in sorted(app.installation.programmes.items())
    }


async def take_up(app: App) -> list[Edit]:
    """Compare the files with what runs and switch what is right; returns what was taken up or refused."""
    try:
        found = await asyncio.to_thread(look, app.installation)
    except BadInstallation as wrong:
        logger.error("the campaigns cannot be read; what runs stays", why=str(wrong))
        await app.alarm(app.own(_FOLDER_ALARM), str(wrong))
        return []
    await app.clear_alarm(app.own(_FOLDER_ALARM))
    if found.refused is not None:
        logger.error("packages.yaml was refused; what runs stays", why=found.refused)
        await app.alarm(app.own(_PACKAGES_ALARM), f"{found.refused} (the packages that run stay)")
    else:
        await app.clear_alarm(app.own(_PACKAGES_ALARM))
    edits = found.edits
    for edit in edits:
        if edit.refused is not None:
            await _refuse(app, edit, edit.refused)
    good = [edit for edit in edits if edit.refused is None]
    if good or found.catalogue != app.installation.catalogue:
        await _switch(app, found.catalogue, good)
    await _clear(app, edits)
    return edits


def look(installation: Installation) -> Look:
    """What is not as it runs, with its prompts made; blocking. Raises BadInstallation for the folder of campaigns.

    A new catalogue is refused when a campaign that runs would not be right with it: then the campaigns are judged
    with the catalogue that runs.
    """
    try:
        written = load_catalogue(installation.config, installation.folder)
    except BadInstallation as wrong:
        problems = str(wrong).splitlines()
        more = [f"… and {len(problems) - _TOLD} more"] if len(problems) > _TOLD else []
        return Look(installation.catalogue, "\n".join(problems[:_TOLD] + more), edits_of(installation))
    if written == installation.catalogue:
        return Look(written, None, edits_of(installation))
    edits = edits_of(replace(installation, catalogue=written, files={}), running=installation)
    runs = installation.programmes.keys() - installation.held_back.keys()
    harmed = next((edit for edit in edits if edit.refused is not None and edit.name in runs), None)
    if harmed is not None:
        return Look(
            installation.catalogue, f"with the packages as edited: {harmed.refused}", edits_of(installation)
        )
    return Look(written, None, edits)


def edits_of(installation: Installation, running: Installation | None = None) -> list[Edit]:
    """The campaigns that are not as they run, with their prompts made; blocking. Raises BadInstallation.

    `running`: what runs, where `installation` is it with another catalogue; then every file is judged, and of those
    that do not start nothing new is said.
    """
    now = running or installation
    found = load_campaigns(installation.config, installation.folder, installation.catalogue)
    edits = [_judged(installation, each) for each in found if _edited(installation, each)]
    known = {each.name for each in found if not _edited(now, each)} & now.held_back.keys()
    gone = set(now.files) - {each.name for each in found}
    return [e for e in edits if e.refused is None or e.name not in known] + [Edit(n) for n in sorted(gone)]


def _edited(installation: Installation, each: Loaded) -> bool:
    return installation.files.get(each.name) != _text(each)


def _text(each: Loaded) -> str:
    return each.text.decode("utf-8", "replace")


def _judged(installation: Installation, each: Loaded) -> Edit:
    """Right: its prompts are there when this returns. A wrong file has no prompts to make."""
    if each.programme is None or each.why_held_back is not None:
        return Edit(each.name, refused=each.why_held_back)
    try:
        _make_prompts(installation, each.programme)
    except (CannotMake, CannotSpeak) as error:
        return Edit(each.name, refused=f"{each.file}: its prompts cannot be made: {error}")
    return Edit(each.name, each)


def _make_prompts(installation: Installation, programme: Programme) -> None:
    if not programme.campaign.enabled:
        return
    _library(installation).make(pieces_to_make(programme.campaign, installation.catalogue))


def _library(installation: Installation) -> Library:
    return open_library(installation.config.prompts, installation.catalogue, installation.folder)


async def _refuse(app: App, edit: Edit, why: str) -> None:
    running = app.installation.programmes.get(edit.name)
    stays = f"version {running.version} stays" if running else "it does not start"
    logger.error("a campaign file was refused", programme=edit.name, why=why, running=stays)
    await app.alarm(_alarm(app, edit.name), f"{why} ({stays})")


def _alarm(app: App, programme: str) -> str:
    return app.own(f"campaign:{programme}")


def keep_version(tx: Tx, *, programme: Programme, content: str, now: datetime) -> None:
    """Keep what a programme is; R11: who waived a rule in it, which and why, stands in the journal and the log."""
    if not versions.keep(tx, version=programme.version, programme=programme.name, content=content, now=now):
        return
    for waiver in programme.campaign.waivers:
        said = f"{waiver.rule} waived by {waiver.by} on {waiver.on}: {waiver.reason}"
        journal.write(tx, at=now, by="file", did="rule_waived", programme=programme.name, reason=said)
        logger.warning("a rule is waived", programme=programme.name, rule=waiver.rule, by=waiver.by)


async def _switch(app: App, catalogue: Catalogue, edits: Sequence[Edit]) -> None:
    """Keep the new versions, then put them in force between two functions of the store's writer.

    In that order: a call may name a version only when it is kept; and no function that plans or claims sees
    one half of the old installation and one half of the new.
    """
    now, before_it = app.now(), app.installation.catalogue
    new_packages = catalogue != before_it

    def keep(tx: Tx) -> None:
        if new_packages:
            codes = _difference(before_it, catalogue)
            journal.write(tx, at=now, by="file", did="packages_changed", reason=codes)
        for edit in edits:
            after = edit.loaded.programme if edit.loaded else None
            if edit.loaded and after:
                keep_version(tx, programme=after, content=_text(edit.loaded), now=now)
            before = app.installation.programmes.get(edit.name)
            said = f"{before.version if before else 'none'} -> {after.version if after else 'none'}"
            journal.write(tx, at=now, by="file", did="campaign_changed", programme=edit.name, reason=said)

    await app.store.write(keep)
    if new_packages:
        library = await asyncio.to_thread(_library, replace(app.installation, catalogue=catalogue))
        app.media = _newest_first(library, app.media)
    for edit in edits:
        if edit.loaded and edit.loaded.programme:
            await asyncio.to_thread(_warm, app.media, edit.loaded.programme, catalogue)
    await app.store.write(partial(_put_in_force, app=app, catalogue=catalogue, edits=edits))
    if new_packages:
        logger.info("the packages were taken up", changed=_difference(before_it, catalogue))
    for edit in edits:
        after = edit.loaded.programme if edit.loaded else None
        logger.info(
            "a campaign was taken up" if after else "a campaign's file is gone: it calls nobody any more",
            programme=edit.name,
            version=after.version if after else None,
        )


def _difference(before: Catalogue, after: Catalogue) -> str:
    """The codes of the packages that are not as they were, and whether the lexicon is."""
    codes = sorted(before.packages.keys() | after.packages.keys())
    changed = [code for code in codes if before.packages.get(code) != after.packages.get(code)]
    return ", ".join([*changed, *(["how words are spoken"] if before.spoken != after.spoken else [])])


def _newest_first(library: Library, before: Media) -> Media:
    """The sounds of the new lexicon; what only calls in progress still say is played as it was."""

    def file(piece: str) -> Path:
        try:
            return library.file(piece)
        except NotMade:
            return before(piece)

    return file


def _warm(media: Media, programme: Programme, catalogue: Catalogue) -> None:
    """Look every piece up once, so that no call waits for the disk."""
    if not programme.campaign.enabled:
        return
    for piece in pieces_to_make(programme.campaign, catalogue):
        media(piece)


def _put_in_force(tx: Tx, *, app: App, catalogue: Catalogue, edits: Iterable[Edit]) -> None:
    old = app.installation
    programmes, files, held_back = dict(old.programmes), dict(old.files), dict(old.held_back)
    for edit in edits:
        replaced = programmes.pop(edit.name, None)
        if replaced is not None:
            app.earlier[replaced.version] = replaced, old.catalogue
        files.pop(edit.name, None)
        held_back.pop(edit.name, None)
        if edit.loaded and edit.loaded.programme:
            programmes[edit.name] = edit.loaded.programme
            files[edit.name] = _text(edit.loaded)
    app.installation = replace(
        old, catalogue=catalogue, programmes=programmes, files=files, held_back=held_back
    )
    tx.wake("triggers", "contacts", "messages")


async def _clear(app: App, edits: Iterable[Edit]) -> None:
    """Alarms of files that are right again, or as they run."""
    refused = {_alarm(app, edit.name) for edit in edits if edit.refused is not None}
    standing = await app.store.read(settings.standing_alarms)
    for alarm in standing:
        ours = alarm.name == app.own(alarm.name.partition("@")[0])
        if ours and alarm.name.startswith("campaign:") and alarm.name not in refused:
            await app.clear_alarm(alarm.name)
