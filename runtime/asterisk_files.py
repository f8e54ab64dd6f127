"""What does our Asterisk read? dialplan/'s templates filled from config.yaml, into a private folder.

Nothing that a person wrote in config.yaml can become syntax: every value passes `_plain`, which refuses what
an Asterisk file could take for more than text.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup
from pydantic import SecretStr

from core.config import Config, Node

#: Where `make setup` puts .asterisk/: beside our own packages.
ROOT = Path(__file__).resolve().parent.parent
#: The numbers whose calls we take (O15); the rest of the world gets 404.
ANSWERED = ("9090",)
#: What may stand in a name that an agent reads.
_PLAIN_NAME = "-A-Za-z0-9 .:/_"  # the hyphen first: FILTER takes a last one for half a range
_TEMPLATES = (
    *("asterisk", "modules", "logger", "http", "ari", "manager", "rtp", "pjsip", "extensions"),
    *("amd", "queues", "musiconhold", "cdr", "cel"),
)
#: Files without which Asterisk complains at start, although their defaults are what we want.
_EMPTY = (
    "acl",
    "ccss",
    "features",
    "indications",
    "pjproject",
    "queuerules",
    "stasis",
    "udptl",
    "websocket_client",
)
_MODULES = """
res_timing_timerfd res_sorcery_config res_sorcery_memory res_sorcery_astdb res_http_websocket
res_websocket_client
res_pjproject res_pjsip res_pjsip_pubsub res_pjsip_session res_pjsip_sdp_rtp res_pjsip_caller_id res_pjsip_nat
res_pjsip_rfc3326 res_pjsip_logger res_pjsip_registrar res_pjsip_authenticator_digest
res_pjsip_outbound_authenticator_digest res_pjsip_endpoint_identifier_ip res_pjsip_endpoint_identifier_user
res_rtp_asterisk res_format_attr_opus chan_pjsip
codec_alaw codec_ulaw codec_a_mu codec_g722 codec_gsm codec_resample codec_opus_open_source
format_pcm format_wav format_sln format_gsm res_musiconhold
bridge_simple bridge_native_rtp bridge_softmix bridge_holding
pbx_config
app_amd app_exec app_stack app_originate app_queue func_channel func_callerid func_strings func_timeout func_logic
func_global func_groupcount res_speech res_agi
res_stasis res_stasis_answer res_stasis_playback res_stasis_recording res_stasis_snoop res_stasis_device_state
res_ari res_ari_model res_ari_applications res_ari_asterisk res_ari_channels res_ari_events
res_ari_playbacks
app_stasis
"""
_SYNTAX = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029;\[\]\"\\]|\$[{\[]|\A[>\s]|\s\Z")
_IPV6 = re.compile(r"\[[0-9a-fA-F:]+\](:[0-9]{1,5})?\Z")


class BadAsteriskConfig(Exception):
    """config.yaml asks for something that Asterisk's files cannot say; the message is one sentence."""


@dataclass(frozen=True)
class Installed:
    """Where `make setup` put Asterisk (.asterisk/paths.json)."""

    command: tuple[str, ...]
    version: str
    astmoddir: str
    astdatadir: str
    moh: str | None


def installed(root: Path) -> Installed | None:
    """The Asterisk under `root`/.asterisk, or None when `make setup` has not made it."""
    try:
        found = json.loads((root / ".asterisk" / "paths.json").read_text())
    except FileNotFoundError:
        return None
    return Installed(
        tuple(found["command"]), found["version"], found["astmoddir"], found["astdatadir"], found.get("moh")
    )


def render(config: Config, node: Node, folder: Path, asterisk: Installed | None) -> dict[str, str]:
    """Every file of this node, by name. `folder` is where the node will live (absolute).

    Without `asterisk` (an Asterisk that others run) asterisk.conf is left out: its folders are theirs.
    Raises BadAsteriskConfig with one sentence.
    """
    values = _values(config, node, folder, asterisk)
    made = {f"{name}.conf": "; Nothing set: the defaults hold.\n" for name in _EMPTY}
    for name in _TEMPLATES:
        if name != "asterisk" or asterisk:
            made[f"{name}.conf"] = _environment().get_template(f"{name}.conf.j2").render(values)
    return made


@cache
def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        loader=jinja2.FunctionLoader(lambda name: files("dialplan").joinpath(name).read_text("utf-8")),
        undefined=jinja2.StrictUndefined,
        finalize=_plain,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"secret": _secret, "host": _host, "literal": Markup}
    return environment


