"""Which Asterisk nodes does this process drive? One that nobody else does; the connection is made only then.

A second client of our ARI application silently takes the events of the first, so a node is a duty (store/workers.py):
one process has it, the others stand by and take it when that one ends or is taken for dead.
"""

import asyncio
from dataclasses import dataclass, field

from ari_app.ari import Ari
from ari_app.node_alarms import tell_of
from core.config import Node
from runtime.app import App
from runtime.logs import log
from runtime.worker import kept, taken
from store import nodes

logger = log("dialer")


@dataclass
class Driving:
    """The nodes that this process drives, by name, and who drives the others."""

    app: App
    clients: dict[str, Ari] = field(default_factory=dict)
    _under: dict[str, str | None] = field(default_factory=dict)  #: node -> the id under which it was taken
    elsewhere: dict[str, str] = field(default_factory=dict)  #: node -> the process that drives it

    @property
    def why_none(self) -> str:
        """Why this process drives no node, in one sentence; empty: it does, or is about to."""
        if self.clients:
            return ""
        said = "; ".join(f"{process} drives {node}" for node, process in sorted(self.elsewhere.items()))
        return said and f"standing by: {said}"

    def drives(self, node: str) -> bool:
        """Whether nobody else can have this node now."""
        return self._under.get(node) == self.app.worker.id

    async def drive(self, node: Node) -> None:
        """Take the node when it is free, stay connected while it is ours, and so on. Until cancelled."""
        duty = nodes.duty(node.name)
        while True:
            worker: str | None = await taken(
                self.app, duty, lambda process: self._stands_by(node.name, process)
            )
            self.elsewhere.pop(node.name, None)
            ari = Ari(
                node.ari_url,
                node.user,
                node.password.get_secret_value(),
                name=node.name,
                allowed=self.app.worker.sure,
            )
            async with ari:
                self.clients[node.name] = ari
                telling = asyncio.create_task(tell_of(self.app, ari), name=f"alarm of {node.name}")
                try:
                    while worker is not None:
                        self._under[node.name] = worker
                        worker = await kept(self.app, duty, worker)
                    del self.clients[node.name]
                    await ari.let_go()
                finally:
                    self.clients.pop(node.name, None)
                    telling.cancel()
                    await asyncio.wait([telling])

    def _stands_by(self, node: str, process: str) -> None:
        if self.elsewhere.get(node) != process:
            logger.info("standing by: another process drives this node", node=node, process=process)
        self.elsewhere[node] = process
