"""What becomes of a registration? The operator's package system, over HTTP, as DESIGN §5 says it.

`POST /registrations` with `Idempotency-Key` and `{"id", "number", "package", "programme", "at"}`;
`GET /registrations/<id>` tells a key's fate. Behaviour by the number's third-last digit (behaviours.py).
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from simulator.behaviours import PackageAnswer, digits, package_answer
from simulator.record import Record

_FIELDS = ("id", "number", "package", "programme", "at")


@dataclass(frozen=True)
class Registration:
    """One key's fate: decided once, answered every time."""

    key: str
    number: str
    """As it came in the request."""
    package: str
    programme: str
    status: str
    """registered or refused."""
    reference: str
    reason: str
    message: str | None
    at: datetime
    mono: float


class PackageSystem:
    """The package system; `async with` starts and stops it. `port` 0: a free one is picked.

    `overrides` (nine national digits → answer) outweighs the number's own behaviour and may be changed while
    it runs; `garbage` makes every answer a 200 that is not JSON, `failing` a 500, and nothing is decided.
    """

    def __init__(
        self, host: str = "127.0.0.1", port: int = 0, record: Path = Path("registrations.jsonl")
    ) -> None:
        self.host, self.port = host, port
        self.overrides: dict[str, PackageAnswer] = {}
        self.garbage = False
        self.failing = False
        self.record: Record
        self._path = record
        self._runner: web.AppRunner | None = None
        self._fates: dict[str, Registration] = {}
        self._failed: dict[str, int] = {}
        self._bodies: dict[str, dict[str, Any]] = {}
        self._changed = asyncio.Event()

    @property
    def url(self) -> str:
        """What `registration.url` of config.yaml is set to."""
        return f"http://{self.host}:{self.port}/registrations"

    def records(self) -> list[Registration]:
        """Every fate decided, refusals too, in order; a key is there once however often it was asked."""
        return list(self._fates.values())

    def override(self, number: str, answer: PackageAnswer) -> None:
        """From now on this number (written in any way) is treated so."""
        self.overrides[digits(number)] = answer

    async def start(self) -> None:
        self.record = Record(self._path)
        app = web.Application()
        app.add_routes([web.post("/registrations", self._post), web.get("/registrations/{id}", self._get)])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.host, self.port)
        await site.start()
        self.port = int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Close the port and every connection. May be called twice."""
        if self._runner:
            await self._runner.cleanup()
            self._runner = None
            self.record.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.stop()

    async def wait_for(
        self, condition: Callable[[list[Registration]], bool], timeout_s: float = 30
    ) -> list[Registration]:
        """The records, once `condition(records())` holds; TimeoutError after `timeout_s`."""
        async with asyncio.timeout(timeout_s):
            while not condition(fates := self.records()):
                self._changed.clear()
                await self._changed.wait()
        return fates

    async def _post(self, request: web.Request) -> web.Response:
        key, raw = request.headers.get("Idempotency-Key", ""), await request.text()
        wrong, body = _checked(key, raw)
        answer = None if wrong else self._answer_for(str(body["number"]))
        asked = {"key": key, "body": body if body else raw}
        if answer is None:
            return self._reply(asked, 400, {"error": wrong or "no such subscriber number"})
        if self._bodies.setdefault(key, body) != body:
            return self._reply(asked, 409, {"error": "this key came before with another body"})
        fate = self._fates.get(key)
        if self.failing:
            return self._reply(asked, 500, {"error": "internal error"})
        if fate is None:
            failed = self._failed.get(key, 0)
            if answer.fails < 0 or failed < answer.fails:
                self._failed[key] = failed + 1
                return self._reply(asked, 500, {"error": "internal error"})
            fate = self._decide(key, body, answer)
            if answer.late_s:  # decided at once, told late: who asks again meanwhile gets the same fate
                self._write("asked", **asked, status=0, late_s=answer.late_s)
                await asyncio.sleep(answer.late_s)
        return self._reply(asked, 200, _told(fate))

    async def _get(self, request: web.Request) -> web.Response:
        key = request.match_info["id"]
        fate = self._fates.get(key)
        if fate is None:
            return self._reply({"key": key, "lookup": True}, 404, {"error": "no such registration"})
        return self._reply({"key": key, "lookup": True}, 200, _told(fate))

    def _answer_for(self, number: str) -> PackageAnswer | None:
        try:
            return self.overrides.get(digits(number)) or package_answer(number)
        except ValueError:
            return None

    def _decide(self, key: str, body: dict[str, Any], answer: PackageAnswer) -> Registration:
        """Make the registration, or refuse it: the only place where one comes into being."""
        package = str(body["package"])
        registered = answer.fate == "registered"
        reference = f"R{len(self._fates) + 1:06d}" if registered else ""
        text = f"Goi {package} da duoc dang ky thanh cong. Ma giao dich {reference}."
        made: dict[str, Any] = {
            "key": key,
            "number": str(body["number"]),
            "package": package,
            "programme": str(body["programme"]),
            "status": "registered" if registered else "refused",
            "reference": reference,
            "reason": "" if registered else "not enough balance",
            "message": text if registered and answer.message else None,
        }
        line = self._write("fate", **made)
        fate = Registration(**made, at=datetime.fromisoformat(line["at"]), mono=line["mono"])
        self._fates[key] = fate
        self._changed.set()
        return fate

    def _reply(self, asked: dict[str, Any], status: int, body: dict[str, Any]) -> web.Response:
        if self.garbage:
            self._write("asked", **asked, status=200, answer="garbage")
            return web.Response(text="<html>maintenance</html>", content_type="text/html")
        self._write("asked", **asked, status=status, answer=body)
        return web.json_response(body, status=status)

    def _write(self, event: str, **fields: Any) -> dict[str, Any]:
        """Who is told late may outlive the system: its record is closed by then."""
        return self.record.write(event, **fields) if self._runner else {}


def _checked(key: str, raw: str) -> tuple[str, dict[str, Any]]:
    """(what is wrong or nothing, the body)."""
    try:
        body = json.loads(raw)
    except ValueError:
        return "the body is not JSON", {}
    if not isinstance(body, dict):
        return "the body is not an object", {}
    missing = [name for name in _FIELDS if name not in body]
    if missing:
        return f"missing: {', '.join(missing)}", body
    if not key or key != body["id"]:
        return "Idempotency-Key must be the body's id", body
    return "", body


def _told(fate: Registration) -> dict[str, Any]:
    """A fate as the protocol of DESIGN §5 tells it."""
    if fate.status == "refused":
        return {"status": "refused", "reason": fate.reason}
    told = {"status": "registered", "reference": fate.reference}
    return told | ({"message": fate.message} if fate.message is not None else {})