def write(made: dict[str, str], folder: Path) -> str:
    """Write the files into `folder`/etc (0700, files 0600: they hold secrets); returns their digest."""
    for name in ("etc", "lib", "spool", "spool/recording", "run", "log"):
        (folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    for name, text in made.items():
        path = folder / "etc" / name
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        path.write_text(text, "utf-8")
    return digest(made)


def digest(made: dict[str, str]) -> str:
    """Says whether two sets of files are the same."""
    return hashlib.sha256(json.dumps(made, sort_keys=True).encode()).hexdigest()


def _values(config: Config, node: Node, folder: Path, asterisk: Installed | None) -> dict[str, Any]:
    _refuse_clashes(config, node)
    ari = urlsplit(node.ari_url)
    rtp_first, rtp_last = (int(port) for port in node.rtp_ports.split("-"))
    if not 1024 <= rtp_first < rtp_last <= 65535:
        raise BadAsteriskConfig(f"node {node.name}: rtp_ports {node.rtp_ports} is no range within 1024-65535")
    sip_host = _host(node.sip_bind)
    channels = sum(trunk.max_channels for trunk in config.trunks)
    return {
        "node": node,
        "folder": folder,
        "installed": asterisk,
        "trunks": config.trunks,
        "agents": config.agents,
        "modules": _MODULES.split(),
        "answered": ANSWERED,
        "most_incoming": max(trunk.max_channels for trunk in config.trunks),
        "ari_host": ari.hostname,
        "ari_port": ari.port or (443 if ari.scheme == "https" else 80),
        "rtp_first": rtp_first,
        "rtp_last": rtp_last,
        # A channel takes about six files: SIP, two RTP and RTCP sockets, timers, the prompt.
        "max_files": max(1024, 12 * channels),
        "tcp": any(trunk.transport == "tcp" for trunk in config.trunks),
        "media_address": None if sip_host in ("0.0.0.0", "::") else sip_host,
        "agi": f"{config.agi.host}:{config.agi.port}" if config.agi.port else None,
        "plain": _PLAIN_NAME,
    }


def _refuse_clashes(config: Config, node: Node) -> None:
    ari = urlsplit(node.ari_url)
    if node.managed and (ari.scheme != "http" or ari.hostname not in ("127.0.0.1", "::1", "localhost")):
        raise BadAsteriskConfig(f"node {node.name} is managed: ari_url must be http://127.0.0.1:PORT")
    if node.ami_port and node.ami_password is None:
        raise BadAsteriskConfig(f"node {node.name}: ami_port is set, ami_password is missing")
    names = [f"trunk-{trunk.name}" for trunk in config.trunks] + [agent.name for agent in config.agents]
    names += ["transport-udp", "transport-tcp", "global"]
    for name in names:
        if names.count(name) > 1:
            raise BadAsteriskConfig(f"two trunks or agents are called {name}: each needs a name of its own")
    for trunk in config.trunks:
        if " " in trunk.caller_id:
            raise BadAsteriskConfig(
                f"trunk {trunk.name}: caller_id {trunk.caller_id!r} has a space, which From cannot carry"
            )
        if set(trunk.codecs) <= {"g729"}:
            raise BadAsteriskConfig(
                f"trunk {trunk.name}: no prompt can be spoken in g729: add alaw or ulaw to codecs"
            )


def _plain(value: Any) -> Any:
    """Every value on its way into a file: refused when Asterisk could read more than text in it."""
    if isinstance(value, SecretStr):
        raise TypeError("a secret is written with the filter `secret`")
    text = str(value)
    if isinstance(value, Markup) or _IPV6.match(text):
        return text
    if _SYNTAX.search(text):
        raise BadAsteriskConfig(
            f"{text!r} cannot stand in Asterisk's configuration: use letters, digits and -_.:/"
        )
    return text


def _secret(value: SecretStr | None) -> Markup:
    """A password as written, refused without being shown when a file cannot hold it."""
    text = value.get_secret_value() if value else ""
    if not text or _SYNTAX.search(text):
        raise BadAsteriskConfig(
            "a password of Asterisk is empty or has a character that its files cannot hold: leave out "
            '; [ ] " \\ ${ and spaces at the ends'
        )
    return Markup(text)  # marks it as checked


def _host(address: str) -> str:
    """`host:port` or `[v6]:port` -> the host."""
    return address.rpartition(":")[0].strip("[]")
