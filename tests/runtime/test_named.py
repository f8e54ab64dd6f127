"""Who names a programme or a node that is none, or one whose file is wrong: what is he told?"""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from runtime.app import App
from runtime.failed import BadInstallation, WrongUsage
from runtime.named import known_node, known_programme, programme_of
from runtime.running import chosen_parts, with_nodes
from tests.core.sample import programme
from tests.small_app import small_app


async def _idle(app: App, stopping: asyncio.Event) -> None:
    """A part that does nothing."""


async def test_a_programme_whose_file_is_wrong_is_one_and_says_its_line(tmp_path: Path) -> None:
    """It may be paused or reported on; what needs its content tells what is wrong there."""
    async with small_app(tmp_path) as app:
        wrong = "campaigns/spoilt.yaml:3: unit: is missing, write it"
        there = replace(app.installation, programmes={"well": programme()}, held_back={"spoilt": wrong})
        known_programme(there, "spoilt")
        assert programme_of(there, "well").name == "topup"
        with pytest.raises(BadInstallation, match=f"^{wrong}$"):
            programme_of(there, "spoilt")
        with pytest.raises(WrongUsage, match=r"^'spoild' is not a programme: one of spoilt, well$"):
            programme_of(there, "spoild")
        with pytest.raises(WrongUsage, match=r"^'p' is not a programme: one of \(none\)$"):
            known_programme(app.installation, "p")


async def test_the_nodes_of_other_processes_have_names_too(tmp_path: Path) -> None:
    """Issue 5, 2: a node is drained from any machine."""
    async with small_app(tmp_path) as app:
        there = replace(app.installation, other_nodes=frozenset({"ast2"}))
        known_node(there, "ast2")
        with pytest.raises(WrongUsage, match=r"^'ast3' is not a node of config.yaml: one of ast1, ast2$"):
            known_node(there, "ast3")


@pytest.mark.parametrize(("parts", "told"), [(["web"], True), (["agi", "dialer"], False), ([], False)])
async def test_a_node_for_parts_that_work_with_none_is_told(
    tmp_path: Path, parts: list[str], told: bool
) -> None:
    """`mai run web --node ast1` would look as if it did something."""
    programs = dict.fromkeys(("web", "agi", "dialer"), _idle)
    async with small_app(tmp_path) as app:
        with capture_logs() as said:
            with_nodes(app.installation, ["ast1"], chosen_parts(parts, programs))
    assert [line["event"].split(":")[0] for line in said] == ["--node changes nothing here"] * told
