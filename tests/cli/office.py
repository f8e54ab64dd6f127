"""What does a stranger have who tries `mai`? A folder with config.yaml, secrets in the environment, and a shell."""

import json
import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from simulator.ports import free_port

ROOT = Path(__file__).resolve().parent.parent.parent
MAI = Path(sys.executable).parent / "mai"
SECRETS = {
    "MAI_ARI_PASSWORD": "ari-of-tests",
    "MAI_WEB_TOKEN": "token-of-tests",
    "MAI_AGENT1_PASSWORD": "agent-of-tests",
    "MAI_SMSC_PASSWORD": "sms-test",
}
#: A Friday, in every window.
NOW = "2026-11-20T10:05:00+07:00"


@dataclass(frozen=True)
class Said:
    """What a command said, and its exit status."""

    status: int
    out: str
    err: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The objects of --json."""
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass(frozen=True)
class Office:
    """One installation in a folder of its own, and the ports of the world outside."""

    folder: Path
    ports: dict[str, int]

    @property
    def config(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "config.yaml").read_text(encoding="utf-8"))
        return found

    @property
    def environment(self) -> dict[str, str]:
        return {name: value for name, value in os.environ.items() if name != "MAI_CONFIG"} | SECRETS

    def write(self, name: str, text: str) -> Path:
        """A file of this folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def mai(self, *words: str) -> Said:
        """Run one command in this folder and wait for it."""
        done = subprocess.run(
            [str(MAI), *words],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def start(self, log: str) -> "subprocess.Popen[bytes]":
        """`mai run`; its log goes to a file of this folder."""
        with (self.folder / log).open("wb") as out:
            return subprocess.Popen(
                [str(MAI), "run"], cwd=self.folder, env=self.environment, stdout=out, stderr=out
            )


#: Of a mistake: the words, the exit status, what the person must read.
Mistake = tuple[tuple[str, ...], int, str]


def each_of(mistakes: list[Mistake]) -> pytest.MarkDecorator:
    """One test for each mistake, named by its words."""
    names = [" ".join(words) for words, _, _ in mistakes]
    return pytest.mark.parametrize(("words", "status", "sentence"), mistakes, ids=names)


def mistaken(office: Office, words: tuple[str, ...], status: int, sentence: str) -> Said:
    """What `mai` said to a mistake: this sentence with this exit status, and no traceback."""
    said = office.mai(*words)
    assert (said.status, sentence in said.err, "Traceback" in said.err) == (status, True, False), said
    return said


def open_office(folder: Path, **changes: Any) -> Office:
    """An installation on free loopback ports with the campaigns of this repository."""
    ports = {name: free_port() for name in ("ari", "smsc", "packages", "web", "agi")}
    ports |= {name: free_port(socket.SOCK_DGRAM) for name in ("sip", "network")}
    sample = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    node, trunk, bind = sample["asterisk"]["nodes"][0], sample["trunks"][0], sample["smsc"][0]
    node["ari_url"], node["sip_bind"] = f"http://127.0.0.1:{ports['ari']}", f"127.0.0.1:{ports['sip']}"
    trunk["address"], bind["port"] = f"127.0.0.1:{ports['network']}", ports["smsc"]
    sample["registration"] |= {
        "url": f"http://127.0.0.1:{ports['packages']}/registrations",
        "tries": 2,
        "backoff_s": 1,
    }
    sample["web"]["port"], sample["agi"]["port"] = ports["web"], ports["agi"]
    sample |= {"run_dir": "run", "clock": {"now": NOW}}
    sample["campaigns"] = os.path.relpath(ROOT / "campaigns", folder)
    sample["packages"] = os.path.relpath(ROOT / "packages.yaml", folder)
    sample["prompts"]["cache"] = os.path.relpath(ROOT / ".run" / "prompts", folder)
    office = Office(folder, ports)
    # YAML reads JSON, and the quotes stay where the strict loader wants them
    office.write("config.yaml", json.dumps(sample | changes, ensure_ascii=False, indent=1, default=str))
    return office
