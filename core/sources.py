"""Where do top-ups and other events come from by themselves? The `sources` of config.yaml: one model for each kind.

A source says which field of a row or message is the event's number, amount, time and id; core/arriving.py reads them.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, SecretStr, WithJsonSchema

from core.triggers import EVENTS, TriggerKind
from core.written import Duration, Written, WrittenError, nearest

_HOST_PORT = r"^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):[0-9]{1,5}$"
_NAME = r"^[a-z0-9][a-z0-9_-]{0,39}$"
_MOST_FIELDS = 8
_LONGEST_FIELD = 100


def field_name(written: Any) -> str:
    """A column's name or place from 1, or the path of a field in a message: `payload.amount`. Raises WrittenError."""
    name = str(written) if isinstance(written, int) and not isinstance(written, bool) else written
    if not isinstance(name, str) or not 1 <= len(name.strip()) <= _LONGEST_FIELD:
        raise WrittenError("is no field", "write a column's name or place, or a path like payload.amount")
    return name.strip()


def field_names(written: Any) -> tuple[str, ...]:
    """One field, or several whose values together make the id. Raises WrittenError."""
    several = written if isinstance(written, list | tuple) else [written]
    if not 1 <= len(several) <= _MOST_FIELDS:
        raise WrittenError("is no list of fields", f"write 1 to {_MOST_FIELDS} of them: [msisdn, time]")
    return tuple(field_name(each) for each in several)


def event_kind(written: Any) -> Any:
    """A kind of core/triggers.py that comes as an event. Raises WrittenError."""
    if written not in EVENTS:
        right = nearest(written, EVENTS) if isinstance(written, str) else ""
        raise WrittenError(f'"{written}" is no kind of event', right or f"write one of {', '.join(EVENTS)}")
    return written


def _one_or_several(names: Sequence[str]) -> Any:
    return names[0] if len(names) == 1 else list(names)


_FIELD = {"type": ["string", "integer"]}
FieldName = Annotated[str, BeforeValidator(field_name), WithJsonSchema(_FIELD)]
FieldNames = Annotated[
    tuple[str, ...],
    BeforeValidator(field_names),
    PlainSerializer(_one_or_several),
    WithJsonSchema({"anyOf": [_FIELD, {"type": "array", "items": _FIELD, "minItems": 1}]}),
]
EventKind = Annotated[
    TriggerKind, BeforeValidator(event_kind), WithJsonSchema({"enum": list(EVENTS), "type": "string"})
]


class Fields(Written):
    """Which field is which; one that is not named is the field of that very name, where there is one.

    Without a field for the id, the id says where the event stood; without one for the time, a message happened when
    it was sent and a row when its file was written.
    """

    id: FieldNames | None = None
    number: FieldName | None = None
    amount: FieldName | None = None
    at: FieldName | None = None


class Source(Written):
    """What every kind of source has."""

    name: str = Field(pattern=_NAME)
    trigger: EventKind = "topup"
    fields: Fields = Fields()
    #: How its times are written: ISO 8601 with an offset; so without one, or 21/11/2026 09:00:00, in Vietnamese time;
    #: seconds or milliseconds since 1970 UTC.
    time: Literal["iso", "vietnam", "seconds", "milliseconds"] = "iso"
    alarm_after: Duration = Field(default="30s", validate_default=True)  #: away for so long: an alarm


class FolderSource(Source):
    """Files that are put into a folder. One is taken when its size stands still, or its marker is there."""

    kind: Literal["folder"]
    path: str = Field(min_length=1)
    pattern: str = Field(default="*.csv", min_length=1)
    header: bool = True  #: its first line names the columns; false: fields are places, from 1
    delimiter: Literal[",", ";", "|", "\t"] | None = None  #: absent: seen in the first line
    still: Duration = Field(default="5s", validate_default=True)  #: 0s: files are renamed into place
    marker: str | None = Field(default=None, pattern=r"^\.[A-Za-z0-9]{1,10}$")  #: ".done": wait for FILE.done
    keep: Duration = Field(default="30d", validate_default=True)  #: R13: how long done/ keeps them


class Sasl(Written):
    """How we say who we are."""

    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    user: str = Field(min_length=1)
    password: SecretStr


class KafkaSource(Source):
    """A topic of the operator's bus, JSON messages. Offsets are committed after the events are stored."""

    kind: Literal["kafka"]
    servers: tuple[Annotated[str, Field(pattern=_HOST_PORT)], ...] = Field(min_length=1)
    topic: str = Field(pattern=r"^[A-Za-z0-9._-]{1,249}$")
    group: str = Field(default="mai", min_length=1)
    start: Literal["earliest", "latest"] = "earliest"  #: of a group that has no offset yet
    tls: bool = False
    ca: str | None = None  #: absent: the machine's own
    sasl: Sasl | None = None


AnySource = Annotated[FolderSource | KafkaSource, Field(discriminator="kind")]
SourceKind = Literal["folder", "kafka"]
#: Each kind and its model.
SOURCES: dict[str, type[Source]] = {"folder": FolderSource, "kafka": KafkaSource}
