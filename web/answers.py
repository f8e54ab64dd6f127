"""How does an error read over HTTP? Always JSON `{error, field}`, never a traceback."""

from typing import Any

from litestar import MediaType, Request, Response
from litestar.exceptions import HTTPException

from runtime.logs import log

logger = log("web")


def answer(code: int, **content: Any) -> Response[dict[str, Any]]:
    """A JSON answer: the HTTP status and the fields."""
    return Response(content, status_code=code, media_type=MediaType.JSON)


def wrong(code: int, error: str, field: str | None = None) -> Response[dict[str, Any]]:
    """A JSON answer that says what is wrong, and in which field of the request."""
    return answer(code, error=error, field=field)


def _refused(_: Request[Any, Any, Any], error: HTTPException) -> Response[dict[str, Any]]:
    told = wrong(error.status_code, error.detail)
    told.headers.update(error.headers or {})
    return told


def _failed(request: Request[Any, Any, Any], error: Exception) -> Response[dict[str, Any]]:
    logger.error("request failed", path=request.url.path, exc_info=error)
    return wrong(500, "this failed here; the log of the system says why")


#: The one place where a request that fails ends.
CATCHES: dict[int | type[Exception], Any] = {HTTPException: _refused, Exception: _failed}
