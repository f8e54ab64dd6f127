"""What do the programs write while they work? One line per step, numbers masked (R14), secrets never."""

import re
import sys
from typing import Any

import structlog

from core.numbers import masked

_NUMBER = re.compile(r"\+84[0-9]{9}\b|\b84[0-9]{9}\b|\b0[0-9]{9}\b")


def mask_numbers(text: str) -> str:
    """R14: every subscriber number in a text, masked."""

    def hide(found: re.Match[str]) -> str:
        digits = found[0].removeprefix("+")
        national = digits[2:] if digits.startswith("84") else digits[1:]
        return masked("+84" + national)

    return _NUMBER.sub(hide, text)


def _masked_values(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    return {name: mask_numbers(value) if isinstance(value, str) else value for name, value in event.items()}


def set_up(*, as_json: bool = False, colours: bool | None = None) -> None:
    """Send structlog to standard error: for people on a terminal, JSON lines where asked."""
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


def log(part: str) -> structlog.typing.FilteringBoundLogger:
    """The logger of one part; every line carries its name."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(part=part)
    return logger
