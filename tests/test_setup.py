"""Does a fresh machine become one that runs everything, from signed packages and pinned requirements only?"""

import contextlib
import json
import os
import pwd
import re
import subprocess
import tempfile
import threading
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from setup import machine, programs, venv

ROOT = Path(__file__).resolve().parent.parent

# --- the machine's own programs, and how they are started


@pytest.mark.parametrize(
    ("answer", "well"),
    [
        ("Asterisk 22.10.1+dfsg+~cs6.17.60671434-1", True),
        ("Asterisk 22.10.1", True),
        ("Asterisk 22.11.0", True),
        ("Asterisk 23.0.0", True),
        ("Asterisk 22.10.0", False),
        ("Asterisk 22.9.9", False),
        ("Asterisk 20.15.2~dfsg+~cs6.15.60671435-1", False),
        ("Asterisk 22.10.1-rc1", False),
        ("Asterisk certified/22.8-cert1", False),
        ("Asterisk GIT-master-abcdef", False),
        ("", False),
    ],
)
def test_only_an_asterisk_release_that_is_safe_is_used(answer: str, well: bool) -> None:
    assert machine.recent_enough(answer) is well


def test_asterisks_folders_are_read_but_not_from_a_template_section() -> None:
    assert machine.directories("[directories](!)\nastmoddir => /a\n") == {}
    text = "[directories]\nastmoddir => /a ; comment\nastdatadir=/b\n[options]\nastmoddir => /c\n"
    assert machine.directories(text) == {"astmoddir": "/a", "astdatadir": "/b"}


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))))
@settings(max_examples=25, deadline=None)
def test_a_start_script_passes_every_argument_on_unchanged(arguments: list[str]) -> None:
    with tempfile.TemporaryDirectory(prefix="it's a $folder ") as folder:
        path = Path(folder, "bin", "print")
        machine.write_script(path, ["/usr/bin/env", "printf", "%s\\0", "$(id)"], {"SOME_PATH": "a 'b' $c"})
        said = subprocess.run([path, *arguments], capture_output=True, check=True).stdout
    assert said.decode().split("\0")[:-1] == ["$(id)", *arguments]


def test_a_start_script_sets_the_environment_and_becomes_the_program(tmp_path: Path) -> None:
    machine.write_script(
        tmp_path / "show", ["/bin/sh", "-c", 'echo "$SOME_PATH" $$'], {"SOME_PATH": "a 'b' $c"}
    )
    with subprocess.Popen([tmp_path / "show"], stdout=subprocess.PIPE, text=True) as process:
        said, _ = process.communicate()
    assert said == f"a 'b' $c {process.pid}\n"
    assert os.listdir(tmp_path) == ["show"]


def test_an_unpacked_program_runs_through_its_own_loader_even_where_a_link_leads_to_the_machines(
    tmp_path: Path,
) -> None:
    libraries = tmp_path / "lib/x86_64-linux-gnu"
    (libraries / "pulseaudio").mkdir(parents=True)
    (libraries / "ld-linux-x86-64.so.2").write_text("")
    (libraries / "pulseaudio/libpulsecommon.so").write_text("")
    (tmp_path / "lib64").mkdir()
    (tmp_path / "lib64/ld-linux-x86-64.so.2").symlink_to("/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2")
    command = machine.through_loader(tmp_path, tmp_path / "usr/bin/sipp")
    assert command[0] == str(libraries / "ld-linux-x86-64.so.2")
    assert command[-2:] == (f"{libraries}:{libraries / 'pulseaudio'}", str(tmp_path / "usr/bin/sipp"))


# --- what is made, and made again


def test_a_broken_or_half_written_note_means_that_a_kit_is_made_again(tmp_path: Path) -> None:
    assert not programs.in_place(tmp_path, "sipp")
    (tmp_path / "sipp.json").write_text('{"recipe": 1, "ho')
    assert not programs.in_place(tmp_path, "sipp")


def test_a_kit_is_in_place_until_something_of_it_goes_or_the_folder_is_moved(tmp_path: Path) -> None:
    home, real = tmp_path / "home", tmp_path / "sipp"
    real.write_text("")
    note = {
        "recipe": programs.RECIPE,
        "home": str(home),
        "uses": [str(real)],
        "version": "3.6",
        "packages": {},
    }
    machine.write_script(home / "bin/sipp", [str(real)], {})
    programs.write_json(home / "sipp.json", note)
    assert programs.in_place(home, "sipp")
    programs.write_json(home / "sipp.json", note | {"home": "/elsewhere"})
    assert not programs.in_place(home, "sipp")
    programs.write_json(home / "sipp.json", note)
    real.unlink()
    assert not programs.in_place(home, "sipp")


