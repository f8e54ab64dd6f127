"""What event does a row of a file or a message of the bus describe? As runtime/topups.py takes it, nothing decided yet.

What cannot be understood is handed on as it stands, and is refused there with the reason that HTTP would give.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from core.imports import BadRow, number
from core.sources import Fields
from core.written import VIETNAM

#: The value of a field by its name; None: it is not there, or empty.
Look = Callable[[str], Any]

_ID = re.compile(r"[!-~]{1,64}\Z")
_WHOLE = re.compile(r"[+-]?[0-9]{1,15}(?:[.,]0{1,2})?\Z")
_GROUPED = re.compile(r"[0-9]{1,3}(?:\.[0-9]{3}){1,4}\Z|[0-9]{1,3}(?:,[0-9]{3}){1,4}\Z")
_SLASHED = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})[ T]+([0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?)\Z")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def event_fields(fields: Fields, time: str, look: Look) -> dict[str, object]:
    """id, number, amount and at, as far as they are there, the way `POST /v1/topups` takes them.

    A field that is named in `fields` but not there is absent too.
    """
    raw: dict[str, object] = {}
    if (id_ := _id(fields, look)) is not None:
        raw["id"] = id_
    if (whose := look(fields.number or "number")) is not None:
        raw["number"] = _number(whose)
    if (amount := look(fields.amount or "amount")) is not None:
        raw["amount"] = _dong(amount)
    if (at := look(fields.at or "at")) is not None:
        raw["at"] = _moment(at, time)
    return raw


def place_id(*where: object, says: str) -> str:
    """The id of an event that has none of its own: where it stood, then a digest; 64 signs at most.

    `says` goes into the digest: what stands in the same place another day is another event.
    """
    begin = "-".join(map(str, where))
    digest = hashlib.blake2b(f"{begin}\0{says}".encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
    return f"{begin[:51]}-{digest}"


def _id(fields: Fields, look: Look) -> str | None:
    """The values of its fields together; one that is too long or has other signs by its digest."""
    parts = [look(name) for name in fields.id or ("id",)]
    if any(part is None or isinstance(part, dict | list | bool) for part in parts):
        return None
    whole = "-".join(map(str, parts))
    if _ID.match(whole):
        return whole
    return hashlib.blake2b(whole.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _number(value: Any) -> object:
    """A subscriber number, also one that was taken for a number: 901234567, 84901234567.0."""
    text = str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
    if not isinstance(text, str):
        return value
    try:
        return number(text.strip())
    except BadRow:
        return text


def _dong(value: Any) -> object:
    """đồng: 50000, 50000.0, "50000", "50000.00", "50.000", "50,000"; what else stays as it is."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if not isinstance(value, str):
        return value
    text = value.strip()
    if _GROUPED.match(text):
        return int(text.replace(".", "").replace(",", ""))
    return int(re.split("[.,]", text)[0]) if _WHOLE.match(text) else text


def _moment(value: Any, written: str) -> object:
    """ISO 8601 with its offset; what is not a moment stays as it is."""
    text = value.strip() if isinstance(value, str) else value
    try:
        if written in ("seconds", "milliseconds"):
            if isinstance(text, bool) or not isinstance(text, str | int | float):
                return value
            return since_1970(float(text) / (1000 if written == "milliseconds" else 1)).isoformat()
        if written == "vietnam" and isinstance(text, str):
            return _vietnamese(text).isoformat()
    except (ValueError, OverflowError):
        return str(value)
    return text if isinstance(text, str) else str(value)


def _vietnamese(text: str) -> datetime:
    """`2026-11-21 09:00:00`, `21/11/2026 09:00`; one with an offset is what it says. Raises ValueError."""
    if slashed := _SLASHED.match(text):
        day, month, year, hours = slashed.groups()
        text = f"{year}-{month:0>2}-{day:0>2}T{'0' * (hours[1] == ':')}{hours}"
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=VIETNAM)


def since_1970(seconds: float) -> datetime:
    """A moment by the seconds since 1970 UTC, to the microsecond. Raises OverflowError, ValueError."""
    return (_EPOCH + timedelta(seconds=seconds)).astimezone(VIETNAM)


def in_message(message: Mapping[str, Any]) -> Look:
    """Look into a JSON object: `amount`, `payload.amount`, `items.0.amount`; a key with dots in it as it stands."""

    def look(path: str) -> Any:
        if path in message:
            return _there(message[path])
        value: Any = message
        for part in path.split("."):
            if isinstance(value, dict):
                value = value.get(part)
            elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
                value = value[int(part)]
            else:
                return None
        return _there(value)

    return look


def _there(value: Any) -> Any:
    return None if value == "" else value
