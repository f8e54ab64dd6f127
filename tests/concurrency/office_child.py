"""What does one of two processes do that send SMS and ask the package system? As `mai run sms registrar`, with a lease."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import smpp.gateway
from ari_app import registrar
from core.config import Config
from runtime.clock import clock_of
from runtime.logs import set_up
from runtime.parts import Part, run_parts
from runtime.worker import working
from store.database import open_store
from tests.smsc.world import TEN, app_in, config


def configured(url: str, smsc_port: int, package_system: str) -> Config:
    bind: dict[str, Any] = {"port": smsc_port, "system_id": "mai", "password": "secret"}
    asked = {"url": package_system, "tries": 5, "backoff_s": 1, "timeout_s": 10}
    return config(
        bind | {"per_second": 2000, "window": 5, "response_s": 5, "alarm_after_s": 0},
        registration=asked,
        store={"url": url},
    )


async def main(url: str, folder: Path, process: str, smsc_port: int, package_system: str) -> None:
    async with open_store(url, folder) as store:
        app = app_in(store, configured(url, smsc_port, package_system), folder)
        app.clock, app.process = await clock_of(store, TEN), process
        stopping, parts = asyncio.Event(), [Part("sms", smpp.gateway.run), Part("registrar", registrar.run)]
        async with working(app):
            running = asyncio.create_task(run_parts(app, parts, stopping))
            print("ready", flush=True)
            await asyncio.to_thread(sys.stdin.readline)
            stopping.set()
            await running


if __name__ == "__main__":
    set_up(as_json=True)
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]), sys.argv[5]))
