"""Does a script do to a call what it says? Tables of listeners, and rules that hold for every listener."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

import flows
from core.outcomes import Outcome
from core.packages import Catalogue, Package
from core.phone import Call, CallEnded, Decision
from core.script import Script, Step
from core.speech import Speech
from tests.flows.fake_call import FakeCall

CATALOGUE = Catalogue(
    packages={
        "C90N": Package(kind="combo", price=90000, days=30, allowance="4GB/ngày", syntax="DK C90N"),
        "C120": Package(kind="data", price=120000, days=30, allowance="2GB/ngày", syntax="DK C120"),
    }
)
OFFERS = {"1": "C90N", "2": "C120"}
COMBO = Decision("register", "1", "C90N", "1")
DATA = Decision("register", "2", "C120", "2")
REFUSAL = Decision("refuse", "9")


def script(*steps: Any) -> Script:
    return tuple(TypeAdapter(tuple[Step, ...]).validate_python(steps))


TOPUP = script(
    {"say": "Chúc mừng."},
    {
        "menu": {
            "say": "Mời chọn.",
            "keys": {
                "1": {
                    "offer": "1",
                    "say": "Bấm 1: {{ offer.name }}.",
                    "then": [{"register": "1"}, {"say": "Đã chọn {{ offer.name }}."}],
                },
                "2": {
                    "offer": "2",
                    "say": "Bấm 2: {{ offer.name }}.",
                    "then": [{"register": "2"}, {"say": "Đã chọn {{ offer.name }}."}],
                },
                "3": {"say": "Bấm 3: không.", "then": [{"say": "Tạm biệt."}, {"hang_up": "declined"}]},
                "0": {"then": ["agent"]},
                "9": {"say": "Bấm 9: từ chối.", "then": ["refuse", {"say": "Đã ghi nhận."}]},
            },
            "wrong_key": "Sai phím.",
            "tries": 2,
            "no_key": [{"say": "Xin cảm ơn."}],
        }
    },
)
MENU = ("Mời chọn.", "Bấm 1: C90N.", "Bấm 2: C120.", "Bấm 3: không.", "Bấm 9: từ chối.")


async def listen(call: FakeCall, steps: Script = TOPUP, offers: dict[str, str] = OFFERS) -> Outcome:
    """How the call ended, told the same way whether it was returned or raised."""
    on_call: Call = call
    try:
        return await flows.run(steps, on_call, Speech(CATALOGUE, offers))
    except CallEnded as ended:
        return ended.outcome


@pytest.mark.parametrize(
    ("call", "outcome", "decisions", "last_heard"),
    [
        pytest.param(FakeCall("1"), "accepted", [COMBO], "Đã chọn C90N.", id="key 1"),
        pytest.param(FakeCall("2"), "accepted", [DATA], "Đã chọn C120.", id="key 2"),
        pytest.param(FakeCall("9"), "refused", [REFUSAL], "Đã ghi nhận.", id="key 9"),
        pytest.param(FakeCall("3"), "declined", [], "Tạm biệt.", id="a no key"),
        pytest.param(FakeCall("0"), "transferred", [], MENU[-1], id="agent"),
        pytest.param(FakeCall(""), "no_key", [], "Xin cảm ơn.", id="silence"),
        pytest.param(FakeCall("-1"), "accepted", [COMBO], "Đã chọn C90N.", id="second try after silence"),
        pytest.param(FakeCall("51"), "accepted", [COMBO], "Đã chọn C90N.", id="wrong key, then 1"),
        pytest.param(FakeCall("55"), "no_key", [], "Xin cảm ơn.", id="two wrong keys"),
        pytest.param(FakeCall("5-1"), "no_key", [], "Xin cảm ơn.", id="tries are used up"),
        pytest.param(FakeCall("#"), "no_key", [], "Xin cảm ơn.", id="wrong key, then silence"),
        pytest.param(FakeCall("", early={0: "1"}), "accepted", [COMBO], "Đã chọn C90N.", id="early 1"),
        pytest.param(FakeCall("", early={0: "52"}), "accepted", [DATA], "Đã chọn C120.", id="early 5, 2"),
        pytest.param(FakeCall("1", hangs_up_at=0), "hung_up", [], None, id="gone at once"),
        pytest.param(FakeCall("1", hangs_up_at=1), "hung_up", [], "Chúc mừng.", id="gone in the menu"),
        pytest.param(FakeCall("1", hangs_up_at=2), "accepted", [COMBO], MENU[-1], id="gone in the thanks"),
        pytest.param(FakeCall("1", gone_after_key=True), "accepted", [COMBO], MENU[-1], id="1 and gone"),
        pytest.param(FakeCall("9", gone_after_key=True), "refused", [REFUSAL], MENU[-1], id="9 and gone"),
        pytest.param(FakeCall("3", gone_after_key=True), "declined", [], MENU[-1], id="no and gone"),
        pytest.param(FakeCall("0", gone_after_key=True), "hung_up", [], MENU[-1], id="agent and gone"),
        pytest.param(FakeCall("5", gone_after_key=True), "hung_up", [], MENU[-1], id="wrong and gone"),
    ],
)
async def test_a_listener_gets_the_outcome_of_what_they_did(
    call: FakeCall, outcome: str, decisions: list[Decision], last_heard: str | None
) -> None:
    """O12, O13, O14, O21: what is pressed, when, and when the phone is put down."""
    assert await listen(call) == outcome
    assert call.decisions == decisions
    assert (call.said[-1] if call.said else None) == last_heard


async def test_the_menu_says_the_sentences_of_its_keys_and_a_wrong_key_is_told_before_the_next_try() -> None:
    """O12: script 1."""
    call = FakeCall("5")
    await listen(call)
    assert call.done == [
        ("say", "Chúc mừng."),
        ("ask", *MENU),
        ("ask", "Sai phím.", *MENU),
        ("say", "Xin cảm ơn."),
        ("hang_up",),
    ]


async def test_silence_repeats_the_menu_without_blame() -> None:
    call = FakeCall("-1")
    await listen(call)
    assert call.done[1:3] == [("ask", *MENU), ("ask", *MENU)]


async def test_the_decision_is_committed_before_anything_else_is_said() -> None:
    """O13: from the key on, no hang-up changes the outcome."""
    call = FakeCall("1")
    await listen(call)
    assert call.done[2:] == [("decide", COMBO), ("say", "Đã chọn C90N."), ("hang_up",)]


async def test_an_offer_that_is_not_eligible_drops_its_key_and_its_sentence() -> None:
    """O2: nobody is offered what is not for them, not by a key pressed from memory either."""
    call = FakeCall("12")
    assert await listen(call, offers={"2": "C120"}) == Outcome.ACCEPTED
    assert ("ask", MENU[0], *MENU[2:]) in call.done
    assert call.decisions == [DATA]


async def test_bluezone_key_1_agrees_and_silence_ends_the_call() -> None:
    """B4: key 1 agrees, no key ends the call; both are recorded."""
    bluezone = script(
        {"say": "Thông báo."},
        {"menu": {"keys": {"1": {"say": "Bấm 1 để đồng ý.", "then": ["agree", {"say": "Cảm ơn."}]}}}},
    )
    agrees, silent = FakeCall("1"), FakeCall("")
    assert await listen(agrees, bluezone, {}) == Outcome.ACCEPTED
    assert agrees.decisions == [Decision("agree", "1")]
    assert agrees.said[-1] == "Cảm ơn."
    assert await listen(silent, bluezone, {}) == Outcome.NO_KEY
    assert silent.decisions == []


async def test_a_decision_outweighs_the_agent_that_follows() -> None:
    steps = script({"menu": {"keys": {"1": {"offer": "1", "then": [{"register": "1"}, "agent"]}}}})
    call = FakeCall("1")
    assert await listen(call, steps) == Outcome.ACCEPTED
    assert call.done[-1] == ("hand_over", "agents")


async def test_a_decision_after_a_decision_changes_nothing() -> None:
    """O13: one key decides once (a campaign file that asks for two is refused when it is loaded)."""
    again = {"menu": {"keys": {"9": {"then": ["refuse", {"say": "Đã ghi nhận."}]}}}}
    steps = script({"menu": {"keys": {"1": {"offer": "1", "then": [{"register": "1"}, again]}}}})
    call = FakeCall("19")
    assert await listen(call, steps) == Outcome.ACCEPTED
    assert call.decisions == [COMBO]


async def test_texts_speak_of_the_offer_of_the_key_they_stand_under() -> None:
    """O12: an inner key without an offer keeps the outer one, one with its own gives it back at its end."""
    inner = {
        "5": {"say": "5: {{ offer.name }}.", "then": [{"say": "Năm {{ offer.name }}."}]},
        "6": {"say": "6: {{ offer.name }}.", "offer": "2", "then": [{"say": "Sáu {{ offer.name }}."}]},
    }
    after = {"say": "Sau {{ offer.name }}."}
    steps = script({"menu": {"keys": {"1": {"offer": "1", "then": [{"menu": {"keys": inner}}, after]}}}})
    for keys, heard in (("15", "Năm C90N."), ("16", "Sáu C120.")):
        call = FakeCall(keys)
        await listen(call, steps)
        assert call.said == ["5: C90N.", "6: C120.", heard, "Sau C90N."]


async def test_a_menu_with_no_key_left_asks_nothing() -> None:
    steps = script(
        {"menu": {"keys": {"1": {"offer": "1", "then": []}}, "say": "Mời.", "no_key": [{"say": "Hết."}]}}
    )
    call = FakeCall("1")
    assert await listen(call, steps, {}) == Outcome.NO_KEY
    assert call.done == [("say", "Hết."), ("hang_up",)]


async def test_a_key_without_an_end_goes_on_after_the_menu() -> None:
    steps = script({"menu": {"keys": {"4": {"then": [{"say": "Bốn."}]}}}}, {"say": "Sau."})
    call = FakeCall("4")
    assert await listen(call, steps) == Outcome.NO_KEY
    assert call.said == ["Bốn.", "Sau."]


async def test_a_no_inside_a_deeper_menu_is_not_said_by_the_key_above_it() -> None:
    steps = script(
        {"menu": {"keys": {"1": {"then": [{"menu": {"keys": {"2": {}}}}, {"hang_up": "declined"}]}}}}
    )
    assert await listen(FakeCall("1", gone_after_key=True), steps) == Outcome.HUNG_UP
    assert await listen(FakeCall("12"), steps) == Outcome.DECLINED
    assert await listen(FakeCall("1"), steps) == Outcome.NO_KEY


@pytest.mark.parametrize(
    ("steps", "offers", "answer"),
    [
        (TOPUP, OFFERS, True),
        (TOPUP, {"2": "C120"}, True),
        (TOPUP, {}, False),
        (script({"say": "Thông báo."}), {}, True),
        (script({"menu": {"keys": {"1": {"then": ["agree"]}}}}), {}, True),
        (script({"menu": {"keys": {"1": {"then": [{"register": "1"}]}}}}), {}, False),
        (script({"menu": {"keys": {"9": {"then": ["refuse"]}}, "no_key": TOPUP}}), {}, False),
        (script({"menu": {"keys": {"1": {"offer": "1", "then": TOPUP}}}}), {"2": "C120"}, False),
        (script({"menu": {"keys": {"5": {"then": TOPUP}}}}), {"2": "C120"}, True),
        (script({"menu": {"keys": {"5": {"then": TOPUP}}}}), {}, False),
    ],
)
def test_there_is_no_call_when_no_key_of_an_offer_is_left(
    steps: Script, offers: dict[str, str], answer: bool
) -> None:
    """O2, DESIGN §4: none left, no call."""
    assert flows.has_offer(steps, Speech(CATALOGUE, offers)) is answer


def test_every_kind_of_step_has_its_coroutine() -> None:
    kinds = {"say", "menu", "register", "agree", "refuse", "agent", "hang_up"}
    assert set(flows.KINDS) == kinds


_said = st.sampled_from(["Một.", "Hai.", "Ba."]).map(lambda text: {"say": text})
_ends = st.sampled_from(["agent", "hang_up", {"hang_up": "declined"}])
_first = st.sampled_from([{"register": "1"}, {"register": "2"}, "refuse", "agree"])


def _menus(steps: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    key = st.builds(
        lambda first, then, said: {"say": said, "then": [*first, *then]},
        st.lists(_first, max_size=1),
        st.lists(steps, max_size=3),
        st.sampled_from([None, "Bấm."]),
    )
    return st.fixed_dictionaries(
        {
            "keys": st.dictionaries(st.sampled_from("0129*"), key, min_size=1, max_size=4),
            "tries": st.integers(1, 3),
            "wrong_key": st.sampled_from([None, "Sai."]),
            "no_key": st.lists(steps, max_size=2),
        }
    ).map(lambda menu: {"menu": menu})


SCRIPTS = st.lists(st.recursive(_said | _ends, _menus, max_leaves=8), max_size=4)
KEYS = st.text("0123456789*#-", max_size=8)


@given(
    steps=SCRIPTS,
    keys=KEYS,
    early=st.dictionaries(st.integers(0, 3), KEYS.map(lambda keys: keys.replace("-", "")), max_size=2),
    hangs_up_at=st.none() | st.integers(0, 8),
    gone_after_key=st.booleans(),
    offers=st.sampled_from([OFFERS, {"2": "C120"}, {}]),
)
async def test_whatever_is_pressed_a_decision_is_final_and_comes_before_the_next_word(
    steps: list[Any],
    keys: str,
    early: dict[int, str],
    hangs_up_at: int | None,
    gone_after_key: bool,
    offers: dict[str, str],
) -> None:
    """O13, O21: for every script and every listener."""
    call = FakeCall(keys, early=early, hangs_up_at=hangs_up_at, gone_after_key=gone_after_key)
    outcome = await listen(call, script(*steps), offers)
    kinds = [thing[0] for thing in call.done]
    assert len(call.decisions) <= 1
    if call.decisions:
        assert outcome is call.decisions[0].outcome
        assert kinds[kinds.index("decide") - 1] in ("ask", "kept")
        assert call.decisions[0].package in (None, *offers.values())
    else:
        assert outcome not in (Outcome.ACCEPTED, Outcome.REFUSED)
    if outcome in (Outcome.NO_KEY, Outcome.DECLINED) and hangs_up_at is None and not gone_after_key:
        assert kinds[-1] == "hang_up"
