"""The files of a small installation, as a unit edits them; and the App that runs on them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from prompts.library import open_library
from runtime.app import App
from runtime.loading import load, open_app
from simulator.ports import free_port

CAMPAIGN = """\
title: Sau nạp tiền
unit: CTKV2
approval: {by: A, on: 2026-10-01, reference: 1/QD}
trigger: {kind: topup, fresh_for: 15m}
caller_id: "9090"
audience:
  arpu:
    - {months: 1, at_least: 30000}
offers: {"1": C90N}
script:
  - say: Cuộc gọi tự động của MobiFone, phố Duy Tân.
  - menu:
      keys:
        "1": {say: "Bấm 1, {{ offer.price }};", offer: "1", then: [register: "1"]}
        "9": {say: "bấm 9 từ chối.", then: [refuse]}
"""
_CONFIG = """\
asterisk: {nodes: [{password: x}]}
trunks: [{name: t, address: "127.0.0.1:5070", caller_id: "9090"}]
registration: {url: "http://127.0.0.1:1/r"}
granted: [{name: "9090", reference: a}, {name: "8989", reference: b}]
web: {port: 0, token: x}
agi: {port: %d}
"""
PACKAGES = """\
packages:
  C90N: {kind: combo, price: 90000, days: 30, allowance: 4GB, syntax: DK C90N}
"""


def write_files(folder: Path, **campaigns: str) -> None:
    """config.yaml, packages.yaml and these campaigns; none: `topup`."""
    (folder / "campaigns").mkdir()
    (folder / "config.yaml").write_text(_CONFIG % free_port())
    (folder / "packages.yaml").write_text(PACKAGES)
    for name, text in (campaigns or {"topup": CAMPAIGN}).items():
        edit(folder, text, name)


def edit(folder: Path, text: str, name: str = "topup") -> None:
    """Save a campaign file as an editor does: whole, under its name at once."""
    beside = folder / "campaigns" / f".{name}.swp"
    beside.write_text(text, encoding="utf-8")
    beside.rename(folder / "campaigns" / f"{name}.yaml")


@asynccontextmanager
async def office(folder: Path) -> AsyncIterator[App]:
    """The installation of `folder` with its prompts, read as `mai run` reads it."""
    installation = load(folder / "config.yaml")
    library = open_library(installation.config.prompts, installation.catalogue, installation.folder)
    async with open_app(installation, media=library.file) as app:
        yield app


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """The folder of an installation with one campaign."""
    write_files(tmp_path)
    return tmp_path
