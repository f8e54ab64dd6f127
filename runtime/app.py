"""What does every program of this installation share? Configuration, store, clock, prompts, and what it says of itself."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from core.campaigns import Campaign
from core.config import Config
from core.facts import Law, Programme
from core.packages import Catalogue
from core.rules_of_law import granted
from core.written import VIETNAM
from runtime.clock import Clock
from runtime.measures import Measures
from runtime.worker import Worker
from store import settings
from store.database import Store

Says = Callable[[], dict[str, Any]]
Media = Callable[[str], Path]


@dataclass(frozen=True)
class Installation:
    """What people wrote: config.yaml, packages.yaml, campaigns/, all valid."""

    config: Config
    folder: Path  #: of config.yaml; paths in it are relative to this
    catalogue: Catalogue
    programmes: dict[str, Programme]
    files: dict[str, str]  #: each programme's file as it was read, for complaints
    held_back: dict[str, str]  #: programmes that may not start, and why (lint, approval)
    law: Law
    #: Nodes of config.yaml that other processes work with (`mai run --node`); `config` names ours alone.
    other_nodes: frozenset[str] = frozenset()

    def path(self, written: str) -> Path:
        """A path of config.yaml as an absolute one."""
        return (self.folder / written).resolve()

    @property
    def run_dir(self) -> Path:
        return self.path(self.config.run_dir)

    @property
    def shares_store(self) -> bool:
        """Other processes may run over the same store: it is no SQLite file."""
        return not self.config.store.url.startswith("sqlite")

    def campaign(self, programme: str) -> Campaign:
        return self.programmes[programme].campaign


@dataclass
class App:
    """One running system."""

    installation: Installation
    store: Store
    clock: Clock
    media: Media  #: the sound file of a piece of text
    worker: Worker = field(default_factory=Worker)  #: what this process is to the others over this store
    process: str = ""  #: this one of several over one store, e.g. box2:/var/lib/mai/run; empty: the only one
    says: dict[str, Says] = field(default_factory=dict)  #: what each part says of itself, for `mai status`
    measures: dict[str, Measures] = field(default_factory=dict)  #: what each part counts, for `/metrics`
    #: By version: what was replaced while calls were up, with the catalogue that its calls go on with.
    earlier: dict[str, tuple[Programme, Catalogue]] = field(default_factory=dict)

    @property
    def config(self) -> Config:
        return self.installation.config

    def programme_of(self, name: str, version: str | None) -> Programme | None:
        """The programme as a call began with it, else as it is now; None: its file is gone."""
        earlier = self.earlier.get(version or "")
        return earlier[0] if earlier is not None else self.installation.programmes.get(name)

    def catalogue_of(self, version: str | None) -> Catalogue:
        """The packages as a call began with them, else as they are now."""
        earlier = self.earlier.get(version or "")
        return earlier[1] if earlier is not None else self.installation.catalogue

    def sender_to(self, short_code: str) -> str:
        """Who answers an SMS that was sent to this short code: the code itself, where it is granted (R10)."""
        today = self.now().astimezone(VIETNAM).date()
        own = granted({short_code}, self.installation.law, today).allowed
        return short_code if own else self.config.texts.refusal_sender

    def sound(self, piece: str) -> Path:
        """The sound file of a piece, also when packages.yaml is edited meanwhile. Raises NotMade."""
        return self.media(piece)

    def now(self) -> datetime:
        return self.clock.now()

    def own(self, alarm: str) -> str:
        """The name of an alarm about this process alone: another one must not clear it."""
        return f"{alarm}@{self.process}" if self.process else alarm

    async def alarm(self, name: str, text: str) -> None:
        """Raise an alarm that `mai status` shows until it is cleared; the same name replaces its text."""
        now = self.now()
        await self.store.write(lambda tx: settings.raise_alarm(tx, name=name, text=text, now=now))

    async def clear_alarm(self, name: str) -> None:
        now = self.now()
        await self.store.write(lambda tx: settings.clear_alarm(tx, name=name, now=now))
