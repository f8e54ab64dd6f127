"""Who answers thousands of calls cheaply? SIPp: answers every call, presses one key, waits for the BYE.

For load and benchmarks; its record is SIPp's own log: when an INVITE came, and for whom. Whoever calls it sets
`strictrtp=no`: the digits come from a recording, with a sequence of their own.
"""

import asyncio
import json
import signal
import socket
from pathlib import Path
from types import TracebackType
from typing import Self

from simulator.ports import free_port

_ROOT = Path(__file__).resolve().parent.parent

# Payload type 101 in the answer is what the recording carries; play_dtmf would send 96, which Asterisk ignores.
_SCENARIO = """\
<?xml version="1.0" encoding="UTF-8"?>
<scenario name="answers and presses a key">
  <recv request="INVITE" crlf="true"><action>
    <ereg regexp="sip:([0-9]*)" search_in="msg" assign_to="all,number"/>
    <log message="[timestamp] [$number] [$all]"/>
  </action></recv>
  <send><![CDATA[
    SIP/2.0 180 Ringing
    [last_Via:]
    [last_From:]
    [last_To:];tag=[pid]SIPpTag01[call_number]
    [last_Call-ID:]
    [last_CSeq:]
    Contact: <sip:[local_ip]:[local_port]>
    Content-Length: 0

  ]]></send>
  <pause milliseconds="{ring_ms}"/>
  <send retrans="500"><![CDATA[
    SIP/2.0 200 OK
    [last_Via:]
    [last_From:]
    [last_To:];tag=[pid]SIPpTag01[call_number]
    [last_Call-ID:]
    [last_CSeq:]
    Contact: <sip:[local_ip]:[local_port]>
    Content-Type: application/sdp
    Content-Length: [len]

    v=0
    o=sipp 1 1 IN IP[local_ip_type] [local_ip]
    s=-
    c=IN IP[media_ip_type] [media_ip]
    t=0 0
    m=audio [auto_media_port] RTP/AVP 8 101
    a=rtpmap:8 PCMA/8000
    a=rtpmap:101 telephone-event/8000
    a=fmtp:101 0-15
  ]]></send>
  <recv request="ACK" crlf="true"/>
  {press}
  <recv request="BYE" timeout="120000"/>
  <send><![CDATA[
    SIP/2.0 200 OK
    [last_Via:]
    [last_From:]
    [last_To:]
    [last_Call-ID:]
    [last_CSeq:]
    Content-Length: 0

  ]]></send>
</scenario>
"""
_PRESS = """<pause milliseconds="{after_ms}"/>
  <nop><action><exec play_pcap_audio="{pcap}"/></action></nop>"""


class SippCallee:
    """`async with SippCallee(folder, key="1") as callee`: answers whatever comes to `callee.address`.

    `key` "" presses nothing. Raises FileNotFoundError without SIPp or its recordings, RuntimeError when SIPp
    ends at once.
    """

    def __init__(
        self, folder: Path, port: int = 0, key: str = "1", after_s: float = 1.0, ring_s: float = 0.1
    ) -> None:
        self.folder, self.port = folder.resolve(), port or free_port(socket.SOCK_DGRAM)
        press = ""
        if key:
            pcap = _recording(key)
            press = _PRESS.format(after_ms=int(after_s * 1000), pcap=pcap)
        self._scenario = _SCENARIO.format(ring_ms=int(ring_s * 1000), press=press)
        self._process: asyncio.subprocess.Process | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        scenario = self.folder / "callee.xml"
        scenario.write_text(self._scenario, encoding="utf-8")
        with (self.folder / "output").open("wb") as output:
            self._process = await asyncio.create_subprocess_exec(
                *(str(_ROOT / ".asterisk" / "bin" / "sipp"), "-sf", str(scenario), "-i", "127.0.0.1"),
                *("-p", str(self.port), "-mi", "127.0.0.1", "-nostdin", "-trace_err", "-trace_logs"),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self.folder,
                start_new_session=True,
            )
        await self._listening(self._process)
        return self

    def invited(self) -> dict[str, list[float]]:
        """Each number that was called, and when its INVITEs came: seconds since 1970."""
        found: dict[str, list[float]] = {}
        for log in self.folder.glob("callee_*_logs.log"):
            for line in log.read_text(errors="replace").splitlines():
                *_, seconds, number, _ = line.split()
                found.setdefault(number, []).append(float(seconds))
        return found

    def invitations(self) -> int:
        """How many calls came so far: quicker than `invited`, for who looks often."""
        return sum(log.read_bytes().count(b"\n") for log in self.folder.glob("callee_*_logs.log"))

    async def _listening(self, process: asyncio.subprocess.Process) -> None:
        """Until its port is bound (where the system does not show that: at once)."""
        table = Path("/proc/net/udp")
        wanted = f"0100007F:{self.port:04X}"
        async with asyncio.timeout(10):
            while table.exists() and wanted not in table.read_text():
                if process.returncode is not None:
                    said = (self.folder / "output").read_text(errors="replace")[-500:]
                    raise RuntimeError(f"SIPp ended at once: {said}")
                await asyncio.sleep(0.02)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        if self._process and self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)  # SIGTERM and SIGUSR1 wait for calls that never end
            await self._process.wait()


def _recording(key: str) -> Path:
    """SIPp's own recording of a key (RFC 2833, payload type 101)."""
    paths = json.loads((_ROOT / ".asterisk" / "paths.json").read_text(encoding="utf-8"))
    names = {"*": "star", "#": "pound"}
    found = sorted(Path(paths["pcap"]).rglob(f"dtmf_2833_{names.get(key, key)}.pcap"))
    if not found:
        raise FileNotFoundError(2, "no SIPp recording of this key", f"dtmf_2833_{key}.pcap")
    return found[0]
