"""How does the simulator follow and steer its own Asterisk? A small AMI client; events arrive in order."""

import asyncio
from collections.abc import Callable
from typing import Self

Event = dict[str, str]


class Ami:
    """One logged-in AMI connection.

    Every event goes to `on_event`, in the order in which Asterisk wrote it; when the connection ends, and not
    by `close`, the last one is `{"Event": "Lost"}`, and every request then raises ConnectionError.
    """

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, on_event: Callable[[Event], None]
    ):
        self._reader = reader
        self._writer = writer
        self._on_event = on_event
        self._answers: dict[str, asyncio.Future[Event]] = {}
        self._number = 0
        self._closing = False
        self.booted = asyncio.Event()
        self.lost = asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def connect(cls, port: int, name: str, secret: str, on_event: Callable[[Event], None]) -> Self:
        """Raises OSError while nobody listens, PermissionError on a wrong password."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await reader.readline()  # the banner
        ami = cls(reader, writer, on_event)
        answer = await ami.request("Login", Username=name, Secret=secret)
        if answer.get("Response") != "Success":
            await ami.close()
            raise PermissionError(answer.get("Message", "AMI login refused"))
        return ami

    async def request(self, action: str, *, variables: dict[str, str] | None = None, **fields: str) -> Event:
        """The response to one action; TimeoutError after 10 s, ValueError for control characters."""
        self._number += 1
        action_id = fields.setdefault("ActionID", f"sim-{self._number}")
        lines = [("Action", action), *fields.items()]
        lines += [("Variable", f"{name}={value}") for name, value in (variables or {}).items()]
        if any(ord(c) < 32 for _, value in lines for c in value):
            raise ValueError(f"a control character in the fields of {action}: AMI would read another action")
        if self.lost.is_set():
            raise ConnectionError("the AMI connection is lost")
        answer = self._answers[action_id] = asyncio.get_running_loop().create_future()
        self._writer.write("".join(f"{name}: {value}\r\n" for name, value in lines).encode() + b"\r\n")
        try:
            return await asyncio.wait_for(answer, 10)
        finally:
            self._answers.pop(action_id, None)

    async def _read(self) -> None:
        message: Event = {}
        try:
            while line := await self._reader.readline():
                text = line.decode("utf-8", "replace").rstrip("\r\n")
                if text:
                    name, _, value = text.partition(": ")
                    message[name] = value
                elif message:
                    self._dispatch(message)
                    message = {}
        except ConnectionError:
            pass  # said by the event below, and by every request from now on
        finally:
            self.lost.set()
            for answer in self._answers.values():
                if not answer.done():
                    answer.set_exception(ConnectionError("the AMI connection is lost"))
            if not self._closing:
                self._on_event({"Event": "Lost"})

    def _dispatch(self, message: Event) -> None:
        if "Response" in message and "Event" not in message:
            answer = self._answers.get(message.get("ActionID", ""))
            if answer and not answer.done():
                answer.set_result(message)
        elif message.get("Event") == "FullyBooted":
            self.booted.set()
        else:
            self._on_event(message)

    async def close(self) -> None:
        self._closing = True
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        self._writer.close()
