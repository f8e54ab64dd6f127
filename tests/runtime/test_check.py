"""What does `mai check` warn of that no file alone can tell?"""

from pathlib import Path

import pytest

from runtime.loading import check
from tests.cli.office import SECRETS, Office, open_office


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    return open_office(tmp_path, sources=[{"name": "files", "kind": "folder", "path": "in"}])


def _warnings(office: Office) -> list[str]:
    lines, _ = check(office.folder / "config.yaml", lambda *_: [], lambda *_: [])
    return [line.partition(": ")[2] for line in lines if ": warning: " in line]


def test_a_folder_of_a_source_that_is_not_there_is_told(office: Office) -> None:
    """Issue 5, 3: files would lie elsewhere, and nothing come."""
    there = office.folder / "in"
    (line,) = _warnings(office)
    assert line == f"sources[0].path: warning: {there} is not there, make it, where `intake` runs"
    there.mkdir()
    assert _warnings(office) == []


def test_what_a_programme_will_not_get_stands_before_whether_it_starts(office: Office) -> None:
    campaign = office.folder / "campaigns" / "mua-goi.yaml"
    campaign.parent.mkdir()
    sample = office.folder / office.config["campaigns"] / "topup-smartphone.yaml"
    campaign.write_text(
        sample.read_text("utf-8").replace("trigger:", "max_channels: 999\ntrigger:", 1), "utf-8"
    )
    office.write(
        "config.yaml",
        (office.folder / "config.yaml").read_text().replace(office.config["campaigns"], "campaigns"),
    )
    lines, status = check(office.folder / "config.yaml", lambda *_: [], lambda *_: [])
    warned, starts = lines[-2:]
    assert "max_channels: warning: is 999, and the trunks have 120 together" in warned
    assert starts.endswith(": starts")
    assert status == 0