def test_what_an_interrupted_set_up_left_is_removed_by_the_next(tmp_path: Path) -> None:
    (tmp_path / "tmp-abc/tree").mkdir(parents=True)
    with programs.alone(tmp_path):
        assert os.listdir(tmp_path) == ["lock"]


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("Asterisk 22.10.1+dfsg-1", "22.10.1+dfsg-1"),
        ("SIPp v3.6.1-SCTP-PCAP-RTPSTREAM.\n", "3.6.1-SCTP-PCAP-RTPSTREAM"),
        ("initdb (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)", "15.20"),
        ("eSpeak NG text-to-speech: 1.51  Data at: /usr/lib", "1.51"),
        ("nothing of the kind", "unknown"),
    ],
)
def test_a_programs_version_is_read_from_what_it_says(said: str, version: str) -> None:
    assert programs.version_in(said) == version


def test_a_name_that_is_no_kit_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        programs.main(["asterix"])
    assert end.value.code == 2
    assert "'asterix' is not one of asterisk, espeak-ng, sipp, postgresql" in capsys.readouterr().err


def test_an_environment_is_made_again_when_a_pin_or_the_place_or_the_python_changes(tmp_path: Path) -> None:
    (tmp_path / "requirements-dev.txt").write_text("a==1\n")
    (tmp_path / "pyproject.toml").write_text("")
    first = venv.fingerprint(tmp_path, "/usr/bin/python3.11")
    assert venv.fingerprint(tmp_path, "/usr/bin/python3.11") == first
    assert venv.fingerprint(tmp_path, "/usr/bin/python3.12") != first
    (tmp_path / "requirements-dev.txt").write_text("a==2\n")
    assert venv.fingerprint(tmp_path, "/usr/bin/python3.11") != first


# --- pins


REQUIREMENTS = sorted(ROOT.glob("requirements*.txt"))


@pytest.mark.parametrize("path", REQUIREMENTS, ids=lambda path: path.name)
def test_every_requirement_is_pinned_with_hashes_and_no_address_is_named(path: Path) -> None:
    text = path.read_text("utf-8")
    entries = re.split(r"\n(?=[A-Za-z])", text)
    assert len(entries) > 40
    for entry in entries:
        assert re.match(r"[A-Za-z0-9._-]+(\[[a-z,]+\])?==\S+", entry), entry.splitlines()[0]
        assert len(re.findall(r"--hash=sha256:[0-9a-f]{64}\b", entry)) >= 1, entry.splitlines()[0]
    assert "://" not in text
    assert not re.search(r"^(-|/|\.)", text, re.MULTILINE)


def test_the_hashed_files_hold_exactly_the_versions_that_the_project_names() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    for name, wanted in (
        ("requirements.txt", project["dependencies"]),
        ("requirements-dev.txt", project["dependencies"] + extras["dev"]),
        ("requirements-gtts.txt", project["dependencies"] + extras["gtts"]),
        ("requirements-kafka.txt", project["dependencies"] + extras["kafka"]),
    ):
        held = dict(re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", (ROOT / name).read_text("utf-8"), re.MULTILINE))
        for requirement in wanted:
            package, version = re.sub(r"\[.*?\]", "", requirement).lower().split("==")
            assert held.get(package) == version, f"{name}: {requirement}"


# --- the real thing

MODULES = (
    *("res_pjproject", "res_sorcery_config", "res_sorcery_memory", "res_sorcery_astdb", "res_pjsip"),
    *("res_pjsip_session", "res_pjsip_pubsub", "chan_pjsip", "format_gsm", "codec_gsm"),
)


def made() -> dict[str, object]:
    """What the set-up wrote down; a missing file fails the test, since `make test` sets up first."""
    paths: dict[str, object] = json.loads((ROOT / ".asterisk/paths.json").read_text("utf-8"))
    return paths


def said_by(name: str, *arguments: str) -> str:
    program = ROOT / ".asterisk/bin" / name
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False).stdout


