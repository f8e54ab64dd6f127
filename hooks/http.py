"""How is a package registered over HTTP? The protocol of DESIGN.md §5.

POST url with `Idempotency-Key`; 200 `{"status": "registered"}`, 200 or 4xx `{"status": "refused"}`; anything else,
a 4xx that is not such JSON included, is unclear and is asked again with the same key. `programme` is null for what a
subscriber ordered by SMS.
"""

import json
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import aiohttp

from core.config import Registration
from hooks.answers import Answer, Ask, NotKnown, Refused, Registered, Unclear

#: Longer answers are not this protocol; nothing more is read.
_MOST_BYTES = 64 * 1024
#: Texts of a foreign system are shown and sent by SMS: at most this long.
_MOST_CHARACTERS = 1000


def _text(answer: dict[str, Any], key: str) -> str | None:
    value = answer.get(key)
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError(f"{key} is not a text")
    # Line ends and control characters become spaces, and so does half of a surrogate pair, which no store can hold.
    plain = "".join(letter if letter.isprintable() else " " for letter in value)
    return " ".join(plain.split())[:_MOST_CHARACTERS] or None


def read_answer(status: int, body: bytes) -> Answer:
    """What an HTTP answer means. 5xx and anything that is not our JSON is Unclear."""
    shown = body[:80].decode("utf-8", "replace")
    if status != 200 and not 400 <= status < 500:
        return Unclear(f"HTTP {status}: {shown!r}")
    try:
        answer = json.loads(body)
        if not isinstance(answer, dict):
            raise ValueError("not a JSON object")
        match answer.get("status"):
            case "registered" if status == 200:
                return Registered(_text(answer, "reference"), _text(answer, "message"))
            case "refused":
                return Refused(_text(answer, "reason") or "no reason given", _text(answer, "message"))
            case other:
                raise ValueError(f"status {other!r} is neither registered nor refused")
    except (ValueError, RecursionError) as error:
        return Unclear(f"HTTP {status}: {str(error)[:200]}: {shown!r}")


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    """The body to its end, or as much as an answer may be long. One `read(n)` gives only what has arrived so far."""
    body = bytearray()
    while len(body) < _MOST_BYTES and (piece := await answer.content.read(_MOST_BYTES - len(body))):
        body += piece
    return bytes(body)


class HttpHook:
    """The HTTP registration hook; one keep-alive pool. Use as an async context manager."""

    def __init__(self, settings: Registration) -> None:
        self._settings = settings
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=self._settings.timeout_s),
            connector=aiohttp.TCPConnector(limit=self._settings.concurrency),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session:
            await self._session.close()

    async def _asked(self, method: str, url: str, **what: Any) -> tuple[int, bytes] | Unclear:
        if self._session is None:
            raise RuntimeError("the hook is used outside its `async with`")
        try:
            async with self._session.request(method, url, allow_redirects=False, **what) as answer:
                return answer.status, await _body(answer)
        except TimeoutError:
            return Unclear(f"no answer within {self._settings.timeout_s:g} s")
        except aiohttp.ClientError as error:
            return Unclear(f"{type(error).__name__}: {error}")

    async def register(self, ask: Ask) -> Answer:
        """Ask for one registration; `ask.id` goes as `Idempotency-Key`, so a repeat is harmless."""
        body = {
            "id": ask.id,
            "number": ask.number,
            "package": ask.package,
            "programme": ask.programme,
            "at": ask.at.isoformat(),
        }
        answer = await self._asked("POST", self._settings.url, json=body, headers={"Idempotency-Key": ask.id})
        return answer if isinstance(answer, Unclear) else read_answer(*answer)

    async def look_up(self, id: str) -> Answer | NotKnown:
        """The fate of a key: `GET url/<id>`; 404 means that it was never seen."""
        answer = await self._asked("GET", f"{self._settings.url.rstrip('/')}/{quote(id, safe='')}")
        if isinstance(answer, Unclear):
            return answer
        return NotKnown() if answer[0] == 404 else read_answer(*answer)
