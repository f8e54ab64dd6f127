"""The process that test_kill.py kills: the gateway on a store in a folder, against the SMSC on a port."""

import asyncio
from pathlib import Path

import smpp.gateway
from core.config import Config
from runtime.clock import clock_of
from runtime.logs import set_up
from store.database import open_store
from tests.smsc.world import TEN, app_in, config


def configured(port: int, window: int) -> Config:
    """One bind; what it does not hear of in a second is unknown."""
    bind = {"port": port, "system_id": "mai", "password": "secret", "per_second": 2000, "window": window}
    return config(bind | {"response_s": 1})


def main(folder: Path, port: int, window: int) -> None:
    """Runs until it is killed."""
    set_up()
    asyncio.run(_run(folder, configured(port, window)))


async def _run(folder: Path, installed: Config) -> None:
    async with open_store("sqlite:///mai.db", folder) as store:
        app = app_in(store, installed, folder)
        app.clock = await clock_of(store, TEN)  # goes on over restarts
        await smpp.gateway.run(app, asyncio.Event())
