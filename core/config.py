"""What is this installation? config.yaml: Asterisk nodes, trunks, SMSC binds, store, hooks, limits, grants.

Paths are relative to the file. A secret may be `${ENV_NAME}` (filled in by the loader before validation).
"""

from datetime import date
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, SecretStr

from core.figures import Figures, Row
from core.sources import AnySource
from core.written import Duration, Written

# Patterns are run by Rust's regex: there `$` is the very end of the text, not before a last newline too.
_HOST_PORT = r"^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):[0-9]{1,5}$"
#: What may stand in Asterisk's configuration as a name; nothing that a template could take for syntax.
_NAME = r"^[a-z0-9][a-z0-9_-]{0,39}$"
_CALLER_ID = r"^\+?[0-9]{2,15}$|^[A-Za-z0-9 ._-]{1,11}$"


class Node(Written):
    """One Asterisk. managed: we render dialplan/, start, watch and stop it ourselves."""

    name: str = Field(default="ast1", pattern=_NAME)
    managed: bool = True
    ari_url: str = Field(default="http://127.0.0.1:8088", pattern=r"^https?://[^\s/]+$")
    user: str = Field(default="mai", pattern=_NAME)
    password: SecretStr
    ami_port: int = Field(default=0, ge=0, le=65535)  #: 0: AMI off
    ami_user: str = Field(default="mai-read", pattern=_NAME)
    ami_password: SecretStr | None = None
    sip_bind: str = Field(default="127.0.0.1:5060", pattern=_HOST_PORT)
    rtp_ports: str = Field(default="10000-19999", pattern=r"^[0-9]{4,5}-[0-9]{4,5}$")


class Asterisk(Written):
    nodes: tuple[Node, ...] = Field(min_length=1)


class Price(Written):
    """What a trunk's carrier takes for calls to numbers that begin so."""

    prefix: str = Field(pattern=r"^0[0-9]{0,9}$")  #: of the national number; "0": all others
    per_minute: int = Field(ge=0, le=100_000)  #: đồng; no call inside the country costs more


class Trunk(Written):
    """One way out to the network. `address` host:port; From user = caller id."""

    name: str = Field(pattern=_NAME)
    address: str = Field(pattern=_HOST_PORT)
    codecs: tuple[Literal["alaw", "ulaw", "g722", "g729", "opus", "slin"], ...] = ("alaw", "ulaw")
    caller_id: str = Field(pattern=_CALLER_ID)
    ring_s: int = Field(default=30, ge=1, le=120)
    max_channels: int = Field(default=30, ge=1)
    calls_per_second: float = Field(default=10, gt=0, le=1000)
    slow_start_s: float = Field(
        default=0, ge=0, le=3600
    )  #: from a tenth of the rate to all of it; 0: at once
    #: The numbers that it may carry, by how the national number begins; (): all
    prefixes: tuple[Annotated[str, Field(pattern=r"^0[0-9]{0,9}$")], ...] = ()
    prices: tuple[Price, ...] = ()  #: the longest prefix counts; the cheapest trunk with room is used
    qualify_s: int = Field(default=0, ge=0)  #: 0: no OPTIONS
    number_format: Literal["national", "e164", "plus"] = "national"
    user: str | None = Field(default=None, pattern=_NAME)
    password: SecretStr | None = None
    transport: Literal["udp", "tcp"] = "udp"


class Bind(Written):
    """One SMPP bind."""

    name: str = Field(default="smsc1", pattern=_NAME)
    host: str = "127.0.0.1"
    port: int = Field(default=2775, ge=1, le=65535)
    system_id: str = Field(max_length=15)
    password: SecretStr
    bind: Literal["transceiver", "transmitter", "receiver"] = "transceiver"
    window: int = Field(default=20, ge=1, le=1000)
    per_second: float = Field(default=50, gt=0)  #: parts per second
    tls: bool = False
    ca: str | None = None
    response_s: float = Field(default=10, gt=0)
    enquire_link_s: float = Field(default=30, gt=0)
    segmentation: Literal["udh8", "udh16", "sar", "payload"] = "udh8"
    price_per_part: int = Field(default=0, ge=0)  #: đồng, for `mai check`; 0: not told
    receipt_hold_s: float = Field(default=3600, gt=0)
    #: Which messages it takes; empty: of every sender, every programme. The bind that says more goes first.
    senders: tuple[str, ...] = ()
    programmes: tuple[str, ...] = ()
    alarm_after_s: float = Field(default=5, ge=0)  #: down for so long: an alarm (a refused bind: at once)
    server_hostname: str | None = None  #: the name in its certificate, if it is not `host`
    system_type: str = Field(default="", max_length=12)
    #: This SMSC's own meaning of a status, in hexadecimal: {"0x0403": temporary}
    statuses: dict[
        Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{1,8}$")],
        Literal["accepted", "temporary", "throttled", "permanent", "unknown"],
    ] = Field(default={})


