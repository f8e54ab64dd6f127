"""Which tables are there, and what does each hold about a person? One schema for SQLite and PostgreSQL.

Times are UTC microseconds since 1970 as integers (R16: time of record is UTC); money is integer đồng; numbers
are E.164. States are text; each arrow between states is committed before the bytes leave (DESIGN.md §3).
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    text,
)

metadata = MetaData()


#: Python's None is SQL's NULL, not JSON's null.
_JSON = JSON(none_as_null=True)


def _time(name: str, *, nullable: bool = True, index: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=nullable, index=index)


def _partial(name: str, *columns: str, where: str) -> Index:
    """An index of the few rows that are still to be worked on; see store/tx.py `word`."""
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


#: Small facts of this store: clock_offset_us, …
settings = Table("settings", metadata, Column("name", Text, primary_key=True), Column("value", _JSON))

#: What a programme was when a call was made: the exact file, for complaints.
versions = Table(
    "versions",
    metadata,
    Column("version", Text, primary_key=True),  # hash of campaign file, packages and prompt settings
    Column("programme", Text, nullable=False),
    Column("content", Text, nullable=False),
    _time("loaded_at", nullable=False),
)

#: One row per number that anybody wanted to reach: what PostgreSQL locks, and where a refusal stands.
numbers = Table(
    "numbers",
    metadata,
    Column("number", Text, primary_key=True),
    _time("refused_at"),
    Column("refused_via", Text),  # key, sms, console, cli
    Column("refused_ref", Text),  # id of the call or message that carried it
)

#: Events as they came; stored before they are acknowledged (O1). fate NULL: still to be planned or dialled.
triggers = Table(
    "triggers",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),  # core/triggers.py, or test
    Column("number", Text, nullable=False, index=True),
    Column("amount", BigInteger),
    _time("at", nullable=False),
    _time("received_at", nullable=False),
    Column("state", Text, nullable=False),  # new, planned, done
    Column("fate", Text),  # called refused_by_rule stale out_of_window unknown_number invalid
    Column("rule", Text),  # the rule that said no, with its reason
    Column("programme", Text),
    Column("call", Text),
    Column("only_programme", Text),  # asked for one programme (mai call, lists)
    _partial("triggers_new", "received_at", where="state = 'new'"),
)

#: Who is to be called: due -> dialing -> up -> done | unknown.
contacts = Table(
    "contacts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("trigger", Text),  # NULL: from a target list
    Column("programme", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("class", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("number", Text, nullable=False, index=True),
    Column("state", Text, nullable=False),
    Column("outcome", Text),
    Column("pass_no", Integer, nullable=False, server_default="1"),  # 2: the retry after the first pass (B3)
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("test", Boolean, nullable=False, server_default="0"),
    _time("created_at", nullable=False),
    _time("due_at", nullable=False),
    _time("stale_at"),  # freshness limit: dropped when not dialled before
    _time("ended_at"),
    Column("reason", Text),
    _partial("contacts_due", "programme", "pass_no", "due_at", where="state = 'due'"),
    _partial(
        "contacts_stale",
        "programme",
        "stale_at",
        where="state = 'due' AND pass_no = 1 AND stale_at IS NOT NULL",
    ),
    _partial("contacts_open", "state", where="state IN ('dialing','up')"),
)

#: One row per attempt (O16 log of calls), and per inbound call. id is the channel id we chose.
calls = Table(
    "calls",
    metadata,
    Column("id", Text, primary_key=True),
    Column("direction", Text, nullable=False, server_default="out"),
    Column("contact", Text, index=True),
    Column("trigger", Text),
    Column("programme", Text),
    Column("class", Text),
    Column("unit", Text),
    Column("number", Text, nullable=False),
    Column("state", Text, nullable=False),  # dialing, up, done, unknown
    _time("started_at", nullable=False),
    _time("rang_at"),
    _time("answered_at"),
    _time("ended_at"),
    _time("wall_at", nullable=False),  # host UTC
    Column("decision", _JSON),  # committed before the next prompt
    _time("decided_at"),
    Column("outcome", Text),
    Column("keeps_slot", Boolean, nullable=False, server_default="1"),
    Column("keys", _JSON),
    Column("offer", _JSON),
    Column("text", Text),  # what was really spoken
    Column("prompt_version", Text),
    Column("cause", Integer),
    Column("sip_code", Integer),
    Column("node", Text),
    Column("trunk", Text),
    Column("line", Text),  # the trunk whose channel it holds, also with an agent; NULL: none any more
    Column("reason", Text),
    Column("worker", Text),  # who makes it; of no row of `workers`: nobody any more
    Index("calls_number", "number", "started_at"),
    _partial("calls_lines", "line", "programme", where="line IS NOT NULL"),
    _partial("calls_open", "state", where="state IN ('dialing','up')"),
)

#: due -> asked -> registered | refused | failed | unknown. id is the idempotency key.
registrations = Table(
    "registrations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("call", Text, nullable=False, unique=True),
    Column("programme", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("number", Text, nullable=False, index=True),
    Column("package", Text, nullable=False),
    Column("offer", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("tries", Integer, nullable=False, server_default="0"),
    _time("at", nullable=False),
    _time("due_at", nullable=False),
    _time("asked_at"),
    _time("ended_at"),
    Column("reference", Text),
    Column("reason", Text),
    Column("message", Text),
    Column("worker", Text),  # who asked last
    Index("registrations_ended", "ended_at"),
    _partial("registrations_due", "due_at", where="state = 'due'"),
    _partial("registrations_asked", "asked_at", where="state = 'asked'"),
)

#: due -> sending -> accepted -> delivered | failed | unknown | dropped.
messages = Table(
    "messages",
    metadata,
    Column("id", Text, primary_key=True),
    Column("key", Text, nullable=False, unique=True),  # of the business event: missed:<contact id>
    Column("programme", Text),
    Column("class", Text, nullable=False),
    # missed, offer, thanks, registered, not_registered, refusal_confirmed, link, test
    Column("kind", Text, nullable=False),
    Column("policy", Text, nullable=False),  # once, at_least_once
    Column("number", Text, nullable=False),
    Column("sender", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("parts", Integer),
    Column("state", Text, nullable=False),
    Column("after", Text),  # id of the message that must be settled before (SMS2 after SMS1)
    _time("at", nullable=False),
    _time("due_at", nullable=False),
    _time("valid_until"),
    _time("sending_at"),
    _time("accepted_at"),
    _time("delivered_at"),
    Column("bind", Text),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("reason", Text),
    Column("reference", Integer),  # of its parts (UDH, SAR): the same on a repeat
    Column("worker", Text),  # who sent it last
    # in the order in which they are taken: after a night a day's messages are due at the same moment
    _partial("messages_due", "due_at", "at", "id", where="state = 'due'"),
    _partial("messages_sending", "sending_at", where="state = 'sending'"),
    _partial("messages_unknown", "sending_at", where="state = 'unknown'"),
    Index("messages_number", "number", "at"),
)

#: One row per part handed to an SMSC.
message_parts = Table(
    "message_parts",
    metadata,
    Column("message", Text, primary_key=True),
    Column("part", Integer, primary_key=True),
    Column("state", Text, nullable=False),  # sending, accepted, delivered, failed, unknown
    Column("smsc_id", Text),  # message_id of submit_sm_resp, normalised
    Column("bind", Text),
    Column("status", Text),
    _time("at", nullable=False),
    Index("message_parts_smsc_id", "smsc_id"),
)

#: Who did what that no other table tells, and why: refusals and those taken back, forgetting, reveals (R13, R14).
journal = Table(
    "journal",
    metadata,
    Column("id", Text, primary_key=True),
    _time("at", nullable=False),
    Column("by", Text, nullable=False),  # a person's account, or the program's part
    Column("did", Text, nullable=False),  # store/journal.py, `Did`
    Column("number", Text, index=True),
    Column("programme", Text),
    Column("reason", Text),
    Column("ref", Text),  # id of the call or message that carried it
)

#: Messages and receipts from subscribers and SMSCs, stored before they are acknowledged.
received = Table(
    "received",
    metadata,
    Column("id", Text, primary_key=True),
    Column(
        "hash", Text, nullable=False, index=True
    ),  # of source, destination, esm_class, data_coding, octets
    Column("kind", Text, nullable=False),  # mo, receipt
    Column("number", Text, nullable=False, index=True),
    Column("to", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("bind", Text),
    Column("state", Text, nullable=False),  # new, done, unmatched
    Column("smsc_id", Text, index=True),  # of a receipt, normalised: it may come before its response
    Column("status", Text),  # of a receipt: delivered, failed; of an SMS: refusal, help, order, not_on_sale
    Column("reference", Integer),  # of a receipt: the user_message_reference it carries
    _time("at", nullable=False),
)

#: The last reference of messages in parts, for each pair of addresses: a phone joins parts by it.
part_references = Table(
    "part_references",
    metadata,
    Column("source", Text, primary_key=True),
    Column("destination", Text, primary_key=True),
    Column("last", Integer, nullable=False),  # 0...65535
)

#: Parts of long messages from subscribers, until all are there or they expire.
received_parts = Table(
    "received_parts",
    metadata,
    Column("number", Text, primary_key=True),
    Column("to", Text, primary_key=True),
    Column("method", Text, primary_key=True),  # udh8, udh16, sar
    Column("reference", Integer, primary_key=True),
    Column("total", Integer, primary_key=True),
    Column("part", Integer, primary_key=True),
    Column("hash", Text, nullable=False),
    Column("octets", Text, nullable=False),  # in hexadecimal
    Column("data_coding", Integer, nullable=False),
    Column("bind", Text),
    Column("joined", Boolean, nullable=False, server_default="0"),  # kept a while: it may be delivered again
    _time("at", nullable=False, index=True),
)

#: Versions of the big read-only files: subscribers, dnc, exclusions, targets. The switch is one row (atomic).
lists = Table(
    "lists",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("programme", Text, primary_key=True, server_default=""),
    Column("version", Integer, primary_key=True),
    Column("file", Text, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("rows_before", Integer),
    Column("source", Text, nullable=False),
    _time("imported_at", nullable=False),
)

#: How fast is dialled, one row for each trunk and each programme with limits: core/pacing.py, core/congestion.py.
paces = Table(
    "paces",
    metadata,
    Column("name", Text, primary_key=True),  # trunk:NAME, programme:NAME
    Column("state", _JSON),
)

#: A pause starts no call, lets running ones finish, holds advertising SMS. programme '*': all.
pauses = Table(
    "pauses",
    metadata,
    Column("programme", Text, primary_key=True),
    Column("by", Text, nullable=False),
    _time("at", nullable=False),
)

#: Sums of a programme's contacts and calls, so that nobody counts millions: store/tallies.py.
tallies = Table(
    "tallies",
    metadata,
    Column("programme", Text, primary_key=True),
    Column("what", Text, primary_key=True),  # planned, called, waiting, outcome, refused, ended, started
    Column("value", Text, primary_key=True),  # the pass, outcome, rule or time slice
    Column("shard", Integer, primary_key=True),  # one for each program that writes
    Column("how_many", BigInteger, nullable=False),
)

#: The processes that are alive, each under an id that it never has again (the fencing token). Its lease is in the
#: database's time. What carries the id of no row is nobody's work any more (store/workers.py).
workers = Table(
    "workers",
    metadata,
    Column("id", Text, primary_key=True),
    Column("process", Text, nullable=False),  # box2:/var/lib/mai/run
    _time("started_at", nullable=False),
    _time("lease_until", nullable=False),
)

#: What one worker at a time may do: drive an Asterisk (node:ast1), keep an SMSC's bind (bind:smsc1), the house.
duties = Table(
    "duties",
    metadata,
    Column("name", Text, primary_key=True),
    Column("worker", Text, nullable=False),
)

#: Nodes that get no new call, so that they can be taken out of service.
drains = Table(
    "drains",
    metadata,
    Column("node", Text, primary_key=True),
    Column("by", Text, nullable=False),
    _time("at", nullable=False),
)

#: What is wrong now and what a person should look at; shown by `mai status`.
alarms = Table(
    "alarms",
    metadata,
    Column("name", Text, primary_key=True),
    Column("text", Text, nullable=False),
    _time("since", nullable=False),
    _time("until"),
)
