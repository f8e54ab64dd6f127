"""What does the simulated network's Asterisk read at start?

Pure text: a `Network` becomes a dict of file name → contents. The behaviours of behaviours.py are spelt out
in extensions.conf beside this file, plain dialplan: nothing of ours runs in the path of a call.
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class AgentPhone:
    """A telephone on an agent's desk, registering to the call centre's Asterisk."""

    name: str
    """User part of the SIP address and of the authentication."""
    password: str
    registrar: str
    """`host:port` of the call centre's Asterisk."""
    static: bool = False
    """True: does not register; it is reached at `sip:name@127.0.0.1:<sip_port>`."""

    def __post_init__(self) -> None:
        if not (self.name.isascii() and self.name.isalnum()):
            raise ValueError(f"an agent's phone is named by letters and digits, not {self.name!r}")
        if not self.password.isprintable() or ";" in self.password:
            raise ValueError(f"the password of {self.name} has a character that Asterisk's files cannot hold")


@dataclass(frozen=True)
class Network:
    """How the simulated mobile network is set up."""

    folder: Path
    sip_port: int
    peer: str = ""
    """`host:port` of the call centre's trunk, for calls that subscribers place."""
    ring_s: float = 30.0
    """The ring limit of the caller's trunk; `…51` answers one second before it."""
    answer_s: float = 1.0
    """How long everybody else rings before answering."""
    mid_s: float = 2.0
    """`…5` hangs up after hearing this much of the prompt."""
    barge_s: float = 0.8
    """`…31` presses after hearing this much of the prompt."""
    silence_ms: int = 1500
    """A prompt is over after this much silence: more than any pause in it, less than its menu waits."""
    rtp_ports: tuple[int, int] = (21000, 24999)
    codecs: tuple[str, ...] = ("alaw", "ulaw")
    agents: tuple[AgentPhone, ...] = ()
    keep_audio: bool = False
    """Keep what each subscriber heard, as `heard/<call>.wav`: dear in CPU, for tests of one call."""


#: All that is loaded: what extensions.conf and SIP over UDP need, so that start-up is quick and the same on
#: every machine. chan_pjsip wants res_pjsip_pubsub.
_MODULES = """
res_timing_timerfd res_timing_pthread res_sorcery_config res_sorcery_memory res_sorcery_astdb
res_pjproject res_pjsip res_pjsip_session res_pjsip_pubsub res_pjsip_sdp_rtp res_pjsip_caller_id
res_pjsip_rfc3326 res_pjsip_endpoint_identifier_anonymous res_pjsip_authenticator_digest
res_pjsip_outbound_authenticator_digest res_pjsip_outbound_registration res_rtp_asterisk chan_pjsip
codec_alaw codec_ulaw codec_resample format_wav format_pcm pbx_config
app_exec app_mixmonitor app_playback app_senddtmf app_stack app_userevent app_waitforsilence
func_callerid func_channel func_logic func_timeout func_uri
"""


def render(network: Network) -> dict[str, str]:
    """All configuration files but asterisk.conf and manager.conf (asterisk_process.py), by name."""
    return {
        "modules.conf": "[modules]\nautoload=no\n" + "".join(f"load={m}.so\n" for m in _MODULES.split()),
        "logger.conf": "[general]\ndateformat=%F %T.%3q\n[logfiles]\nmessages.log => notice,warning,error\n",
        "rtp.conf": _RTP_CONF.format(*network.rtp_ports),
        "pjsip.conf": _pjsip_conf(network),
        "extensions.conf": _extensions_conf(network),
        "cdr.conf": "[general]\nenable=no\n",
        "cel.conf": "[general]\nenable=no\n",
        "http.conf": "[general]\nenabled=no\n",
        "stasis.conf": "",
    }


_RTP_CONF = "[general]\nrtpstart={}\nrtpend={}\nstrictrtp=no\nicesupport=no\n"


def _pjsip_conf(network: Network) -> str:
    """One endpoint takes every call, whoever places it: the network is bound to loopback."""
    media = (
        "disallow=all\nallow={}\ndirect_media=no\nmedia_address=127.0.0.1\nbind_rtp_to_media_address=yes\n"
        "dtmf_mode=rfc4733\nrtp_symmetric=no\nallow_subscribe=no\nfollow_early_media_fork=no\n"
    ).format(",".join(network.codecs))
    parts = [
        "[global]\ntype=global\nuser_agent=simulator\nendpoint_identifier_order=anonymous,ip,username\n",
        "[system]\ntype=system\ndisable_tcp_switch=yes\nthreadpool_initial_size=5\n",
        f"[udp]\ntype=transport\nprotocol=udp\nbind=127.0.0.1:{network.sip_port}\n",
        f"[anonymous]\ntype=endpoint\ncontext=network\ntransport=udp\n{media}",
    ]
    if network.peer:
        parts.append(f"[callcentre]\ntype=aor\ncontact=sip:{network.peer}\nqualify_frequency=0\n")
        parts.append(f"[callcentre]\ntype=endpoint\naors=callcentre\ncontext=nowhere\ntransport=udp\n{media}")
    for agent in network.agents:
        if not agent.static:
            parts.append(_registration(agent))
    return "".join(parts)


def _registration(agent: AgentPhone) -> str:
    return f"""\
[{agent.name}-auth]
type=auth
auth_type=userpass
username={agent.name}
password={agent.password}
[{agent.name}]
type=registration
transport=udp
server_uri=sip:{agent.registrar}
client_uri=sip:{agent.name}@{agent.registrar}
contact_user={agent.name}
outbound_auth={agent.name}-auth
expiration=60
max_random_initial_delay=0
retry_interval=1
forbidden_retry_interval=2
fatal_retry_interval=2
auth_rejection_permanent=no
max_retries=100000
"""


def _extensions_conf(network: Network) -> str:
    numbers = {
        "ANSWER_S": network.answer_s,
        "LAST_MOMENT_S": max(network.ring_s - 1, 0),
        "MID_S": network.mid_s,
        "BARGE_S": network.barge_s,
        "SILENCE_MS": network.silence_ms,
        "SOUNDS": network.folder / "sounds",
        "HEARD": network.folder / "heard",
        "KEEP_AUDIO": int(network.keep_audio),
    }
    lines = ["[globals]", *(f"{name}={value}" for name, value in numbers.items()), "[agents]"]
    for agent in network.agents:
        lines += [f"exten => {agent.name},1,Gosub(came,s,1(agent,${{EXTEN}}))", " same => n,Goto(agent,s,1)"]
    plan = Path(__file__).with_name("extensions.conf").read_text(encoding="utf-8")
    return "\n".join(lines) + "\n" + plan