class Registration(Written):
    """The package registration hook (O13)."""

    kind: Literal["http"] = "http"
    url: str = Field(pattern=r"^https?://\S+$")
    timeout_s: float = Field(default=10, gt=0)
    tries: int = Field(default=5, ge=1, le=50)
    backoff_s: float = Field(default=2, gt=0)
    idempotent: bool = True
    lookup: bool = False
    concurrency: int = Field(default=10, ge=1, le=200)
    #: An SMS of one of these and a package's code registers it; in any case, with or without marks. []: off.
    keywords: tuple[str, ...] = ("DK", "DANG KY", "DK GOI", "DANG KY GOI")


class StorePlace(Written):
    url: str = "sqlite:///mai.db"


class Web(Written):
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    token: SecretStr


class Agi(Written):
    """Our FastAGI server, asked by the dialplan of incoming calls."""

    host: str = "127.0.0.1"
    port: int = Field(default=4573, ge=0, le=65535)


class Agent(Written):
    """An agent's phone: a PJSIP endpoint and member of the queue of 9090."""

    name: str = Field(pattern=_NAME)
    extension: str = Field(pattern=r"^[0-9]{2,6}$")
    password: SecretStr
    contact: str | None = Field(
        default=None, pattern=_HOST_PORT
    )  #: fixed address; absent: the phone registers


class GrantRow(Written):
    """R10: a granted caller id or sender; `until` absent: a number or short code the operator holds."""

    name: str = Field(pattern=_CALLER_ID)
    kind: Literal["number", "brandname"] = "number"
    reference: str
    until: date | None = None


class Advertiser(Written):
    """R11: who is named at the start of an advertising call; the linter looks for both there."""

    name: str = Field(min_length=1)
    address: str = Field(min_length=1)


class LimitsRow(Row):
    """Other figures for some days: a campaign of the regulator, a new decree that is announced."""

    reason: str | None = None


class Limits(Figures):
    """rules.md figures; stricter than core/law.yaml, never looser (`mai check` refuses what is looser).

    What stands here holds always, but on the days of a row of `dated` that says otherwise. Absent: the law's.
    """

    keep_logs: Duration = Field(default="731d", validate_default=True)  #: R13: our choice
    dated: tuple[LimitsRow, ...] = ()
    approval_exempt_units: tuple[str, ...] = ()
    extra_tet_days: tuple[date, ...] = ()
    blocked_inbound: tuple[str, ...] = ()  #: numbers whose calls to 9090 are refused


class Texts(Written):
    """Texts that belong to the house, not to a programme."""

    advertising_label: str = "[QC]"
    how_to_refuse: str = "Tu choi QC soan TC gui 8989"
    refusal_confirmed: str = "MobiFone da ghi nhan Quy khach tu choi nhan quang cao. Xin cam on."
    refusal_sender: str = "8989"
    #: Answers TG, TRO GIUP, HELP, at most once a day; sent by refusal_sender.
    help: str = "MobiFone: soan TC gui 8989 de tu choi quang cao. Can ho tro, vui long goi 9090."
    #: Answers an SMS that orders what is no package on sale.
    not_on_sale: str = (
        "MobiFone: khong co goi cuoc nay. Vui long soan DK va ma goi, vi du DK C90N. Ho tro: goi 9090."
    )
    #: Answers an order by SMS where the registration system has no words of its own.
    registered: str = "MobiFone da dang ky goi cuoc {{ offer.name }} cho Quy khach. Xin cam on."
    not_registered: str = (
        "MobiFone rat tiec chua dang ky duoc goi cuoc {{ offer.name }} cho Quy khach. "
        "Neu can tu van them, vui long lien he 9090. Xin cam on."
    )
    #: The registration's fate is not known: neither thanks nor a no would be true.
    unconfirmed: str = (
        "MobiFone chua xac nhan duoc viec dang ky goi cuoc {{ offer.name }} cua Quy khach. "
        "Vui long lien he 9090 de kiem tra truoc khi dang ky lai. Xin cam on."
    )


class Prompts(Written):
    """How texts become sound."""

    engine: Literal["espeak-ng", "gtts", "recorded"] = "espeak-ng"
    voice: str = "vi"
    rate: int = Field(default=150, ge=80, le=300)  #: words per minute
    recorded: str = "recorded"  #: folder of recorded files
    cache: str = ".run/prompts"


class Clock(Written):
    now: AwareDatetime | None = None


class Config(Written):
    """config.yaml."""

    asterisk: Asterisk
    trunks: tuple[Trunk, ...] = Field(min_length=1)
    smsc: tuple[Bind, ...] = ()
    registration: Registration | None = None
    store: StorePlace = StorePlace()
    run_dir: str = ".run"
    campaigns: str = "campaigns"
    packages: str = "packages.yaml"
    granted: tuple[GrantRow, ...] = ()
    advertiser: Advertiser | None = None
    web: Web | None = None
    sources: tuple[AnySource, ...] = ()
    agi: Agi = Agi()
    agents: tuple[Agent, ...] = ()
    limits: Limits = Limits()
    texts: Texts = Texts()
    prompts: Prompts = Prompts()
    clock: Clock = Clock()
