"""Where do the tests get a PostgreSQL from? A server of their own, in a scratch folder, on a unix socket."""

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import asyncpg

_numbers = itertools.count(1)
_ROOT = Path(__file__).resolve().parents[2]


def programs() -> Path | None:
    """The folder of initdb and postgres: `make postgresql`'s, or the machine's own; None: neither."""
    places = [_ROOT / ".asterisk/bin", *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    wanted = ("initdb", "postgres")
    return next((place for place in places if all((place / name).exists() for name in wanted)), None)


def _as_user() -> dict[str, object]:
    """initdb refuses root: then the server belongs to nobody."""
    if os.getuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


@contextmanager
def running(place: Path) -> Iterator[str]:
    """A running server, our own child; yields its address as a URL with `{name}` for the database."""
    with served(place) as server:
        yield server.address


@contextmanager
def served(place: Path) -> Iterator["Server"]:
    """A running server that may be killed and started again."""
    folder = Path(tempfile.mkdtemp(prefix="mai-pg-"))
    user = _as_user()
    if user:
        shutil.chown(folder, "nobody")
    data = str(folder / "data")
    try:
        made = subprocess.run(  # type: ignore[call-overload]
            [place / "initdb", "-D", data, "-U", "mai", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            **user,
        )
        if made.returncode:
            raise RuntimeError(f"initdb failed: {made.stdout}{made.stderr}")
        settings = (
            "listen_addresses=",
            f"unix_socket_directories={folder}",
            "fsync=off",
            "max_connections=50",
        )
        command = [place / "postgres", "-D", data, *(part for each in settings for part in ("-c", each))]
        server = Server(command, folder, user)
        server.start()
        try:
            yield server
        finally:
            server.kill()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Server:
    """A server process on its folder."""

    def __init__(self, command: list[Any], folder: Path, user: dict[str, object]) -> None:
        self.address = f"postgresql://mai@/{{name}}?host={folder}"
        self._command, self._folder, self._user = command, folder, user
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Returns at "ready to accept connections" in its log. RuntimeError: it did not come up."""
        self._process = subprocess.Popen(  # type: ignore[call-overload]
            self._command, cwd=self._folder, stderr=subprocess.PIPE, text=True, **self._user
        )
        log: IO[str] = self._process.stderr  # type: ignore[assignment]
        said = []
        for line in log:
            said.append(line)
            if "ready to accept connections" in line:
                break
        else:
            raise RuntimeError(f"PostgreSQL did not start: {''.join(said)}")
        self._reading = threading.Thread(target=log.read)  # the pipe must not fill up
        self._reading.start()

    def kill(self) -> None:
        """Without ceremony: every connection ends, what was not committed is gone."""
        assert self._process
        with self._process:
            self._process.send_signal(signal.SIGQUIT)
            self._reading.join()


async def new_database(address: str) -> str:
    """A new, empty database on a running server; its address."""
    name = f"mai_{next(_numbers)}"
    await execute(address.format(name="postgres"), f"CREATE DATABASE {name}")
    return address.format(name=name)


async def execute(url: str, statements: str) -> None:
    """Run SQL, beside whatever store is open there."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statements)
    finally:
        await connection.close()
