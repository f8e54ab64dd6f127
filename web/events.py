"""May this caller hand us an event, and was it stored? (O1, O19, DESIGN.md §5)

`POST /v1/topups {"id", "number", "amount", "at"?}` takes top-ups; `POST /v1/triggers` takes every kind of event of
core/triggers.py, named in `kind`, and its amount where it is known. Both answer alike: 202 stored, 200 repeated, 409 the
same id with other content, 422 what is wrong, 503 not stored.
"""

import asyncio
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, ClassVar, cast

from litestar.types import Receive, Scope, Send
from pydantic import SecretStr

from core.triggers import EVENTS, TriggerKind
from core.written import nearest
from runtime.app import App
from runtime.logs import log
from runtime.topups import BadTopup, take_event
from store.tx import PASSING

logger = log("web")

#: Of a body; an event takes about 100.
MOST_BYTES = 16 * 1024
#: Seconds for a body to arrive, and for the store to commit.
_BODY_S = 10.0
_STORE_S = 10.0
_STATUS = {"stored": HTTPStatus.ACCEPTED, "repeated": HTTPStatus.OK, "conflict": HTTPStatus.CONFLICT}


class NotAnEvent(ValueError):
    """The body is not one JSON object."""


class _TooLong(Exception):
    """The body has more than MOST_BYTES."""


@dataclass(frozen=True)
class _Answer:
    status: int
    content: dict[str, Any]
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Events:
    """The routes that take events, with the token that opens them.

    Plain ASGI beside Litestar: this is asked for every call that is made, and a profile showed more of the framework's
    part in it than of ours.
    """

    #: What a path takes; None: the body says which kind.
    paths: ClassVar[dict[str, TriggerKind | None]] = {"/v1/topups": "topup", "/v1/triggers": None}

    def __init__(self, app: App, token: SecretStr) -> None:
        self._app = app
        self._token = token.get_secret_value().encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`POST /v1/topups` and `POST /v1/triggers`."""
        try:
            said = await self._asked(scope, receive)
        except ConnectionError:
            return  # nobody waits for an answer
        body = json.dumps(said.content, ensure_ascii=False).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            *said.headers,
        ]
        await send({"type": "http.response.start", "status": said.status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    async def _asked(self, scope: Scope, receive: Receive) -> _Answer:
        if scope["method"] != "POST":  # type: ignore[typeddict-item]
            return _wrong(HTTPStatus.METHOD_NOT_ALLOWED, "only POST is taken here", headers=_ALLOWED)
        given = dict(scope["headers"])
        if not self._may_ask(given.get(b"authorization", b"")):
            told = "send `Authorization: Bearer <web.token of config.yaml>`"
            return _wrong(HTTPStatus.UNAUTHORIZED, told, headers=_WHO)
        try:
            async with asyncio.timeout(_BODY_S):
                body = await _body(given, receive)
        except TimeoutError:
            return _wrong(HTTPStatus.REQUEST_TIMEOUT, f"the body did not arrive within {_BODY_S:g} s")
        except _TooLong:
            told = f"the body has more than {MOST_BYTES} bytes"
            return _wrong(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, told, headers=((b"connection", b"close"),))
        return await self._take(body, self.paths[scope["path"]])

    def _may_ask(self, authorization: bytes) -> bool:
        kind, _space, token = authorization.partition(b" ")
        # Compared in constant time, so that the token cannot be felt out byte by byte.
        return secrets.compare_digest(token.strip(), self._token) and kind.lower() == b"bearer"

    async def _take(self, body: bytes, kind: TriggerKind | None) -> _Answer:
        """Store the event of a body; `kind` None: the body says which."""
        try:
            raw = read_object(body)
            which = kind or kind_of(raw)
            async with asyncio.timeout(_STORE_S):
                stored = await take_event(self._app, which, raw)
        except NotAnEvent as error:
            return _wrong(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
        except BadTopup as error:
            return _wrong(HTTPStatus.UNPROCESSABLE_ENTITY, error.reason, error.field)
        except (TimeoutError, *PASSING) as error:  # nobody knows that it is stored: its sender asks again
            logger.error("an event was not stored", error=str(error) or "the store took too long")
            return _not_stored()
        except Exception:
            logger.exception("an event was not stored")
            return _not_stored()
        if stored == "conflict":
            told = "this id came before with other content, and that one stands"
            return _wrong(HTTPStatus.CONFLICT, told, "id")
        return _Answer(_STATUS[stored], {"id": raw["id"], "result": stored})


_ALLOWED = ((b"allow", b"POST"),)
_WHO = ((b"www-authenticate", b"Bearer"),)


def _wrong(
    status: int, error: str, field: str | None = None, *, headers: tuple[tuple[bytes, bytes], ...] = ()
) -> _Answer:
    return _Answer(status, {"error": error, "field": field}, headers)


def _not_stored() -> _Answer:
    return _wrong(HTTPStatus.SERVICE_UNAVAILABLE, "not stored: send it again with the same id")


async def _body(headers: Mapping[bytes, bytes], receive: Receive) -> bytes:
    """The body of a request. Raises _TooLong as soon as that is known, ConnectionError when its sender has gone."""
    announced = headers.get(b"content-length", b"")
    if announced.isdigit() and int(announced) > MOST_BYTES:
        raise _TooLong
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise ConnectionError
        body += message["body"]
        more = message["more_body"]
        if len(body) > MOST_BYTES:
            raise _TooLong
    return body


def kind_of(raw: dict[str, Any]) -> TriggerKind:
    """Take `kind` out of a body. Raises BadTopup for a kind that does not come as an event."""
    kind = raw.pop("kind", None)
    if kind not in EVENTS:
        right = nearest(kind, EVENTS) if isinstance(kind, str) else ""
        raise BadTopup("kind", right or f"must be one of {', '.join(EVENTS)}")
    return cast(TriggerKind, kind)


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object of a body. Raises NotAnEvent, also for a key that stands twice."""
    try:
        read = json.loads(body, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, NotAnEvent) else "the body is not JSON in UTF-8"
        raise NotAnEvent(reason) from error
    if not isinstance(read, dict):
        raise NotAnEvent('the body is not a JSON object like {"id": …, "number": …, "amount": …}')
    return read


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) != len(pairs):
        raise NotAnEvent("a key stands twice in the body")
    return read
