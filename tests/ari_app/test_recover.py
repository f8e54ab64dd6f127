"""What becomes of the calls that a controller left behind? Every state, with what Asterisk still has of it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import SecretStr

from ari_app.phone import LiveChannel
from ari_app.recover import recover
from core.config import Node
from core.outcomes import Outcome
from core.phone import Decision
from store import calls, inbound
from store.tx import Tx
from tests.ari_app.office import AN, BINH, Office
from tests.core.sample import TEN

REGISTER, REFUSE = Decision("register", "1", "C90N", "1"), Decision("refuse", "9")
HELD, WITH_AGENT, RINGING = ("Up", True), ("Up", False), ("Ringing", True)

ROWS = [
    ("dialing, gone", "dialing", None, None, "unknown", False),
    ("dialing, still rings", "dialing", None, RINGING, "unknown", True),
    ("up, gone", "up", None, None, "unknown", False),
    ("up, hears a prompt", "up", None, HELD, "unknown", True),
    ("registered, gone", "up", REGISTER, None, "accepted", False),
    ("registered, hears the thanks", "up", REGISTER, HELD, "accepted", True),
    ("refused, gone", "up", REFUSE, None, "refused", False),
    ("with an agent", "up", None, WITH_AGENT, "transferred", False),
    ("registered, with an agent", "up", REGISTER, WITH_AGENT, "accepted", False),
]


async def left_behind(office: Office, state: str, decision: Decision | None) -> str:
    """A call that somebody claimed and never finished; its id."""
    await office.topup()
    await office.plan()
    (claimed,) = (await office.claim()).claimed
    call_id, now = claimed.attempt.id, office.clock.now()

    def as_it_was(tx: Tx) -> None:
        if state == "up":
            calls.rang(tx, call_id=call_id, at=now)
            calls.up(tx, call_id=call_id, at=now)
        if decision is not None:
            calls.decide(tx, call_id=call_id, decision=decision, at=now)

    await office.store.write(as_it_was)
    return call_id


@pytest.mark.parametrize(
    ("state", "decision", "channel", "outcome", "hung_up"),
    [row[1:] for row in ROWS],
    ids=[r[0] for r in ROWS],
)
async def test_a_call_left_behind_is_closed(
    office: Office,
    state: str,
    decision: Decision | None,
    channel: tuple[str, bool] | None,
    outcome: str,
    hung_up: bool,
) -> None:
    """DESIGN §3: what was decided is honoured, an agent's call goes on, the rest is unknown and keeps its slot."""
    call_id = await left_behind(office, state, decision)
    if channel is not None:
        office.phone.live = [LiveChannel(call_id, "ast1", *channel)]
    assert await recover(office.app, office.as_phone) == 1
    call, contact = await office.one("calls"), await office.one("contacts")
    assert (call["outcome"], contact["outcome"], bool(call["keeps_slot"])) == (outcome, outcome, True)
    assert office.phone.hung_up == [call_id] * hung_up
    assert len(await office.rows("registrations")) == (decision is REGISTER)
    assert [row["kind"] for row in await office.rows("messages")] == ["refusal_confirmed"] * (
        decision is REFUSE
    )
    assert await office.trigger_fate() == ("called", None)


async def test_what_is_recovered_is_not_dialled_again(office: Office) -> None:
    """R7: a call whose fate is unknown may have been felt."""
    await left_behind(office, "dialing", None)
    await recover(office.app, office.as_phone)
    assert await recover(office.app, office.as_phone) == 0
    await office.topup("t2")
    await office.call()
    assert office.phone.dialled == []


async def test_channels_that_no_call_knows_are_ended(office: Office) -> None:
    """A channel of our application that nobody holds; others are left alone."""
    office.phone.live = [
        LiveChannel("call-of-nobody", "ast1", "Up", True),
        LiveChannel("in-12.3", "ast1", "Up", False),
    ]
    await recover(office.app, office.as_phone)
    assert office.phone.hung_up == ["call-of-nobody"]


async def test_calls_that_this_process_makes_are_left_alone(office: Office) -> None:
    """After a node came back: ours know themselves what became of them."""
    call_id = await left_behind(office, "up", None)
    office.phone.live = [LiveChannel(call_id, "ast1", "Up", True)]
    assert await recover(office.app, office.as_phone, {"ast1"}, {call_id}) == 0
    assert office.phone.hung_up == []
    assert (await office.one("calls"))["state"] == "up"


async def test_calls_of_a_node_that_is_away_wait_for_it(office: Office) -> None:
    """Several nodes: one that is away does not hold up the others, and what it holds is not judged unseen."""
    office.phone.nodes = ("ast1", "ast2")
    await left_behind(office, "up", None)
    assert await recover(office.app, office.as_phone, {"ast2"}) == 0
    assert await recover(office.app, office.as_phone, {"ast1"}) == 1


async def test_calls_of_a_node_that_config_names_no_more_are_closed_by_any(office: Office) -> None:
    """Nobody else would, and their contacts would stay open for ever."""
    office.phone.nodes = ("new",)
    await left_behind(office, "up", None)
    asterisk = office.app.config.asterisk.model_copy(
        update={"nodes": (Node(name="new", password=SecretStr("x")),)}
    )
    config = office.app.config.model_copy(update={"asterisk": asterisk})
    office.app.installation = replace(office.app.installation, config=config)
    assert await recover(office.app, office.as_phone, {"new"}) == 1


async def test_calls_of_a_node_that_is_not_driven_yet_wait_for_who_drives_it(office: Office) -> None:
    """It alone can ask its Asterisk; a call may be with an agent."""
    office.phone.nodes = ("new",)
    await left_behind(office, "up", None)
    assert await recover(office.app, office.as_phone, {"new"}) == 0


async def test_calls_of_a_node_that_another_process_works_with_are_left_to_it(office: Office) -> None:
    """Issue 5, 2: `mai run dialer --node new`; the calls of ast1 are alive in another process."""
    office.phone.nodes = ("new",)
    office.app.installation = replace(office.app.installation, other_nodes=frozenset({"ast1"}))
    await left_behind(office, "up", None)
    assert await recover(office.app, office.as_phone, {"new"}) == 0
    assert (await office.one("calls"))["state"] == "up"


async def test_an_incoming_call_is_not_ours_to_close(office: Office) -> None:
    """O15: FastAGI looks after it."""
    await office.store.write(
        lambda tx: inbound.add_inbound(tx, call_id="in-1", number=BINH, at=TEN, wall_at=TEN)
    )
    assert await recover(office.app, office.as_phone) == 0


async def test_an_unknown_call_counts_for_24_hours_and_no_longer(office: Office) -> None:
    """R7: a rolling day from its start."""
    await left_behind(office, "dialing", None)
    await recover(office.app, office.as_phone)
    office.clock.move(TEN + timedelta(hours=24))
    await office.list_of("dnc", [{"number": "+84909999999", "channel": "both"}])
    await office.topup("t2", AN)
    await office.call()
    assert [attempt.number for attempt in office.phone.dialled] == [AN]
    assert (await office.one("calls", trigger="t2"))["outcome"] == Outcome.NO_KEY
