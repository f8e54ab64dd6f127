"""The commands against a running system: a managed Asterisk, the simulated network, SMSC and package system."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.cli.office import ROOT, SECRETS, Office, Said, open_office

SUBSCRIBERS = "number,payment,device,region,status,vlr,arpu_1,arpu_2,arpu_3,flags,consent\n" + "".join(
    f"{number},prepaid,smartphone,CTKV2,two_way,1,90000,80000,100000,,phiếu yêu cầu 2026\n"
    for number in ("0901234561", "0901234531")
)
_LONGEST_S = 60.0

pytestmark = pytest.mark.asterisk


def until(what: str, there: Callable[[], bool]) -> None:
    """Look again until it is there; each look is a command, so this is no busy loop."""
    end = time.monotonic() + _LONGEST_S
    while not there():
        assert time.monotonic() < end, f"{what} did not come within {_LONGEST_S:g} s"


def up(office: Office, system: "subprocess.Popen[bytes]") -> None:
    """The system answers `mai status`."""
    until("the system", lambda: system.poll() is not None or office.mai("status").status == 0)
    assert system.poll() is None, "the system ended at its start: see its log"


@dataclass
class Running:
    """The office with its system up."""

    office: Office
    system: "subprocess.Popen[bytes]"

    def mai(self, *words: str) -> Said:
        return self.office.mai(*words)

    @property
    def log(self) -> str:
        return (self.office.folder / "run.log").read_text(encoding="utf-8")


def _world(office: Office) -> "subprocess.Popen[str]":
    ports = office.ports
    words = {
        "--sip-port": ports["network"],
        "--smpp-port": ports["smsc"],
        "--http-port": ports["packages"],
        "--records": office.folder / "world",
        "--peer": f"127.0.0.1:{ports['sip']}",
        "--password": SECRETS["MAI_SMSC_PASSWORD"],
    }
    flat = [str(word) for pair in words.items() for word in pair]
    return subprocess.Popen(
        [sys.executable, "-m", "simulator", *flat], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    office = open_office(tmp_path_factory.mktemp("running"))
    office.write("subscribers.csv", SUBSCRIBERS)
    office.write("dnc.csv", "number,channel\n0912345671,both\n")
    world = _world(office)
    try:
        assert world.stdout is not None
        assert any("Ctrl-C ends it" in line for line in world.stdout)
        for kind in ("subscribers", "dnc"):
            assert office.mai("import", kind, f"{kind}.csv").status == 0
        system = office.start("run.log")
        try:
            log = office.folder / "run.log"
            up(office, system)
            until("Asterisk", lambda: "connected" in log.read_text(encoding="utf-8"))
            yield Running(office, system)
        finally:
            office.mai("stop")
            if system.poll() is None:
                system.kill()
            system.wait()
    finally:
        world.send_signal(signal.SIGINT)
        world.wait(timeout=30)
        world.stdout.close() if world.stdout else None


def test_a_top_up_becomes_a_call_a_registration_and_its_logs(running: Running) -> None:
    """O1, O12, O13, O16: the logs have every key of §5, Vietnamese intact, tables masked."""
    said = running.mai("call", "0901234531", "--programme", "topup-smartphone", "--json")
    assert said.status == 0, said
    (call,) = said.rows
    assert (call["outcome"], call["number"]) == ("accepted", "+84901234531")
    assert "Quý khách" in call["text"]
    assert [pressed["key"] for pressed in call["keys"]] == ["1"]
    assert call["started_at"].endswith("+07:00")
    assert set(call) == {
        "id", "contact", "trigger", "programme", "unit", "number", "started_at", "answered_at", "ended_at", "outcome",
        "keys", "offer", "text", "prompt_version", "cause", "sip_code", "node", "trunk", "wall_at", "direction",
    }  # fmt: skip
    until("the registration", lambda: '"registered"' in running.mai("log", "registrations", "--json").out)
    (registration,) = running.mai("log", "registrations", "--json").rows
    assert (registration["package"], registration["number"]) == ("C90N", "+84901234531")
    table = running.mai("log", "calls").out
    assert "+8490****531" in table
    assert "901234531" not in table
    assert "901234531" not in running.log
    report = running.mai("report", "topup-smartphone", "--json").rows[0]
    assert report["outcomes"] == {"accepted": 1}


def test_a_number_outside_the_base_is_not_called_and_the_person_reads_the_rule(running: Running) -> None:
    """Bad input: an unknown number; exit status 1."""
    said = running.mai("call", "0901234569", "--programme", "topup-smartphone")
    assert (said.status, said.out) == (1, "")
    assert said.err.startswith("not called: O2: ")


def test_a_top_up_reaches_the_running_system_whatever_happens_to_config_yaml(running: Running) -> None:
    """A running system has read its configuration; what comes is stored at once, and once."""
    config = running.office.folder / "config.yaml"
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace('"packages"', '"pakcages"'), encoding="utf-8")
    try:
        assert running.mai("topup", "0912345671", "50000", "--id", "r-1").out == "r-1: stored\n"
        assert running.mai("topup", "0912345671", "50000", "--id", "r-1").out == "r-1: repeated\n"
    finally:
        config.write_text(text, encoding="utf-8")


def test_a_pause_holds_and_says_why_nothing_is_dialled(running: Running) -> None:
    """§5 pause, resume, status."""
    assert running.mai("pause", "--all").out == "paused\n"
    assert running.mai("pause", "--all").out == "was paused already\n"
    (found,) = running.mai("status", "--json").rows
    assert any(reason.startswith("every programme is paused by ") for reason in found["why"])
    assert running.mai("resume", "--all").out == "goes on\n"
    assert set(found["parts"]) >= {"dialer", "sms", "registrar", "web", "agi"}


def test_a_test_sms_reaches_the_smsc_and_the_binds_say_how_they_are(running: Running) -> None:
    """R10: `mai sms` sends only from a granted sender; `mai smsc` shows binds and outbox."""
    said = running.mai("sms", "0901234531", "Thử đường truyền", "--json")
    assert said.status == 0, said
    (sent,) = said.rows
    assert (sent["text"], sent["kind"], sent["sender"]) == ("Thử đường truyền", "test", "8989")
    assert sent["state"] in ("accepted", "delivered")
    refused = running.mai("sms", "0901234531", "x", "--sender", "KHONGCO")
    assert refused.status == 1
    assert refused.err.startswith("sender: ")
    (seen,) = running.mai("smsc", "--json").rows
    assert [(bind["name"], bind["bound"]) for bind in seen["binds"]] == [("smsc1", True)]
    assert running.mai("smsc").status == 0


def test_a_second_run_says_who_holds_the_store(running: Running) -> None:
    """Bad input: one process writes a SQLite store."""
    said = running.mai("run")
    assert said.status == 1
    assert f"is written by process {running.system.pid}" in said.err
    assert "Traceback" not in said.err


def test_after_a_kill_mai_stop_ends_the_asterisk_that_was_left(running: Running) -> None:
    """§5 managed nodes: Asterisk outlives a killed controller, and `mai stop` ends both. The last test here."""
    assert running.mai("stop").out == "stopped\n"
    assert running.system.wait(timeout=30) == 0
    again = running.office.start("again.log")
    log = running.office.folder / "again.log"
    up(running.office, again)
    until("Asterisk", lambda: "connected" in log.read_text("utf-8"))
    again.kill()
    again.wait()
    note = running.office.folder / "run" / "asterisk" / "ast1" / "run" / "managed.json"
    assert note.exists()
    assert running.mai("stop").out == "nothing ran, but its Asterisk did; it is stopped\n"
    assert not note.exists()


def test_ctrl_c_ends_the_system_well(running: Running) -> None:
    """A stop well: exit status 0, and no Asterisk is left."""
    system = running.office.start("signalled.log")
    log = running.office.folder / "signalled.log"
    up(running.office, system)
    system.send_signal(signal.SIGINT)
    assert system.wait(timeout=_LONGEST_S) == 0
    assert "part=system" in log.read_text("utf-8").splitlines()[-1]
    said = running.mai("stop")
    assert said.out == "nothing ran\n", said
