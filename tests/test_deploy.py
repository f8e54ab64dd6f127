"""Do the files of deploy/ say what the program understands? Units, compose, the image, the environment, the README."""

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

import cli
from core.config import Config
from core.loading import parse_config
from runtime.parts import ORDER

HOUSE = Path(__file__).parent.parent
DEPLOY = HOUSE / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
#: Of every unit: what systemd.exec(5) takes away from a service that needs none of it.
HARD = {
    "NoNewPrivileges": "yes",
    "CapabilityBoundingSet": "",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateDevices": "yes",
    "ProtectKernelModules": "yes",
    "ProtectKernelTunables": "yes",
    "ProtectControlGroups": "yes",
    "RestrictNamespaces": "yes",
    "RestrictSUIDSGID": "yes",
    "SystemCallFilter": "@system-service",
    "UMask": "0077",
    "User": "mai",
    "EnvironmentFile": "/etc/mai/mai.env",
}
#: Parts that `mai run` adds by itself.
BY_ITSELF = {"asterisk", "campaigns"}
_NAMED = re.compile(r"\$\{([A-Z_0-9]+)\}")


def service(unit: Path) -> dict[str, str]:
    """The settings of [Service]; one that stands twice is an error here."""
    found: dict[str, str] = {}
    section = ""
    for line in unit.read_text("utf-8").splitlines():
        if line.startswith("["):
            section = line
        elif section == "[Service]" and line and not line.startswith("#"):
            name, _, value = line.partition("=")
            assert name not in found, f"{unit.name}: {name} twice"
            found[name] = value
    return found


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    return found


def ours() -> dict[str, dict[str, Any]]:
    """The services of compose.yaml that are our program."""
    return {name: each for name, each in compose()["services"].items() if each["image"] == "maicallcenter"}


def understood(words: list[str]) -> tuple[set[str], list[str]]:
    """Parts and nodes of `mai WORDS`, as the program itself reads them; raises what it would say."""
    command = get_command(cli.app)
    name, *rest = words
    assert name == "run"
    context = command.commands["run"].make_context("run", rest)  # type: ignore[attr-defined]
    return set(context.params["part"]), list(context.params["node"] or [])


def commands() -> Iterator[tuple[str, list[str]]]:
    """Every `mai run` of deploy/, the instance of a unit filled in."""
    for unit in UNITS:
        program, *words = shlex.split(service(unit)["ExecStart"].replace("%i", "ast1"))
        assert program == "/opt/mai/.venv/bin/mai"
        yield unit.name, words
    for name, each in ours().items():
        yield name, each["command"]


@pytest.mark.parametrize(("where", "words"), list(commands()))
def test_each_command_names_parts_and_options_that_there_are(where: str, words: list[str]) -> None:
    """Issue 5, 2: deploy/."""
    parts, nodes = understood(words)
    assert parts <= set(ORDER) - BY_ITSELF
    assert ("dialer" in parts) == bool(nodes), "a dialer without --node would look after every node's calls"


@pytest.mark.parametrize("kind", ["units", "compose"])
def test_the_machines_together_run_every_part(kind: str) -> None:
    """Each somewhere; one that runs twice shares the work or stands by (tests/concurrency/test_workers.py)."""
    names = {unit.name for unit in UNITS} if kind == "units" else set(ours())
    ran = [part for where, words in commands() if where in names for part in understood(words)[0]]
    assert set(ran) == set(ORDER) - BY_ITSELF


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_each_unit_gives_away_what_it_does_not_need(unit: Path) -> None:
    found = service(unit)
    assert {name: found.get(name) for name in HARD} == HARD
    assert found["RestartPreventExitStatus"] == "2"


def test_asterisk_and_its_calls_outlive_a_controller_that_dies() -> None:
    """DESIGN §5: it is adopted at the next start; systemd's usual way kills the whole group."""
    assert service(DEPLOY / "systemd/mai-dialer@.service")["KillMode"] == "process"


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    """By systemd's own judge, where the machine has one: unknown settings, words it does not know."""
    judge = shutil.which("systemd-analyze")
    if judge is None:
        pytest.skip("no systemd-analyze on this machine: the units were judged by our own checks alone")
    (tmp_path / "mai").write_text("#!/bin/sh\n", "utf-8")
    (tmp_path / "mai").chmod(0o755)
    places = []
    for unit in UNITS:
        place = tmp_path / unit.name.replace("@", "@ast1")
        text = unit.read_text("utf-8").replace("/opt/mai/.venv/bin/mai", str(tmp_path / "mai"))
        place.write_text(text, "utf-8")
        places.append(str(place))
    done = subprocess.run(
        [judge, "verify", "--man=no", "--recursive-errors=no", *places],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_environment_names_every_secret_and_has_none() -> None:
    lines = (DEPLOY / "mai.env.example").read_text("utf-8").splitlines()
    pairs = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert pairs.pop("WATCHFILES_FORCE_POLLING") == "1"
    assert set(pairs.values()) == {""}
    config = re.sub(r"#.*", "", (HOUSE / "config.yaml").read_text("utf-8"))
    assert set(pairs) == set(_NAMED.findall(config)) | {"MAI_DB_PASSWORD"}


def test_the_installation_of_the_readme_is_well() -> None:
    """What a person copies from the README is what config.yaml understands."""
    text = (DEPLOY / "README.md").read_text("utf-8")
    (written,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    base = yaml.safe_load((HOUSE / "config.yaml").read_text("utf-8"))
    whole = json.dumps(base | yaml.safe_load(written), ensure_ascii=False, default=str)
    config = parse_config(whole, "config.yaml", dict.fromkeys(_NAMED.findall(whole), "x1"))
    assert isinstance(config, Config), config
    nodes = [node.name for node in config.asterisk.nodes]
    assert nodes == [name for name, each in ours().items() if "dialer" in each["command"]]
    for file in (*UNITS, DEPLOY / "compose.yaml", DEPLOY / "mai.env.example"):
        assert file.name in text


def test_containers_have_no_more_rights_than_they_need() -> None:
    for name, each in ours().items():
        assert each["cap_drop"] == ["ALL"], name
        assert each["security_opt"] == ["no-new-privileges:true"], name
        assert each["read_only"] is True, name
        assert "privileged" not in each, name
        assert (DEPLOY / each["build"]["context"] / each["build"]["dockerfile"]).exists()
    for each in compose()["services"].values():
        assert each["profiles"], "without a profile it would start on every machine"


def test_the_image_is_made_from_what_is_pinned_and_starts_our_program() -> None:
    text = (DEPLOY / "Dockerfile").read_text("utf-8")
    assert '--require-hashes --requirement "$REQUIREMENTS"' in text
    assert "ARG REQUIREMENTS=requirements.txt\n" in text
    for copied in re.findall(r"^COPY (.*) \S+$", text, re.MULTILINE):
        assert all((HOUSE / source).exists() for source in copied.split())
    (entry,) = re.findall(r"^ENTRYPOINT (.*)$", text, re.MULTILINE)
    assert json.loads(entry)[1:] == ["-m", cli.__name__]
    assert re.search(r"^USER mai$", text, re.MULTILINE)
    (kits,) = re.findall(r"-m setup\.programs (.*) \\", text)
    from setup.programs import KITS

    assert set(kits.split()) <= set(KITS)
