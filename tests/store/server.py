"""Where do the tests get a PostgreSQL from? A server of their own, in a scratch folder, on a unix socket."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]


def programs() -> Path | None:
    """The folder of initdb, postgres and pg_ctl: `make postgresql`'s, or the machine's own; None: neither."""
    places = [_ROOT / ".asterisk/bin", *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    wanted = ("initdb", "postgres", "pg_ctl")
    return next((place for place in places if all((place / name).exists() for name in wanted)), None)


def _as_user() -> dict[str, object]:
    """initdb refuses root: then the server belongs to nobody."""
    if os.getuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


@contextmanager
def running(place: Path) -> Iterator[str]:
    """A running server; yields the address of its folder's socket as a URL with `{name}` for the database."""
    folder = Path(tempfile.mkdtemp(prefix="mai-pg-"))
    user = _as_user()
    if user:
        shutil.chown(folder, "nobody")

    def run(*command: str) -> None:
        done = subprocess.run(
            command,
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            **user,
        )  # type: ignore[call-overload]
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}")

    data = str(folder / "data")
    try:
        run(str(place / "initdb"), "-D", data, "-U", "mai", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
        settings = (
            f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off -c max_connections=50"
        )
        pg_ctl = str(place / "pg_ctl")
        run(pg_ctl, "-D", data, "-l", str(folder / "log"), "-w", "-t", "60", "-o", settings, "start")
        try:
            yield f"postgresql://mai@/{{name}}?host={folder}"
        finally:
            run(pg_ctl, "-D", data, "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
