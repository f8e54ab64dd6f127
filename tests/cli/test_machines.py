"""One system as two processes over one PostgreSQL store: an office without calls, and a box with Asterisk."""

import asyncio
import json
import shutil
import signal
import subprocess
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli.office import MAI, ROOT, SECRETS, Office, Said, open_office
from tests.cli.test_running import _world, until
from tests.store.server import new_database

TEN = [f"090{place:04}031" for place in range(1, 11)]  # press 1
LATER = "0900099031"
SUBSCRIBERS = "number,payment,device,status,vlr,flags,consent\n" + "".join(
    f"{number},prepaid,smartphone,two_way,1,,phiếu yêu cầu 2026\n" for number in (*TEN, LATER)
)
#: config file -> what its process runs.
PROCESSES = {
    "office.yaml": ("web", "planner", "sms", "registrar", "house"),
    "box.yaml": ("dialer", "agi", "--node", "ast1"),
}

pytestmark = pytest.mark.asterisk


@dataclass
class Machines:
    """Both processes, up."""

    office: Office
    running: dict[str, "subprocess.Popen[bytes]"]

    def mai(self, config: str, *words: str) -> Said:
        return self.office.mai(*words, "--config", config)

    def status(self, config: str) -> dict[str, Any]:
        said = self.mai(config, "status", "--json")
        assert said.status == 0, said
        return said.rows[0]

    def alarms(self) -> list[str]:
        """Both see the same, so one is asked."""
        return sorted(alarm["name"] for alarm in self.status("box.yaml")["alarms"])

    def log(self, config: str, kind: str) -> list[dict[str, Any]]:
        return self.mai(config, "log", kind, "--json").rows

    def top_up(self, id_: str, number: str) -> int:
        """As the operator's system does it; the status of the answer."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.office.ports['web']}/v1/topups",
            data=json.dumps({"id": id_, "number": number, "amount": 50_000}).encode(),
            headers={"Authorization": f"Bearer {SECRETS['MAI_WEB_TOKEN']}"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)

    def until(self, what: str, there: Callable[[], bool]) -> None:
        def look() -> bool:
            for config, process in self.running.items():
                assert process.poll() is None, f"{config} ended by itself: see its log"
            return there()

        until(what, look)


def _two_configs(folder: Path, url: str) -> Office:
    """One folder, as two machines see it that share it: each has its own run folder; ast2 is another's."""
    office = open_office(folder, store={"url": url})
    config = office.config
    node = config["asterisk"]["nodes"][0]
    config["asterisk"]["nodes"].append(node | {"name": "ast2", "ari_url": "http://127.0.0.1:9"})
    config["campaigns"] = "campaigns"
    config["prompts"] |= {"cache": "prompts", "rate": 250}
    (folder / "campaigns").mkdir()
    shutil.copy(ROOT / "tests/kill/short.yaml", folder / "campaigns/short.yaml")
    for name in PROCESSES:
        written = config | {"run_dir": "${MAI_PLACE}/" + name.partition(".")[0]}
        office.write(name, json.dumps(written, ensure_ascii=False))
    office.write("subscribers.csv", SUBSCRIBERS)
    office.write("dnc.csv", "number,channel\n0912345671,both\n")
    office.write("dnc-2.csv", f"number,channel\n0912345671,both\n{LATER},voice\n")
    return office


def _start(office: Office, config: str) -> "subprocess.Popen[bytes]":
    command = [str(MAI), "run", *PROCESSES[config], "--config", config]
    with (office.folder / f"{config}.log").open("wb") as out:
        return subprocess.Popen(command, cwd=office.folder, env=office.environment, stdout=out, stderr=out)


