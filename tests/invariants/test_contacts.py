"""Whatever happens, in whatever order: is a subscriber ever called or texted when rules.md says no?

Top-ups, lists, calls, messages, refusals, imports, pauses, clocks that jump and controllers that die, against the real
planner, claim, dialer, gate and store. The telephone and the SMSC are stand-ins that write down what reached them.
"""

import asyncio
import os
import shutil
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from core.written import VIETNAM
from store.database import open_store
from store.schema import metadata
from tests.invariants.town import NUMBERS, Town
from tests.store.server import execute, new_database

#: `make fuzz` asks for more.
FACTOR = int(os.environ.get("MAI_FUZZ", "1"))

_number = st.sampled_from(NUMBERS)
_some = st.sets(_number)
_programme = st.sampled_from(("all", "few", "list", "notice", "*"))
_acts = st.lists(st.integers(0, 20), max_size=4)
_says = st.sampled_from(("accepted", "accepted", "accepted", "nothing", "throttled", "rejected", "link lost"))
_mostly = st.sampled_from((True, True, True, False))
_seldom = st.sampled_from((False, False, False, True))
_DAY_S = 86_400.0
_later = st.one_of(
    st.sampled_from((1.0, 30.0, 60.0, 300.0, 899.0, 3_600.0)),
    st.sampled_from((_DAY_S - 3_600, _DAY_S - 31, _DAY_S - 1, _DAY_S - 0.000001, _DAY_S, _DAY_S + 1)),
    st.floats(0.000001, 90_000.0),
)
#: Moments at which something opens or closes, and the days around Tết.
_MOMENTS = [
    datetime(2026, 11, 24, hour, minute, second, tzinfo=VIETNAM)
    for hour, minute, second in (
        (7, 59, 59), (8, 0, 0), (9, 0, 0), (11, 29, 29), (11, 59, 29), (15, 30, 0), (16, 59, 29), (16, 59, 30),
        (17, 29, 29), (21, 59, 59), (22, 0, 0),
    )
] + [datetime(2027, 2, day, 10, tzinfo=VIETNAM) for day in (5, 6, 7, 8)]  # fmt: skip


