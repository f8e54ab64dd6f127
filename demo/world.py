"""What is the demo's world? The simulated network, SMSC and package system, and an installation that faces them."""

import asyncio
import csv
import json
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import yaml

from simulator.asterisk_config import AgentPhone
from simulator.mobile_network import MobileNetwork
from simulator.package_system import PackageSystem
from simulator.ports import free_port
from simulator.smsc import Smsc

ROOT = Path(__file__).resolve().parent.parent
MAI = Path(sys.executable).parent / "mai"
AGENT = "agent1"
#: Topped up like the others, and must not be called.
ON_DO_NOT_CALL = "0912345671"


@dataclass
class World:
    """Everything that the demo talks to, up and running."""

    folder: Path
    config: Path
    network: MobileNetwork
    smsc: Smsc
    packages: PackageSystem
    web: str
    token: str
    environment: dict[str, str]

    def mai(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run one command of the system and wait for it."""
        return subprocess.run(
            [str(MAI), *words, "--config", str(self.config)],
            env=self.environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def start(self, *words: str) -> "subprocess.Popen[bytes]":
        """Start the system (`mai run` and these words) in a session of its own; its log goes to a file."""
        with (self.folder / "mai.log").open("ab") as log:
            return subprocess.Popen(
                [str(MAI), "run", *words, "--config", str(self.config)],
                env=self.environment,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )


def quiet_day(start: date) -> date:
    """The first day from `start` on that is not near Tết: the demo calls on any day of the year."""
    return start.replace(month=11, day=20) if start.month in (1, 2) else start


@asynccontextmanager
async def world(folder: Path, *, ring_s: int, calls_per_second: float, channels: int) -> AsyncIterator[World]:
    """Start the simulated world and write an installation that faces it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    sip, ari, web, agi = free_port(socket.SOCK_DGRAM), free_port(), free_port(), free_port()
    passwords = {
        name: secrets.token_hex(12) for name in ("MAI_ARI_PASSWORD", "MAI_WEB_TOKEN", "MAI_AGENT1_PASSWORD")
    } | {"MAI_SMSC_PASSWORD": secrets.token_hex(4)}  # SMPP passwords have at most 8 characters
    agent = AgentPhone(AGENT, passwords["MAI_AGENT1_PASSWORD"], f"127.0.0.1:{sip}")
    network = MobileNetwork(
        folder / "network", ring_s=ring_s, peer=f"127.0.0.1:{sip}", agents=(agent,), rtp_ports=(30000, 39999)
    )
    smsc = Smsc(record=folder / "smsc.jsonl", password=passwords["MAI_SMSC_PASSWORD"])
    packages = PackageSystem(record=folder / "registrations.jsonl")
    async with network, smsc, packages:
        sample = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
        node, trunk, bind = sample["asterisk"]["nodes"][0], sample["trunks"][0], sample["smsc"][0]
        node |= {
            "ari_url": f"http://127.0.0.1:{ari}",
            "sip_bind": f"127.0.0.1:{sip}",
            "rtp_ports": "20000-29999",
        }
        trunk |= {
            "address": network.address,
            "ring_s": ring_s,
            "max_channels": channels,
            "calls_per_second": calls_per_second,
        }
        bind |= {"host": smsc.host, "port": smsc.port}
        sample["registration"] |= {"url": packages.url, "tries": 3, "backoff_s": 1}
        sample["web"] |= {"port": web}
        sample["agi"] |= {"port": agi}
        sample |= {
            "run_dir": "run",
            "campaigns": os.path.relpath(ROOT / "campaigns", folder),
            "packages": os.path.relpath(ROOT / "packages.yaml", folder),
            "clock": {"now": f"{quiet_day(date.today())}T10:05:00+07:00"},
        }
        sample["prompts"]["cache"] = os.path.relpath(ROOT / ".run" / "prompts", folder)
        config = folder / "config.yaml"
        config.write_text(json.dumps(sample, ensure_ascii=False, indent=2, default=str), encoding="utf-8")
        yield World(
            folder=folder,
            config=config,
            network=network,
            smsc=smsc,
            packages=packages,
            web=f"http://127.0.0.1:{web}",
            token=passwords["MAI_WEB_TOKEN"],
            environment=os.environ | passwords,
        )


def write_lists(
    folder: Path, smartphones: Sequence[str], featurephones: Sequence[str], targets: Sequence[str]
) -> None:
    """The files that an operator would import: subscribers, DoNotCall, targets."""
    columns = [
        "number",
        "payment",
        "device",
        "region",
        "status",
        "vlr",
        "arpu_1",
        "arpu_2",
        "arpu_3",
        "flags",
        "consent",
    ]
    with (folder / "subscribers.csv").open("w", newline="", encoding="utf-8") as text:
        writer = csv.writer(text)
        writer.writerow(columns)
        for device, numbers in (
            ("smartphone", [*smartphones, *targets, ON_DO_NOT_CALL]),
            ("featurephone", featurephones),
        ):
            for number in numbers:
                row = [
                    number,
                    "prepaid",
                    device,
                    "CTKV2",
                    "two_way",
                    1,
                    90000,
                    80000,
                    100000,
                    "",
                    "phiếu yêu cầu 2026",
                ]
                writer.writerow(row)
    (folder / "dnc.csv").write_text(f"number,channel\n{ON_DO_NOT_CALL},both\n", encoding="utf-8")
    (folder / "targets.csv").write_text("number\n" + "".join(f"{n}\n" for n in targets), encoding="utf-8")


async def stop_system(world: World, process: "subprocess.Popen[bytes]") -> None:
    """End the system well, and its Asterisk with it."""
    await asyncio.to_thread(world.mai, "stop")
    try:
        await asyncio.to_thread(process.wait, timedelta(seconds=30).total_seconds())
    except subprocess.TimeoutExpired:
        process.kill()
