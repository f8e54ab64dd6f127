"""What reached this part of the world outside, and when? One JSON object a line, flushed line by line."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self


class Record:
    """An append-only file of what happened; whatever was written survives the death of its writer.

    Every line carries `event`, `at` (host's wall clock, ISO 8601 in UTC, microseconds) and `mono`
    (seconds of the host's monotonic clock, comparable between processes of one machine).
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.lines: list[dict[str, Any]] = []
        self._file = path.open("a", encoding="utf-8")

    def write(self, event: str, *, wall: float | None = None, **fields: Any) -> dict[str, Any]:
        """Add one line; `wall` (seconds since 1970) tells when it happened if that was before now."""
        now = time.time()
        wall = now if wall is None else wall
        line = {
            "event": event,
            "at": datetime.fromtimestamp(wall, UTC).isoformat(timespec="microseconds"),
            "mono": round(time.monotonic() - (now - wall), 6),
            **fields,
        }
        self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._file.flush()
        self.lines.append(line)
        return line

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()


def read(path: Path) -> list[dict[str, Any]]:
    """All complete lines of a record file; a last line that is still being written is left out."""
    text = path.read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
