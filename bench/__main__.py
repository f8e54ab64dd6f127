"""`make bench`: which benchmarks are there, and what do they say on this machine? Each prints a table for RESULTS.md."""

import argparse
import importlib
import os
import pkgutil
import platform
from datetime import date

import bench

#: Not benchmarks of their own: generators and the like.
_PARTS = {"data"}


def subjects() -> list[str]:
    """The benchmarks by name: every module beside this one that has a `main`."""
    found = [module.name for module in pkgutil.iter_modules(bench.__path__)]
    return [name for name in found if not name.startswith("_") and name not in _PARTS]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, epilog=f"Example: python -m bench {subjects()[0]}"
    )
    parser.add_argument("subject", nargs="*", choices=[*subjects(), []], help="none: all")
    for name in parser.parse_args().subject or subjects():
        load = os.getloadavg()[0]
        print(
            f"\n## {name}, {date.today()}, {platform.machine()}, {os.cpu_count()} cores, load before {load:.1f}\n",
            flush=True,
        )
        importlib.import_module(f"bench.{name}").main()


if __name__ == "__main__":
    main()