@pytest.fixture(scope="module")
def machines(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    place = tmp_path_factory.mktemp("machines")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("MAI_PLACE", "run")
        office = _two_configs(place, asyncio.run(new_database(postgres)))
        world = _world(office)
        running: dict[str, subprocess.Popen[bytes]] = {}
        try:
            assert world.stdout is not None
            assert any("Ctrl-C ends it" in line for line in world.stdout)
            for kind in ("subscribers", "dnc"):
                said = office.mai("import", kind, f"{kind}.csv", "--config", "office.yaml")
                assert said.status == 0, said
            running |= {config: _start(office, config) for config in PROCESSES}
            both = Machines(office, running)
            for config in PROCESSES:
                both.until(config, lambda c=config: both.mai(c, "status").status == 0)  # type: ignore[misc]
            yield both
        finally:
            for config, process in running.items():
                office.mai("stop", "--config", config)
                if process.poll() is None:
                    process.kill()
                process.wait()
            world.send_signal(signal.SIGINT)
            world.wait(timeout=30)
            world.stdout.close() if world.stdout else None


def test_ten_calls_go_through_both_processes(machines: Machines) -> None:
    """Issue 5, 2: web, planner, sms and registrar in one, dialer and agi in the other; every log is the same in both."""
    for number in TEN:
        assert machines.top_up(f"t-{number}", number) == 202

    def registered() -> bool:
        found = machines.log("office.yaml", "registrations")
        return Counter(each["state"] for each in found) == {"registered": 10}

    machines.until("ten registrations", registered)
    machines.until(
        "SMS1 and SMS2",
        lambda: Counter(each["state"] for each in machines.log("box.yaml", "sms")) == {"delivered": 20},
    )
    calls = machines.log("box.yaml", "calls")
    assert {(each["outcome"], each["node"]) for each in calls} == {("accepted", "ast1")}
    assert sorted(each["number"] for each in calls) == [f"+84{number[1:]}" for number in TEN]
    assert machines.log("office.yaml", "calls") == calls
    assert (machines.log("office.yaml", "registrations"), len(calls)) == (
        machines.log("box.yaml", "registrations"),
        10,
    )


def test_each_process_says_what_it_runs_and_why_it_does_not_dial(machines: Machines) -> None:
    """§5 `mai status`: one process does not speak for the other."""
    office, box = machines.status("office.yaml"), machines.status("box.yaml")
    assert set(office["parts"]) >= {"sms", "registrar", "web"}
    assert "dialer" not in office["parts"]
    assert office["why"][0].startswith("the dialer does not run in this process: ")
    assert set(box["parts"]) >= {"dialer", "agi"}
    assert not {"sms", "registrar", "web"} & set(box["parts"])
    machines.until(
        "dialling", lambda: machines.status("box.yaml")["parts"]["dialer"]["reason"] == "no contact is due"
    )
    assert (office["alarms"], box["alarms"]) == ([], [])
    (bind,) = machines.mai("box.yaml", "smsc", "--json").rows[0]["binds"]
    assert (bind["bound"], bind["why"]) == (False, "the sms part does not run in this process")


def test_a_second_process_in_the_same_run_folder_is_refused(machines: Machines) -> None:
    """It would take the control socket of the first; who runs beside needs a run_dir of its own."""
    said = machines.mai("box.yaml", "run", "house")
    assert said.status == 1
    assert "another process runs in " in said.err
    assert machines.mai("box.yaml", "status").status == 0


def test_a_node_that_config_yaml_does_not_have_is_named(machines: Machines) -> None:
    """Wrong usage."""
    said = machines.mai("box.yaml", "run", "dialer", "--node", "ast3")
    assert (said.status, said.err) == (2, "'ast3' is not a node of config.yaml: one of ast1, ast2\n")


def test_a_node_that_is_drained_in_one_process_gets_no_call_from_the_other(machines: Machines) -> None:
    """Issue 5, 2: `mai node drain`, `list`, `undrain`."""
    found = {row["node"]: row for row in machines.mai("office.yaml", "node", "list", "--json").rows}
    assert (found["ast1"]["state"], found["ast1"]["driven_by"][-8:]) == ("dials", "/run/box")
    assert (found["ast2"]["state"], found["ast2"]["driven_by"]) == ("dials", None)
    assert machines.mai("office.yaml", "node", "drain", "ast1").status == 0
    machines.until(
        "drained",
        lambda: machines.status("box.yaml")["parts"]["dialer"]["reason"].startswith("ast1 is drained by "),
    )
    (row,) = [each for each in machines.status("box.yaml")["nodes"] if each["node"] == "ast1"]
    assert (row["state"], row["calls"]) == ("drained", 0)
    assert machines.mai("box.yaml", "node", "undrain", "ast1").out == "dials again\n"
    machines.until(
        "dialling", lambda: machines.status("box.yaml")["parts"]["dialer"]["reason"] == "no contact is due"
    )


def test_a_wrong_edit_is_an_alarm_of_each_process_and_ends_with_the_edit(machines: Machines) -> None:
    """Issue 3, 2: what runs stays; each process tells of itself, and clears only what is its own."""
    file = machines.office.folder / "campaigns/short.yaml"
    right = file.read_text(encoding="utf-8")
    file.write_text(right.replace("device: [smartphone]", "device: [smartfone]"), encoding="utf-8")
    machines.until("two alarms", lambda: len(machines.alarms()) == 2)
    box, office = machines.alarms()
    assert [name.partition("@")[0] for name in (box, office)] == ["campaign:short"] * 2
    assert (box[-8:], office[-11:]) == ("/run/box", "/run/office")
    file.write_text(right.replace("tries: 1", "tries: 2"), encoding="utf-8")
    machines.until("no alarm", lambda: machines.alarms() == [])
    versions = [machines.status(config)["parts"]["campaigns"]["short"] for config in PROCESSES]
    assert versions[0] == versions[1] != "held back"


def test_a_list_imported_in_one_process_holds_in_the_other_at_once(machines: Machines) -> None:
    """R2: the dialer asks again with the register that the office imported after the call was planned."""
    box = machines.running["box.yaml"]
    box.send_signal(signal.SIGSTOP)
    try:
        assert machines.top_up("t-later", LATER) == 202
        machines.until("a contact", lambda: machines.status("office.yaml")["contacts"]["due"] == 1)
        assert machines.mai("office.yaml", "import", "dnc", "dnc-2.csv").status == 0
    finally:
        box.send_signal(signal.SIGCONT)

    def fate() -> Any:
        rows = machines.mai("office.yaml", "log", "triggers", "--number", LATER, "--json").rows
        return [(row["fate"], row["rule"][:3]) for row in rows if row["fate"]]

    machines.until("its fate", lambda: bool(fate()))
    assert fate() == [("refused_by_rule", "R2:")]


def test_stopping_one_process_leaves_the_other(machines: Machines) -> None:
    """§5 `mai stop`: the box ends with its Asterisk; the office goes on taking top-ups."""
    box = machines.running.pop("box.yaml")
    said = machines.office.mai("stop", "--config", "box.yaml")
    assert (said.status, said.out, box.wait(timeout=30)) == (0, "stopped\n", 0)
    assert machines.mai("box.yaml", "status").status == 1
    assert machines.top_up("t-alone", TEN[0]) == 202
    assert not list((machines.office.folder / "run/box/asterisk/ast1/run").glob("managed.json"))
    assert not (machines.office.folder / "run/box/asterisk/ast2").exists()
