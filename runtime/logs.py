"""What do the programs write while they work? One line per step, numbers masked (R14), secrets never."""

import logging
import sys
from typing import Any

import structlog

from runtime.masking import mask_numbers

__all__ = ["log", "mask_numbers", "set_up"]


def _masked(value: Any) -> Any:
    match value:
        case str():
            return mask_numbers(value)
        case dict():
            return {name: _masked(item) for name, item in value.items()}
        case list() | tuple():
            return [_masked(item) for item in value]
        case _:
            return value


def _masked_values(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    return {name: _masked(value) for name, value in event.items()}


class _ToOurLog(logging.Handler):
    """What libraries say with Python's own logging looks like the rest, and is masked like the rest."""

    def emit(self, record: logging.LogRecord) -> None:
        log(record.name).log(record.levelno, record.getMessage(), exc_info=record.exc_info or None)


def set_up(*, as_json: bool = False, colours: bool | None = None) -> None:
    """Send structlog and Python's logging to standard error: for people on a terminal, JSON lines where asked."""
    shown: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if as_json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty() if colours is None else colours)
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _masked_values,
            shown,
        ],
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )
    root = logging.getLogger()
    root.handlers = [_ToOurLog(level=logging.WARNING)]


def log(part: str) -> structlog.typing.FilteringBoundLogger:
    """The logger of one part; every line carries its name."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(part=part)
    return logger
