"""Does the simulated mobile network do, over real SIP, RTP and DTMF, what each number promises?

Judged by a second bare Asterisk (caller.py), which dials, plays a prompt and reads keys.
"""

import asyncio
import os
import signal
import socket
from pathlib import Path

import pytest

from simulator.mobile_network import AgentPhone, MobileCall, MobileNetwork
from simulator.ports import free_port
from simulator.record import read
from simulator.sipp import SippCallee
from tests.simulator.caller import Caller, Seen

pytestmark = pytest.mark.asterisk

RING_S = 7.0


def order(call: MobileCall) -> list[str]:
    """What happened in a call, in the order of its times."""
    moments = {
        "ring": call.ringing_at,
        "answer": call.answered_at,
        "speech": call.speech_at,
        "end": call.ended_at,
        **{f"key {key}": at for key, at in call.digits},
    }
    return [
        name for name, at in sorted(((n, at) for n, at in moments.items() if at), key=lambda item: item[1])
    ]


ANSWERED = ["ring", "answer", "speech"]
#: number's end → (answered, keys heard, SIP status, who ended it by this side's record, order of events)
PROMISED = {
    "00": (False, "", None, "peer", ["ring", "end"]),
    "01": (True, "1", "", "peer", [*ANSWERED, "key 1", "end"]),
    "02": (True, "2", "", "peer", [*ANSWERED, "key 2", "end"]),
    "12": (True, "2", "", "peer", [*ANSWERED, "key 2", "end"]),
    "03": (False, "", "486", "us", ["end"]),
    "04": (False, "", "603", "us", ["ring", "end"]),
    "05": (True, "", "", "us", [*ANSWERED, "end"]),
    "06": (False, "", "503", "us", ["end"]),
    "07": (True, "", "", "peer", ["ring", "answer", "end"]),
    "08": (False, "", "404", "us", ["end"]),
    "09": (True, "", "", "peer", [*ANSWERED, "end"]),
    "11": (True, "9", "", "peer", [*ANSWERED, "key 9", "end"]),
    "21": (True, "51", "", "peer", [*ANSWERED, "key 5", "key 1", "end"]),
    "31": (True, "1", "", "peer", [*ANSWERED, "key 1", "end"]),
    "41": (True, "1", "", "peer", [*ANSWERED, "key 1", "end"]),
    "51": (True, "1", "", "peer", [*ANSWERED, "key 1", "end"]),
    "61": (True, "1", "", None, [*ANSWERED, "key 1", "end"]),
}


async def test_every_number_does_what_its_digits_promise(tmp_path: Path) -> None:
    """All behaviours at once; the prompt is 5 s with a pause in it, keys are taken from its first moment."""
    async with (
        MobileNetwork(tmp_path / "network", ring_s=RING_S) as network,
        Caller(tmp_path / "caller", network.address) as caller,
    ):
        seen = await asyncio.gather(*(caller.dial(f"09012340{end}", RING_S) for end in PROMISED))
        calls = await network.wait_for(lambda c: len(c) == len(PROMISED) and all(x.ended_at for x in c))
    of_number = {call.number: call for call in calls}
    for end, heard in zip(PROMISED, seen, strict=True):
        call = of_number[f"09012340{end}"]
        answered, keys, sip_code, ended_by, events = PROMISED[end]
        assert (heard.answered, heard.keys, call.keys) == (answered, keys, keys), (end, heard, call)
        assert sip_code in (None, heard.sip_code), (end, heard)
        assert ended_by in (None, call.ended_by), (end, call)
        assert order(call) == events, (end, call)
        assert (call.caller_number, call.caller_name, call.role) == ("8989", "mAI", "subscriber")
    assert of_number["0901234006"].cause == 34
    _check_moments(of_number, tmp_path / "network" / "calls.jsonl")
    _check_file(tmp_path / "network" / "calls.jsonl", calls)


def _check_moments(of_number: dict[str, MobileCall], path: Path) -> None:
    """When a number does it is part of what it promises; told by order, not by the clock."""
    plain, barge, late, last = (of_number[f"09012340{end}"] for end in ("01", "31", "41", "51"))
    events = [(line["call"], line["event"]) for line in read(path)]
    assert events.index((plain.call, "silence")) < events.index((plain.call, "digit"))
    assert (barge.call, "silence") not in events
    assert events.index((barge.call, "ended")) < events.index((late.call, "answered"))
    assert events.index((late.call, "answered")) < events.index((last.call, "answered"))
    unanswered = of_number["0901234000"]  # it rings until the ring limit ends the call
    assert events.index((last.call, "answered")) < events.index((unanswered.call, "ended"))


