"""How does Asterisk speak FastAGI? The protocol alone: one connection, one request, then commands and answers.

Asterisk connects and sends `agi_…: value` lines and an empty one; then each line of ours is a command and each
command has one answer: `200 result=…`, a line of its own, or for a wrong one `520-…` lines up to `520 …`. When the
caller hangs up, a line `HANGUP` may come at any place, also between a command and its answer.
"""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

#: The longest line that is read; Asterisk's own are far shorter.
MOST_LINE = 4096
#: Lines of a request: Asterisk sends about 20, and one for each argument.
MOST_LINES = 128

_ENTRY = re.compile(r"(agi_[a-z0-9_]{1,40}): ?(.*)")
_ANSWER = re.compile(r"([0-9]{3})([ -])(.*)")
_RESULT = re.compile(r"result=(-?[0-9]*)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,79}\Z")


class AgiError(Exception):
    """The other side does not speak FastAGI as it should; the message says where."""


class Closed(AgiError):
    """The other side closed the connection."""


class ClosedSilently(Closed):
    """Closed between two lines."""


class CommandRefused(AgiError):
    """Asterisk did not carry out a command: its code and what it said."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code} {text}")
        self.code = code


@dataclass(frozen=True)
class Request:
    """What the dialplan asks: `AGI(agi://host:port/script,argument,…)`."""

    script: str  #: the path, without its slashes
    arguments: tuple[str, ...]
    fields: Mapping[str, str]  #: everything as sent: agi_uniqueid, agi_callerid, …

    def argument(self, index: int) -> str:
        """The argument, counted from 0; empty when it was not given."""
        return self.arguments[index] if index < len(self.arguments) else ""


class Session:
    """One connection. Not for use by two tasks at once: commands and answers have no ids."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.hung_up = False  #: a HANGUP was seen; the dialplan goes on in its hangup handlers

    async def request(self) -> Request | None:
        """The request; None: the connection was closed before a word (a port check). Raises AgiError."""
        fields: dict[str, str] = {}
        for _ in range(MOST_LINES):
            try:
                line = await self._line()
            except ClosedSilently:
                if fields:
                    raise
                return None
            if not line:
                return _request(fields)
            entry = _ENTRY.fullmatch(line)
            if entry is None:
                raise AgiError(f"not a line of a request: {line[:60]!r}")
            fields[entry[1]] = entry[2]
        raise AgiError(f"a request of more than {MOST_LINES} lines")

    async def set_variable(self, name: str, value: str) -> None:
        """Set a channel variable. Raises ValueError for what could become another command, AgiError."""
        if not _NAME.match(name):
            raise ValueError(f"{name!r} is not the name of a channel variable")
        await self.command(f"SET VARIABLE {name} {quoted(value)}")

    async def command(self, text: str) -> str:
        """Send one command; returns what stands after `200 `. Raises CommandRefused, Closed, AgiError."""
        if _CONTROL.search(text):
            raise ValueError(f"a control character in a command: {text[:60]!r}")
        try:
            self._writer.write(text.encode() + b"\n")
            await self._writer.drain()
        except OSError as error:
            raise Closed("closed while a command was sent") from error
        return await self._answer()

    async def _answer(self) -> str:
        line = await self._line()
        while line == "HANGUP":
            self.hung_up = True
            line = await self._line()
        found = _ANSWER.fullmatch(line)
        if found is None:
            raise AgiError(f"not an answer: {line[:60]!r}")
        code, text = int(found[1]), found[3]
        if found[2] == "-":
            text = await self._usage(code, text)
        if code != 200:
            raise CommandRefused(code, text[:200])
        if (result := _RESULT.match(text)) and result[1] == "-1":
            raise CommandRefused(code, text[:200])
        return text

    async def _usage(self, code: int, first: str) -> str:
        """The lines that follow `520-…`, up to `520 …`; what looks like anything else in them is only text."""
        for _ in range(MOST_LINES):
            if (await self._line()).startswith(f"{code} "):
                return first
        raise AgiError(f"{code} without an end")

    async def _line(self) -> str:
        try:
            raw = await self._reader.readline()
        except (ValueError, asyncio.LimitOverrunError) as error:
            raise AgiError(f"a line of more than {MOST_LINE} bytes") from error
        except OSError as error:
            raise Closed("the connection broke") from error
        if not raw.endswith(b"\n"):
            raise Closed("closed in the middle of a line") if raw else ClosedSilently("closed")
        return raw.decode("utf-8", "replace").rstrip("\r\n")


def quoted(value: str) -> str:
    """A value as one word of a command. Raises ValueError for a control character: a line end begins a command."""
    if _CONTROL.search(value):
        raise ValueError(f"a control character in {value[:60]!r}")
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _request(fields: dict[str, str]) -> Request:
    if "agi_request" not in fields and "agi_network_script" not in fields:
        raise AgiError("a request that names no script")
    script = fields.get("agi_network_script") or urlsplit(fields.get("agi_request", "")).path
    arguments: list[str] = []
    while (argument := fields.get(f"agi_arg_{len(arguments) + 1}")) is not None:
        arguments.append(argument)
    return Request(unquote(script).strip("/"), tuple(arguments), fields)