@pytest.mark.asterisk
def test_the_installed_asterisk_answers_with_a_safe_version_and_its_folders_are_there() -> None:
    assert machine.recent_enough(said_by("asterisk", "-V"))
    paths = made()
    assert Path(str(paths["astmoddir"]), "chan_pjsip.so").is_file()
    assert Path(str(paths["astdatadir"]), "documentation").is_dir()
    assert list(Path(str(paths["astdatadir"]), "sounds/en").glob("beep.*"))


@pytest.mark.asterisk
def test_espeak_speaks_vietnamese(tmp_path: Path) -> None:
    said_by("espeak-ng", "-v", "vi", "-w", str(tmp_path / "hello.wav"), "xin chào quý khách")
    assert (tmp_path / "hello.wav").read_bytes()[:4] == b"RIFF"
    assert (tmp_path / "hello.wav").stat().st_size > 10_000


@pytest.mark.asterisk
def test_sipp_answers_and_has_the_recorded_digits() -> None:
    assert "SIPp v3" in said_by("sipp", "-v")
    assert Path(str(made()["pcap"]), "dtmf_2833_1.pcap").is_file()


@pytest.fixture
def run_folder() -> Iterator[Path]:
    """A folder that an ordinary user can reach, with a minimal configuration of Asterisk."""
    paths = made()
    with tempfile.TemporaryDirectory(prefix="mai-setup-") as name:
        folder = Path(name)
        own = {key: folder / key for key in ("etc", "varlib", "db", "key", "agi", "spool", "run", "log")}
        for path in own.values():
            path.mkdir()
        where = {f"ast{key}dir": str(path) for key, path in own.items()}
        where |= {key: str(paths[key]) for key in ("astmoddir", "astdatadir")}
        where["astetcdir"] = str(own["etc"])
        lines = "\n".join(f"{key} => {value}" for key, value in where.items())
        (own["etc"] / "asterisk.conf").write_text(f"[directories]\n{lines}\n")
        loads = "\n".join(f"load = {module}.so" for module in MODULES)
        (own["etc"] / "modules.conf").write_text(f"[modules]\nautoload = no\n{loads}\n")
        (own["etc"] / "pjsip.conf").write_text("[global]\ntype = global\n")
        folder.chmod(0o755)
        yield folder


@contextlib.contextmanager
def started(folder: Path, user: int) -> Iterator[int]:
    """Asterisk as `user`, from ready to stopped; its process id."""
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, user, -1)
    command = [str(ROOT / ".asterisk/bin/asterisk"), "-f", "-vvv", "-C", str(folder / "etc/asterisk.conf")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, user=user) as process:
        assert process.stdout is not None
        deadline = threading.Timer(60, process.kill)  # ends the reading below, so that a hang is a failure
        deadline.start()
        said = b""
        try:
            while b"Asterisk Ready" not in said:
                line = process.stdout.readline()
                assert line, said.decode("utf-8", "replace")[-2000:]
                said += line
            yield process.pid
        finally:
            process.terminate()
            process.communicate()
            deadline.cancel()


def chan_pjsip_in(folder: Path, user: int) -> str:
    """What a running Asterisk of `user` says about its SIP channel driver."""
    with started(folder, user) as process:
        assert Path(f"/proc/{process}").stat().st_uid == user
        command = [str(ROOT / ".asterisk/bin/asterisk"), "-C", str(folder / "etc/asterisk.conf"), "-rx"]
        console = [*command, "module show like chan_pjsip"]
        return subprocess.run(console, capture_output=True, text=True, user=user, check=True).stdout


@pytest.mark.asterisk
def test_asterisk_starts_as_the_user_who_runs_the_tests(run_folder: Path) -> None:
    assert re.search(r"chan_pjsip\.so .* Running", chan_pjsip_in(run_folder, os.geteuid()))


@pytest.mark.asterisk
@pytest.mark.skipif(
    os.geteuid() != 0, reason="the tests run as an ordinary user: the test above shows it already"
)
def test_asterisk_starts_as_an_ordinary_user_where_root_set_it_up(run_folder: Path) -> None:
    nobody = pwd.getpwnam("nobody").pw_uid
    reached = subprocess.run(["test", "-x", ROOT / ".asterisk/bin/asterisk"], user=nobody, check=False)
    if reached.returncode:
        pytest.skip("an ordinary user cannot enter the folder of this checkout, so there is nothing to start")
    assert re.search(r"chan_pjsip\.so .* Running", chan_pjsip_in(run_folder, nobody))
