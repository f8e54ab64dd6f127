"""The same question as fuzz.py, asked by atheris: what it tries next is led by the lines that the decoder runs.

`python -m tests.smpp.fuzz_coverage SECONDS`, with build/fuzz on the path (`make fuzz`). Starts from tests/smpp/corpus and
writes what it finds new into build/corpus; a stream that breaks the decoder is left in build as crash-….
"""

import importlib
import sys
from pathlib import Path
from typing import Any

BUILD = Path(__file__).resolve().parents[2] / "build"


def main(seconds: int) -> None:
    """Never returns: atheris ends the process, with another status than 0 if a stream broke the decoder."""
    atheris: Any = importlib.import_module("atheris")  # not among the project's requirements
    with atheris.instrument_imports(include=["smpp"]):
        fuzz: Any = importlib.import_module("tests.smpp.fuzz")
    found = BUILD / "corpus"
    found.mkdir(parents=True, exist_ok=True)
    options = [f"-max_total_time={seconds}", "-max_len=600", "-timeout=10", "-rss_limit_mb=1024"]
    options += ["-print_final_stats=1", f"-artifact_prefix={BUILD}/"]
    atheris.Setup([sys.argv[0], *options, str(found), str(fuzz.FOLDER)], fuzz.check_octets)
    atheris.Fuzz()


if __name__ == "__main__":
    main(int(sys.argv[1]))
