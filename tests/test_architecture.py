"""Does the house stand as DESIGN.md says? Which line may import which, and what the protocol files may not."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

HOUSE = Path(__file__).parent.parent

#: A line may import lines below it, never its own line or above (each package may of course import itself).
LINES: list[set[str]] = [
    {"cli"},
    {"ari_app", "agi", "smpp", "web"},
    {"runtime"},
    {"store", "prompts", "hooks"},
    {"flows"},
    {"core"},
]
OURS = set().union(*LINES) | {"simulator", "demo", "bench", "soak", "tests", "setup"}
RANK = {name: rank for rank, line in enumerate(LINES) for name in line}

#: The protocols alone: nothing of ours but their own neighbours.
ALONE = {
    "ari_app/ari.py": {"ari_app"},  # each of them the next one only
    "ari_app/requests.py": {"ari_app"},
    "ari_app/rest.py": set(),
    "ari_app/silence.py": set(),
    "agi/protocol.py": set(),
    **{
        str(file.relative_to(HOUSE)): {"smpp"}
        for file in (HOUSE / "smpp").glob("*.py")
        if file.name
        not in {
            "__init__.py",
            "cost.py",
            "drain.py",
            "gateway.py",
            "gathered.py",
            "incoming.py",
            "news.py",
            "outbox.py",
        }
    },
}


def python_files(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted((HOUSE / folder).rglob("*.py"))


def imported(file: Path) -> set[str]:
    """The top-level names that a file imports, also inside functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.split(".")[0])
    return found & OURS


@pytest.mark.parametrize("package", sorted(RANK))
def test_a_line_imports_only_lines_below_it(package: str) -> None:
    files = [HOUSE / "cli.py"] if package == "cli" else list(python_files(package))
    assert files, f"{package} is empty"
    wrong = [
        f"{file.relative_to(HOUSE)} imports {name}"
        for file in files
        for name in imported(file) - {package}
        if RANK.get(name, -1) <= RANK[package]
    ]
    assert not wrong, "\n".join(wrong)


def test_the_simulator_imports_nothing_of_ours() -> None:
    wrong = [
        f"{file.relative_to(HOUSE)} imports {name}"
        for file in python_files("simulator")
        for name in imported(file) - {"simulator"}
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", sorted(ALONE))
def test_a_protocol_file_imports_nothing_of_ours(name: str) -> None:
    file = HOUSE / name
    assert imported(file) <= ALONE[name]


def test_the_connection_to_asterisk_knows_its_own_requests_and_nothing_else() -> None:
    """DESIGN §2: ari_app/ari.py imports nothing of ours."""

    def neighbours(name: str) -> list[str]:
        text = (HOUSE / "ari_app" / name).read_text(encoding="utf-8")
        return re.findall(r"^from (ari_app\S*)", text, re.MULTILINE)

    assert neighbours("ari.py") == ["ari_app.requests"]
    assert neighbours("requests.py") == ["ari_app.rest", "ari_app.silence"]


def test_core_reads_no_clock_and_does_no_io() -> None:
    """R15: decisions are pure: `now` is an argument."""
    forbidden = {
        "asyncio",
        "socket",
        "sqlite3",
        "sqlalchemy",
        "aiohttp",
        "subprocess",
        "time",
        "random",
        "os",
    }
    wrong = []
    for file in python_files("core"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name.split(".")[0] for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                names = [node.module.split(".")[0]]
            wrong += [f"{file.name} imports {name}" for name in names if name in forbidden]
            if isinstance(node, ast.Attribute) and node.attr in {"now", "today", "utcnow"}:
                base = node.value
                if isinstance(base, ast.Name) and base.id in {"datetime", "date"}:
                    wrong.append(f"{file.name}:{node.lineno} reads the clock")
    assert not wrong, "\n".join(wrong)


def test_sql_stays_in_the_store() -> None:
    wrong = [
        str(file.relative_to(HOUSE))
        for file in python_files(
            "core", "flows", "prompts", "hooks", "runtime", "ari_app", "agi", "smpp", "web"
        )
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        and any(
            name.split(".")[0] in {"sqlalchemy", "sqlite3", "asyncpg"}
            for name in (
                [node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
            )
        )
    ]
    assert not wrong, "\n".join(wrong)
