"""What does one Asterisk answer to a request over ARI? Its answer, its refusal, or nothing within the deadline.

Knows nothing of ours.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp

from ari_app.rest import Answer, Lost, Rest, Unreachable
from ari_app.silence import Silence

_POOL = 16
#: Less than Asterisk's own `session_keep_alive`, 15 s where nobody sets it.
_IDLE_S = 10.0
#: Asterisk answers in milliseconds, on a loaded machine in some tens of them. So long without a word and it stands still;
#: each second later costs all calls that would begin in it, a false alarm a ping and a claim that waits for it.
SILENT_S = 1.0


class AriError(Exception):
    """Asterisk refused a request; `status` is the HTTP status, 404: no such channel or playback."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status} {message}")
        self.status = status


class AriAway(Exception):
    """Asterisk did not answer. `sent`: the request may have reached it, so its effect is not known."""

    def __init__(self, message: str, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


class Waits:
    """How long requests wait, on average, those included that wait still."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._done, self._done_s = 0, 0.0
        self._open, self._open_since = 0, 0.0  #: how many, and the sum of their beginnings

    @contextmanager
    def one(self) -> Iterator[None]:
        """A request waits in here."""
        began = self._clock()
        self._open += 1
        self._open_since += began
        try:
            yield
        finally:
            self._open -= 1
            self._open_since -= began
            self._done += 1
            self._done_s += self._clock() - began

    def lately(self) -> float:
        """Seconds, of those that waited since this was last asked; 0: none did."""
        count = self._done + self._open
        waited_s = self._done_s + self._open * self._clock() - self._open_since
        self._done, self._done_s = 0, 0.0
        return waited_s / count if count else 0.0


class Requests:
    """Requests to one Asterisk, and whether it still answers any."""

    def __init__(
        self, url: str, user: str, password: str, *, name: str, deadline_s: float, silent_s: float
    ) -> None:
        self.name = name
        self._url = url.rstrip("/") + "/ari"
        self._headers = {"Authorization": aiohttp.encode_basic_auth(user, password)}
        self._deadline_s = deadline_s
        self._rest = Rest(self._url, self._headers, most=_POOL, idle_s=_IDLE_S)
        self._apart = Rest(self._url, self._headers, most=1, idle_s=_IDLE_S)  #: a ping waits behind nothing
        self._silence = Silence(silent_s, self._ping, self._turned)
        self._waits = Waits(time.monotonic)

    async def request(
        self, method: str, *path: str, params: Mapping[str, str] | None = None, body: object = None
    ) -> Any:
        """One request, its answer decoded from JSON (None when empty).

        `path` is given in parts, each quoted. Raises AriError: Asterisk says no; AriAway: it is silent.
        """
        target = "".join(["/" + quote(part, safe="") for part in path])
        if params:
            target += "?" + urlencode(params, quote_via=quote)
        text = None if body is None else json.dumps(body).encode()
        with self._waits.one():
            status, answer = await self._answer(self._rest, method, target, text, self._deadline_s)
        if status >= 400:
            raise AriError(status, _message(answer) or _phrase(status))
        try:
            return json.loads(answer) if answer else None
        except ValueError as error:
            raise AriError(status, f"not JSON: {answer[:80]!r}") from error

    async def _answer(
        self, rest: Rest, method: str, target: str, text: bytes | None, deadline_s: float
    ) -> Answer:
        self._silence.asked()
        try:
            answer = await rest.request(method, target, text, deadline_s)
        except (Unreachable, Lost) as error:
            raise AriAway(f"Asterisk {self.name}: {error}", sent=isinstance(error, Lost)) from error
        self._silence.heard()
        return answer

    async def _ping(self, seconds: float) -> None:
        with suppress(AriAway):
            await self._answer(self._apart, "GET", "/asterisk/ping", None, seconds)

    def waited_s(self) -> float:
        """What a request waited for its answer on average, in seconds, since this was last asked."""
        return self._waits.lately()

    def _turned(self) -> None:
        """It fell silent, or speaks again."""

    def _close_requests(self) -> None:
        self._silence.watch(False)
        self._rest.close()
        self._apart.close()


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase if status in set(HTTPStatus) else ""


def _message(text: bytes) -> str:
    """What Asterisk says in an error's body."""
    try:
        told = json.loads(text)
    except ValueError:
        return ""
    return str(told.get("message") or told.get("error") or "") if isinstance(told, dict) else ""
