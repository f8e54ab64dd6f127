"""Do SMSCs of other people's making read what our gateway writes? node-smpp, and one on smpplib's PDU layer."""

import asyncio
import json
import shutil
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from smpplib import smpp as smpplib
from smpplib.client import Client

from store import received
from store.database import open_store
from tests.smsc.world import AN, BINH, PATIENCE_S, World, app_in, config, gateway, new, wire

_JUDGE = Path(__file__).with_name("judge")
TEXTS = {
    "thanks:gsm": "Cam on Quy khach {C90N} ~ 90.000d",
    "thanks:ucs2": "Cảm ơn Quý khách đã đăng ký gói C90N, 4GB/ngày.",
    "thanks:long": "Quý khách được ưu đãi 4GB/ngày, gọi nội mạng miễn phí. " * 5,
}


@dataclass
class Judge:
    """An SMSC that another wrote: its port and what it says it read."""

    port: int
    submits: list[dict[str, Any]] = field(default_factory=list)
    said: list[dict[str, Any]] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def hear(self, line: dict[str, Any]) -> None:
        (self.submits if line["event"] == "submit" else self.said).append(line)
        self.changed.set()

    async def until(self, event: str, count: int = 1) -> list[dict[str, Any]]:
        async with asyncio.timeout(PATIENCE_S):
            while len(found := [line for line in self.said if line["event"] == event]) < count:
                self.changed.clear()
                await self.changed.wait()
        return found


async def _installed() -> str:
    """node, with node-smpp as the lock file names it."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("no node on this machine: node-smpp cannot be asked")
    if not (_JUDGE / "node_modules" / "smpp" / "package.json").exists():
        fetch = await asyncio.create_subprocess_exec(
            *(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"), cwd=_JUDGE
        )
        assert await asyncio.wait_for(fetch.wait(), 120) == 0, "npm ci failed"
    return node


@asynccontextmanager
async def node_smpp() -> AsyncIterator[tuple[Judge, asyncio.StreamWriter]]:
    """The SMSC of judge/smsc.js; the writer takes subscribers' messages: [from, to, text]."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        await _installed(), "smsc.js", cwd=_JUDGE, stdin=pipe, stdout=pipe
    )
    assert process.stdout
    assert process.stdin
    out = process.stdout
    judge = Judge(json.loads(await asyncio.wait_for(out.readline(), PATIENCE_S))["port"])

    async def listen() -> None:
        while line := await out.readline():
            judge.hear(json.loads(line))

    listening = asyncio.create_task(listen())
    try:
        yield judge, process.stdin
    finally:
        process.stdin.close()
        await asyncio.wait_for(process.wait(), PATIENCE_S)
        await listening


@asynccontextmanager
async def bound(folder: Path, port: int, **fields: Any) -> AsyncIterator[World]:
    """Our gateway on a store, bound to the judge."""
    bind = {"port": port, "system_id": "mai", "password": "secret", "per_second": 1000, "alarm_after_s": 0}
    async with open_store("sqlite:///mai.db", folder) as store:
        running = World(app_in(store, config(bind | fields), folder), None)  # type: ignore[arg-type]
        async with gateway(running.app):
            yield running


async def test_node_smpp_reads_every_text_and_its_receipts_reach_the_log(tmp_path: Path) -> None:
    """Issue 4, 7: judged by node-smpp."""
    async with node_smpp() as (judge, subscriber):
        async with bound(tmp_path, judge.port) as running:
            await running.send(*(new(key, text.strip()) for key, text in TEXTS.items()))
            await running.settled(*TEXTS)
            subscriber.write(json.dumps([wire(BINH), "8989", "TC"]).encode() + b"\n")
            assert (await judge.until("mo"))[0]["status"] == 0
            await running.until(lambda rows: any(r["kind"] == "refusal_confirmed" for r in rows.values()))
        await judge.until("unbind")
    [bind] = [line for line in judge.said if line["event"] == "bind"]
    assert (bind["command"], bind["version"]) == ("bind_transceiver", 0x34)
    mine = [line for line in judge.submits if line["destination"] == wire(AN)]
    assert [line["text"] for line in mine[:2]] == [TEXTS["thanks:gsm"], TEXTS["thanks:ucs2"]]
    assert "".join(line["text"] for line in mine[2:]) == TEXTS["thanks:long"].strip()
    total = len(mine) - 2
    assert [line["udh"] for line in mine[2:]] == [[f"000300{total:02x}{n:02x}"] for n in range(1, total + 1)]
    ton_npi = ("source_ton", "source_npi", "dest_ton", "dest_npi")
    assert all([line[name] for name in ton_npi] == [3, 0, 1, 1] for line in mine)
    assert all(line["registered"] == 1 and isinstance(line["reference"], int) for line in mine)
    assert not [line for line in judge.said if line["event"] == "error"]
    assert all(line["status"] == 0 for line in judge.said if line["event"] == "acknowledged")


