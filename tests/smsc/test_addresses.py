"""Does the gateway reach an SMSC over IPv6, and over TLS only the one that its certificate names?"""

import asyncio
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest

import tests.smpp.test_tls
from simulator.smsc import Smsc
from store.database import open_store
from tests.smsc.world import PASSWORD, World, app_in, bind, config, gateway, new

CERTIFICATES = tests.smpp.test_tls.HERE


@pytest.fixture
def loopback6() -> str:
    """The machine's own address in IPv6."""
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return "::1"
    except OSError as error:
        pytest.skip(f"this machine has no ::1: {error}")


async def test_an_smsc_in_ipv6_is_reached(tmp_path: Path, loopback6: str) -> None:
    """Issue 4, 1: IPv6."""
    async with (
        Smsc(loopback6, record=tmp_path / "smsc.jsonl") as smsc,
        open_store("sqlite:///mai.db", tmp_path) as store,
    ):
        running = World(app_in(store, config(bind(smsc, host=loopback6)), tmp_path), smsc)
        async with gateway(running.app):
            await running.send(new("thanks:1"))
            await running.settled("thanks:1")


async def test_an_smsc_in_ipv6_that_is_away_is_named_as_addresses_are_written(
    tmp_path: Path, loopback6: str
) -> None:
    async with Smsc(loopback6, record=tmp_path / "smsc.jsonl") as smsc:
        away = bind(smsc, host=loopback6)
    async with open_store("sqlite:///mai.db", tmp_path) as store:
        running = World(app_in(store, config(away), tmp_path), smsc)
        async with gateway(running.app):
            said = await running.alarms(lambda said: "smsc:smsc1" in said)
    assert f"SMSC smsc1 at [::1]:{smsc.port}: " in said["smsc:smsc1"]


class TlsSmsc(Smsc):
    """The simulated SMSC behind TLS, with the certificate of `smsc.test`."""

    async def start(self) -> None:
        await super().start()
        assert self._server
        self._server.close()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATES / "smsc.pem", CERTIFICATES / "smsc.key")
        self._server = await asyncio.start_server(self._serve, self.host, self.port, ssl=context)


@pytest.mark.parametrize(
    ("fields", "well"),
    [
        ({"ca": "ca.pem", "server_hostname": "smsc.test"}, True),
        ({"ca": "ca.pem", "server_hostname": "other.test"}, False),
        ({"ca": "ca.pem"}, False),  # 127.0.0.1 is not what the certificate names
        ({"server_hostname": "smsc.test"}, False),  # the machine's own authorities do not know it
    ],
)
async def test_tls_checks_the_name_against_the_own_authority(
    tmp_path: Path, fields: dict[str, str], well: bool
) -> None:
    """Issue 4, 1: TLS with host name check and own CA, as config.yaml says; a doubt is an alarm, and nothing leaves."""
    (tmp_path / "ca.pem").write_bytes((CERTIFICATES / "ca.pem").read_bytes())
    async with (
        TlsSmsc(record=tmp_path / "smsc.jsonl") as smsc,
        open_store("sqlite:///mai.db", tmp_path) as store,
    ):
        running = World(app_in(store, config(bind(smsc, tls=True, **fields)), tmp_path), smsc)
        async with gateway(running.app):
            await running.send(new("thanks:1"))
            if well:
                await running.settled("thanks:1")
            else:
                said = await running.alarms(lambda said: "smsc:smsc1" in said)
                assert "certificate verify failed" in said["smsc:smsc1"]
                assert (await running.log())["thanks:1"]["state"] == "due"
        assert bool(smsc.record.lines and running.submits()) == well


@pytest.mark.parametrize(
    "wrong", [{"tls": True, "ca": "nosuch.pem"}, {"password": "nine-signs"}, {"system_id": "máy"}]
)
async def test_a_bind_that_cannot_be_made_is_an_alarm_and_the_other_carries_on(
    tmp_path: Path, wrong: dict[str, Any]
) -> None:
    """Issue 4, 1: several binds; what is wrong with one is told by its name."""
    async with (
        Smsc(record=tmp_path / "smsc.jsonl", password=PASSWORD) as smsc,
        open_store("sqlite:///mai.db", tmp_path) as store,
    ):
        binds = bind(smsc, name="bad", **wrong), bind(smsc, name="smsc1")
        running = World(app_in(store, config(*binds), tmp_path), smsc)
        async with gateway(running.app):
            await running.send(new("thanks:1"))
            await running.settled("thanks:1")
            assert (
                "cannot be bound as config.yaml says"
                in (await running.alarms(lambda a: "smsc:bad" in a))["smsc:bad"]
            )
            assert not running.says("bad")["bound"]
