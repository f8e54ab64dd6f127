"""What does one of several controllers do that may be killed, or sleep? It plans and dials as `mai run` does, with a
lease, over a node of its own. `holds`: whoever it calls stays on the line until it is told to end them.

Its telephone writes a line for every INVITE into a file of its own, and so does its log.
"""

import asyncio
import sys
from pathlib import Path

from ari_app import planner
from ari_app.recover import close_undriven
from runtime.logs import set_up
from runtime.worker import taken, working
from store import nodes
from store.database import open_store
from tests.ari_app.office import Listener, SetClock
from tests.concurrency.controller_child import WritingPhone
from tests.concurrency.town import NOW, app_on, dialer_of


async def main(url: str, folder: Path, node: str, holds: bool) -> None:
    clock, stopping, told = SetClock(NOW), asyncio.Event(), asyncio.Event()
    async with open_store(url, folder) as store:
        app = app_on(store, folder, clock, store_url=url)
        app.process = node
        async with working(app):
            phone = WritingPhone(clock, folder / node)
            if holds:
                phone.listeners[""] = Listener("3", never=told)
            await taken(app, nodes.duty(node))
            dialer = dialer_of(app, phone, node, channels=4 if holds else 8)
            async with asyncio.TaskGroup() as group:
                group.create_task(planner.run(app, stopping))
                group.create_task(dialer.dial(stopping))
                closing = group.create_task(close_undriven(app, dialer.own))
                print("ready", flush=True)
                while (line := await asyncio.to_thread(sys.stdin.readline)) == "end calls\n":
                    told.set()
                    await asyncio.wait(dialer.calls)
                    print("ended", flush=True)
                assert line == "stop\n"
                stopping.set()
                closing.cancel()
            await dialer.finish_calls()


if __name__ == "__main__":
    set_up(as_json=True)
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[4] == "holds"))
