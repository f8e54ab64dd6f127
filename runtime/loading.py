"""Which files make up this installation, and are they all right? Reads them; core/loading.py judges them."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from core.config import Config
from core.facts import Programme, law_of
from core.lint import Finding, lint
from core.loading import Problem, parse_campaign, parse_config, parse_packages
from core.packages import Catalogue
from core.written import VIETNAM
from runtime.app import App, Installation, Media
from runtime.clock import clock_of
from store.database import open_store


class BadInstallation(Exception):
    """Something that a person wrote is wrong; `lines` say where and what would be right."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


def _shown(path: Path) -> str:
    """A path as a person in this folder would write it."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


def _text(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise BadInstallation([f"{_shown(path)}: {what} is not there; name it with --config or make it"]) from None
    except OSError as error:
        raise BadInstallation([f"{_shown(path)}: cannot be read: {error.strerror}"]) from error


def load_config(file: Path) -> Config:
    """config.yaml, filled from the environment. Raises BadInstallation with every problem."""
    config = parse_config(_text(file, "the configuration"), _shown(file), os.environ)
    if isinstance(config, list):
        raise BadInstallation([str(problem) for problem in config])
    return config


def load(file: Path) -> Installation:
    """Everything that people wrote. Raises BadInstallation with every problem of every file at once."""
    config = load_config(file)
    folder = file.resolve().parent
    packages = (folder / config.packages).resolve()
    catalogue = parse_packages(_text(packages, "the catalogue of packages"), _shown(packages))
    if isinstance(catalogue, list):
        raise BadInstallation([str(problem) for problem in catalogue])
    problems: list[Problem] = []
    programmes: dict[str, Programme] = {}
    files: dict[str, str] = {}
    held_back: dict[str, str] = {}
    for path in _campaign_files(folder / config.campaigns):
        text = _text(path, "a campaign")
        found = parse_campaign(text, _shown(path), catalogue, config, datetime.now(UTC).astimezone(VIETNAM).date())
        if isinstance(found, list):
            problems += found
            continue
        programmes[found.name] = found
        files[found.name] = text.decode("utf-8", "replace")
        stops = [finding for finding in findings_of(found, path, text, catalogue, config) if finding.stops]
        if stops:
            held_back[found.name] = str(stops[0])
    if problems:
        raise BadInstallation([str(problem) for problem in problems])
    return Installation(config, folder, catalogue, programmes, files, held_back, law_of(config))


def findings_of(
    programme: Programme, path: Path, text: bytes, catalogue: Catalogue, config: Config
) -> list[Finding]:
    """What the rule linter says of one programme (R4, R5, R10, R11, R12, O5, O6)."""
    return lint(programme, text, _shown(path), catalogue, config)


def _campaign_files(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        raise BadInstallation([f"{_shown(folder)}: the folder of campaigns is not there; set `campaigns` in config.yaml"])
    yield from sorted(path for path in folder.iterdir() if path.suffix in (".yaml", ".yml"))


def _no_sound(piece: str) -> Path:
    raise RuntimeError(f"this command plays no prompts: {piece!r}")


@asynccontextmanager
async def open_app(
    installation: Installation, *, readonly: bool = False, media: Media = _no_sound
) -> AsyncIterator[App]:
    """The store and the clock of an installation; `media`: where the prompts are. Raises store.errors.StoreError."""
    config = installation.config
    async with open_store(config.store.url, installation.folder, readonly=readonly) as store:
        clock = await clock_of(store, config.clock.now, readonly=readonly)
        yield App(installation, store, clock, media)