def _check_file(path: Path, calls: list[MobileCall]) -> None:
    """The file alone tells the same: whoever reads it needs no process of the simulator."""
    lines = read(path)
    assert [x["number"] for x in lines if x["event"] == "invite"] == [call.number for call in calls]
    pressed = sorted((x["call"], x["digit"]) for x in lines if x["event"] == "digit")
    assert pressed == sorted((call.call, key) for call in calls for key in call.keys)
    assert {x["call"]: x["cause"] for x in lines if x["event"] == "ended"} == {c.call: c.cause for c in calls}


async def test_numbers_in_every_notation_reach_the_subscriber_and_a_second_call_is_seen(
    tmp_path: Path,
) -> None:
    async with (
        MobileNetwork(tmp_path / "network") as network,
        Caller(tmp_path / "caller", network.address) as caller,
    ):
        dialled = ["0901234003", "84901234003", "+84901234003", "8490123400", "abc"]
        seen: list[Seen] = [await caller.dial(number) for number in dialled]
        calls = await network.wait_for(lambda c: len(c) == len(dialled))
    assert [s.sip_code for s in seen] == ["486", "486", "486", "404", "404"]
    assert [(c.role, c.number) for c in calls[:3]] == [("subscriber", "0901234003")] * 3
    assert [(c.role, c.number) for c in calls[3:]] == [("stranger", "8490123400"), ("stranger", "abc")]
    assert len({c.sip_call_id for c in calls}) == 5


async def test_a_subscriber_calls_back_and_the_agents_phone_shows_the_offer(tmp_path: Path) -> None:
    """O15: a call from the network to the call centre, and the registered phone on which it rings"""
    async with (
        Caller(tmp_path / "centre") as centre,
        MobileNetwork(
            tmp_path / "network",
            peer=centre.address,
            agents=(AgentPhone("agent1", "desk", centre.address),),
            keep_audio=True,
        ) as network,
    ):
        await network.wait_registered()
        back = await network.call("0901234567", "9090", talk_s=2)
        keyed = await network.call("0901234568", "9091", keys="7", press_s=0.5)
        refused = await network.call("0901234569", "9099")
        calls = await network.wait_for(lambda c: len(c) == 4 and all(x.ended_at for x in c))
        of_id = {call.call: call for call in calls}
        (agent,) = (call for call in calls if call.role == "agent")
        assert (agent.number, agent.caller_number, agent.caller_name) == (
            "agent1",
            "0901234567",
            "C90N, 90.000đ",
        )
        assert agent.answered_at
        assert (of_id[back].role, of_id[back].ended_by) == ("caller", "us")
        assert of_id[back].answered_at
        assert centre.inbound_keys == ["7"] == [of_id[keyed].keys]
        assert (of_id[refused].answered_at, of_id[refused].sip_code) == (None, "403")
        heard = tmp_path / "network" / "heard" / f"{agent.call}.wav"
        assert heard.stat().st_size > 8000


async def test_a_port_in_use_is_said_and_nothing_is_left_running(tmp_path: Path) -> None:
    port = free_port(socket.SOCK_DGRAM)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", port))
        with pytest.raises(RuntimeError, match=f"SIP port {port} .* in use"):
            await MobileNetwork(tmp_path, port).start()
    async with MobileNetwork(tmp_path, port) as network:
        assert network.address == f"127.0.0.1:{port}"


async def test_a_call_back_without_a_peer_is_refused(tmp_path: Path) -> None:
    async with MobileNetwork(tmp_path) as network:
        with pytest.raises(RuntimeError, match="no peer"):
            await network.call("0901234567", "9090")


async def test_sipp_answers_many_calls_and_its_key_is_heard(tmp_path: Path) -> None:
    async with SippCallee(tmp_path / "sipp") as callee, Caller(tmp_path / "caller", callee.address) as caller:
        seen = await asyncio.gather(*(caller.dial(f"09012345{n:02d}") for n in range(20)))
    assert [call.keys for call in seen] == ["1"] * 20


async def test_a_network_that_dies_says_so_instead_of_letting_its_record_look_complete(
    tmp_path: Path,
) -> None:
    async with MobileNetwork(tmp_path) as network:
        os.kill(int((tmp_path / "run" / "asterisk.pid").read_text()), signal.SIGKILL)
        with pytest.raises(RuntimeError, match="gone"):
            await network.wait_for(bool, 10)
    assert read(tmp_path / "calls.jsonl")[-1]["event"] == "lost"
