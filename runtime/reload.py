"""How does an edited campaign file take effect while calls are up? Read, judged, its prompts made, then switched.

A number changed in a file of campaigns/ holds for the next event. Calls in progress go on with the version that
they began with (`App.earlier`). A wrong edit is refused with its line: in the log, as an alarm and in `mai status`;
the version that runs stays. The other files of the installation take effect at the next start.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from watchfiles import Change, awatch

from core.facts import Programme
from core.speech import pieces_to_make
from prompts.errors import CannotMake, CannotSpeak
from prompts.library import open_library
from runtime.app import App, Installation
from runtime.failed import BadInstallation
from runtime.loading import Loaded, load_campaigns
from runtime.logs import log
from store import journal, settings, versions
from store.tx import Tx

logger = log("campaigns")

#: An editor writes a file in several steps; they are looked at together, after this many milliseconds.
_TOGETHER_MS = 400
#: The catalogue is looked at this often, in milliseconds.
_LOOK_MS = 1000
_FOLDER_ALARM = "campaigns"
_RESTART_ALARM = "campaigns:restart"


@dataclass(frozen=True)
class Edit:
    """One file that is not as it runs: the version to start, or why it is refused; neither: it is gone."""

    name: str
    loaded: Loaded | None = None
    refused: str | None = None


async def run(app: App, stopping: asyncio.Event) -> None:
    """Take up what is edited in campaigns/ until told to stop."""
    installation = app.installation
    packages = installation.path(installation.config.packages)
    as_started = _edited_at(packages)
    await app.clear_alarm(_RESTART_ALARM)
    watching = awatch(
        installation.path(installation.config.campaigns),
        debounce=_TOGETHER_MS,
        rust_timeout=_LOOK_MS,
        yield_on_timeout=True,
        stop_event=stopping,
        watch_filter=_is_ours,
        recursive=False,
    )
    looked = False
    async for changes in watching:
        if changes or not looked:  # the first time: what was edited before the watch began
            await take_up(app)
            looked = True
            app.says["campaigns"] = lambda: _said(app)
        if (edited_at := _edited_at(packages)) != as_started:
            as_started = edited_at
            told = f"{installation.config.packages} was edited: it takes effect at the next start"
            logger.warning(told)
            await app.alarm(_RESTART_ALARM, told)


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
    """Compare campaigns/ with what runs and switch what is right; returns what was taken up or refused."""
    try:
        edits = await asyncio.to_thread(edits_of, app.installation)
    except BadInstallation as wrong:
        logger.error("the campaigns cannot be read; what runs stays", why=str(wrong))
        await app.alarm(_FOLDER_ALARM, str(wrong))
        return []
    await app.clear_alarm(_FOLDER_ALARM)
    for edit in edits:
        if edit.refused is not None:
            await _refuse(app, edit, edit.refused)
    good = [edit for edit in edits if edit.refused is None]
    if good:
        await _switch(app, good)
    await _clear(app, edits)
    return edits


def edits_of(installation: Installation) -> list[Edit]:
    """What is not as it runs, with its prompts made; blocking. Raises BadInstallation for the folder as a whole."""
    found = load_campaigns(installation.config, installation.folder, installation.catalogue)
    edits = [_judged(installation, each) for each in found if _edited(installation, each)]
    gone = set(installation.files) - {each.name for each in found}
    return edits + [Edit(name) for name in sorted(gone)]


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
    library = open_library(installation.config.prompts, installation.catalogue, installation.folder)
    library.make(pieces_to_make(programme.campaign, installation.catalogue))


async def _refuse(app: App, edit: Edit, why: str) -> None:
    running = app.installation.programmes.get(edit.name)
    stays = f"version {running.version} stays" if running else "it does not start"
    logger.error("a campaign file was refused", programme=edit.name, why=why, running=stays)
    await app.alarm(_alarm(edit.name), f"{why} ({stays})")


def _alarm(programme: str) -> str:
    return f"campaign:{programme}"


async def _switch(app: App, edits: Sequence[Edit]) -> None:
    """Keep the new versions, then put them in force between two functions of the store's writer.

    In that order: a call may name a version only when it is kept; and no function that plans or claims sees
    one half of the old installation and one half of the new.
    """
    now = app.now()

    def keep(tx: Tx) -> None:
        for edit in edits:
            after = edit.loaded.programme if edit.loaded else None
            if edit.loaded and after:
                versions.keep(
                    tx, version=after.version, programme=edit.name, content=_text(edit.loaded), now=now
                )
            before = app.installation.programmes.get(edit.name)
            said = f"{before.version if before else 'none'} -> {after.version if after else 'none'}"
            journal.write(tx, at=now, by="file", did="campaign_changed", programme=edit.name, reason=said)

    await app.store.write(keep)
    for edit in edits:
        if edit.loaded and edit.loaded.programme:
            await asyncio.to_thread(_warm, app, edit.loaded.programme)
    await app.store.write(partial(_put_in_force, app=app, edits=edits))
    for edit in edits:
        after = edit.loaded.programme if edit.loaded else None
        logger.info(
            "a campaign was taken up" if after else "a campaign's file is gone: it calls nobody any more",
            programme=edit.name,
            version=after.version if after else None,
        )


def _warm(app: App, programme: Programme) -> None:
    """Look every piece up once, so that no call waits for the disk."""
    if not programme.campaign.enabled:
        return
    for piece in pieces_to_make(programme.campaign, app.installation.catalogue):
        app.media(piece)


def _put_in_force(tx: Tx, *, app: App, edits: Iterable[Edit]) -> None:
    old = app.installation
    programmes, files, held_back = dict(old.programmes), dict(old.files), dict(old.held_back)
    for edit in edits:
        replaced = programmes.pop(edit.name, None)
        if replaced is not None:
            app.earlier[replaced.version] = replaced
        files.pop(edit.name, None)
        held_back.pop(edit.name, None)
        if edit.loaded and edit.loaded.programme:
            programmes[edit.name] = edit.loaded.programme
            files[edit.name] = _text(edit.loaded)
    app.installation = replace(old, programmes=programmes, files=files, held_back=held_back)
    tx.wake("triggers", "contacts", "messages")


async def _clear(app: App, edits: Iterable[Edit]) -> None:
    """Alarms of files that are right again, or as they run."""
    refused = {_alarm(edit.name) for edit in edits if edit.refused is not None}
    standing = await app.store.read(settings.standing_alarms)
    for alarm in standing:
        if alarm.name.startswith("campaign:") and alarm.name not in refused:
            await app.clear_alarm(alarm.name)
