"""Why is nothing dialled? Every reason that the store and the parts know of, in sentences, the most general first."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from core.written import duration_text
from runtime.app import Installation

_NO_DIALER = "the dialer does not run here: start it with `mai run dialer`"
_NO_DIALER_OF_MANY = (
    "the dialer does not run in this process: `mai status` where it runs says more, "
    "or start one with `mai run dialer`"
)


def why_idle(
    found: Mapping[str, Any], parts: Mapping[str, Any] | None, installation: Installation, now: datetime
) -> list[str]:
    """The reasons; `found` is what `store.reports.status` says, `parts` what the parts say (None: nobody runs)."""
    reasons = []
    if parts is None:
        reasons.append("nothing runs here: start it with `mai run`")
    elif "dialer" not in parts:
        reasons.append(_NO_DIALER_OF_MANY if installation.shares_store else _NO_DIALER)
    elif (reason := parts["dialer"]["reason"]) != "dialling":
        reasons.append(f"dialer: {reason}")
    for pause in found["paused"]:
        whose = "every programme" if pause["programme"] == "*" else pause["programme"]
        reasons.append(f"{whose} is paused by {pause['by']}: go on with `mai resume`")
    reasons += _lists(found, installation, now)
    waiting = found["contacts"]
    if waiting["later"] and not waiting["due"]:
        reasons.append(f"{waiting['later']} contacts wait until {waiting['oldest_due_at']}")
    return reasons


def _lists(found: Mapping[str, Any], installation: Installation, now: datetime) -> list[str]:
    """R2, R3: without a subscribers base nobody is known, without a fresh DoNotCall register nobody is called."""
    reasons = []
    kinds = {each["kind"]: each for each in found["lists"]}
    if "subscribers" not in kinds:
        reasons.append("no subscribers are known: `mai import subscribers FILE`")
    dnc, most = kinds.get("dnc"), timedelta(hours=installation.law.at(now).dnc_max_age_hours)
    if dnc is None:
        reasons.append("R2: there is no DoNotCall register: `mai import dnc FILE`")
    elif now - datetime.fromisoformat(dnc["imported_at"]) > most:
        reasons.append(
            f"R2: the DoNotCall register is older than {duration_text(most)}: `mai import dnc FILE`"
        )
    return reasons
