"""How does a person bring the world outside up by hand? Network, SMSC and package system on chosen ports."""

import argparse
import asyncio
import signal
import sys
from contextlib import AsyncExitStack
from pathlib import Path

from simulator.behaviours import BEFORE_1, LAST_DIGIT, THIRD_LAST
from simulator.mobile_network import AgentPhone, MobileNetwork
from simulator.package_system import PackageSystem
from simulator.smsc import Smsc

_EXAMPLES = """\
examples:
  python -m simulator
      everything on its usual port; point config.yaml's trunk, smsc and registration at what is printed
  python -m simulator --peer 127.0.0.1:5060 --agent agent1:secret --records /tmp/world
      the trunk of a call centre for call-backs, and an agent's phone registering there
  python -m simulator --call 0901234567 --peer 127.0.0.1:5060
      a subscriber calls 9090 once everything is up

numbers, by the last digit:
{last}
by the two last digits:
{before}
registrations, by the third-last digit (others accept):
{third}
"""


def _arguments() -> argparse.ArgumentParser:
    last = "\n".join(f"  …{d}    {who.name}: {who.what}" for d, who in LAST_DIGIT.items())
    before = "\n".join(f"  …{d}1   {who.name}: {who.what}" for d, who in BEFORE_1.items())
    third = "\n".join(f"  …{d}01  {answer.name}" for d, answer in THIRD_LAST.items())
    parser = argparse.ArgumentParser(
        prog="python -m simulator",
        description="A simulated mobile network, SMSC and package system on loopback.",
        epilog=_EXAMPLES.format(last=last, before=before, third=third),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "--sip-port",
        type=int,
        default=5070,
        metavar="PORT",
        help="the mobile network's SIP port (%(default)s)",
    )
    add("--smpp-port", type=int, default=2775, metavar="PORT", help="the SMSC's port (%(default)s)")
    add("--http-port", type=int, default=8081, metavar="PORT", help="the package system's port (%(default)s)")
    add(
        "--records", type=Path, default=Path(".run/simulator"), metavar="FOLDER", help="records (%(default)s)"
    )
    add(
        "--ring", type=float, default=30, metavar="S", help="ring limit of the caller's trunk (%(default)s s)"
    )
    add(
        "--peer",
        default="",
        metavar="HOST:PORT",
        help="SIP address of the call centre, for call-backs and agents",
    )
    add(
        "--agent",
        action="append",
        default=[],
        metavar="NAME:PASSWORD",
        help="a phone that registers with --peer",
    )
    add("--call", default="", metavar="NUMBER", help="let this subscriber call 9090 once")
    add("--system-id", default="mai", help="the SMPP client's name (%(default)s)")
    add("--password", default="secret", help="the SMPP client's password (%(default)s)")
    return parser


async def _run(arguments: argparse.Namespace) -> None:
    folder: Path = arguments.records
    phones = [agent.partition(":") for agent in arguments.agent]
    agents = tuple(AgentPhone(name, password, arguments.peer) for name, _, password in phones)
    network = MobileNetwork(
        folder / "network", arguments.sip_port, arguments.ring, peer=arguments.peer, agents=agents
    )
    smsc = Smsc(
        "127.0.0.1", arguments.smpp_port, folder / "sms.jsonl", arguments.system_id, arguments.password
    )
    packages = PackageSystem(port=arguments.http_port, record=folder / "registrations.jsonl")
    stop = asyncio.Event()
    for sign in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    async with AsyncExitStack() as stack:
        for part in (smsc, packages, network):
            await stack.enter_async_context(part)
        print(f"mobile network  {network.address}")
        print(f"SMSC            127.0.0.1:{smsc.port}, system_id {smsc.system_id}")
        print(f"package system  {packages.url}")
        print(f"records         {folder}/network/calls.jsonl, sms.jsonl, registrations.jsonl")
        print("Ctrl-C ends it.", flush=True)
        if arguments.call:
            await network.call(arguments.call, "9090")
        await stop.wait()


def main() -> int:
    parser = _arguments()
    arguments = parser.parse_args()
    if (arguments.agent or arguments.call) and not arguments.peer:
        parser.error("--agent and --call need --peer HOST:PORT, the call centre's SIP address")
    try:
        asyncio.run(_run(arguments))
    except FileNotFoundError as missing:
        print(f"{missing.filename} is missing: `make setup` installs Asterisk there", file=sys.stderr)
        return 1
    except (OSError, RuntimeError, ValueError, OverflowError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
