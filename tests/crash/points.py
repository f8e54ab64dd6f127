"""At which moments may the controller die? Every arrow of DESIGN §3 that is committed, and the bytes in between.

An arrow is recognised by what it does to a row, not by our SQL: a trigger of the writing connection alone
(tests/crash/dying.py) fires when a row makes it. Between two arrows there are three moments: before its commit (what it
records has happened outside already), after its commit (nothing that follows has left yet), and after the bytes that
follow have arrived, seen by whom they were sent to.
"""

from dataclasses import dataclass, replace
from itertools import product
from typing import Literal

Side = Literal["before", "after"]


@dataclass(frozen=True)
class Arrow:
    """One committed step. `states`: (what, from, to), as ARCHITECTURE.md writes them; empty: no state of a row."""

    name: str
    event: str  #: what SQLite calls it: INSERT ON triggers, UPDATE OF state ON contacts
    when: str  #: which rows take this step
    states: tuple[tuple[str, str, str], ...] = ()
    left: str = (
        ""  #: taken by a restart: what the death before it must have left behind, of tests/kill STATES
    )


def _state(table: str, what: str, before: str, *after: str) -> Arrow:
    """Rows of the table that go from one state to another."""
    wanted = ", ".join(f"'{each}'" for each in after)
    return Arrow(
        f"{what} {before} -> {' or '.join(after)}",
        f"UPDATE OF state ON {table}",
        f"OLD.state = '{before}' AND NEW.state IN ({wanted})",
        tuple((what, before, each) for each in after),
    )


def _at_restart(table: str, what: str, before: str) -> Arrow:
    """What a dead controller left in this state and nobody can know any more."""
    return replace(_state(table, what, before, "unknown"), left=f"{what} {before}")


def _first(name: str, table: str, column: str) -> Arrow:
    """A column that is written once."""
    return Arrow(name, f"UPDATE OF {column} ON {table}", f"OLD.{column} IS NULL AND NEW.{column} IS NOT NULL")


#: In the order of a call; what a restart itself commits comes last.
ARROWS = (
    Arrow("trigger stored", "INSERT ON triggers", "NEW.state = 'new'"),
    Arrow("contact planned", "INSERT ON contacts", "NEW.state = 'due'"),
    _state("contacts", "contact", "due", "dialing"),
    _first("call rang", "calls", "rang_at"),
    _state("contacts", "contact", "dialing", "up"),
    _first("decision committed", "calls", "decision"),
    Arrow(
        "refusal committed",
        "UPDATE OF decision ON calls",
        "OLD.decision IS NULL AND NEW.decision LIKE '%refuse%'",
    ),
    _state("contacts", "contact", "up", "done"),
    _state("contacts", "contact", "dialing", "done"),
    Arrow("registration written", "INSERT ON registrations", "NEW.state = 'due'"),
    Arrow("message written", "INSERT ON messages", "NEW.state = 'due'"),
    _first("trigger has its fate", "triggers", "fate"),
    _state("registrations", "registration", "due", "asked"),
    _state("registrations", "registration", "asked", "registered"),
    _state("registrations", "registration", "asked", "refused"),
    _state("registrations", "registration", "asked", "due"),
    _state("messages", "message", "due", "sending"),
    _state("messages", "message", "sending", "accepted"),
    _state("messages", "message", "accepted", "delivered"),
    _state("messages", "message", "accepted", "failed"),
    _state("messages", "message", "sending", "failed"),
    Arrow("receipt stored", "INSERT ON received", "NEW.kind = 'receipt'"),
    Arrow("SMS of a subscriber stored", "INSERT ON received", "NEW.kind = 'mo'"),
    _at_restart("contacts", "contact", "dialing"),
    _at_restart("contacts", "contact", "up"),
    _at_restart("messages", "message", "sending"),
)

#: Steps that ARCHITECTURE.md's line allows and that no system takes in this test's world; why, or where they are shown.
ELSEWHERE = {
    ("registration", "asked", "unknown"): "after the last try: tests/ari_app/test_registrar.py",
    ("registration", "asked", "failed"): "no hook says so yet: store/registrations.py keeps the word",
    ("message", "accepted", "unknown"): "no such step: unknown is what stood as sending",
    (
        "message",
        "accepted",
        "dropped",
    ): "no such step: dropped is what the gate held back, tests/smsc/test_sending.py",
}


@dataclass(frozen=True)
class Point:
    """A moment at which the process dies: before or after the commit of an arrow."""

    arrow: Arrow
    side: Side

    @property
    def name(self) -> str:
        return f"{self.arrow.name}, {self.side} its commit"


SIDES: tuple[Side, ...] = ("before", "after")
POINTS = tuple(Point(arrow, side) for arrow, side in product(ARROWS, SIDES))
BY_NAME = {point.name: point for point in POINTS}

#: Moments that only the world outside can see: bytes of ours have arrived, and what they led to is not told yet.
OUTSIDE = (
    "the INVITE has arrived",
    "the phone rings",
    "the phone was answered",
    "a key was pressed",
    "the package system has decided",
    "the SMSC has the message",
)
