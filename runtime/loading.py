"""Which files make up this installation, and are they all right? Reads them; core/loading.py judges them."""

import os
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib.util import find_spec
from pathlib import Path

from core.check_binds import Warned, bind_warnings
from core.check_hopes import hopes
from core.check_trunks import trunk_warnings
from core.config import Config
from core.decree import law_rows
from core.facts import Programme, law_of
from core.lint import Finding, lint
from core.loading import Problem, parse_campaign, parse_config, parse_packages
from core.packages import Catalogue
from core.sources import FolderSource
from core.written import VIETNAM
from core.yaml_file import BadYaml, Document, key_of, read
from runtime.app import App, Installation, Media
from runtime.clock import clock_of, not_heeded
from runtime.failed import BadInstallation
from store.database import open_store
from store.errors import StoreError

__all__ = ["BadInstallation", "Loaded", "check", "load", "load_config", "open_app"]


def _shown(path: Path) -> str:
    """A path as a person in this folder would write it."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


def _text(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise BadInstallation(
            [f"{_shown(path)}: {what} is not there; name it with --config or make it"]
        ) from None
    except OSError as error:
        raise BadInstallation([f"{_shown(path)}: cannot be read: {error.strerror}"]) from error


def load_config(file: Path) -> Config:
    """config.yaml, filled from the environment. Raises BadInstallation with every problem."""
    try:
        law_rows()
    except BadYaml as wrong:
        raise BadInstallation([str(problem) for problem in wrong.problems]) from wrong
    config = parse_config(_text(file, "the configuration"), _shown(file), os.environ)
    if isinstance(config, list):
        raise BadInstallation([str(problem) for problem in config])
    return config


@dataclass(frozen=True)
class Loaded:
    """One campaign file: the programme or what is wrong with the file, and what the linter says of it."""

    name: str
    file: str
    text: bytes
    programme: Programme | None
    problems: list[Problem]
    findings: tuple[Finding, ...] = ()

    @property
    def why_held_back(self) -> str | None:
        """Why it does not start; None: it does."""
        reasons = [str(problem) for problem in self.problems] or [str(f) for f in self.findings if f.stops]
        return reasons[0] if reasons else None


def load_catalogue(config: Config, folder: Path) -> Catalogue:
    """packages.yaml. Raises BadInstallation with every problem."""
    path = (folder / config.packages).resolve()
    catalogue = parse_packages(_text(path, "the catalogue of packages"), _shown(path))
    if isinstance(catalogue, list):
        raise BadInstallation([str(problem) for problem in catalogue])
    return catalogue


def _today(config: Config) -> date:
    return (config.clock.now or datetime.now(UTC)).astimezone(VIETNAM).date()


def load_campaigns(config: Config, folder: Path, catalogue: Catalogue) -> list[Loaded]:
    """Every file of campaigns/, the good and the bad."""
    today = _today(config)
    loaded = []
    for path in _campaign_files((folder / config.campaigns).resolve()):
        text, shown = _text(path, "a campaign"), _shown(path)
        found = parse_campaign(text, shown, catalogue, config, today)
        if isinstance(found, list):
            loaded.append(Loaded(path.stem, shown, text, None, found))
        else:
            loaded.append(
                Loaded(path.stem, shown, text, found, [], lint(found, text, shown, catalogue, config, today))
            )
    return loaded


def load(file: Path) -> Installation:
    """The installation. A campaign that is wrong, or that a rule forbids, is held back; the rest goes on.

    Raises BadInstallation for what the whole system stands on: config.yaml and packages.yaml.
    """
    config = load_config(file)
    folder = file.resolve().parent
    catalogue = load_catalogue(config, folder)
    campaigns = load_campaigns(config, folder, catalogue)
    return Installation(
        config=config,
        folder=folder,
        catalogue=catalogue,
        programmes={each.name: each.programme for each in campaigns if each.programme},
        files={each.name: each.text.decode("utf-8", "replace") for each in campaigns},
        held_back={each.name: why for each in campaigns if (why := each.why_held_back)},
        law=law_of(config, _today(config)),
    )


CostLines = Callable[[Programme, Catalogue, Config], list[str]]
HouseCostLines = Callable[[Config, Catalogue], list[str]]


def check(file: Path, costs: CostLines, house_costs: HouseCostLines) -> tuple[list[str], int]:
    """`mai check`: a line for everything that is wrong or found, and one for each file that is well.

    Below a file stand the lines of `costs`: what its SMS cost (smpp/cost.py).

    Second: 0 when every programme would start, 1 when a rule forbids one, 2 when a file is wrong. Raises
    BadInstallation for what the whole system stands on, as `load` does.
    """
    config = load_config(file)
    folder = file.resolve().parent
    lines, worst = [f"{_shown(file)}: well"], 0
    catalogue = load_catalogue(config, folder)
    lines += house_costs(config, catalogue)
    lines.append(f"{_shown((folder / config.packages).resolve())}: {len(catalogue.packages)} packages")
    campaigns = load_campaigns(config, folder, catalogue)
    lines[1:1] = _warnings(file, config, campaigns)
    for each in campaigns:
        lines += [str(problem) for problem in each.problems] + [str(finding) for finding in each.findings]
        if each.programme is not None:
            lines += _said(read(each.text, each.file), hopes(config, each.programme.campaign))
        title = f": {each.programme.campaign.title}" if each.programme else ""
        held = each.why_held_back is not None
        off = each.programme is not None and not each.programme.campaign.enabled
        lines.append(
            f"{each.file}{title}: {'does not start' if held else 'is not enabled' if off else 'starts'}"
        )
        lines += costs(each.programme, catalogue, config) if each.programme else []
        worst = max(worst, 2 if each.problems else 1 if held else 0)
    return lines, worst


def _warnings(file: Path, config: Config, campaigns: Iterable[Loaded]) -> list[str]:
    """What is odd about config.yaml and stops nothing, a line each."""
    document = read(_text(file, "the configuration"), _shown(file))
    programmes = {each.name: each.programme for each in campaigns if each.programme}
    found = [*trunk_warnings(config), *bind_warnings(config, programmes)]
    kafka = next((n for n, source in enumerate(config.sources) if source.kind == "kafka"), None)
    if kafka is not None and find_spec("aiokafka") is None:
        right = "pip install --require-hashes -r requirements-kafka.txt"
        found.append((("sources", kafka, "kind"), "aiokafka is not installed", right))
    for n, source in enumerate(config.sources):
        if isinstance(source, FolderSource) and not (there := file.resolve().parent / source.path).is_dir():
            found.append((("sources", n, "path"), f"{there} is not there", "make it, where `intake` runs"))
    return _said(document, found)


def _said(document: Document, found: Iterable[Warned]) -> list[str]:
    return [
        f"{document.file}:{document.line(path)}: {key_of(path)}: warning: {wrong}, {right}"
        for path, wrong, right in found
    ]


async def about_the_clock(file: Path) -> list[str]:
    """A line for `mai check` when config.yaml asks for a time that the store does not have; else none."""
    installation = load(file)
    if installation.config.clock.now is None:
        return []
    try:
        async with open_app(installation, readonly=True) as app:
            said = await not_heeded(app.store, installation.config.clock.now)
    except StoreError:  # there is none yet, or it is away: nothing to say of its clock
        return []
    return [f"{_shown(file)}: {said}"] if said else []


def _campaign_files(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        raise BadInstallation(
            [f"{_shown(folder)}: the folder of campaigns is not there; set `campaigns` in config.yaml"]
        )
    yield from sorted(path for path in folder.iterdir() if path.suffix in (".yaml", ".yml"))


def _no_sound(piece: str) -> Path:
    raise RuntimeError(f"this command plays no prompts: {piece!r}")


@asynccontextmanager
async def open_app(
    installation: Installation, *, readonly: bool = False, media: Media = _no_sound, gather_s: float = 0.0
) -> AsyncIterator[App]:
    """The store and the clock of an installation; `media`: where the prompts are. Raises store.errors.StoreError."""
    config = installation.config
    async with open_store(
        config.store.url, installation.folder, readonly=readonly, gather_s=gather_s
    ) as store:
        clock = await clock_of(store, config.clock.now, readonly=readonly)
        yield App(installation, store, clock, media)
