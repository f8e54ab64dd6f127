"""What breaks? Each fault breaks one thing of the running system or of the world around it, and mends it again.

The system is told nothing: it has to notice, and to come back by itself. Only a killed controller is started again from
outside, as systemd would.
"""

import asyncio
import os
import random
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from bench.dialer import of_folder
from demo.world import World
from soak.controllers import Controller
from tests.store.server import Server

#: How long each stays broken, in seconds.
_SMSC_AWAY_S = 4.0
_PACKAGES_FAIL_S = 10.0
_FROZEN_S = 20.0
_DATABASE_AWAY_S = 2.0
_BIND_REFUSED = 0x0D
_LOOK_S = 0.2


@dataclass
class Site:
    """What can be broken, and by which chance."""

    there: World
    database: Server | None
    controllers: list[Controller]
    chance: random.Random
    died: list[str] = field(default_factory=list)  #: controllers that ended without being killed

    async def asterisk(self) -> int:
        """One of those that run."""
        while not (found := sorted(of_folder(self.there.folder / "run", "asterisk"))):  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_S)
        return self.chance.choice(found)

    def look(self) -> None:
        """A controller that ended by itself is a finding."""
        for place, controller in enumerate(self.controllers, start=1):
            if (status := controller.fell()) is not None:
                self.died.append(f"controller {place} ended by itself with {status}")


async def controller_killed(site: Site) -> None:
    await site.chance.choice(site.controllers).killed()


async def asterisk_killed(site: Site) -> None:
    os.kill(await site.asterisk(), signal.SIGKILL)


async def asterisk_frozen(site: Site) -> None:
    """As a peer that takes bytes and says nothing: its websocket stalls."""
    pid = await site.asterisk()
    os.kill(pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(_FROZEN_S)
    finally:
        os.kill(pid, signal.SIGCONT)


async def smsc_dropped(site: Site) -> None:
    smsc = site.there.smsc
    smsc.faults.refuse_bind = _BIND_REFUSED
    smsc.drop_connections()
    await asyncio.sleep(_SMSC_AWAY_S)
    smsc.faults.refuse_bind = 0


async def packages_failing(site: Site) -> None:
    site.there.packages.failing = True
    await asyncio.sleep(_PACKAGES_FAIL_S)
    site.there.packages.failing = False


async def database_restarted(site: Site) -> None:
    assert site.database
    await asyncio.to_thread(site.database.kill)
    await asyncio.sleep(_DATABASE_AWAY_S)
    await asyncio.to_thread(site.database.start)


Fault = Callable[[Site], Awaitable[None]]
FAULTS: dict[str, Fault] = {
    "controller killed (-9)": controller_killed,
    "Asterisk killed (-9)": asterisk_killed,
    "SMSC drops its links": smsc_dropped,
    "package system answers 500": packages_failing,
    "Asterisk frozen": asterisk_frozen,
}
#: Only where there is a server.
ON_POSTGRESQL: dict[str, Fault] = {"database restarted": database_restarted}