@pytest.mark.parametrize("segmentation", ["udh16", "sar", "payload"])
async def test_node_smpp_joins_long_texts_of_every_kind(tmp_path: Path, segmentation: str) -> None:
    """Issue 4, 2: udh16, sar, payload."""
    text = TEXTS["thanks:long"].strip()
    async with node_smpp() as (judge, _), bound(tmp_path, judge.port, segmentation=segmentation) as running:
        await running.send(new("thanks:1", text))
        await running.settled("thanks:1")
    if segmentation == "payload":
        [only] = judge.submits
        assert only["text"] == text
    else:
        assert "".join(line["text"] for line in judge.submits) == text
    total = len(judge.submits)
    if segmentation == "sar":
        assert [line["sar"] for line in judge.submits] == [[0, n, total] for n in range(1, total + 1)]


async def test_node_smpp_refuses_a_wrong_password_and_we_say_so(tmp_path: Path) -> None:
    """Issue 4, 1: wrong password: an alarm."""
    async with node_smpp() as (judge, _), bound(tmp_path, judge.port, password="wrong") as running:
        said = await running.alarms(lambda said: "smsc:smsc1" in said)
        assert "RINVPASWD" in said["smsc:smsc1"]


class SmpplibSmsc:
    """An SMSC whose octets are read and written by smpplib."""

    def __init__(self) -> None:
        self.judge = Judge(0)
        self._codec = Client("127.0.0.1", 1, allow_unknown_opt_params=True)  # counts sequences; not connected

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readexactly(4):
                octets = head + await reader.readexactly(struct.unpack(">I", head)[0] - 4)
                self._take(
                    smpplib.parse_pdu(octets, client=self._codec, allow_unknown_opt_params=True), writer
                )
        except (asyncio.IncompleteReadError, ConnectionError) as end:
            self.judge.hear({"event": "closed", "text": type(end).__name__})
        finally:
            writer.close()

    def _say(self, writer: asyncio.StreamWriter, name: str, sequence: int, **fields: Any) -> None:
        one = smpplib.make_pdu(name, client=self._codec, **fields)
        one.sequence = sequence
        writer.write(one.generate())

    def _take(self, pdu: Any, writer: asyncio.StreamWriter) -> None:
        if pdu.command.endswith("_resp"):
            self.judge.hear({"event": pdu.command, "status": pdu.status})
            return
        if pdu.command != "submit_sm":
            fields = {"system_id": "smpplib"} if pdu.command.startswith("bind") else {}
            self._say(writer, f"{pdu.command}_resp", pdu.sequence, **fields)
            return
        id_ = f"{len(self.judge.submits) + 1:x}"
        self.judge.hear(
            {"event": "submit", "octets": pdu.short_message, "esm_class": pdu.esm_class,
             "data_coding": pdu.data_coding, "validity": pdu.validity_period}
        )  # fmt: skip
        self._say(writer, "submit_sm_resp", pdu.sequence, message_id=id_)
        dates = "submit date:2611231000 done date:2611231000"
        text = f"id:{int(id_, 16):010d} sub:001 dlvrd:001 {dates} stat:DELIVRD err:000 text:"
        self._say(
            writer, "deliver_sm", 1000 + len(self.judge.submits), esm_class=4, source_addr_ton=1,
            source_addr=pdu.destination_addr.decode(), destination_addr=pdu.source_addr.decode(),
            short_message=text.encode(),
        )  # fmt: skip


async def test_an_smsc_on_smpplib_reads_every_text_and_its_receipts_reach_the_log(tmp_path: Path) -> None:
    """Issue 4, 7: judged by smpplib's PDU layer; its receipts write the ids in decimal with zeros."""
    smsc = SmpplibSmsc()
    server = await asyncio.start_server(smsc.serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        async with bound(tmp_path, port) as running:
            await running.send(*(new(key, text.strip()) for key, text in TEXTS.items()))
            await running.settled(*TEXTS)
        await smsc.judge.until("closed")
    one, two, *parts = smsc.judge.submits
    assert (one["data_coding"], two["octets"].decode("utf-16-be")) == (0, TEXTS["thanks:ucs2"])
    assert b"".join(p["octets"][6:] for p in parts).decode("utf-16-be") == TEXTS["thanks:long"].strip()
    assert all(part["esm_class"] == 0x40 for part in parts)
    assert all(line["status"] == 0 for line in smsc.judge.said if line["event"] == "deliver_sm_resp")


#: The third is in GSM 03.38 with its escapes, which node-smpp sends as data_coding 1.
MINE = ["Gói C90N là gì?", "DK C90N", "a_b@c.vn {x} $5 ~ à è", "đ"]


async def test_what_an_smsc_on_node_smpp_delivers_is_stored_as_it_was_written(tmp_path: Path) -> None:
    """Issue 4, 5: stored and shown; written by somebody else's encoder."""
    async with node_smpp() as (judge, subscriber), bound(tmp_path, judge.port) as running:
        await judge.until("bind")
        for text in MINE:
            subscriber.write(json.dumps([wire(AN), "8989", text]).encode() + b"\n")
            await subscriber.drain()
            count = sum(line["event"] == "mo" for line in judge.said) + 1
            await judge.until("mo", count)
        stored = await running.store.read(lambda tx: received.new(tx, limit=9))
        assert [each.text for each in stored] == MINE
