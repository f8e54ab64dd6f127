"""Which Asterisk nodes get no new call, who drives each, and how many calls has it left?"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select

from store import workers
from store.prepared import Prepared
from store.schema import calls, drains
from store.times import moment, us
from store.tx import Tx, words


@dataclass(frozen=True)
class Drain:
    """A node that is being taken out of service."""

    node: str
    by: str
    at: datetime


@dataclass(frozen=True)
class Node:
    """A node as the store knows it."""

    name: str
    driven_by: str | None  #: the process that dials from it; None: nobody
    drain: Drain | None
    calls: int  #: that are open, both ways

    @property
    def drained(self) -> bool:
        """It gets no call, and none is left."""
        return self.drain is not None and self.calls == 0


def duty(node: str) -> str:
    """The name of the duty to drive this node (store/workers.py)."""
    return f"node:{node}"


def drain(tx: Tx, *, node: str, by: str, now: datetime) -> bool:
    """No new call from this node; running ones finish. False: it was drained already."""
    tx.wake("pauses")
    return tx.insert_new(drains, {"node": node, "by": by, "at": us(now)})


def undrain(tx: Tx, *, node: str) -> bool:
    """Dial from it again. False: it was not drained."""
    tx.wake("pauses", "contacts")
    return tx.execute(delete(drains).where(drains.c.node == node)).rowcount == 1


_DRAINS = Prepared(select(drains).order_by(drains.c.at))


def draining(tx: Tx) -> dict[str, Drain]:
    """The nodes that get no new call."""
    return {row.node: Drain(row.node, row.by, moment(row.at)) for row in tx.execute(_DRAINS)}


def known(tx: Tx, names: tuple[str, ...]) -> tuple[Node, ...]:
    """These nodes, and those that are drained or have calls open though nobody names them any more."""
    left = select(calls.c.node, func.count().label("counted")).where(
        calls.c.state.in_(words("dialing", "up")), calls.c.node.is_not(None)
    )
    open_ = {row.node: int(row.counted) for row in tx.execute(left.group_by(calls.c.node))}
    drained, duties = draining(tx), workers.on_duty(tx)
    every = dict.fromkeys((*names, *sorted({*drained, *open_})))
    found = []
    for name in every:
        driver = duties.get(duty(name))
        found.append(Node(name, driver.process if driver else None, drained.get(name), open_.get(name, 0)))
    return tuple(found)