class Contacts(RuleBasedStateMachine):
    """A few numbers, four programmes, and everything that can happen between them."""

    url = "sqlite:///mai.db"

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = Path(tempfile.mkdtemp(prefix="mai-town-"))
        self.town = Town(self.url, self.folder)

    def does(self, what: Any) -> None:
        self.runner.run(what)

    @initialize()
    def opens(self) -> None:
        async def open_() -> None:
            await self.town.start()
            await self.town.import_subscribers(NUMBERS)
            await self.town.import_do_not_call([])

        self.does(open_())

    # --- the system works ---------------------------------------------------------------------------------

    @rule(numbers=_some.filter(bool), programme=st.sampled_from((None, "all", "few")), acts=_acts)
    def topups_are_called(self, numbers: set[str], programme: str | None, acts: list[int]) -> None:
        for number in sorted(numbers):
            self.does(self.town.topup(number, programme))
        self.dial(acts)

    @rule(programme=st.sampled_from(("list", "notice")), numbers=_some.filter(bool), acts=_acts)
    def a_list_is_called(self, programme: str, numbers: set[str], acts: list[int]) -> None:
        self.does(self.town.import_targets(programme, sorted(numbers)))
        self.dial(acts)

    @rule(
        numbers=_some,
        late_s=st.sampled_from((0.0, 0.0, 1.0, 31.0, 3_600.0)),
        acts=st.lists(st.integers(0, 20), min_size=1, max_size=6),
    )
    def what_waits_is_called(self, numbers: set[str], late_s: float, acts: list[int]) -> None:
        """`late_s`: the store was slow, or the machine slept, between the commit and the INVITE."""
        for number in sorted(numbers):
            self.does(self.town.topup(number, None))
        self.dial(acts, late_s)

    def dial(self, acts: list[int], late_s: float = 0.0) -> None:
        """Call what is due; the subscribers of the calls that wait then do what `acts` picks."""
        self.does(self.town.turn(late_s))
        for act in acts:
            self.somebody_acts(act)

    def somebody_acts(self, act: int) -> None:
        lines = sorted(self.town.phone.lines.items(), key=lambda each: (each[1].attempt.number, each[0]))
        if lines:
            call, line = lines[act % len(lines)]
            self.does(self.town.happens(call, line.may[act % len(line.may)]))

    @rule(number=_number, count=st.integers(1, 5), says=st.lists(_says, max_size=5))
    def messages_are_sent(self, number: str, count: int, says: list[Any]) -> None:
        for _ in range(count):
            self.does(self.town.message(number, "advertising"))
        self.the_gateway_sends(says)

    @rule(says=st.lists(_says, min_size=1, max_size=3))
    def the_gateway_sends(self, says: list[Any]) -> None:
        for said in says:
            self.does(self.town.text(said))

    # --- people -------------------------------------------------------------------------------------------

    @rule(data=st.data(), what=st.sampled_from(("refusal", "refusal", "list", "base", "pause")))
    def something_changes(self, data: st.DataObject, what: str) -> None:
        match what:
            case "refusal":
                self.a_refusal(
                    *data.draw(st.tuples(_number, st.sampled_from(("sms", "cli")), st.booleans(), _seldom))
                )
            case "list":
                self.does(self.town.import_do_not_call(data.draw(_some), half=data.draw(_seldom)))
            case "base":
                self.does(self.town.import_subscribers(data.draw(_some)))
            case "pause":
                self.does(self.town.pause(data.draw(_programme)))

    def a_refusal(self, number: str, how: Any, again: bool, unnoticed: bool) -> None:
        """`again`: it is taken back, and the subscriber refuses once more. `unnoticed`: the call goes on."""
        self.does(self.town.refuse(number, how))
        if not unnoticed:
            self.does(self.town.refused_calls_end())
        if again:
            self.does(self.town.allow_again(number))
            self.does(self.town.refuse(number, how))

    # --- time, and worse ----------------------------------------------------------------------------------

    @rule(seconds=_later, imported=_mostly)
    def time_goes_by(self, seconds: float, imported: bool) -> None:
        self.does(self.town.time_passes(seconds=seconds))
        self._nightly_import(imported)

    @rule(
        back=_seldom,
        seconds=st.floats(0.000001, 2 * _DAY_S),
        moment=st.sampled_from(_MOMENTS),
        imported=_mostly,
    )
    def the_clock_is_set(self, back: bool, seconds: float, moment: datetime, imported: bool) -> None:
        if back:
            self.does(self.town.time_passes(seconds=-seconds))
        else:
            self.does(self.town.time_passes(moment))
        self._nightly_import(imported)

    def _nightly_import(self, imported: bool) -> None:
        if imported:
            self.does(self.town.import_do_not_call(self.town.standing.listed))

    @rule(seconds=st.sampled_from((0.0, 600.0, _DAY_S - 1, _DAY_S)))
    def everything_is_mended(self, seconds: float) -> None:
        """A person puts right what stops the calls: a step after which much can happen again."""

        async def mend() -> None:
            await self.town.time_passes(seconds=seconds)
            await self.town.resume("*")
            for number in NUMBERS:
                await self.town.allow_again(number)
            await self.town.import_subscribers(NUMBERS)
            await self.town.import_do_not_call([])

        self.does(mend())

    @rule(
        who=st.sampled_from(("controller", "controller", "controller before it dialled", "gateway")),
        left=st.booleans(),
    )
    def a_program_dies(self, who: str, left: bool) -> None:
        """In the middle of its work. `left`: Asterisk still has the calls; the bytes of a message had left."""
        if who == "gateway":
            self.does(self.town.gateway_dies(left))
            return
        if who == "controller before it dialled":
            self.town.phone.dies_before_dialling = True
            self.does(self.town.turn())
        self.does(self.town.crash())
        if not left:
            self.town.phone.left_up.clear()
        self.does(self.town.start())

    # --- what must hold -----------------------------------------------------------------------------------

    @invariant()
    def nobody_is_bothered_against_the_rules(self) -> None:
        assert not self.town.record.broken, "\n".join(self.town.record.broken)

    def teardown(self) -> None:
        try:
            if self.town.running:
                self.does(self._every_contact_has_one_fate())
        finally:
            self.does(self.town.stop())
            self.runner.close()
            shutil.rmtree(self.folder)

    async def _every_contact_has_one_fate(self) -> None:
        """After a crash and a restart nothing is open, nothing is counted twice, nothing that rang is forgotten."""
        town = self.town
        await town.crash()
        await town.start()
        calls, contacts, triggers = [await town.rows(table) for table in ("calls", "contacts", "triggers")]
        assert {call["state"] for call in calls} <= {"done", "unknown"}
        assert {contact["state"] for contact in contacts} <= {"due", "done", "unknown"}
        by_id = {call["id"]: call for call in calls}
        assert set(town.record.left) <= by_id.keys()
        rang = {each.ref for each in town.record.felt if each.channel == "voice"}
        assert [call for call in calls if call["id"] in rang and not call["keeps_slot"]] == []
        for contact in contacts:
            made = [call for call in calls if call["contact"] == contact["id"]]
            assert len(made) == contact["attempts"]
            assert contact["state"] == "due" or (contact["ended_at"] and (made or contact["reason"]))
        for trigger in triggers:
            assert (trigger["fate"] is not None) == (trigger["state"] == "done")
            made = [call["id"] for call in calls if call["trigger"] == trigger["id"]]
            assert (trigger["fate"] == "called") == bool(made)
            assert trigger["call"] in made if made else trigger["call"] is None


def _settings(examples: int, steps: int) -> settings:
    return settings(
        max_examples=examples * FACTOR,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
        print_blob=True,
    )


def test_nobody_is_bothered_against_the_rules_on_sqlite() -> None:
    """R2, R3, R6, R7, R8, R9: never, whatever happens; and every contact has one fate."""
    run_state_machine_as_test(Contacts, settings=_settings(30, 30))


@pytest.fixture
def postgres_url(postgres: str, tmp_path: Path) -> str:
    async def made() -> str:
        url = await new_database(postgres)
        async with open_store(url, tmp_path):
            return url

    return asyncio.run(made())


def test_nobody_is_bothered_against_the_rules_on_postgresql(postgres_url: str) -> None:
    """R2, R3, R6, R7, R8, R9: the same on the engine of several controllers."""
    emptied = ";".join(f'DELETE FROM "{table}"' for table in metadata.tables)

    class OnPostgres(Contacts):
        url = postgres_url

        def __init__(self) -> None:
            super().__init__()
            self.does(execute(postgres_url, emptied))

    run_state_machine_as_test(OnPostgres, settings=_settings(5, 25))
