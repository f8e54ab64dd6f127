"""Where does a benchmark write what it found? Into its own section of RESULTS.md; the others' stay."""

import os
import platform
from collections.abc import Sequence
from datetime import date
from pathlib import Path

_RESULTS = Path(__file__).with_name("RESULTS.md")


def machine() -> str:
    """What a figure depends on, in a line."""
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    python = platform.python_version()
    return (
        f"{date.today()}, {platform.machine()}, {os.cpu_count()} cores, Python {python}, load average {load}."
    )


def write_section(name: str, lines: Sequence[str]) -> None:
    """The section of this name, in place of the one before."""
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    text = _RESULTS.read_text(encoding="utf-8") if _RESULTS.exists() else "# Results\n"
    ours = "\n".join([begin, *lines, end]) + "\n"
    if begin in text and end in text:
        before, _, rest = text.partition(begin)
        text = before + ours + rest.partition(end)[2].lstrip("\n")
    else:
        text = text.rstrip("\n") + "\n\n" + ours
    _RESULTS.write_text(text, encoding="utf-8")
